//! Error codes of RingCentral and Ringtail in one table, and how a program ends with one.
//!
//! Each of [`codes`] says what the code means, likely causes, and what to do next. An error type implements
//! [`Coded`] beside its definition; a program turns it into a [`Failure`], which prints the code, the error with its
//! causes, and a hint, and knows the exit status. `ringtail explain` and `docs/ERRORS.md` read the same entries.

mod catalogue;
pub mod codes;
mod failure;
mod paste;

use std::error::Error;
use std::io;
use std::process::ExitCode;

pub use self::catalogue::{find, nearest};
pub use self::codes::all;
pub use self::failure::{Context, Failure};
pub use self::paste::{Found, read};

/// One code, explained.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Code {
    /// The code as it is printed, such as `SUB-525`.
    pub id: &'static str,
    /// The program that prints the code.
    pub origin: Origin,
    /// What has happened, in a sentence or two.
    pub meaning: &'static str,
    /// Likely causes, likeliest first.
    pub causes: &'static [&'static str],
    /// The next step in one line, printed under the error, unless the error has a better one.
    pub hint: Option<&'static str>,
    /// More to run or do next, in this order.
    pub next: &'static [&'static str],
    /// Sections of `docs/RINGCENTRAL.md`. Empty for what concerns Ringtail alone.
    pub sections: &'static [&'static str],
}

/// The program that prints a code.
#[derive(Debug, PartialEq, Eq)]
pub enum Origin {
    /// RingCentral's API.
    RingCentral {
        /// HTTP status of the response, where a source gives it.
        status: Option<u16>,
        /// RingCentral's message; in parentheses, what the code is about where no source gives the message.
        message: &'static str,
    },
    /// A program of Ringtail.
    Ringtail {
        /// Exit status of the program, if the error ends it.
        exit: Option<Exit>,
    },
    /// A verdict on an app's response.
    Verdict {
        /// The verdict's name.
        word: &'static str,
        /// The reason that RingCentral records, with `…` for what differs.
        reason: &'static str,
    },
}

impl Code {
    /// Returns whether Ringtail prints the code, and not RingCentral.
    #[must_use]
    pub fn is_own(&self) -> bool {
        !matches!(self.origin, Origin::RingCentral { .. })
    }

    /// Returns RingCentral's text: the message of its code, or the reason that it records for a verdict.
    #[must_use]
    pub fn message(&self) -> Option<&'static str> {
        match self.origin {
            Origin::RingCentral { message, .. } => Some(message),
            Origin::Verdict { reason, .. } => Some(reason),
            Origin::Ringtail { .. } => None,
        }
    }

    /// Returns what to do next, the hint first.
    pub fn steps(&self) -> impl Iterator<Item = &'static str> {
        self.hint.into_iter().chain(self.next.iter().copied())
    }

    /// Returns the exit status of a program that ends with the code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.origin {
            Origin::Ringtail { exit: Some(exit) } => exit,
            Origin::RingCentral { status, .. } => match status {
                Some(429 | 500) => Exit::CutOff,
                Some(401) => Exit::Refused,
                _ if self.id.starts_with("OAU-") || self.id == codes::INVALID_GRANT.id => {
                    Exit::Refused
                }
                _ => Exit::NotAccepted,
            },
            _ => Exit::Failure,
        }
    }
}

/// An error with a code.
pub trait Coded: Error {
    /// Returns the error's code.
    fn code(&self) -> &'static Code;

    /// Returns the next step. Override it to name a value: the code has the general one.
    fn hint(&self) -> Option<String> {
        self.code().hint.map(str::to_owned)
    }
}

impl Coded for io::Error {
    fn code(&self) -> &'static Code {
        &codes::FAILED
    }
}

/// Exit statuses of `ringtail` and `ringtail-relay`, as in `sysexits.h`; `docs/OUTPUT.md` has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or stopped by a signal.
    Ok = 0,
    /// Failed.
    Failure = 1,
    /// RingCentral refused or would refuse, or a response changed.
    NotAccepted = 2,
    /// The command line is wrong.
    Usage = 64,
    /// The history does not have what was named.
    NoData = 65,
    /// The relay cannot be reached, or does not run.
    Unavailable = 69,
    /// Stopped by a signal with requests in flight, or RingCentral cannot be reached, fails or limits requests: try again later.
    CutOff = 75,
    /// The relay speaks another version.
    Protocol = 76,
    /// The relay refused the token, the endpoint or the request, or RingCentral the login.
    Refused = 77,
    /// The configuration is wrong or incomplete.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
