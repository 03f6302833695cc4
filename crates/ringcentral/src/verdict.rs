//! What RingCentral would have made of an app's answer.
//!
//! In development the edge answers for the app, so an app that is slow, talkative or wrong is not noticed until
//! it stands alone. The verdict says it at once, in the words in which RingCentral records why it blacklisted a
//! subscription (docs/RINGCENTRAL.md 2.6). Each callback is judged by its own rules; see
//! [`Expectation`]; what RingCentral does not send gets none. Where the sources contradict each other an answer that is
//! right under the newer reading is accepted, and a [`Note`] says what the other reading would have been.

mod clock;
mod fault;

use std::fmt;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use ringtail_errors::{Code, find};

pub use self::clock::{AFTERWARDS, Failing, FailureClock, PATIENCE_MS};
pub use self::fault::{Fault, NoAnswer, canonical_reason};
use crate::classify::{Callback, Expectation};
use crate::limits::{ANSWER_MAX_BYTES, ANSWER_MAX_MS, ANSWER_MAX_MS_OLD, INTERACTIVE_MAX_MS};
use crate::validation::Echo;

/// An app's answer, as far as RingCentral looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Time from sending the request to the last byte of the answer.
    pub duration: Duration,
    /// Bytes of headers and body together as they would be on the wire; see [`wire_size`].
    pub bytes: u64,
    /// Value of the `Content-Type` header.
    pub content_type: Option<String>,
    /// What became of a validation's token, if that is known.
    pub echo: Echo,
}

impl Answer {
    /// Returns the answer with its size and content type taken from its headers.
    pub fn new(status: u16, duration: Duration, headers: &HeaderMap, body_len: u64) -> Self {
        let content_type = headers.get(CONTENT_TYPE);
        Self {
            status,
            duration,
            bytes: wire_size(status, headers, body_len),
            content_type: content_type
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            echo: Echo::Unknown,
        }
    }
}

/// Returns the bytes of an HTTP/1.1 answer: status line, headers, blank line and body.
///
/// Section 1.3 limits "headers and body together" and does not say whether the status line counts. It is
/// counted, so that an answer within the limit here is within it by either reading.
pub fn wire_size(status: u16, headers: &HeaderMap, body_len: u64) -> u64 {
    let reason = canonical_reason(status).len();
    let status_line = "HTTP/1.1 200 \r\n".len() + reason;
    let fields: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + ": \r\n".len() + value.len())
        .sum();
    let head = status_line + fields + "\r\n".len();
    (head as u64).saturating_add(body_len)
}

/// Returns what RingCentral would have made of the outcome.
pub fn judge(callback: Callback, outcome: Result<&Answer, &NoAnswer>) -> Verdict {
    if !callback.is_judged() {
        let allowed = |answer: &Answer| callback.expectation().status.allows(answer.status);
        return Verdict::Unjudged {
            failed: !outcome.is_ok_and(allowed),
        };
    }
    let answer = match outcome {
        Ok(answer) => answer,
        Err(reason) => {
            return Verdict::Failed {
                faults: vec![Fault::NoAnswer { reason: *reason }],
            };
        }
    };
    let mut faults = faults(callback.expectation(), answer);
    if callback == Callback::Validation && answer.status == StatusCode::OK.as_u16() {
        faults.extend(token_fault(answer.echo));
    }
    if faults.is_empty() {
        Verdict::Accepted {
            notes: notes(callback, answer),
        }
    } else {
        Verdict::Failed { faults }
    }
}

/// Lists the faults in the order in which RingCentral meets them: it stops reading when time is up, sees the
/// status before the rest, and counts bytes last.
fn faults(expectation: Expectation, answer: &Answer) -> Vec<Fault> {
    let mut faults = Vec::new();
    if expectation.limited && answer.duration > Duration::from_millis(ANSWER_MAX_MS) {
        faults.push(Fault::Late {
            took: answer.duration,
        });
    }
    if !expectation.status.allows(answer.status) {
        faults.push(Fault::WrongStatus {
            status: answer.status,
        });
    }
    if expectation.limited && answer.bytes > ANSWER_MAX_BYTES as u64 {
        faults.push(Fault::TooLarge {
            bytes: answer.bytes,
        });
    }
    faults
}

/// An answer with another status is refused for that.
fn token_fault(echo: Echo) -> Option<Fault> {
    match echo {
        Echo::Unknown | Echo::Returned => None,
        Echo::Missing => Some(Fault::TokenMissing),
        Echo::Differs => Some(Fault::TokenDiffers),
    }
}

fn notes(callback: Callback, answer: &Answer) -> Vec<Note> {
    let limited = callback.expectation().limited;
    let mut notes = Vec::new();
    if limited && answer.duration > Duration::from_millis(ANSWER_MAX_MS_OLD) {
        notes.push(Note::OverOldTimeLimit {
            took: answer.duration,
        });
    }
    if limited && answer.bytes == ANSWER_MAX_BYTES as u64 {
        notes.push(Note::AtSizeLimit);
    }
    if callback == Callback::InteractiveMessage {
        if answer.duration > Duration::from_millis(INTERACTIVE_MAX_MS) {
            notes.push(Note::OverInteractiveTimeLimit {
                took: answer.duration,
            });
        }
        if !answer.content_type.as_deref().is_some_and(is_json) {
            notes.push(Note::NotJson);
        }
    }
    notes
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// What RingCentral would have made of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is one RingCentral accepts.
    Accepted {
        /// What another reading of the rules would say, and what is close to a limit.
        notes: Vec<Note>,
    },
    /// The answer is one that counts against the subscription, or fails the callback.
    Failed {
        /// What is wrong, never empty; the first is what RingCentral would have met first.
        faults: Vec<Fault>,
    },
    /// RingCentral has no say in it: the request is a browser's, or one that it is not known to send; or the wait for the
    /// answer was shorter than RingCentral's.
    Unjudged {
        /// Whether there was no answer, or an error status.
        failed: bool,
    },
}

/// The words of all verdicts.
pub const WORDS: [&str; 7] = [
    "ok",
    "late",
    "status",
    "size",
    "token",
    "no-answer",
    "unjudged",
];

impl Verdict {
    /// Returns the verdict as a stable machine word, one of [`WORDS`].
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "ok",
            // Never empty.
            Self::Failed { faults } => faults.first().map_or("ok", Fault::word),
            Self::Unjudged { .. } => "unjudged",
        }
    }

    /// Returns the code that explains a failure; `None` for an answer that RingCentral would accept.
    pub fn code(&self) -> Option<&'static Code> {
        match self {
            Self::Failed { .. } => find(self.word()),
            Self::Accepted { .. } | Self::Unjudged { .. } => None,
        }
    }

    /// Returns true if nothing is wrong with the answer: RingCentral accepts it or, where it has no say, it is no error.
    pub fn is_accepted(&self) -> bool {
        matches!(
            self,
            Self::Accepted { .. } | Self::Unjudged { failed: false }
        )
    }

    /// Returns everything that is wrong with the answer, worst first.
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Failed { faults } => faults,
            Self::Accepted { .. } | Self::Unjudged { .. } => &[],
        }
    }

    /// Returns the verdict in words: for a failure what RingCentral would record as the reason, for an accepted
    /// answer its notes, and nothing if there is nothing to say.
    pub fn reason(&self) -> String {
        fn join<T: fmt::Display>(items: &[T]) -> String {
            let words: Vec<String> = items.iter().map(ToString::to_string).collect();
            words.join("; ")
        }
        match self {
            Self::Accepted { notes } => join(notes),
            Self::Failed { faults } => join(faults),
            Self::Unjudged { .. } => String::new(),
        }
    }
}

/// Something to know about an answer that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Slower than the limit that older editions state (section 1.3).
    OverOldTimeLimit {
        /// How long the answer took.
        took: Duration,
    },
    /// Exactly 1024 bytes (sections 1.3 and 2.6): allowed by the guide, yet the recorded reason for the
    /// blacklist names that very count, perhaps because RingCentral stops reading there.
    AtSizeLimit,
    /// Slower than a limit for interactive messages that was never published (section 7.5, details).
    OverInteractiveTimeLimit {
        /// How long the answer took.
        took: Duration,
    },
    /// An interactive message was answered with something else than JSON (section 7.5): no dialog opens.
    NotJson,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverOldTimeLimit { took } => write!(
                f,
                "took {} ms; older editions of RingCentral's guide allow {ANSWER_MAX_MS_OLD} ms, newer ones {ANSWER_MAX_MS} ms",
                took.as_millis()
            ),
            Self::AtSizeLimit => write!(
                f,
                "exactly {ANSWER_MAX_BYTES} bytes; RingCentral's guide allows it, but a subscription was blacklisted at that count"
            ),
            Self::OverInteractiveTimeLimit { took } => write!(
                f,
                "took {} ms; an unpublished paragraph of RingCentral's guide allows {INTERACTIVE_MAX_MS} ms",
                took.as_millis()
            ),
            Self::NotJson => f.write_str("no dialog opens unless the answer is application/json"),
        }
    }
}

#[cfg(test)]
mod tests;
