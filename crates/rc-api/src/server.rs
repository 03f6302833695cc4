//! The server of the API.

use std::fmt;
use std::str::FromStr;

use ringtail_errors::{Code, Coded, codes};
use ringtail_model::target::TargetUrl;

/// Production (docs/RINGCENTRAL.md 5.3).
const PRODUCTION: &str = "https://platform.ringcentral.com";

/// Base URL of the API: `https://`, or `http://` on this machine, where a double of the API runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(TargetUrl);

impl Server {
    /// Returns the URL of a path.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Returns whether it is a double on this machine.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.0.is_loopback()
    }

    /// Returns the server in the form that errors of requests need.
    pub(crate) fn url(&self) -> &TargetUrl {
        &self.0
    }
}

impl Default for Server {
    fn default() -> Self {
        PRODUCTION.parse().expect("the constant is a server")
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Server {
    type Err = BadServer;

    fn from_str(text: &str) -> Result<Self, BadServer> {
        let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let bad = |reason| BadServer { reason };
        let uri: http::Uri = text.parse().map_err(|_| bad("it is not a URL"))?;
        let authority = uri.authority().ok_or(bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it has a user name"));
        }
        if uri.path_and_query().is_some_and(|it| it.as_str() != "/") {
            return Err(bad("it has a path or a query"));
        }
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err(bad("it does not begin with https://"));
        }
        let url = TargetUrl::parse(&text).map_err(|_| bad("its host or port is not one"))?;
        if !url.is_https() && !url.is_loopback() {
            return Err(bad("secrets never travel in the clear: use https://"));
        }
        Ok(Self(url))
    }
}

/// A text that is not the URL of RingCentral's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of RingCentral's API: {reason}")]
pub struct BadServer {
    reason: &'static str,
}

impl Coded for BadServer {
    fn code(&self) -> &'static Code {
        &codes::CLOUD_SERVER
    }
}
