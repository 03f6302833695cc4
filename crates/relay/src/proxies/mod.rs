//! Proxies in front of the relay: whose word counts, and who calls according to them.
//!
//! A caller is the nearest hop that is not a trusted proxy. The socket's peer is known; each trusted proxy vouches for
//! the hop behind it, by a PROXY header ahead of the connection or by the right-most field of `X-Forwarded-For`. What
//! stands further left was written by strangers and is never looked at, and neither are `Forwarded`, `X-Real-IP` and
//! `X-Forwarded-Host`: a proxy that fills in one of these fields passes the others on as strangers sent them.

mod forwarded;
pub(crate) mod header;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use ipnet::IpNet;

/// What stands in front of the relay.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Proxies {
    /// Whose word on who calls counts.
    pub trusted: Vec<Network>,
    /// Whether they give it in `X-Forwarded-For`.
    pub forwarded: bool,
    /// Whether each of their connections begins with a PROXY header.
    pub proxy_protocol: bool,
}

impl Proxies {
    /// Says whether a peer is a proxy that passes others' requests on.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        (self.forwarded || self.proxy_protocol) && self.is_trusted(peer)
    }

    /// Returns who sent a request that came from `peer`.
    pub(crate) fn caller(&self, peer: SocketAddr, headers: &HeaderMap) -> Caller {
        if !self.forwarded || !self.is_trusted(peer.ip()) {
            return Caller::Seen(peer);
        }
        match forwarded::nearest_stranger(headers, |hop| self.is_trusted(hop)) {
            Some(address) => Caller::Told(address),
            None => Caller::Seen(peer),
        }
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.0.contains(&address))
    }
}

/// Who sent a request, as far as it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The other end of the connection.
    Seen(SocketAddr),
    /// Whom a trusted proxy names; ports are not passed on.
    Told(IpAddr),
}

impl Caller {
    /// Returns the address that limits go by.
    pub(crate) fn address(self) -> IpAddr {
        match self {
            Self::Seen(peer) => peer.ip(),
            Self::Told(address) => address,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(peer) => peer.fmt(f),
            Self::Told(address) => address.fmt(f),
        }
    }
}

/// Addresses of proxies: one, or a network of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => text.parse().map_err(|_| NetworkError::NotANetwork)?,
        };
        // With everybody trusted, the caller would be whom the caller names.
        if network.prefix_len() == 0 {
            return Err(NetworkError::Everybody);
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text names no proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// It cannot be read.
    #[error("it is neither an address nor a network such as 10.0.0.0/8")]
    NotANetwork,
    /// It is every address.
    #[error("it would trust everybody: name the proxies alone")]
    Everybody,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(trusted: &[&str]) -> Proxies {
        Proxies {
            trusted: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            forwarded: true,
            ..Proxies::default()
        }
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_trusted_proxy_names_the_caller_and_nobody_else_does() {
        let said = headers(&[("x-forwarded-for", "203.0.113.9")]);
        let proxy: SocketAddr = "10.1.2.3:1000".parse().unwrap();
        let stranger = "192.0.2.1:1000".parse().unwrap();
        let proxies = behind(&["10.0.0.0/8", "::1"]);
        let told = Caller::Told("203.0.113.9".parse().unwrap());
        assert_eq!(proxies.caller(proxy, &said), told);
        let mapped = "[::ffff:10.1.2.3]:1000".parse().unwrap();
        assert_eq!(proxies.caller(mapped, &said), told);
        assert_eq!(proxies.caller(stranger, &said), Caller::Seen(stranger));
        assert_eq!(
            proxies.caller(proxy, &HeaderMap::new()),
            Caller::Seen(proxy)
        );
        let none = Proxies::default();
        assert_eq!(none.caller(proxy, &said), Caller::Seen(proxy));
        assert!(!none.trusts(proxy.ip()));
    }

    #[test]
    fn a_proxy_of_connections_is_not_asked_about_requests() {
        let mut proxies = behind(&["10.0.0.0/8"]);
        proxies.forwarded = false;
        proxies.proxy_protocol = true;
        let said = headers(&[("x-forwarded-for", "203.0.113.9")]);
        let proxy: SocketAddr = "10.1.2.3:1000".parse().unwrap();
        assert!(proxies.trusts(proxy.ip()));
        assert_eq!(proxies.caller(proxy, &said), Caller::Seen(proxy));
    }

    #[test]
    fn other_fields_say_nothing() {
        let said = headers(&[
            ("forwarded", "for=203.0.113.9"),
            ("x-real-ip", "203.0.113.9"),
            ("x-forwarded-host", "203.0.113.9"),
        ]);
        let proxy: SocketAddr = "10.1.2.3:1000".parse().unwrap();
        let proxies = behind(&["10.0.0.0/8"]);
        assert_eq!(proxies.caller(proxy, &said), Caller::Seen(proxy));
    }

    #[test]
    fn networks_are_read_or_refused() {
        for (text, shown) in [
            ("127.0.0.1", "127.0.0.1/32"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
        for (text, why) in [
            ("", NetworkError::NotANetwork),
            ("localhost", NetworkError::NotANetwork),
            ("10.0.0.0/33", NetworkError::NotANetwork),
            ("0.0.0.0/0", NetworkError::Everybody),
            ("::/0", NetworkError::Everybody),
        ] {
            assert_eq!(text.parse::<Network>(), Err(why), "{text}");
        }
    }
}
