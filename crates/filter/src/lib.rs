//! The filter language: which events are meant, in one line.
//!
//! [`Filter::parse`] reads it, its `Display` writes it in one agreed form, and [`Filter::matches`] decides. The words
//! are a table, [`words::WORDS`], of which the parser, the completion and the page `docs/FILTER.md` are made.
//! [`ringtail_store`] searches by it: there, indexes narrow down what is looked at, and [`Filter::matches`] has the
//! last word, so that an index can make a search faster and never wrong.
//!
//! Case never matters, except in the names of JSON fields.

mod expr;
mod json_path;
mod matches;
mod page;
mod parse;
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
pub use self::page::markdown;
pub use self::text::{Fit, Text};

/// Most characters of a filter.
pub const MAX_CHARS: usize = 4096;

/// A filter that was understood. The empty one lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    expr: Option<Expr>,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// When it is none; the error knows the column.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(|expr| Self { expr })
    }

    /// Says whether everything is let through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expr.is_none()
    }

    /// Returns the expression; `None` for the filter that lets everything through.
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

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("in the filter, column {}: {message}", .at + 1)]
pub struct FilterError {
    /// What is wrong, and what would be right.
    pub message: String,
    /// Character at which it is, from 0; at most the number of characters.
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
    /// Returns the filter with a caret under what is wrong, as two lines. The filter's own line ends and other
    /// controls are blanks there.
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
pub mod testing;

#[cfg(test)]
mod tests;
