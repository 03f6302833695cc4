//! Why a call to RingCentral failed, and what to do about it.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use ringtail_errors::{Code, Coded, codes, find};
use serde::Deserialize;

use crate::login::LoginFileError;
use crate::transport::NoResponse;

/// Maximum characters of a text from RingCentral in an error.
const MAX_TEXT: usize = 300;

/// RingCentral's code for a call while the same call is in progress.
pub(crate) const DUPLICATE: &str = "CMN-304";

/// RingCentral's code for an app without an API plan.
pub(crate) const NO_PLAN: &str = "CMN-303";

/// What was asked of RingCentral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Log in.
    Login,
    /// List the subscriptions.
    List,
    /// Create one.
    Create,
    /// Update filters and lifetime.
    Update,
    /// Renew one.
    Renew,
    /// Delete one.
    Delete,
    /// End the session.
    Logout,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "log in",
            Self::List => "list the subscriptions",
            Self::Create => "create the subscription",
            Self::Update => "update the subscription",
            Self::Renew => "renew the subscription",
            Self::Delete => "delete the subscription",
            Self::Logout => "log out",
        })
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// There was no response. The call may have been carried out.
    #[error("could not {call} at RingCentral")]
    NoResponse {
        /// The call.
        call: Call,
        /// The reason.
        #[source]
        source: NoResponse,
    },
    /// The response is not RingCentral's.
    #[error("could not {call}: the answer ({status}) is not RingCentral's")]
    NotRingCentral {
        /// The call.
        call: Call,
        /// Its status.
        status: StatusCode,
    },
    /// RingCentral said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A request now would be refused, and would make it worse.
    #[error("RingCentral limits requests: nothing may be sent for {} s", .wait.as_secs())]
    TooMany {
        /// How long.
        wait: Duration,
    },
    /// A private file cannot be used.
    #[error(transparent)]
    File(#[from] LoginFileError),
}

impl ApiError {
    /// Returns RingCentral's code, if it refused.
    #[must_use]
    pub fn refused_with(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.code),
            _ => None,
        }
    }

    /// Returns how long to wait before another try, the `tries`th after the first (from 0); `None` when it would not help.
    #[must_use]
    pub fn retry(&self, tries: u32) -> Option<Duration> {
        let is_temporary = match self {
            Self::NoResponse { .. } => true,
            Self::NotRingCentral { status, .. } => status.is_server_error(),
            Self::Refused(refusal) => match refusal.code.as_str() {
                // A fresh bot is ready within a minute (docs/RINGCENTRAL.md 3.6).
                "SUB-406" | "SUB-408" => {
                    return (tries < 6).then_some(Duration::from_secs(10));
                }
                // It ended meanwhile: the next plan sees that.
                "CMN-102" | "SUB-507" => return (tries < 2).then_some(Duration::ZERO),
                DUPLICATE => true,
                _ => refusal.status.is_server_error(),
            },
            Self::TooMany { .. } | Self::File(_) => false,
        };
        (is_temporary && tries < 5).then(|| Duration::from_secs(2 << tries))
    }
}

impl Coded for ApiError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NoResponse { .. } | Self::NotRingCentral { .. } => &codes::CLOUD_UNREACHABLE,
            Self::Refused(refusal) => refusal.code(),
            Self::TooMany { .. } => &codes::CLOUD_RATE,
            Self::File(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.hint(),
            Self::TooMany { wait } => Some(format!("try again in {} s", wait.as_secs())),
            Self::File(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

/// RingCentral's refusal. Its text is a stranger's: escape it before it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The call.
    pub call: Call,
    /// HTTP status.
    pub status: StatusCode,
    /// Code: `errors[0].errorCode`, else `errorCode`, else `error` of OAuth.
    pub code: String,
    /// Message, shortened.
    pub message: String,
    /// The time that an expired JWT gives for its end.
    pub jwt_ended: Option<jiff::Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    error_code: String,
    message: String,
    errors: Vec<Inner>,
    error: String,
    #[serde(rename = "error_description")]
    description: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Inner {
    error_code: String,
    message: String,
}

impl Refusal {
    /// Reads a refusal; `None` when the body is not RingCentral's.
    pub(crate) fn read(call: Call, status: StatusCode, body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        let inner = body.errors.into_iter().next().unwrap_or_default();
        let first = |texts: [String; 3]| texts.into_iter().find(|it| !it.is_empty());
        let code = first([inner.error_code, body.error_code, body.error])?;
        let message = first([inner.message, body.message, body.description]);
        Some(Self {
            call,
            status,
            code: code.chars().take(MAX_TEXT).collect(),
            message: message.unwrap_or_default().chars().take(MAX_TEXT).collect(),
            jwt_ended: None,
        })
    }

    /// Returns the permission that a message names in brackets.
    fn permission(&self) -> &str {
        let after = self.message.split_once('[').map_or("", |(_, after)| after);
        after
            .split_once(']')
            .map_or("that the filters need", |(name, _)| name)
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RingCentral refused to {}: {}", self.call, self.message)?;
        // A code of the table is printed with the error.
        match self.code().is_own() {
            true => write!(f, " ({})", self.code),
            false => Ok(()),
        }
    }
}

impl Coded for Refusal {
    fn code(&self) -> &'static Code {
        match find(&self.code).filter(|code| !code.is_own()) {
            Some(code) => code,
            None if self.call == Call::Login || self.status == StatusCode::UNAUTHORIZED => {
                &codes::CLOUD_LOGIN
            }
            None if self.status == StatusCode::TOO_MANY_REQUESTS => &codes::CLOUD_RATE,
            None => &codes::CLOUD_REFUSED,
        }
    }

    fn hint(&self) -> Option<String> {
        let again = "then run `ringtail subscriptions login` again";
        Some(match self.code.as_str() {
            "SUB-505" => "`ringtail subscriptions list --all` shows them by age; \
                 `ringtail subscriptions delete --stale --yes` removes those whose address answers nothing"
                .to_owned(),
            "CMN-401" => format!(
                "add the scope {} to the app in the developer console, {again}",
                self.permission()
            ),
            "CMN-408" => format!(
                "ask an administrator to give the user the permission {}, {again}",
                self.permission()
            ),
            "OAU-251" | "OAU-125" | "unauthorized_client" => format!(
                "enable \"JWT auth flow\" on the app in the developer console, {again}; for a bot, set RINGCENTRAL_ACCESS_TOKEN"
            ),
            "OAU-146" | "invalid_client" => {
                format!("copy client id and client secret again from the developer console, {again}")
            }
            "invalid_grant" | "OAU-140" => match self.jwt_ended {
                Some(ended) => format!(
                    "the JWT expired on {}: create a new one in the developer console, {again}",
                    ended.strftime("%Y-%m-%d")
                ),
                None => format!(
                    "the JWT was revoked, is not allowed for this app, or belongs to another server: \
                     check it in the developer console, {again}"
                ),
            },
            code => match self.code().hint {
                Some(hint) => hint.to_owned(),
                None => format!("`ringtail explain {code}` says more"),
            },
        })
    }
}
