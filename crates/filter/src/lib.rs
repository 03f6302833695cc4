//! The filter language: one line that selects events.
//!
//! [`Filter::parse`] reads it, `Display` writes its canonical form, and [`Filter::matches`] evaluates it over an event. The
//! table [`words::WORDS`] defines the words for parser, completion and `docs/FILTER.md`. The store's index only narrows the
//! candidates; every hit is checked with [`Filter::matches`].
//!
//! Case is ignored, except in names of JSON fields.

mod expr;
mod json_path;
mod matches;
mod parse;
mod print;
mod text;
mod values;
mod when;
pub mod words;

use std::fmt;

use ringtail_errors::{Code, Coded, codes};
use unicode_width::UnicodeWidthChar;

pub use self::expr::{Comparison, Expr, Field, Flag, StatusRange, Test};
pub use self::json_path::{JsonPath, Step, push_field};
pub use self::matches::{Context, More};
pub use self::text::{Fit, Text};

/// Maximum characters of a filter.
pub const MAX_CHARS: usize = 4096;

/// A parsed filter. An empty one matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    expr: Option<Expr>,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// When it is invalid; the error has the column.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(|expr| Self { expr })
    }

    /// Returns true if it matches everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expr.is_none()
    }

    /// Returns the expression; `None` if it matches everything.
    #[must_use]
    pub fn expr(&self) -> Option<&Expr> {
        self.expr.as_ref()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Some(expr) => expr.fmt(f),
            None => Ok(()),
        }
    }
}

/// A syntax error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("in the filter, column {}: {message}", .at + 1)]
pub struct FilterError {
    /// What is wrong and how to correct it.
    pub message: String,
    /// Index of the character, at most the number of characters.
    pub at: usize,
    /// The filter.
    pub text: String,
}

impl Coded for FilterError {
    fn code(&self) -> &'static Code {
        &codes::FILTER
    }
}

impl FilterError {
    /// Returns two lines: the filter, with control characters as spaces, and a caret under the error.
    #[must_use]
    pub fn pointed(&self) -> String {
        let shown: String = self
            .text
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .collect();
        let before = shown.chars().take(self.at);
        let columns: usize = before.map(|character| character.width().unwrap_or(0)).sum();
        format!("{shown}\n{}^", " ".repeat(columns))
    }
}

#[cfg(any(test, feature = "testing"))]
#[expect(clippy::unwrap_used, reason = "a test kit")]
pub mod testing;

#[cfg(test)]
mod tests;
