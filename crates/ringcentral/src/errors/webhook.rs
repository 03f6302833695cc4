//! RingCentral's error codes that a webhook address can earn (docs/RINGCENTRAL.md 4.8).

use crate::errors;

/// The token was not echoed.
pub const TOKEN: &str = "SUB-520";

/// There was no answer. What RingCentral says of a late answer, a name without address or a failed TLS handshake is
/// not documented; this is the code whose words fit.
pub const UNREACHABLE: &str = "SUB-521";

/// The status was not 200.
pub const STATUS: &str = "SUB-522";

/// The chain of certificates is not valid.
pub const CERTIFICATE: &str = "SUB-524";

/// The answer is over 1024 bytes, or otherwise odd.
pub const RESPONSE: &str = "SUB-525";

/// Returns RingCentral's message for a code.
pub fn message(code: &str) -> Option<&'static str> {
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
