//! A simulated request, as RingCentral would send it.

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use ringtail_model::secrets::Secrets;
use ringtail_ringcentral::classify::{Callback, RequestView, classify};
use ringtail_ringcentral::signature::{self, Scheme};

/// A request that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimRequest {
    /// The callback that it simulates.
    pub callback: Callback,
    /// The method.
    pub method: Method,
    /// Path and query below the address: empty, or begins with `/` or `?`.
    pub below: String,
    /// [`SimRequest::below`] without secrets, to show to users.
    pub shown: String,
    /// The headers without `Host` and `Content-Length`, which the connection adds. Values that are secret are marked
    /// sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Whether its signature or token is missing because the secret is not known.
    pub unsigned: bool,
}

impl SimRequest {
    /// Returns the request as input of [`classify`].
    #[must_use]
    pub fn view(&self) -> RequestView<'_> {
        RequestView::new(&self.method, &self.below, &self.headers, &self.body)
    }

    /// Classifies the request as its receiver does.
    #[must_use]
    pub fn classify(&self) -> Callback {
        classify(&self.view())
    }

    /// Adds the callback's signature or token, made with a wrong secret if `forged`.
    pub(super) fn sign(&mut self, secrets: &Secrets, forged: bool) {
        let Some(scheme) = Scheme::of(self.callback) else {
            return;
        };
        let secret = secrets.of(scheme);
        self.unsigned = secret.is_none() && !forged;
        let signature = match (secret, forged) {
            (None, false) => return,
            (Some(secret), false) => signature::sign(scheme, secret, &self.body),
            (_, true) => signature::sign(scheme, FORGED, &self.body),
        };
        // The configuration rejects secrets that are no valid header value.
        if let Ok(mut value) = HeaderValue::from_bytes(&signature) {
            value.set_sensitive(!scheme.covers_body());
            self.headers.insert(scheme.header(), value);
        }
    }
}

/// The wrong secret of forged requests.
const FORGED: &[u8] = b"not-the-secret";

/// Returns the headers of a callback, without signature and token.
pub(super) fn headers(callback: Callback, form: bool) -> HeaderMap {
    let fields: &[(HeaderName, &'static str)] = match callback {
        // Section 1.2: the body of a validation is empty, but its type is JSON.
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

/// RingCentral's user agent in the only published capture (section 2.2).
const AGENT: &str = "RingCentral-Webhook/8.3";
