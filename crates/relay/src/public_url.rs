//! The URL at which RingCentral and clients reach the relay.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An absolute `https` URL without path, query and user.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    uri: http::Uri,
    text: String,
}

impl PublicUrl {
    /// Parses a URL. A slash at its end is removed.
    ///
    /// # Errors
    /// When it is anything but `https://HOST` or `https://HOST:PORT`.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let uri: http::Uri = text.parse().map_err(PublicUrlError::NotAUrl)?;
        if uri.scheme_str() != Some("https") {
            return Err(PublicUrlError::NotHttps);
        }
        if !uri.host().is_some_and(is_host) {
            return Err(PublicUrlError::NoHost);
        }
        if text.contains('@') {
            return Err(PublicUrlError::HasUser);
        }
        // The parser drops a fragment; the text still has it.
        if uri.path() != "/" || uri.query().is_some() || text.contains('#') {
            return Err(PublicUrlError::HasPath);
        }
        Ok(Self {
            uri,
            text: text.to_owned(),
        })
    }

    /// Returns the URL of a relay on this host.
    #[must_use]
    pub fn localhost(port: u16) -> Self {
        Self::parse(&format!("https://localhost:{port}")).expect("made of valid parts")
    }

    /// Returns the URL without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the port if the URL names one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.uri.port_u16()
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> Host {
        let host = self.uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(host.to_ascii_lowercase()),
        }
    }
}

/// Returns whether it is a name or an address. Only IPv6 addresses have brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains(['[', ']']),
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// Host of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Why a text is not a relay's URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublicUrlError {
    /// It cannot be parsed.
    #[error("it is not a URL")]
    NotAUrl(#[source] http::uri::InvalidUri),
    /// RingCentral only calls `https`.
    #[error("it must begin with https://")]
    NotHttps,
    /// It has no host.
    #[error("it has no host")]
    NoHost,
    /// It has a user or a password.
    #[error("it must not have a user")]
    HasUser,
    /// Paths belong to endpoints.
    #[error("it must end after the host or port: paths belong to endpoints")]
    HasPath,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_are_https_and_a_host() {
        for (text, expected) in [
            ("https://hooks.example.com", Ok("hooks.example.com")),
            ("https://Hooks.example.com:8443/", Ok("hooks.example.com")),
            ("https://[::1]:8443", Ok("::1")),
            ("https://192.0.2.7", Ok("192.0.2.7")),
            (
                "http://hooks.example.com",
                Err("it must begin with https://"),
            ),
            ("hooks.example.com", Err("it must begin with https://")),
            (
                "https://me:pw@hooks.example.com",
                Err("it must not have a user"),
            ),
            (
                "https://hooks.example.com/a",
                Err("it must end after the host or port: paths belong to endpoints"),
            ),
            (
                "https://hooks.example.com/?q",
                Err("it must end after the host or port: paths belong to endpoints"),
            ),
            (
                "https://hooks.example.com#a",
                Err("it must end after the host or port: paths belong to endpoints"),
            ),
            ("https://a[b]", Err("it has no host")),
            ("https://[a]", Err("it has no host")),
            ("https://", Err("it is not a URL")),
            ("", Err("it is not a URL")),
        ] {
            let host = PublicUrl::parse(text).map(|url| url.host().to_string());
            let host = host.map_err(|error| error.to_string());
            assert_eq!(host.as_deref().map_err(|e| e.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn a_slash_at_the_end_is_removed() {
        let url = PublicUrl::parse("https://hooks.example.com:8443/").unwrap();
        assert_eq!(url.as_str(), "https://hooks.example.com:8443");
    }
}
