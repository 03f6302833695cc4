//! Settings of the relay's certificates.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Where the relay's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// A local authority in the data directory, which clients must trust.
    Dev,
    /// PEM files, one pair per certificate. One of them must cover the public URL's host.
    Files(Vec<PemPair>),
    /// A proxy in front of the relay has the certificate and connects to the relay without TLS.
    Proxy,
    /// An ACME authority.
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

/// Names that one certificate may have: Let's Encrypt's limit.
pub const MAX_DOMAINS: usize = 100;

/// How to get certificates from an ACME authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The names, all on one certificate; the first is the relay's own.
    pub domains: Vec<Domain>,
    /// The operator's address, for the authority.
    pub email: Option<String>,
    /// URL of the authority's directory.
    pub directory: String,
    /// PEM file of the roots that the authority's own certificate is checked against, instead of the system's.
    pub ca: Option<PathBuf>,
    /// Where to answer the authority's plain HTTP requests.
    pub http: HttpListen,
}

/// Let's Encrypt's directory.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// The plain listener, for HTTP-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpListen {
    /// Here if it can be bound; TLS-ALPN-01 works without it.
    IfPossible(SocketAddr),
    /// Here, or the relay does not start.
    At(SocketAddr),
}

/// A DNS name, in lower case, without a wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

impl Domain {
    /// Reads a name.
    ///
    /// # Errors
    /// When an authority cannot issue a certificate for it after a challenge that the relay can answer.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        if text.starts_with("*.") {
            return Err(DomainError::Wildcard);
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(DomainError::Address);
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        // A last label of digits would make it an IPv4 address.
        let last = text.rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
        if text.len() > 253 || !text.split('.').all(label) || numeric {
            return Err(DomainError::NotAName);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part of a host before this name and its dot.
    pub(crate) fn label_of<'a>(&self, host: &'a str) -> Option<&'a str> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let end = host.len().checked_sub(self.0.len())?;
        let (label, domain) = host.split_at_checked(end)?;
        let label = label.strip_suffix('.')?;
        domain.eq_ignore_ascii_case(&self.0).then_some(label)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a name for a certificate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainError {
    /// It is a wildcard.
    #[error(
        "a wildcard certificate needs a DNS record, which the relay cannot make: get the certificate with another \
         program and pass its files with --cert and --key"
    )]
    Wildcard,
    /// It is an address.
    #[error("it is an address; a certificate needs a DNS name")]
    Address,
    /// It is not a DNS name.
    #[error(
        "it is not a host name such as hooks.example.com; write an international name as xn--…"
    )]
    NotAName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_host_names() {
        for (text, expected) in [
            ("hooks.example.com", Ok("hooks.example.com")),
            ("Hooks.Example.COM", Ok("hooks.example.com")),
            ("relay", Ok("relay")),
            ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
            ("*.example.com", Err(DomainError::Wildcard)),
            ("192.0.2.7", Err(DomainError::Address)),
            ("::1", Err(DomainError::Address)),
            ("hooks.1", Err(DomainError::NotAName)),
            ("", Err(DomainError::NotAName)),
            ("a..b", Err(DomainError::NotAName)),
            ("example.com.", Err(DomainError::NotAName)),
            ("-a.example", Err(DomainError::NotAName)),
            ("https://a.example", Err(DomainError::NotAName)),
            ("bücher.example", Err(DomainError::NotAName)),
        ] {
            let parsed = Domain::parse(text);
            assert_eq!(
                parsed.as_ref().map(Domain::as_str),
                expected.as_ref().copied(),
                "{text}"
            );
        }
    }
}
