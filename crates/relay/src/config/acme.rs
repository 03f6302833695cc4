//! What a relay needs to know to get certificates by itself.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Names that one certificate may have: Let's Encrypt allows 100, and slows down long before.
pub const MAX_DOMAINS: usize = 100;

/// Where certificates come from by themselves, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The names, all on one certificate; the first is the relay's own.
    pub domains: Vec<Domain>,
    /// Where the authority may write to, if anywhere.
    pub email: Option<String>,
    /// URL of the authority's directory.
    pub directory: String,
    /// PEM file of the roots to trust towards the authority, instead of the system's.
    pub ca: Option<PathBuf>,
    /// Where the authority's plain HTTP requests come in.
    pub http: HttpListen,
}

/// Let's Encrypt's directory.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// The plain listener, for HTTP-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpListen {
    /// Here, and if that cannot be, nowhere: TLS-ALPN-01 does not need it.
    IfPossible(SocketAddr),
    /// Here, or the relay does not start.
    At(SocketAddr),
}

/// A name in the DNS, in lower case, without a star.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

impl Domain {
    /// Reads a name.
    ///
    /// # Errors
    /// When no authority would put it on a certificate after an ACME challenge that the relay can answer.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        if text.starts_with("*.") {
            return Err(DomainError::Star);
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
        if text.len() > 253 || !text.split('.').all(label) {
            return Err(DomainError::NotAName);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no name to get a certificate for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainError {
    /// It has a star.
    #[error(
        "authorities give wildcard certificates for a DNS record only, which the relay cannot make: get one with \
         another program and name its files with --cert and --key"
    )]
    Star,
    /// It is an address.
    #[error("it is an address; a certificate needs a name in the DNS")]
    Address,
    /// It cannot be in the DNS.
    #[error(
        "it is not a host name, such as hooks.example.com; write an international one as xn--…"
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
            ("*.example.com", Err(DomainError::Star)),
            ("192.0.2.7", Err(DomainError::Address)),
            ("::1", Err(DomainError::Address)),
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
