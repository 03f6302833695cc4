//! The verify token of a RingCX Digital webhook (docs/RINGCENTRAL.md 7.1): known as its hash, and never kept.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The longest verify token, in bytes; the header of the same service has at most 255.
pub const MAX_VERIFY_TOKEN_BYTES: usize = 255;

/// What the relay keeps of a verify token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyTokenHash([u8; 32]);

impl VerifyTokenHash {
    /// Takes a token; `None` when it is too long, or empty.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        let fits = (1..=MAX_VERIFY_TOKEN_BYTES).contains(&token.len());
        fits.then(|| Self::hash(token))
    }

    /// Says whether it is of this token, in a time that does not depend on where they differ.
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
