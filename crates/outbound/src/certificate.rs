//! Why a certificate is not trusted, in words: rustls prints names of variants and debug text.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::CertificateError;
use webpki::Error as Pki;

/// Maximum names of a certificate in a message.
const MAX_NAMES: usize = 4;

/// Returns the reason as the rest of a sentence about a certificate, with shortened names from the server.
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
            // The platform's verifier has readable messages.
            None => return format!("is refused by this system: {}", quote(&other.0.to_string())),
        },
        Why::Expired => "has expired",
        Why::NotValidYet => "is not valid yet",
        Why::NotValidForName => "is for another name",
        Why::UnknownIssuer => {
            "is self-signed, issued by an untrusted authority, or sent without its intermediate certificates"
        }
        Why::BadEncoding => "cannot be read",
        Why::Revoked => "was revoked by its authority",
        Why::BadSignature => "has an invalid signature",
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => "is not for servers",
        Why::UnhandledCriticalExtension => "has an unsupported critical extension",
        Why::UnknownRevocationStatus
        | Why::ExpiredRevocationList
        | Why::ExpiredRevocationListContext { .. }
        | Why::InvalidOcspResponse => "has an unknown revocation status",
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "uses an unsupported signature algorithm"
        }
        Why::ApplicationVerificationFailure => "is refused",
        // Variants of other versions of rustls.
        _ => "is not usable",
    };
    fixed.to_owned()
}

fn pki(error: &Pki) -> &'static str {
    match error {
        Pki::CaUsedAsEndEntity => {
            "is an authority's, such as `openssl req -x509` creates, not a server's"
        }
        Pki::EndEntityUsedAsCa => "is issued by a certificate that is not an authority's",
        Pki::NameConstraintViolation => "violates a name constraint of its authority",
        Pki::PathLenConstraintViolated => "violates the path length of its authority",
        Pki::CertDistrusted => "is issued by a distrusted authority",
        Pki::UnsupportedCertVersion => "is not X.509 version 3",
        Pki::MaximumNameConstraintComparisonsExceeded
        | Pki::MaximumPathBuildCallsExceeded
        | Pki::MaximumPathDepthExceeded
        | Pki::MaximumSignatureChecksExceeded => "has a chain that is too long or complex",
        _ => "violates X.509",
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
        _ if names.is_empty() => "has no name".to_owned(),
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
        .unwrap_or_else(|_| "an invalid date".to_owned())
}

/// Maximum characters of quoted text from a peer.
const MAX_QUOTED_CHARS: usize = 120;

/// Shortens text from a peer.
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
