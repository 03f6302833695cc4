//! Tokens: what an account's client shows, and what the relay keeps of it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Marks a token as one of Ringtail's, so that scanners for leaked secrets can know it.
const PREFIX: &str = "rt_";

/// Random bytes in a token.
const SECRET_BYTES: usize = 32;

/// Characters of a token: the prefix and 32 bytes in base64url without padding.
const TOKEN_CHARS: usize = PREFIX.len() + 43;

/// A secret that stands for an account. The relay shows it once, when it is made, and stores only its hash.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Makes a token that nobody knows.
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret))))
    }

    /// Reads what a client presents; `None` when it cannot be a token, whoever's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = text.strip_prefix(PREFIX)?;
        let fits = text.len() == TOKEN_CHARS
            && secret
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// Returns the secret itself, for the one place that hands it to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// What the relay stores of a token. A fast hash will do: the token has 256 random bits, so there is nothing to
/// guess.
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn from_stored(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares in a time that does not depend on where the hashes differ.
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_prefix_and_43_characters() {
        let token = Token::generate().expect("random bytes");
        assert_eq!(token.expose().len(), 46);
        assert!(Token::parse(token.expose()).is_some());
        let other = Token::generate().expect("random bytes");
        assert!(!token.hash().matches(&other.hash()));
        assert!(token.hash().matches(&token.clone().hash()));
    }

    #[test]
    fn what_cannot_be_a_token_is_none() {
        let secret = "A".repeat(43);
        assert!(Token::parse(&format!("rt_{secret}")).is_some());
        for bad in [
            String::new(),
            "rt_".to_owned(),
            secret.clone(),
            format!("RT_{secret}"),
            format!("rt_{secret}A"),
            format!("rt_{}=", "A".repeat(42)),
            format!("rt_{}é", "A".repeat(41)),
        ] {
            assert!(Token::parse(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let token = Token::generate().expect("random bytes");
        let shown = format!("{token:?} {:?}", token.hash());
        assert_eq!(shown, "Token(redacted) TokenHash(redacted)");
    }
}
