//! Proxies in front of the relay: which are trusted, and who the caller is according to them.
//!
//! A caller is the nearest hop that is not a trusted proxy. The socket's peer is known; each trusted proxy vouches for
//! the hop behind it, by a PROXY header ahead of the connection or by the right-most field of `X-Forwarded-For`. Fields
//! further left were written by strangers and are ignored, and so are `Forwarded`, `X-Real-IP` and `X-Forwarded-Host`:
//! a proxy that sets one of these fields passes the others on unchanged.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use super::admission::address_group;
use super::forwarded;
use crate::budget::Owner;

/// The proxies in front of the relay.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Proxies {
    /// Proxies that are believed about who the caller is.
    pub trusted: Vec<IpNet>,
    /// Whether they name the caller in `X-Forwarded-For`.
    pub forwarded: bool,
    /// Whether each of their connections begins with a PROXY header.
    pub proxy_protocol: bool,
}

impl Proxies {
    /// Returns true if the peer is a proxy that passes on requests of others.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        (self.forwarded || self.proxy_protocol) && self.is_trusted(peer)
    }

    /// Returns who sent a request that came from `peer`.
    pub(crate) fn caller(&self, peer: SocketAddr, headers: &HeaderMap) -> Caller {
        if !self.forwarded || !self.is_trusted(peer.ip()) {
            return Caller::Peer(peer);
        }
        match forwarded::nearest_untrusted(headers, |hop| self.is_trusted(hop)) {
            Some(address) => Caller::Named(address),
            None => Caller::Peer(peer),
        }
    }

    /// Returns for whom a caller's request counts. A proxy that does not name its callers stands for all of them: one of
    /// them must not use up what the others may have.
    pub(crate) fn owner(&self, caller: Caller) -> Option<Owner> {
        let address = caller.address();
        (!self.trusts(address)).then(|| Owner::Address(address_group(address)))
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }
}

/// Who sent a request, as far as the relay knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The other end of the connection.
    Peer(SocketAddr),
    /// Named by a trusted proxy, which does not pass ports on.
    Named(IpAddr),
}

impl Caller {
    /// Returns the address that limits count by.
    pub(crate) fn address(self) -> IpAddr {
        match self {
            Self::Peer(peer) => peer.ip(),
            Self::Named(address) => address,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(peer) => peer.fmt(f),
            Self::Named(address) => address.fmt(f),
        }
    }
}

/// Parses the address of a proxy, or of a network of proxies.
pub fn network(text: &str) -> Result<IpNet, NetworkError> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse().map_err(|_| NetworkError::NotANetwork)?,
    };
    // Then any caller could claim to be any other.
    if network.prefix_len() == 0 {
        return Err(NetworkError::Everyone);
    }
    Ok(network)
}

/// Why a text is not a valid network of proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// It does not parse.
    #[error("expected an address or a network such as 10.0.0.0/8")]
    NotANetwork,
    /// It contains every address.
    #[error("this would trust every address; name only the proxies")]
    Everyone,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(trusted: &[&str]) -> Proxies {
        Proxies {
            trusted: trusted.iter().map(|net| network(net).unwrap()).collect(),
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
    fn only_a_trusted_proxy_names_the_caller() {
        let fields = headers(&[("x-forwarded-for", "203.0.113.9")]);
        let proxy: SocketAddr = "10.1.2.3:1000".parse().unwrap();
        let stranger = "192.0.2.1:1000".parse().unwrap();
        let proxies = behind(&["10.0.0.0/8", "::1"]);
        let named = Caller::Named("203.0.113.9".parse().unwrap());
        assert_eq!(proxies.caller(proxy, &fields), named);
        let mapped = "[::ffff:10.1.2.3]:1000".parse().unwrap();
        assert_eq!(proxies.caller(mapped, &fields), named);
        assert_eq!(proxies.caller(stranger, &fields), Caller::Peer(stranger));
        assert_eq!(
            proxies.caller(proxy, &HeaderMap::new()),
            Caller::Peer(proxy)
        );
        let none = Proxies::default();
        assert_eq!(none.caller(proxy, &fields), Caller::Peer(proxy));
        assert!(!none.trusts(proxy.ip()));
    }

    #[test]
    fn a_proxy_with_proxy_headers_is_not_believed_about_requests() {
        let mut proxies = behind(&["10.0.0.0/8"]);
        proxies.forwarded = false;
        proxies.proxy_protocol = true;
        let fields = headers(&[("x-forwarded-for", "203.0.113.9")]);
        let proxy: SocketAddr = "10.1.2.3:1000".parse().unwrap();
        assert!(proxies.trusts(proxy.ip()));
        assert_eq!(proxies.caller(proxy, &fields), Caller::Peer(proxy));
    }

    #[test]
    fn other_fields_are_ignored() {
        let fields = headers(&[
            ("forwarded", "for=203.0.113.9"),
            ("x-real-ip", "203.0.113.9"),
            ("x-forwarded-host", "203.0.113.9"),
        ]);
        let proxy: SocketAddr = "10.1.2.3:1000".parse().unwrap();
        let proxies = behind(&["10.0.0.0/8"]);
        assert_eq!(proxies.caller(proxy, &fields), Caller::Peer(proxy));
    }

    #[test]
    fn networks_parse_or_are_refused() {
        for (text, shown) in [
            ("127.0.0.1", "127.0.0.1/32"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), shown);
        }
        for (text, why) in [
            ("", NetworkError::NotANetwork),
            ("localhost", NetworkError::NotANetwork),
            ("10.0.0.0/33", NetworkError::NotANetwork),
            ("0.0.0.0/0", NetworkError::Everyone),
            ("::/0", NetworkError::Everyone),
        ] {
            assert_eq!(network(text), Err(why), "{text}");
        }
    }
}
