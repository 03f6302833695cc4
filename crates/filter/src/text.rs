//! Text to search for, plain or a regular expression.
//!
//! Both compile to a regular expression over bytes, because bodies may not be UTF-8 and so both ignore case alike.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use ringtail_ringcentral::facts::phone_digits;

/// Maximum bytes of a compiled expression.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Text to search for.
#[derive(Debug, Clone)]
pub struct Text {
    /// As written, without quotes.
    pub source: String,
    /// How it must match.
    pub fit: Fit,
    regex: Regex,
    /// Digits of a telephone number that starts with the text.
    phone: Option<String>,
}

/// How a text must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Anywhere.
    Part,
    /// At the start of the value or of a word.
    Begins,
    /// The whole value.
    Whole,
    /// As a regular expression, anywhere.
    Pattern,
}

impl Text {
    /// Compiles a text.
    ///
    /// # Errors
    /// The reason, if it is an invalid or too large regular expression.
    pub fn new(source: impl Into<String>, fit: Fit) -> Result<Self, String> {
        let source = source.into();
        let escaped = regex::escape(&source);
        let pattern = match fit {
            Fit::Part => escaped,
            Fit::Whole => format!("^(?:{escaped})$"),
            // Text such as `/hooks` or `+1650` starts a word anywhere.
            Fit::Begins if source.starts_with(|first: char| !first.is_alphanumeric()) => escaped,
            Fit::Begins => format!(r"(?:^|[^\p{{Alphabetic}}\p{{N}}])(?:{escaped})"),
            Fit::Pattern => source.clone(),
        };
        let regex = RegexBuilder::new(&pattern)
            .case_insensitive(true)
            .size_limit(MAX_REGEX_BYTES)
            .dfa_size_limit(MAX_REGEX_BYTES)
            .nest_limit(50)
            .build()
            .map_err(|error| why(&error))?;
        let phone = phone_digits(&source).filter(|_| fit == Fit::Begins);
        Ok(Self {
            source,
            fit,
            regex,
            phone,
        })
    }

    /// Returns the digits, if the text may be the beginning of a telephone number.
    pub fn phone(&self) -> Option<&str> {
        self.phone.as_deref()
    }

    /// Returns true if the text matches a caller or recipient, whose number may be written in another way.
    pub(super) fn fits_party(&self, value: &str) -> bool {
        let same_number =
            |digits: &str| phone_digits(value).is_some_and(|of| of.starts_with(digits));
        self.fits(value) || self.phone().is_some_and(same_number)
    }

    /// Returns true if the text matches.
    pub fn fits(&self, bytes: impl AsRef<[u8]>) -> bool {
        self.regex.is_match(bytes.as_ref())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.fit) == (&other.source, other.fit)
    }
}

impl Eq for Text {}

/// In the filter language, as a value.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fit == Fit::Pattern {
            return write!(f, "~\"{}\"", quote_pattern(&self.source));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_./@,*#?:%".contains(&byte);
        if !self.source.is_empty() && self.source.bytes().all(is_plain) {
            f.write_str(&self.source)
        } else {
            quote(&self.source, f)
        }
    }
}

/// Writes a text in quotes.
pub(super) fn quote(text: &str, f: &mut impl fmt::Write) -> fmt::Result {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    write!(f, "\"{escaped}\"")
}

/// Escapes the quotes of an expression and keeps its escapes.
fn quote_pattern(pattern: &str) -> String {
    pattern.replace('"', "\\\"")
}

/// Returns the last line of the parser's error, without the marked-up expression.
fn why(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = error {
        return "this regular expression is too large".to_owned();
    }
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("invalid regular expression: {last}")
}
