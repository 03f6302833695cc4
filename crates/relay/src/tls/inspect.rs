//! Checks of a certificate chain before the relay uses it, by the rules of RingCentral and other clients.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::state::CertificateInfo;
use crate::public_url::Host;

/// Checks a chain's order, that it covers all hosts, and, if a time is given, that it is valid then.
pub(super) fn check(
    chain: &[CertificateDer<'_>],
    hosts: &[Host],
    now: Option<SystemTime>,
) -> Result<(), CertificateError> {
    let parsed = chain
        .iter()
        .enumerate()
        .map(|(index, der)| match X509Certificate::from_der(der) {
            Ok((_, certificate)) => Ok(certificate),
            Err(_) => Err(CertificateError::NotACertificate { number: index + 1 }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let Some(leaf) = parsed.first() else {
        return Err(CertificateError::Empty);
    };
    if leaf.is_ca() {
        return Err(CertificateError::LeafIsAuthority {
            subject: subject(leaf),
        });
    }
    for (index, pair) in parsed.windows(2).enumerate() {
        if let [below, above] = pair
            && below.issuer().as_raw() != above.subject().as_raw()
        {
            return Err(CertificateError::OutOfOrder {
                number: index + 2,
                expected: readable(&below.issuer().to_string()),
                found: subject(above),
            });
        }
    }
    let names = Names::of(leaf);
    if let Some(host) = hosts.iter().find(|host| !names.cover(host)) {
        return Err(CertificateError::OtherName {
            host: host.to_string(),
            names: names.shown(),
        });
    }
    let Some(now) = now.map(seconds) else {
        return Ok(());
    };
    for (index, certificate) in parsed.iter().enumerate() {
        let (number, validity) = (index + 1, certificate.validity());
        if validity.not_after.timestamp() < now {
            return Err(CertificateError::Expired { number });
        }
        if validity.not_before.timestamp() > now {
            return Err(CertificateError::NotYetValid { number });
        }
    }
    Ok(())
}

/// Describes the first certificate.
pub(super) fn describe(chain: &[CertificateDer<'_>]) -> CertificateInfo {
    let leaf = chain.first().map(|der| X509Certificate::from_der(der));
    let Some(Ok((_, leaf))) = leaf else {
        return CertificateInfo {
            names: Vec::new(),
            issuer: String::new(),
            serial: String::new(),
            not_before: UNIX_EPOCH,
            not_after: UNIX_EPOCH,
        };
    };
    CertificateInfo {
        names: Names::of(&leaf).all(),
        issuer: readable(&leaf.issuer().to_string()),
        serial: leaf.raw_serial_as_string().replace(':', ""),
        not_before: time(leaf.validity().not_before.timestamp()),
        not_after: time(leaf.validity().not_after.timestamp()),
    }
}

/// Returns whether the chain is a single certificate that is not self-signed, so that its issuer is missing.
pub(super) fn lacks_issuer(chain: &[CertificateDer<'_>]) -> bool {
    match chain {
        [only] => X509Certificate::from_der(only)
            .is_ok_and(|(_, leaf)| leaf.issuer().as_raw() != leaf.subject().as_raw()),
        _ => false,
    }
}

fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn subject(certificate: &X509Certificate<'_>) -> String {
    readable(&certificate.subject().to_string())
}

/// Escapes a certificate's text for terminals.
fn readable(text: &str) -> String {
    ringtail_text::escape(text).into_owned()
}

/// The names of a certificate. Clients ignore the subject's common name.
#[derive(Debug, Default)]
struct Names {
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Names {
    fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        let Ok(Some(extension)) = certificate.subject_alternative_name() else {
            return names;
        };
        for name in &extension.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.dns.push(name.to_ascii_lowercase()),
                GeneralName::IPAddress(bytes) => names.addresses.extend(address(bytes)),
                _ => {}
            }
        }
        names
    }

    fn cover(&self, host: &Host) -> bool {
        match host {
            Host::Address(address) => self.addresses.contains(address),
            Host::Name(host) => self.dns.iter().any(|name| covers(name, host)),
        }
    }

    fn all(&self) -> Vec<String> {
        let dns = self.dns.iter().map(|name| readable(name));
        dns.chain(self.addresses.iter().map(IpAddr::to_string))
            .collect()
    }

    fn shown(&self) -> String {
        let all = self.all();
        if all.is_empty() {
            "no name".to_owned()
        } else {
            all.join(", ")
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// Returns whether a name covers a host. A star stands for exactly one label, the first.
pub(super) fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && rest == parent),
        None => name == host,
    }
}

/// What is wrong with a chain.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// It is empty.
    #[error("it has no certificate")]
    Empty,
    /// One of them cannot be parsed.
    #[error("number {number} in the file is not a certificate")]
    NotACertificate {
        /// Its position, from 1.
        number: usize,
    },
    /// The first one is an authority's.
    #[error("the first certificate is an authority's ({subject}): put the relay's own first")]
    LeafIsAuthority {
        /// Its subject.
        subject: String,
    },
    /// One of them did not issue the one before it.
    #[error(
        "number {number} in the file should be {expected} and is {found}: order the chain from the relay's own \
         certificate upwards"
    )]
    OutOfOrder {
        /// Its position, from 1.
        number: usize,
        /// The issuer of the one before.
        expected: String,
        /// Its subject.
        found: String,
    },
    /// One of them has expired.
    #[error("number {number} in the file has expired: renew it")]
    Expired {
        /// Its position, from 1.
        number: usize,
    },
    /// One of them is not valid yet.
    #[error("number {number} in the file is not valid yet: check the clock")]
    NotYetValid {
        /// Its position, from 1.
        number: usize,
    },
    /// It does not cover the public URL's host.
    #[error("it is for {names} and not for {host}, the host of the public URL")]
    OtherName {
        /// The host.
        host: String,
        /// Its names.
        names: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_one_label() {
        for (name, host, expected) in [
            ("a.example.com", "a.example.com", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("example.com", "a.example.com", false),
        ] {
            assert_eq!(covers(name, host), expected, "{name} {host}");
        }
    }
}
