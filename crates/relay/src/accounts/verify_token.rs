//! The verify token of a RingCX Digital webhook (docs/RINGCENTRAL.md 7.1): only its hash is stored.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Bytes of the longest verify token: the service's header has at most 255.
pub const MAX_VERIFY_TOKEN_BYTES: usize = 255;

/// Hash of a verify token.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyTokenHash([u8; 32]);

impl VerifyTokenHash {
    /// Hashes a token; `None` when it is empty or too long.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        let fits = (1..=MAX_VERIFY_TOKEN_BYTES).contains(&token.len());
        fits.then(|| Self::hash(token))
    }

    /// Returns whether it is the hash of this token. Compares in constant time.
    #[must_use]
    pub fn matches(&self, token: &str) -> bool {
        token.len() <= MAX_VERIFY_TOKEN_BYTES && self.0.ct_eq(&Self::hash(token).0).into()
    }

    pub(super) fn from_stored(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn hash(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl fmt::Debug for VerifyTokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyTokenHash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_matches() {
        let hash = VerifyTokenHash::of("hush").expect("it fits");
        assert!(hash.matches("hush"));
        for other in ["", "hus", "hush ", "Hush"] {
            assert!(!hash.matches(other), "{other}");
        }
        assert_eq!(format!("{hash:?}"), "VerifyTokenHash(redacted)");
        assert!(VerifyTokenHash::of("").is_none());
        assert!(VerifyTokenHash::of(&"a".repeat(255)).is_some());
        assert!(VerifyTokenHash::of(&"a".repeat(256)).is_none());
    }
}
