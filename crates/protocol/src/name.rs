//! Names of accounts and endpoints.
//!
//! The relay decides what a name is, and the client reads names by the same rule before it does anything with them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes. An endpoint's id is a DNS label of at most 63: its name, a hyphen and 26 more.
const MAX_BYTES: usize = 32;

/// A name of an account or an endpoint: lower-case letters and digits in groups, joined by single hyphens.
///
/// Single hyphens, because `xn--` would turn an endpoint's id into an internationalised DNS label.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    #[error("a name has at least one character")]
    Empty,
    /// It is too long.
    #[error("a name has at most 32 characters, this one has {0}")]
    TooLong(usize),
    /// It has a character that names do not have.
    #[error("a name consists of a-z, 0-9 and hyphens, not {}", shown(*.0))]
    Character(char),
    /// A hyphen stands where none may.
    #[error("a name neither begins nor ends with a hyphen, nor has two in a row")]
    Hyphen,
}

fn shown(character: char) -> String {
    match character.is_ascii_graphic() {
        true => format!("'{character}'"),
        false => format!("U+{:04X}", u32::from(character)),
    }
}

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// When the text is not one; nothing is corrected.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(other) = text
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
        {
            return Err(NameError::Character(other));
        }
        if text.len() > MAX_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        if text.split('-').any(str::is_empty) {
            return Err(NameError::Hyphen);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a name that was parsed before it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_groups_of_letters_and_digits() {
        let longest = "a".repeat(32);
        for good in ["a", "7", "xn", "dev", "anna-lisa-2", longest.as_str()] {
            assert_eq!(Name::parse(good).expect(good).as_str(), good);
        }
        let too_long = "a".repeat(33);
        for (bad, why) in [
            ("", NameError::Empty),
            (too_long.as_str(), NameError::TooLong(33)),
            ("Dev", NameError::Character('D')),
            ("a_b", NameError::Character('_')),
            ("_ringtail", NameError::Character('_')),
            ("a b", NameError::Character(' ')),
            ("é", NameError::Character('é')),
            ("a\u{1b}[2J", NameError::Character('\u{1b}')),
            ("-a", NameError::Hyphen),
            ("a-", NameError::Hyphen),
            ("xn--a", NameError::Hyphen),
            ("-", NameError::Hyphen),
        ] {
            assert_eq!(Name::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_control_character_is_escaped_in_the_message() {
        let error = Name::parse("a\u{1b}[2J").expect_err("no name");
        assert!(!error.to_string().contains('\u{1b}'));
    }
}
