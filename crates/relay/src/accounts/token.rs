//! Tokens of accounts.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Lets secret scanners recognise a token.
const PREFIX: &str = "rt_";

/// Random bytes in a token.
const SECRET_BYTES: usize = 32;

/// Characters of a token: the prefix and 32 bytes in base64url without padding.
const TOKEN_CHARS: usize = PREFIX.len() + 43;

/// A secret that authenticates an account. It is shown once, and only its hash is stored.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Generates a token.
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret))))
    }

    /// Parses a token; `None` when the text cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = text.strip_prefix(PREFIX)?;
        let fits = text.len() == TOKEN_CHARS
            && secret
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// Returns the secret itself.
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

/// Hash of a token, as stored. A fast hash is enough: 256 random bits cannot be guessed.
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn from_stored(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares in constant time.
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
    fn other_texts_are_not_tokens() {
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
