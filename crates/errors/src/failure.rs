//! A command that failed, as the user reads it.

use std::error::Error;
use std::fmt::{self, Display};
use std::io::Write as _;

use ringtail_text::{chain, escape};

use crate::{Code, Coded, Exit};

/// A command that failed: its code, the error with its causes, and a hint.
#[derive(Debug)]
pub struct Failure {
    code: &'static Code,
    message: String,
    quote: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// Makes a failure from a message, for an error without a type.
    pub fn new(code: &'static Code, message: impl Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            quote: None,
            hint: code.hint.map(str::to_owned),
        }
    }

    /// Makes a failure that prints nothing, for a command whose output says it.
    #[must_use]
    pub fn silent(code: &'static Code) -> Self {
        Self::new(code, "")
    }

    /// Makes a failure of an error that is not [`Coded`], with its causes.
    pub fn of(code: &'static Code, error: &(dyn Error + 'static)) -> Self {
        Self::new(code, chain(error))
    }

    /// Prints these lines under the error.
    #[must_use]
    pub fn quote(mut self, quote: impl Into<String>) -> Self {
        self.quote = Some(quote.into());
        self
    }

    /// Replaces the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> &'static Code {
        self.code
    }

    /// Returns how the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.code.exit()
    }

    /// Returns the error with its causes.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the lines under the error.
    #[must_use]
    pub fn quoted(&self) -> Option<&str> {
        self.quote.as_deref()
    }

    /// Returns what to do next.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the failure on one line, without its code.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        }
    }

    /// Prints the failure on stderr. A failure to print has nowhere to go.
    pub fn print(&self) {
        if !self.message.is_empty() {
            drop(write!(std::io::stderr().lock(), "{self}"));
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error[{}]: {}", self.code.id, escape(&self.message))?;
        for line in self.quote.iter().flat_map(|quote| quote.lines()) {
            writeln!(f, "{}", escape(line))?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {}", escape(hint)),
            None => Ok(()),
        }
    }
}

impl<E: Coded + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            hint: error.hint(),
            ..Self::of(error.code(), &error)
        }
    }
}

/// Adds context to errors.
pub trait Context<T> {
    /// Puts `what` ahead of the error's text.
    fn context(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Context<T> for Result<T, E> {
    fn context(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|error| {
            let mut failure: Failure = error.into();
            failure.message = format!("{what}: {}", failure.message);
            failure
        })
    }
}
