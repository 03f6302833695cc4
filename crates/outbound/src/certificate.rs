//! Why a certificate is not trusted, in words for people.
//!
//! rustls says most reasons as the name of a variant, and those that only its verifier knows as debug text.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::CertificateError;
use webpki::Error as Pki;

/// Most names of a certificate that are told.
const MAX_NAMES: usize = 4;

/// Returns the reason as the rest of a sentence about a certificate. Names in it come from the server, cut to what fits
/// a line.
pub fn words(error: &CertificateError) -> String {
    use CertificateError as Why;
    let fixed = match error {
        Why::ExpiredContext { not_after, .. } => {
            return format!("expired on {}", day_of(not_after.as_secs()));
        }
        Why::NotValidYetContext { not_before, .. } => {
            return format!("is not valid before {}", day_of(not_before.as_secs()));
        }
        Why::NotValidForNameContext { presented, .. } => return wrong_name(presented),
        Why::Other(other) => match other.0.downcast_ref::<Pki>() {
            Some(error) => pki(error),
            // A platform's own verifier speaks for people.
            None => return format!("is refused by this system: {}", quote(&other.0.to_string())),
        },
        Why::Expired => "has expired",
        Why::NotValidYet => "is not valid yet",
        Why::NotValidForName => "is for another name",
        Why::UnknownIssuer => {
            "is self-signed, or of an authority that is not trusted here, or comes without its intermediate certificates"
        }
        Why::BadEncoding => "cannot be read",
        Why::Revoked => "was revoked by its authority",
        Why::BadSignature => "is not signed by the authority that it names, or its key is another",
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => {
            "is for another purpose than that of a server"
        }
        Why::UnhandledCriticalExtension => "demands something that is not understood here",
        Why::UnknownRevocationStatus
        | Why::ExpiredRevocationList
        | Why::ExpiredRevocationListContext { .. }
        | Why::InvalidOcspResponse => "may have been revoked: its authority does not say",
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed in a way that is no longer thought safe, or not known here"
        }
        Why::ApplicationVerificationFailure => "is refused",
        // Of a later rustls, or one that it no longer gives.
        _ => "is not usable",
    };
    fixed.to_owned()
}

fn pki(error: &Pki) -> &'static str {
    match error {
        Pki::CaUsedAsEndEntity => {
            "is an authority's own, as `openssl req -x509` makes it, and not one for a server"
        }
        Pki::EndEntityUsedAsCa => "is issued by one that may issue none",
        Pki::NameConstraintViolation => "is for a name that its authority may not vouch for",
        Pki::PathLenConstraintViolated => "has more intermediates than its authority allows",
        Pki::CertDistrusted => "is of an authority that is no longer trusted",
        Pki::UnsupportedCertVersion => "is of an old version: X.509 version 3 is needed",
        Pki::MaximumNameConstraintComparisonsExceeded
        | Pki::MaximumPathBuildCallsExceeded
        | Pki::MaximumPathDepthExceeded
        | Pki::MaximumSignatureChecksExceeded => "has a chain that is too long",
        _ => "is not made as the standard wants it",
    }
}

/// The verifier gives names as `DnsName("example.com")`.
fn wrong_name(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(')'));
        quote(
            inner
                .map_or(name.as_str(), |(inner, _)| inner)
                .trim_matches('"'),
        )
    };
    let names: Vec<String> = presented.iter().take(MAX_NAMES).map(bare).collect();
    match presented.len().saturating_sub(MAX_NAMES) {
        _ if names.is_empty() => "is for no name".to_owned(),
        0 => format!("is for {} and no other name", names.join(", ")),
        more => format!("is for {} and {more} other names", names.join(", ")),
    }
}

fn day_of(seconds: u64) -> String {
    day(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Returns a day as `2026-11-21`.
pub fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|at| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string())
        .unwrap_or_else(|_| "a day that no calendar has".to_owned())
}

/// Most bytes of names, reasons and the like that are quoted from a stranger.
const MAX_QUOTED_CHARS: usize = 120;

/// Cuts what a stranger sent to what fits a line.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(MAX_QUOTED_CHARS).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
