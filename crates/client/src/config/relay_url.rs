//! The URL of a relay.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use ringtail_errors::{Code, Coded, codes};

/// `https://` with a host and an optional port, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelayUrl {
    host: String,
    port: u16,
}

impl RelayUrl {
    /// Returns the name or address, without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns host and port in the form of a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match self.port {
            443 => host,
            port => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

impl FromStr for RelayUrl {
    type Err = BadRelayUrl;

    fn from_str(text: &str) -> Result<Self, BadRelayUrl> {
        let bad = |reason| BadRelayUrl {
            // A pasted URL may contain credentials, so the error does not quote it.
            reason,
        };
        let text = text.trim();
        let text = match text.split_once("://") {
            None => format!("https://{text}"),
            Some(("https", _)) => text.to_owned(),
            Some(("http", _)) => {
                return Err(bad(
                    "it must begin with https://: a token never travels in the clear",
                ));
            }
            Some(_) => return Err(bad("it must begin with https://")),
        };
        let uri: http::Uri = text.parse().map_err(|_| bad("it is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it must not have a user name in it"));
        }
        if uri.path_and_query().is_some_and(|path| path != "/") {
            return Err(bad(
                "it must not have a path: name the relay, not an endpoint",
            ));
        }
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let host = match address {
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => address,
            None if !host.contains(['[', ']']) => host,
            _ => return Err(bad("its host is neither a name nor an address")),
        };
        if host.is_empty() {
            return Err(bad("it has no host"));
        }
        // `Authority` drops a port that is out of range, so parse it here.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => 443,
            Some(port) => port
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .filter(|port| *port != 0)
                .ok_or_else(|| bad("its port is not one"))?,
            None => return Err(bad("it has no host")),
        };
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

/// A text that is not the URL of a relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of a relay: {reason}")]
pub struct BadRelayUrl {
    reason: &'static str,
}

impl Coded for BadRelayUrl {
    fn code(&self) -> &'static Code {
        &codes::RELAY_URL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_relays() {
        for (text, shown) in [
            ("https://relay.example", "https://relay.example"),
            ("https://Relay.Example/", "https://relay.example"),
            ("https://relay.example:443", "https://relay.example"),
            (" relay.example:8443\n", "https://relay.example:8443"),
            ("https://[::1]:9", "https://[::1]:9"),
            ("127.0.0.1:4", "https://127.0.0.1:4"),
        ] {
            assert_eq!(text.parse::<RelayUrl>().unwrap().to_string(), shown);
        }
        assert_eq!("https://[::1]".parse::<RelayUrl>().unwrap().host(), "::1");
    }

    #[test]
    fn invalid_urls_are_refused_with_a_reason() {
        for (text, reason) in [
            ("http://relay.example", "in the clear"),
            ("wss://relay.example", "begin with https"),
            ("https://relay.example/demo-x1", "must not have a path"),
            ("https://relay.example?a=b", "must not have a path"),
            ("https://me:secret@relay.example", "user name"),
            ("https://", "not a URL"),
            ("", "not a URL"),
            ("a b", "not a URL"),
            ("https://relay.example:99999", "port"),
            ("https://relay.example:", "port"),
            ("https://relay.example:0", "port"),
            ("https://relay[example]", "neither a name nor an address"),
            ("https://[relay]", "neither a name nor an address"),
        ] {
            let error = text.parse::<RelayUrl>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"));
        }
    }
}
