//! How the program ends: the exit codes, and what is printed when something failed.
//!
//! The codes are those of `sysexits.h`, documented in `docs/OUTPUT.md`.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use ringtail_client::config::ConfigError;
use ringtail_client::link::{self, Refusal};
use ringtail_client::relay_api::ApiError;
use ringtail_client::replay::ReplayError;
use ringtail_protocol::path::code as word;
use ringtail_ringcentral::errors::Entry;

use crate::code;
use crate::output::escape::{escape, escape_lines};

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or stopped by a signal as asked.
    Ok = 0,
    /// Something failed that has no code of its own.
    Failure = 1,
    /// RingCentral would not accept what was checked.
    NotAccepted = 2,
    /// The command line is wrong.
    Usage = 64,
    /// What was asked for is not in the history.
    NoData = 65,
    /// The relay cannot be reached.
    Unavailable = 69,
    /// The relay speaks another version.
    Protocol = 76,
    /// The relay refused: token, endpoint, permission.
    Refused = 77,
    /// The configuration is wrong or incomplete.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that failed: its exit code, what failed, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
    quote: Option<String>,
    code: Option<&'static Entry>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
            hint: None,
            quote: None,
            code: None,
        }
    }

    /// Gives the failure a code that its error's type does not say.
    pub(crate) fn code(mut self, code: &'static Entry) -> Self {
        self.code = Some(code);
        self
    }

    /// Shows lines of what was given under the error.
    pub(crate) fn quote(mut self, quote: impl Into<String>) -> Self {
        self.quote = Some(quote.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the failure on one line, for a face that has no more.
    pub(crate) fn line(&self) -> String {
        let error = format!("{:#}", self.error);
        match &self.hint {
            Some(hint) => format!("{error}; {hint}"),
            None => error,
        }
    }

    /// Prints the failure on stderr. There is nothing to do when that fails too.
    pub(crate) fn print(&self) {
        if self.error.is::<Told>() {
            return;
        }
        drop(write!(std::io::stderr().lock(), "{self}"));
    }
}

/// The error of a command whose output has said everything: only the exit code is left.
#[derive(Debug, thiserror::Error)]
#[error("said on stdout")]
pub(crate) struct Told;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self
            .code
            .unwrap_or_else(|| code::of(self.exit, &self.error));
        writeln!(
            f,
            "error[{}]: {}",
            code.code,
            escape(&format!("{:#}", self.error))
        )?;
        if let Some(quote) = &self.quote {
            writeln!(f, "{}", escape_lines(quote))?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {}", escape(hint)),
            None => Ok(()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Failure, error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint();
        Self {
            exit: Exit::Config,
            error: error.into(),
            hint,
            quote: None,
            code: None,
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let exit = match &error {
            ApiError::Refused(refusal) => exit_of(refusal),
            _ => Exit::Unavailable,
        };
        let hint = error.hint().map(str::to_owned);
        Self {
            exit,
            error: error.into(),
            hint,
            quote: None,
            code: None,
        }
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let hint = error.hint();
        let failure = Self::new(Exit::Failure, error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let error = anyhow::anyhow!("the relay refused: {}", refusal.message);
        Self::new(exit_of(&refusal), error).code(link::code::refused(&refusal))
    }
}

fn exit_of(refusal: &Refusal) -> Exit {
    match refusal.code.as_str() {
        word::VERSION => Exit::Protocol,
        // What the relay says of the name that was given is about the command line, or what stands in for it.
        word::BAD_NAME => Exit::Usage,
        _ if refusal.is_final() => Exit::Refused,
        _ => Exit::Unavailable,
    }
}
