//! A piece of text that is looked for, plain or as a regular expression.
//!
//! Both become a regular expression over bytes: bodies need not be UTF-8, and both kinds then agree on what the same
//! letter in another case is.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Bytes that a compiled expression may take.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// What is looked for, and how it has to fit.
#[derive(Debug, Clone)]
pub struct Text {
    /// As written, without quotes.
    pub source: String,
    /// How it has to fit.
    pub fit: Fit,
    regex: Regex,
}

/// How a text has to fit what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It stands somewhere.
    Part,
    /// It is the beginning, or the beginning of a word.
    Begins,
    /// It is all of it.
    Whole,
    /// It is a regular expression that fits somewhere.
    Pattern,
}

impl Text {
    /// Takes a text.
    ///
    /// # Errors
    /// When it is no regular expression, or one that would take too much memory; says why.
    pub fn new(source: impl Into<String>, fit: Fit) -> Result<Self, String> {
        let source = source.into();
        let escaped = regex::escape(&source);
        let pattern = match fit {
            Fit::Part => escaped,
            Fit::Whole => format!("^(?:{escaped})$"),
            // What begins with a sign is a beginning anywhere: `/hooks`, `+1650`.
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
        Ok(Self { source, fit, regex })
    }

    /// Says whether the text fits.
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

/// Writes the text so that it is read as the same again, where a value may stand.
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

/// Writes a quoted text.
pub(super) fn quote(text: &str, f: &mut impl fmt::Write) -> fmt::Result {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    write!(f, "\"{escaped}\"")
}

/// Escapes the quotes of an expression; its own escapes stay as they are.
fn quote_pattern(pattern: &str) -> String {
    pattern.replace('"', "\\\"")
}

/// Returns the last line of the parser's picture, which says what is wrong.
fn why(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = error {
        return "this regular expression is too large".to_owned();
    }
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("this is no regular expression: {last}")
}
