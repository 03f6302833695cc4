//! RingCentral's error codes that a webhook address can earn (RINGCENTRAL.md 4.8).

use ringtail_ringcentral::errors;

/// The token was not echoed.
pub(crate) const TOKEN: &str = "SUB-520";

/// There was no answer. What RingCentral says of a late answer, a name without address or a failed TLS handshake is
/// not documented; this is the code whose words fit.
pub(crate) const UNREACHABLE: &str = "SUB-521";

/// The status was not 200.
pub(crate) const STATUS: &str = "SUB-522";

/// The chain of certificates is not valid.
pub(crate) const CERTIFICATE: &str = "SUB-524";

/// The answer is over 1024 bytes, or otherwise odd.
pub(crate) const RESPONSE: &str = "SUB-525";

/// Returns RingCentral's message for a code.
pub(crate) fn message(code: &str) -> Option<&'static str> {
    errors::find(code).map(|entry| entry.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table() {
        for code in [TOKEN, UNREACHABLE, STATUS, CERTIFICATE, RESPONSE] {
            assert_eq!(errors::find(code).map(|entry| entry.code), Some(code));
        }
    }
}
