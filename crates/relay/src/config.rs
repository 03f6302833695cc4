//! What a relay needs to know before it starts.

mod acme;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

pub use self::acme::{Acme, Domain, DomainError, HttpListen, LETS_ENCRYPT, MAX_DOMAINS};
use crate::hosts::EndpointDomain;
use crate::journal::sqlite::Options;
use crate::limits::Limits;
use crate::net::proxies::Proxies;
use crate::recent::RecentLog;
use crate::tls::Clock;

/// Configuration of a relay.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// A socket that listens already, for the relay to use in place of [`Config::listen`]. Connections wait in it while
    /// one relay follows another.
    pub socket: Option<Arc<TcpListener>>,
    /// Directory of the journal, the accounts and, with [`Certificate::Dev`], the certificate.
    pub data: PathBuf,
    /// Address at which Prometheus and others ask how the relay is; none unless given. Whoever reaches it may read it.
    pub metrics: Option<SocketAddr>,
    /// Where the world reaches the relay; `https://localhost` with the port listened on unless given.
    pub public_url: Option<PublicUrl>,
    /// Domain below which each endpoint has a name of its own, beside its path.
    pub wildcard: Option<EndpointDomain>,
    /// The certificate to show.
    pub certificate: Certificate,
    /// Proxies in front of the relay.
    pub proxies: Proxies,
    /// What the journal keeps, and how much may wait for it.
    pub journal: Options,
    /// What others may use.
    pub limits: Limits,
    /// The end of the log, for `status`; empty unless it is a layer of what logs.
    pub recent: RecentLog,
    /// What certificates are judged and renewed by.
    pub clock: Clock,
}

impl Config {
    /// Returns a configuration with a certificate of its own and defaults for the rest.
    #[must_use]
    pub fn dev(listen: SocketAddr, data: PathBuf) -> Self {
        Self {
            listen,
            socket: None,
            data,
            metrics: None,
            public_url: None,
            wildcard: None,
            certificate: Certificate::Dev,
            proxies: Proxies::default(),
            journal: Options::default(),
            limits: Limits::default(),
            recent: RecentLog::default(),
            clock: Clock::default(),
        }
    }
}

/// Where the relay's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// A local authority in the data directory, which clients are told to trust.
    Dev,
    /// PEM files, one pair for each certificate. One of them must be for the public URL's host.
    Files(Vec<PemPair>),
    /// A proxy in front of the relay shows one, and speaks to the relay without TLS.
    Proxy,
    /// An authority that speaks ACME.
    Acme(Acme),
}

/// A certificate and its key, in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemPair {
    /// The whole chain, the relay's own certificate first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// An absolute `https` URL without path, query and user.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    uri: http::Uri,
    text: String,
}

impl PublicUrl {
    /// Reads a URL; one slash at its end is taken off.
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
        // A fragment is left out of what was read, and not of the text.
        if uri.path() != "/" || uri.query().is_some() || text.contains('#') {
            return Err(PublicUrlError::HasPath);
        }
        Ok(Self {
            uri,
            text: text.to_owned(),
        })
    }

    /// Returns the URL of a relay that has a name and the port that everybody expects.
    #[must_use]
    pub fn of(domain: &Domain) -> Self {
        Self::parse(&format!("https://{domain}")).expect("made of valid parts")
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

    /// Returns the port, where it is not that of `https`.
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

/// Says whether it is a name, or an address as URLs have it: brackets belong to those of IPv6 alone.
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

/// Why a text is not the URL of a relay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublicUrlError {
    /// It cannot be read.
    #[error("it is not a URL")]
    NotAUrl(#[source] http::uri::InvalidUri),
    /// RingCentral calls `https` only.
    #[error("it must begin with https://")]
    NotHttps,
    /// It names no host.
    #[error("it names no host")]
    NoHost,
    /// It holds a user or a password.
    #[error("it must not hold a user")]
    HasUser,
    /// Endpoints are what comes after the host.
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
                Err("it must not hold a user"),
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
            ("https://a[b]", Err("it names no host")),
            ("https://[a]", Err("it names no host")),
            ("https://", Err("it is not a URL")),
            ("", Err("it is not a URL")),
        ] {
            let host = PublicUrl::parse(text).map(|url| url.host().to_string());
            let host = host.map_err(|error| error.to_string());
            assert_eq!(host.as_deref().map_err(|e| e.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn the_slash_at_the_end_goes() {
        let url = PublicUrl::parse("https://hooks.example.com:8443/").unwrap();
        assert_eq!(url.as_str(), "https://hooks.example.com:8443");
    }
}
