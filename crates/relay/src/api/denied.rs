//! Error responses of the relay's API.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use ringtail_protocol::path::{Refusal, code};

use crate::limits::{LINKS_PER_ACCOUNT, LINKS_PER_ENDPOINT, RETRY_AFTER};
use crate::response::{self, RelayResponse};

/// An error response: for the client and its user, without details of the relay's inside.
#[derive(Debug)]
pub(crate) struct Denied {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    /// Seconds until a retry makes sense.
    retry_after: Option<u64>,
}

impl Denied {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, message)
    }

    /// The same for a token that is missing, malformed, unknown or revoked.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            code::UNAUTHORIZED,
            "the token is missing, unknown or revoked: run `ringtail login` with one from `ringtail-relay accounts add`",
        )
    }

    /// This login failed, and too many before it.
    pub(crate) fn too_many_logins(wait: Duration) -> Self {
        Self {
            retry_after: Some(wait.as_secs() + 1),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                code::UNAVAILABLE,
                "too many failed logins from this address: wait a minute, and look for a client with an old token",
            )
        }
    }

    /// The client has events that this journal lost.
    pub(crate) fn set_back() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            code::SET_BACK,
            "its events are in an earlier state than this history knows, as after restoring a disk: events that it had \
             acknowledged may be lost; asking for all that it has",
        )
    }

    /// The account or the endpoint has as many links as it may, or the relay.
    pub(crate) fn too_many_links() -> Self {
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                code::UNAVAILABLE,
                format!(
                    "too many links: an account may have {LINKS_PER_ACCOUNT}, and an endpoint {LINKS_PER_ENDPOINT}; stop a \
                     `ringtail` that is not needed"
                ),
            )
        }
    }

    /// The same for an endpoint that does not exist and one of another account.
    pub(crate) fn no_endpoint() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            code::NO_ENDPOINT,
            "this account has no such endpoint",
        )
    }

    pub(crate) fn no_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            code::BAD_REQUEST,
            "the relay has no such path",
        )
    }

    pub(crate) fn unavailable() -> Self {
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                code::UNAVAILABLE,
                "the relay cannot do this now: try again",
            )
        }
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn into_response(self) -> RelayResponse {
        let refusal = Refusal {
            error: self.code.to_owned(),
            message: self.message.into_owned(),
        };
        let json = serde_json::to_vec(&refusal).unwrap_or_default();
        let mut response = response::with_body(self.status, "application/json", json);
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            }
            _ => {}
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
