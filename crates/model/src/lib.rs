//! What the engine knows and its faces show.
//!
//! The engine prints nothing. It publishes its [`Status`] and how far its history reaches ([`Watermarks`]); a face
//! reads the history from its own position, so a slow one delays nobody and misses nothing.

pub mod headers;
pub mod new_fields;
pub mod redact;
pub mod secrets;
pub mod signature;
pub mod target;

use std::time::Duration;

use bytes::Bytes;
use ringtail_protocol::event::{Disposition, EventId, Header, Kind, Request, Timestamp};
use ringtail_ringcentral::classify::{RequestHead, classify};
use ringtail_ringcentral::signature::{Outcome as ProofOutcome, Scheme};
use ringtail_ringcentral::verdict::{Failing, NoAnswer, Verdict};

use crate::new_fields::NewFields;

/// Position of a row in the history: grows with every stored row and is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RowId(pub i64);

/// Topic of an event whose request cannot be read.
pub const UNDECODABLE: &str = "undecodable";

/// An event as the list shows it: everything but headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Position in the history.
    pub row: RowId,
    /// The endpoint's id.
    pub endpoint: String,
    /// Number on the endpoint.
    pub seq: u64,
    /// Identity.
    pub id: EventId,
    /// What it is to RingCentral.
    pub kind: Kind,
    /// What became of it at the edge.
    pub disposition: Disposition,
    /// `seq` of the earlier event with the same RingCentral `uuid`.
    pub duplicate_of: Option<u64>,
    /// When the relay had read it.
    pub received_at: Timestamp,
    /// Method, as received.
    pub method: String,
    /// Path below the endpoint and query, as received.
    pub path: String,
    /// Topic and one line of summary from the catalogue, free of control characters.
    pub topic: String,
    /// The line of summary.
    pub summary: String,
    /// Size of the body in bytes.
    pub body_len: u64,
    /// Where forwarding stands.
    pub forward: ForwardState,
    /// What the user says of it, if it is marked.
    pub bookmark: Option<Bookmark>,
    /// The event that this one is an edited copy of.
    pub edited_from: Option<EventId>,
    /// What no event of its kind before had in its body.
    pub new_fields: Option<NewFields>,
    /// The newest attempt, if any.
    pub last_attempt: Option<AttemptRow>,
}

/// Returns the name in the id of an endpoint: an id is the name, a hyphen and a part without hyphens.
#[must_use]
pub fn endpoint_name(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(name, _)| name)
}

/// Returns how the relay answers a request.
#[must_use]
pub fn kind_of(request: &Request) -> Kind {
    match RequestHead::of(&request.method, &request.headers) {
        Ok(head) => classify(&head.view(&request.path, &request.body)).kind(),
        Err(_) => Kind::Passthrough,
    }
}

/// A mark that the user put on an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bookmark {
    /// What the user says of the event: one line, possibly empty.
    pub comment: String,
}

/// A mark with its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookmarkRow {
    /// The event's position.
    pub row: RowId,
    /// The event.
    pub event: EventId,
    /// The mark.
    pub bookmark: Bookmark,
}

/// An event with all that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDetail {
    /// The row.
    pub event: EventRow,
    /// Address of the caller, as the relay saw it.
    pub peer: String,
    /// Header fields as received.
    pub headers: Vec<Header>,
    /// Body as received.
    pub body: Bytes,
    /// What the request's proof is worth; `None` for what RingCentral does not sign, and until
    /// [`crate::signature`] has looked at it.
    pub proof: Option<Proof>,
    /// Every attempt, oldest first.
    pub attempts: Vec<AttemptDetail>,
}

/// Where forwarding of an event stands. Stored, so that a restarted client goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForwardState {
    /// Nothing to forward: settled at the edge, or answered live.
    None,
    /// Owed to the target.
    Pending,
    /// Forwarded; the attempt tells how it went.
    Done,
    /// Kept from the app, because its proof of origin is wrong or missing and the user wants it so.
    Rejected,
}

/// An attempt without headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Position in the history.
    pub row: RowId,
    /// The event.
    pub event: EventId,
    /// Why the attempt was made.
    pub cause: Cause,
    /// URL that was asked.
    pub target: String,
    /// When the request began.
    pub started_at: Timestamp,
    /// From the first byte sent to the last received, or to the failure.
    pub duration: Duration,
    /// Status, or what went wrong.
    pub outcome: Outcome,
    /// What RingCentral would have made of it.
    pub verdict: Verdict,
}

/// An attempt with the app's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptDetail {
    /// The row.
    pub attempt: AttemptRow,
    /// Header fields of the answer.
    pub headers: Vec<Header>,
    /// Body of the answer, as much of it as is kept.
    pub body: Bytes,
    /// Size of the whole body in bytes.
    pub body_len: u64,
    /// Bytes of it that are not kept.
    pub body_lost: u64,
    /// What the answer's proof is worth, as [`EventDetail::proof`]; only calls of the source SDK want one.
    pub proof: Option<Proof>,
}

/// What a proof of origin is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The kind of proof.
    pub scheme: Scheme,
    /// What came of looking for it.
    pub outcome: ProofOutcome,
}

/// Why an attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The event was owed to the target.
    Forward,
    /// The event is a passthrough request and the caller waited.
    Passthrough,
    /// A person or script asked for it again.
    Replay,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The app answered with this status.
    Status(u16),
    /// It did not.
    Error {
        /// Kind of failure, for programs.
        kind: FailureKind,
        /// The failure in words.
        message: String,
    },
}

/// Kinds of failure of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// Nothing listens at the target.
    Refused,
    /// The target could not be reached for another reason: name, route, time.
    Unreachable,
    /// The TLS handshake with the target failed.
    Tls,
    /// The target broke the connection before its answer was whole.
    Reset,
    /// No whole answer in time.
    TimedOut,
    /// The target answered with something that is not HTTP.
    NotHttp,
    /// A kind that a newer version stored.
    Unknown,
}

impl Cause {
    /// The causes with their words, which stand in JSON lines.
    const WORDS: [(Self, &str); 3] = [
        (Self::Forward, "forward"),
        (Self::Passthrough, "passthrough"),
        (Self::Replay, "replay"),
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        words
            .find(|(cause, _)| *cause == self)
            .map_or("forward", |(_, word)| word)
    }

    /// Returns the cause of a word; one that a newer version wrote is a forward.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, known)| *known == word)
            .map_or(Self::Forward, |(cause, _)| *cause)
    }
}

impl FailureKind {
    /// The kinds with their words, which stand in the history's file and in JSON lines.
    const WORDS: [(Self, &str); 7] = [
        (Self::Refused, "refused"),
        (Self::Unreachable, "unreachable"),
        (Self::Tls, "tls"),
        (Self::Reset, "reset"),
        (Self::TimedOut, "timed-out"),
        (Self::NotHttp, "not-http"),
        (Self::Unknown, "unknown"),
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        words
            .find(|(kind, _)| *kind == self)
            .map_or("unknown", |(_, word)| word)
    }

    /// Returns the kind of a word; one that a newer version wrote is [`FailureKind::Unknown`].
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, known)| *known == word)
            .map_or(Self::Unknown, |(kind, _)| *kind)
    }

    /// Returns RingCentral's word for the failure.
    #[must_use]
    pub fn no_answer(self) -> NoAnswer {
        match self {
            Self::Refused => NoAnswer::Refused,
            Self::Unreachable => NoAnswer::Unreachable,
            Self::Tls => NoAnswer::Tls,
            Self::TimedOut => NoAnswer::TimedOut,
            Self::NotHttp => NoAnswer::NotHttp,
            Self::Reset | Self::Unknown => NoAnswer::Reset,
        }
    }
}

/// Events that the relay's journal no longer had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRow {
    /// Position among the gaps.
    pub row: RowId,
    /// The endpoint's id.
    pub endpoint: String,
    /// First missing `seq`.
    pub first: u64,
    /// Last missing `seq`.
    pub last: u64,
    /// When the client was told.
    pub noticed_at: Timestamp,
}

/// What is new in the body of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFieldsRow {
    /// Position among what is new.
    pub row: RowId,
    /// The event.
    pub event: EventId,
    /// Its endpoint's id.
    pub endpoint: String,
    /// Its number on the endpoint.
    pub seq: u64,
    /// Its topic.
    pub topic: String,
    /// What is new.
    pub new_fields: NewFields,
    /// When it was noticed.
    pub noticed_at: Timestamp,
}

/// How far the history reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermarks {
    /// Newest event row.
    pub events: RowId,
    /// Newest attempt row.
    pub attempts: RowId,
    /// Newest gap row.
    pub gaps: RowId,
    /// Newest row of what is new in events.
    pub new_fields: RowId,
    /// How often marks of events were changed.
    pub bookmarks: u64,
}

impl Watermarks {
    /// Takes in marks that may be older in part; returns whether anything has moved.
    pub fn advance(&mut self, other: Self) -> bool {
        let before = *self;
        self.events = self.events.max(other.events);
        self.attempts = self.attempts.max(other.attempts);
        self.gaps = self.gaps.max(other.gaps);
        self.new_fields = self.new_fields.max(other.new_fields);
        self.bookmarks = self.bookmarks.max(other.bookmarks);
        before != *self
    }
}

/// What the engine is doing. The latest value counts; states in between may be skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The endpoint's name.
    pub name: String,
    /// The endpoint's id and URL, once known.
    pub endpoint: Option<Endpoint>,
    /// The link.
    pub link: LinkState,
    /// Newest `seq` that the relay announced on this link.
    pub relay_head: u64,
    /// Newest `seq` in the history.
    pub cursor: u64,
    /// The target, unless there is none.
    pub target: Option<Target>,
    /// Events that are owed to the target.
    pub held: u64,
    /// Whether a person holds them back.
    pub paused: bool,
    /// How the app tries RingCentral's patience, in milliseconds since 1970.
    pub failing: Option<Failing>,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Its public URL.
    pub url: String,
}

/// The link's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Dialling.
    Connecting,
    /// Events flow.
    Connected,
    /// Waiting to dial again.
    Waiting {
        /// Code of the trouble, which [`ringtail_errors`] explains.
        code: &'static str,
        /// Why the last try or link ended.
        reason: String,
        /// When the next try begins.
        retry_at: Timestamp,
        /// How many tries failed in a row.
        failures: u32,
    },
    /// The relay refused for good: token, endpoint or version.
    Refused {
        /// Code of the refusal.
        code: &'static str,
        /// What it said.
        reason: String,
    },
    /// The engine was told to stop.
    Stopped,
}

/// The target and its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// URL, without credentials.
    pub url: String,
    /// Whether events go there as they come; else it is for replays alone.
    pub forwards: bool,
    /// Health.
    pub state: TargetState,
}

/// Health of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetState {
    /// Nothing tried yet.
    Untried,
    /// The last connection was accepted.
    Up,
    /// No connection is accepted; events are held.
    Down {
        /// What kind of failure it is.
        kind: FailureKind,
        /// Why, in words.
        reason: String,
        /// When it is tried next.
        retry_at: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_what_they_stand_for() {
        for cause in [Cause::Forward, Cause::Passthrough, Cause::Replay] {
            assert_eq!(Cause::of_word(cause.word()), cause);
        }
        for kind in [
            FailureKind::Refused,
            FailureKind::Unreachable,
            FailureKind::Tls,
            FailureKind::Reset,
            FailureKind::TimedOut,
            FailureKind::NotHttp,
            FailureKind::Unknown,
        ] {
            assert_eq!(FailureKind::of_word(kind.word()), kind);
        }
        let newer = "of a newer version";
        assert_eq!(FailureKind::of_word(newer), FailureKind::Unknown);
        assert_eq!(Cause::of_word(newer), Cause::Forward);
    }
}
