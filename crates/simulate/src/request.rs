//! A simulated request: what RingCentral would put on the wire.

use std::fmt;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use ringtail_ringcentral::classify::{Callback, RequestView, classify};
use ringtail_ringcentral::signature::{self, Scheme};
use ringtail_ringcentral::validation::VALIDATION_TOKEN;
use secrecy::ExposeSecret;

/// A request that is ready to be sent to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimRequest {
    /// What it simulates.
    pub callback: Callback,
    /// The method.
    pub method: Method,
    /// Path and query below the address: empty, or begins with `/` or `?`.
    pub below: String,
    /// [`SimRequest::below`] with secrets left out, for people.
    pub shown: String,
    /// The headers but for `Host` and `Content-Length`, which belong to the connection. Those that hold a secret
    /// are marked sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Why it carries no proof of its origin although its callback has one, if it does not.
    pub unsigned: bool,
}

impl SimRequest {
    /// Returns the request as [`classify`] sees it at the other end.
    #[must_use]
    pub fn view(&self) -> RequestView<'_> {
        let (path, query) = match self.below.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.below.as_str(), None),
        };
        RequestView {
            method: &self.method,
            path,
            query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// Returns what the other end takes the request for.
    #[must_use]
    pub fn seen_as(&self) -> Callback {
        classify(&self.view())
    }

    /// Adds the proof of the callback's scheme, with a secret that is wrong on purpose if `forged`.
    pub(super) fn prove(&mut self, secrets: &Secrets, forged: bool) {
        let Some(scheme) = Scheme::of(self.callback) else {
            return;
        };
        let secret = secrets.of(scheme);
        self.unsigned = secret.is_none() && !forged;
        let proof = match (secret, forged) {
            (None, false) => return,
            (Some(secret), false) => signature::sign(scheme, secret, &self.body),
            (_, true) => signature::sign(scheme, FORGED, &self.body),
        };
        // A secret that no header can carry was refused where it was read.
        if let Ok(mut value) = HeaderValue::from_bytes(&proof) {
            value.set_sensitive(!scheme.covers_body());
            self.headers.insert(scheme.header(), value);
        }
    }
}

/// What a forger signs with.
const FORGED: &[u8] = b"not-the-secret";

/// The headers of a callback, without its proof.
pub(super) fn headers(callback: Callback, form: bool) -> HeaderMap {
    let fields: &[(HeaderName, &'static str)] = match callback {
        // Section 1.2: the validation's body is empty and yet said to be JSON.
        Callback::Validation => &[
            (ACCEPT, "application/json"),
            (ACCEPT_ENCODING, "UTF-8"),
            (CONTENT_TYPE, "application/json"),
            (USER_AGENT, AGENT),
        ],
        // Section 2.2.
        Callback::PlatformNotification => &[
            (ACCEPT, "application/json"),
            (ACCEPT_ENCODING, "UTF-8"),
            (CONTENT_TYPE, "application/json; charset=UTF-8"),
            (USER_AGENT, AGENT),
        ],
        Callback::OAuthRedirect | Callback::AddInSetup => &[
            (ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8"),
            (USER_AGENT, "Mozilla/5.0 (simulated by Ringtail)"),
        ],
        Callback::BotInstallPublic => &[(ACCEPT, "*/*")],
        _ if form => &[(CONTENT_TYPE, "application/x-www-form-urlencoded")],
        _ => &[(CONTENT_TYPE, "application/json")],
    };
    fields
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect()
}

/// RingCentral's name for itself, from the only capture that is published (section 2.2).
const AGENT: &str = "RingCentral-Webhook/8.3";

/// Adds the token of a validation.
pub(super) fn with_validation_token(headers: &mut HeaderMap, token: &str) {
    if let Ok(value) = HeaderValue::from_bytes(token.as_bytes()) {
        headers.insert(VALIDATION_TOKEN, value);
    }
}

/// What RingCentral and the app share. `Debug` shows none of it.
#[derive(Clone, Default)]
pub struct Secrets {
    /// `deliveryMode.verificationToken` of the subscription.
    pub verification_token: Option<Vec<u8>>,
    /// Shared secret of interactive messages.
    pub glip: Option<Vec<u8>>,
    /// Secret of a RingCX Digital webhook.
    pub dimelo: Option<Vec<u8>>,
    /// `hub.verify_token` of a RingCX Digital webhook.
    pub digital_verify_token: Option<Vec<u8>>,
    /// Secret of a RingCX Digital source.
    pub source_sdk: Option<Vec<u8>>,
}

impl From<&ringtail_model::secrets::Secrets> for Secrets {
    fn from(secrets: &ringtail_model::secrets::Secrets) -> Self {
        let of = |scheme| secrets.of(scheme).map(<[u8]>::to_vec);
        let verify_token = secrets.digital_verify_token();
        Self {
            verification_token: of(Scheme::VerificationToken),
            glip: of(Scheme::Glip),
            dimelo: of(Scheme::Dimelo),
            digital_verify_token: verify_token
                .map(|token| token.expose_secret().as_bytes().to_vec()),
            source_sdk: of(Scheme::SourceSdk),
        }
    }
}

impl Secrets {
    /// Returns the secret of a scheme.
    #[must_use]
    pub fn of(&self, scheme: Scheme) -> Option<&[u8]> {
        let secret = match scheme {
            Scheme::VerificationToken => &self.verification_token,
            Scheme::Glip => &self.glip,
            Scheme::Dimelo => &self.dimelo,
            Scheme::SourceSdk => &self.source_sdk,
            _ => return None,
        };
        secret.as_deref()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}
