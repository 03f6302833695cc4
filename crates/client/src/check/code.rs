//! RingCentral's error codes that a webhook address can earn (RINGCENTRAL.md 4.8).

/// The token was not echoed.
pub(super) const TOKEN: &str = "SUB-520";

/// There was no answer. What RingCentral says of a late answer, a name without address or a failed TLS handshake is
/// not documented; this is the code whose words fit.
pub(super) const UNREACHABLE: &str = "SUB-521";

/// The status was not 200.
pub(super) const STATUS: &str = "SUB-522";

/// The chain of certificates is not valid.
pub(super) const CERTIFICATE: &str = "SUB-524";

/// The answer is over 1024 bytes, or otherwise odd.
pub(super) const RESPONSE: &str = "SUB-525";

/// Returns RingCentral's message for a code.
pub(super) fn message(code: &str) -> Option<&'static str> {
    Some(match code {
        TOKEN => "Validation Token is not returned",
        UNREACHABLE => "WebHook is not reachable",
        STATUS => "WebHook responds with incorrect HTTP status",
        CERTIFICATE => "HTTPS certificate is not valid",
        RESPONSE => "WebHook server response is invalid",
        _ => return None,
    })
}
