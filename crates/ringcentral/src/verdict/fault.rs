//! What can be wrong with an answer, in RingCentral's words.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Something that RingCentral does not accept.
///
/// Its text reads like the reason that RingCentral records with a blacklisted subscription (section 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The answer came after the limit of section 1.3, when RingCentral no longer listened.
    Late {
        /// How long the answer took.
        took: Duration,
    },
    /// The status is not one that the callback's rule allows.
    WrongStatus {
        /// The status.
        status: u16,
    },
    /// Headers and body together exceed the limit of sections 1.3 and 2.5.
    TooLarge {
        /// Bytes on the wire.
        bytes: u64,
    },
    /// A validation's token did not come back (section 1.3, required response).
    TokenMissing,
    /// A validation's token came back as another.
    TokenDiffers,
    /// There was no answer.
    NoAnswer {
        /// The reason.
        reason: NoAnswer,
    },
}

impl Fault {
    /// Returns the fault as a stable machine word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Late { .. } => "late",
            Self::WrongStatus { .. } => "status",
            Self::TooLarge { .. } => "size",
            Self::TokenMissing | Self::TokenDiffers => "token",
            Self::NoAnswer { .. } => "no-answer",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late { .. } => NoAnswer::TimedOut.fmt(f),
            Self::WrongStatus { status } => write!(
                f,
                "Webhook responses with code: [{status}], reason: [{}]",
                canonical_reason(*status)
            ),
            Self::TooLarge { bytes } => write!(
                f,
                "Webhook response exceeds max size. Read bytes count: [{bytes}]"
            ),
            Self::TokenMissing => f.write_str(
                "Validation Token is not returned: the answer has no Validation-Token header",
            ),
            Self::TokenDiffers => f.write_str(
                "Validation Token is not returned: the Validation-Token of the answer is not the one that was sent",
            ),
            Self::NoAnswer { reason } => reason.fmt(f),
        }
    }
}

/// Why there was no answer.
///
/// Of the reasons RingCentral records only the time-out is known to the letter; the others follow its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoAnswer {
    /// Nothing listens at the address.
    Refused,
    /// The connection broke before the answer was whole.
    Reset,
    /// Nothing came in time.
    TimedOut,
    /// What came was not HTTP.
    NotHttp,
    /// The name has no address.
    NotFound,
    /// TLS could not be agreed on.
    Tls,
    /// No route to the address.
    Unreachable,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = match self {
            Self::Refused => "Connection refused",
            Self::Reset => "Connection reset",
            Self::TimedOut => "Read timed out",
            Self::NotHttp => "Not an HTTP response",
            Self::NotFound => "Unknown host",
            Self::Tls => "TLS handshake failed",
            Self::Unreachable => "Host unreachable",
        };
        write!(f, "I/O operation is failed. Details: [{details}]")
    }
}

/// Returns the reason phrase of a status; empty for an unknown one.
pub fn canonical_reason(status: u16) -> &'static str {
    StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}
