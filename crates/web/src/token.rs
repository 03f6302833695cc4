//! The token of the printed URL.
//!
//! It is kept in a private file of the data directory, so that an open page still works after a restart. A user who can read the
//! file can read the history next to it, too. Deleting the file makes a new token.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringtail_errors::{Code, Coded, codes};
use ringtail_files::read_or_make;
use subtle::ConstantTimeEq as _;

/// Name of the token's file in the data directory.
pub(crate) const TOKEN_FILE: &str = "web.token";

/// Random bytes of a token.
const BYTES: usize = 32;

/// Longest file that is read for a token.
const MAX_BYTES: u64 = 1024;

/// A token in base64url.
#[derive(Clone)]
pub(crate) struct SessionToken(String);

/// The token cannot be read or created.
#[derive(Debug, thiserror::Error)]
#[error("cannot read or create the page's token {}; delete the file to get a new one", path.display())]
pub struct TokenError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub source: io::Error,
}

impl Coded for TokenError {
    fn code(&self) -> &'static Code {
        &codes::FAILED
    }
}

impl SessionToken {
    /// Makes a random token.
    fn fresh() -> io::Result<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end();
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.to_owned()))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Compares in constant time.
    pub(crate) fn is(&self, other: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(other).into()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(••••)")
    }
}

/// Returns the data directory's token, made if needed, and a new one for the pages of this process. Blocks.
///
/// # Errors
/// When the file cannot be read or made, or holds something else.
pub(crate) fn tokens(data: &Path) -> Result<(SessionToken, SessionToken), TokenError> {
    let path = data.join(TOKEN_FILE);
    let both = kept(&path).and_then(|token| Ok((token, SessionToken::fresh()?)));
    both.map_err(|source| TokenError { path, source })
}

fn kept(path: &Path) -> io::Result<SessionToken> {
    let fresh = || Ok(SessionToken::fresh()?.0.into_bytes());
    let text = read_or_make(path, MAX_BYTES, fresh)?;
    let token = str::from_utf8(&text).ok().and_then(SessionToken::parse);
    token.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it holds no token"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_keeps_one_private_token() {
        let kept = ringtail_store::testing::TestHistory::open();
        let dir = kept.dir.path();
        let (first, page) = tokens(dir).unwrap();
        let (again, other_page) = tokens(dir).unwrap();
        assert!(again.is(first.text().as_bytes()));
        assert!(!page.is(first.text().as_bytes()) && !page.is(other_page.text().as_bytes()));
        assert!(!format!("{first:?}").contains(first.text()));
        let path = dir.join(TOKEN_FILE);
        assert_eq!(ringtail_files::open_to_others(&path), None);
        for damaged in ["", "short"] {
            fs::write(&path, damaged).unwrap();
            assert!(tokens(dir).is_err(), "{damaged:?}");
        }
    }
}
