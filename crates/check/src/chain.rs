//! The chain of certificates as a stranger judges it.
//!
//! A verifier stops at the first fault and calls most of them "unknown issuer". Here each property is judged by
//! itself, names and dates and order and trust, so that what is wrong can be said apart.

mod fault;
mod links;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringtail_errors::codes;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

pub(super) use self::fault::Fault;
use self::links::{Links, is_self_issued};

use super::roots::Roots;
use super::row::{Requirement, Row};
use ringtail_outbound::certificate;
use ringtail_outbound::certificate::quote;

/// More certificates than any server needs to send.
const MAX_CERTIFICATES: usize = 16;

/// A certificate that ends sooner than this deserves a word: automatic renewals happen earlier.
const SOON: Duration = Duration::from_secs(10 * 24 * 3600);

/// What was found out about a chain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// What is wrong, worst first.
    pub(super) faults: Vec<Fault>,
    /// That the certificates are trusted and in the wrong order, which browsers, curl and Java take.
    pub(super) disorder: Option<Fault>,
    /// Whether it is trusted only by an authority that was given.
    pub(super) is_private: bool,
    /// When the first certificate ends, in seconds since 1970.
    pub(super) ends: i64,
    /// Who issued the first certificate.
    pub(super) issuer: String,
}

/// Judges a chain as it was sent.
pub(super) fn judge(
    sent: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    now: SystemTime,
    roots: &Roots,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Judgement {
    let mut judgement = Judgement {
        faults: Vec::new(),
        disorder: None,
        is_private: false,
        ends: 0,
        issuer: String::new(),
    };
    let sent = sent.get(..MAX_CERTIFICATES).unwrap_or(sent);
    let mut parsed = Vec::with_capacity(sent.len());
    for (index, der) in sent.iter().enumerate() {
        match X509Certificate::from_der(der) {
            Ok((_, certificate)) => parsed.push(certificate),
            Err(_) => {
                let number = index + 1;
                judgement.faults.push(Fault::Unreadable { number });
                return judgement;
            }
        }
    }
    let (Some(leaf), Some(leaf_der)) = (parsed.first(), sent.first()) else {
        judgement.faults.push(Fault::Unreadable { number: 1 });
        return judgement;
    };
    judgement.ends = leaf.validity().not_after.timestamp();
    judgement.issuer = readable(&leaf.issuer().to_string());

    let links = Links::of(&parsed);
    if links.leaf_is_elsewhere(&parsed) {
        // Rows about the first certificate would describe the wrong one.
        judgement.faults.push(Fault::OutOfOrder {
            found: parsed.iter().map(subject).collect(),
        });
        return judgement;
    }
    let end = match ParsedCertificate::try_from(leaf_der) {
        Ok(end) => end,
        Err(error) => {
            let reason = error.to_string();
            judgement.faults.push(Fault::Other { reason });
            return judgement;
        }
    };
    let trust = Trust {
        end: &end,
        above: &sent[1..],
        at: within(leaf, now),
        algorithms,
    };
    let mut trusted = trust.reaches(&roots.public);
    let is_given = || {
        let vouched = roots.given.as_ref().map(|given| trust.reaches(given));
        matches!(vouched, Some(Ok(()))) || roots.exact.contains(leaf_der)
    };
    if trusted.is_err() && is_given() {
        // Only the given CA vouches for it: report it as private, since RingCentral trusts public roots alone.
        trusted = Ok(());
        judgement.is_private = true;
    }
    if let Err(error) = &trusted {
        judgement.faults.extend(untrusted(error, &parsed, &links));
    }
    if trusted.is_ok() && !links.is_in_order() {
        judgement.disorder = Some(Fault::OutOfOrder {
            found: parsed.iter().map(subject).collect(),
        });
    }
    // A trusted chain may leave out what has ended, such as a root's copy that an older root signed.
    let counted = match trusted {
        Ok(()) => 1,
        Err(_) => parsed.len(),
    };
    let path = links.path(&parsed).take(counted);
    judgement.faults.extend(dates(path, now));
    if verify_server_name(&end, name).is_err() {
        judgement.faults.push(Fault::WrongName {
            host: name.to_str().into_owned(),
            names: links::names(leaf),
        });
    }
    judgement
}

struct Trust<'a> {
    end: &'a ParsedCertificate<'a>,
    above: &'a [CertificateDer<'a>],
    at: UnixTime,
    algorithms: &'a WebPkiSupportedAlgorithms,
}

impl Trust<'_> {
    fn reaches(&self, roots: &RootCertStore) -> Result<(), Error> {
        let (at, algorithms) = (self.at, self.algorithms.all);
        verify_server_cert_signed_by_trust_anchor(self.end, roots, self.above, at, algorithms)
    }
}

/// Returns a time at which the first certificate is valid, so that trust can be judged apart from dates.
fn within(leaf: &X509Certificate<'_>, now: SystemTime) -> UnixTime {
    let validity = leaf.validity();
    let at = seconds(now).clamp(
        validity.not_before.timestamp(),
        // A certificate that ends before it begins is valid never; any time will do.
        validity
            .not_after
            .timestamp()
            .max(validity.not_before.timestamp()),
    );
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)))
}

/// Says why a chain is not trusted.
fn untrusted(error: &Error, parsed: &[X509Certificate<'_>], links: &Links) -> Option<Fault> {
    let leaf = parsed.first()?;
    let top = links.top(parsed);
    let end_of_path = || {
        if is_self_issued(leaf) {
            Fault::SelfSigned
        } else if !is_self_issued(top) && links::is_publicly_issued(top) {
            Fault::Incomplete {
                subject: subject(top),
                issuer: readable(&top.issuer().to_string()),
            }
        } else {
            Fault::UnknownRoot {
                root: readable(&top.issuer().to_string()),
                is_sent: is_self_issued(top),
            }
        }
    };
    match error {
        Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer if links.path(parsed).any(is_old_signed) => {
                Some(Fault::Other {
                    reason: "it is signed with SHA-1 or MD5, which nobody accepts any more"
                        .to_owned(),
                })
            }
            CertificateError::UnknownIssuer => Some(end_of_path()),
            // An authority's own certificate at the place of a server's, as `openssl req -x509` makes.
            CertificateError::Other(_) if is_self_issued(leaf) => Some(Fault::SelfSigned),
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => None,
            other => Some(Fault::Other {
                reason: format!("it {}", certificate::words(other)),
            }),
        },
        other => Some(Fault::Other {
            reason: other.to_string(),
        }),
    }
}

/// Returns whether a certificate's signature uses SHA-1 or MD5: RSA with either, or ECDSA with SHA-1. A root's own does not count.
fn is_old_signed(certificate: &X509Certificate<'_>) -> bool {
    const OLD: [&str; 3] = [
        "1.2.840.113549.1.1.4",
        "1.2.840.113549.1.1.5",
        "1.2.840.10045.4.1",
    ];
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    OLD.contains(&algorithm.as_str()) && !is_self_issued(certificate)
}

/// Looks at the dates of the certificates from the server's towards the root.
fn dates<'a>(path: impl Iterator<Item = &'a X509Certificate<'a>>, now: SystemTime) -> Vec<Fault> {
    let now = seconds(now);
    let mut faults = Vec::new();
    for (place, certificate) in path.enumerate() {
        let validity = certificate.validity();
        let of = (place > 0).then(|| subject(certificate));
        if validity.not_after.timestamp() < now {
            let at = validity.not_after.timestamp();
            faults.push(Fault::Expired { of, at });
        } else if validity.not_before.timestamp() > now {
            let at = validity.not_before.timestamp();
            faults.push(Fault::NotYetValid { of, at });
        }
    }
    faults
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn subject(certificate: &X509Certificate<'_>) -> String {
    readable(&certificate.subject().to_string())
}

fn readable(name: &str) -> String {
    quote(name)
}

/// Makes the row.
pub(super) fn row(judgement: &Judgement, now: SystemTime) -> Row {
    let requirement = Requirement::Certificate;
    if let Some(first) = judgement.faults.first() {
        let seen: Vec<String> = judgement.faults.iter().map(ToString::to_string).collect();
        return Row::fail(requirement, seen.join("; "))
            .earns(&codes::SUB_524)
            .fix(first.fix());
    }
    let left = judgement.ends.saturating_sub(seconds(now));
    let is_soon = left < i64::try_from(SOON.as_secs()).unwrap_or(i64::MAX);
    let soon = match is_soon {
        true => format!(", which is in {} days", left / 86_400),
        false => String::new(),
    };
    let mut seen = format!(
        "valid until {}{soon}, issued by {}",
        certificate::day(judgement.ends),
        judgement.issuer
    );
    if let Some(fault) = &judgement.disorder {
        seen.push_str(&format!("; {fault}"));
    }
    if judgement.is_private {
        return Row::fail(
            requirement,
            format!(
                "{seen}; trusted because of --ca alone, RingCentral does not know this authority"
            ),
        )
        .earns(&codes::SUB_524)
        .fix("get a certificate of a public authority, such as Let's Encrypt")
        .aside(true);
    }
    if is_soon {
        return Row::warn(requirement, seen)
            .earns(&codes::SUB_524)
            .fix("renew it, and look why that did not happen by itself");
    }
    if let Some(fault) = &judgement.disorder {
        return Row::warn(requirement, seen)
            .earns(&codes::SUB_524)
            .fix(fault.fix());
    }
    Row::pass(requirement, seen)
}

#[cfg(test)]
mod tests;
