//! Events, attempts and states, as the history stores them and front ends show them.
//!
//! The engine prints nothing. It publishes its [`Status`] and the history's [`Watermarks`]; each front end reads the history
//! from its own position, so a slow one misses nothing and does not delay others.

pub mod headers;
pub mod new_fields;
pub mod redact;
pub mod secrets;
pub mod signature;
pub mod subscription;
pub mod target;
#[cfg(feature = "testing")]
pub mod testing;

use std::time::Duration;

use bytes::Bytes;
use ringtail_protocol::event::{Disposition, EventId, Header, Kind, Request, Timestamp};
use ringtail_ringcentral::classify::{RequestHead, classify};
use ringtail_ringcentral::signature::{Outcome as ProofOutcome, Scheme};
use ringtail_ringcentral::verdict::{Failing, NoAnswer, Verdict};

use crate::new_fields::NewFields;
use crate::subscription::SubscriptionStatus;

/// Position of a row in the history. It grows with each stored row and is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RowId(pub i64);

/// Topic of an event whose request cannot be read.
pub const UNDECODABLE: &str = "undecodable";

/// An event without headers and body, as lists show it.
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
    /// Kind of request.
    pub kind: Kind,
    /// What the relay did with it.
    pub disposition: Disposition,
    /// `seq` of the earlier event with the same RingCentral `uuid`.
    pub duplicate_of: Option<u64>,
    /// Id of the subscription that sent it, as its body says.
    pub subscription: Option<String>,
    /// Whether this client neither keeps nor kept that one for the endpoint: the usual cause of events that come twice.
    pub is_stranger: bool,
    /// When the relay received it.
    pub received_at: Timestamp,
    /// Method, as received.
    pub method: String,
    /// Path below the endpoint and query, as received.
    pub path: String,
    /// Topic from the catalogue.
    pub topic: String,
    /// One line of summary from the catalogue, free of control characters.
    pub summary: String,
    /// Size of the body in bytes.
    pub body_len: u64,
    /// State of forwarding.
    pub forward: ForwardState,
    /// The user's bookmark, if any.
    pub bookmark: Option<Bookmark>,
    /// The event of which this one is an edited copy.
    pub edited_from: Option<EventId>,
    /// Fields of the body that no earlier event of its kind had.
    pub new_fields: Option<NewFields>,
    /// The newest attempt, if any.
    pub last_attempt: Option<AttemptRow>,
}

impl EventRow {
    /// Returns the id of the subscription that sent it, if that is a stranger's.
    #[must_use]
    pub fn stranger(&self) -> Option<&str> {
        self.subscription.as_deref().filter(|_| self.is_stranger)
    }
}

/// Returns the name part of an endpoint's id, which is the name, a hyphen and a part without hyphens.
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

/// A user's bookmark on an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bookmark {
    /// One line of text, possibly empty.
    pub comment: String,
}

/// A bookmark with its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookmarkRow {
    /// The event's position.
    pub row: RowId,
    /// The event.
    pub event: EventId,
    /// The bookmark.
    pub bookmark: Bookmark,
}

/// An event with headers, body and attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDetail {
    /// The row.
    pub event: EventRow,
    /// Address of the caller as seen by the relay.
    pub peer: String,
    /// Header fields as received.
    pub headers: Vec<Header>,
    /// Body as received.
    pub body: Bytes,
    /// Result of checking the signature or token; `None` for requests that RingCentral does not sign, and before
    /// [`crate::signature`] has checked it.
    pub proof: Option<Proof>,
    /// Number of an earlier event nearby that has the same `uuid` and other content; see [`EventRow::duplicate_of`].
    pub uuid_of: Option<u64>,
    /// The newest attempts, oldest first.
    pub attempts: Vec<AttemptDetail>,
    /// Number of attempts before them.
    pub older_attempts: usize,
    /// How many of those have a response.
    pub older_answers: usize,
}

/// State of an event's forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForwardState {
    /// Nothing to forward: answered by the relay, or by the app as a passthrough request.
    None,
    /// Not yet delivered to the target.
    Pending,
    /// Forwarded; the attempt has the result.
    Done,
    /// Not forwarded, because its signature or token is missing or invalid and the user chose to reject such requests.
    Rejected,
}

impl ForwardState {
    /// Returns its word in JSON lines.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Rejected => "rejected",
        }
    }
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
    /// URL of the request.
    pub target: String,
    /// When the request began.
    pub started_at: Timestamp,
    /// Time from the first byte sent to the last received, or to the failure.
    pub duration: Duration,
    /// Status or error.
    pub outcome: Outcome,
    /// RingCentral's verdict on the response.
    pub verdict: Verdict,
}

/// An attempt with the app's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptDetail {
    /// The row.
    pub attempt: AttemptRow,
    /// Header fields of the response.
    pub headers: Vec<Header>,
    /// The stored part of the response body.
    pub body: Bytes,
    /// Size of the whole body in bytes.
    pub body_len: u64,
    /// Bytes of the body that are not stored.
    pub body_lost: u64,
    /// As [`EventDetail::proof`], for the response; only calls of the source SDK require it.
    pub proof: Option<Proof>,
}

/// Result of checking a signature or token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The scheme.
    pub scheme: Scheme,
    /// The result.
    pub outcome: ProofOutcome,
}

/// Why an attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Forwarding of a pending event.
    Forward,
    /// A passthrough request.
    Passthrough,
    /// A replay.
    Replay,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The app responded with this status.
    Status(u16),
    /// The app did not respond.
    Error {
        /// The kind of failure.
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
    /// The target is unreachable for another reason: name, route or timeout.
    Unreachable,
    /// The TLS handshake with the target failed.
    Tls,
    /// The target closed the connection before the response was complete.
    Reset,
    /// No complete response in time.
    TimedOut,
    /// The response is not HTTP.
    NotHttp,
    /// A kind stored by a newer version.
    Unknown,
}

impl Cause {
    /// The words in JSON lines.
    const WORDS: [(Self, &str); 3] = [
        (Self::Forward, "forward"),
        (Self::Passthrough, "passthrough"),
        (Self::Replay, "replay"),
    ];

    /// Returns its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        words
            .find(|(cause, _)| *cause == self)
            .map_or("forward", |(_, word)| word)
    }

    /// Returns the cause of a word, [`Cause::Forward`] for an unknown one.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, known)| *known == word)
            .map_or(Self::Forward, |(cause, _)| *cause)
    }
}

impl FailureKind {
    /// The words in the history and in JSON lines.
    const WORDS: [(Self, &str); 7] = [
        (Self::Refused, "refused"),
        (Self::Unreachable, "unreachable"),
        (Self::Tls, "tls"),
        (Self::Reset, "reset"),
        (Self::TimedOut, "timed-out"),
        (Self::NotHttp, "not-http"),
        (Self::Unknown, "unknown"),
    ];

    /// Returns its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        words
            .find(|(kind, _)| *kind == self)
            .map_or("unknown", |(_, word)| word)
    }

    /// Returns the kind of a word, [`FailureKind::Unknown`] for an unknown one.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, known)| *known == word)
            .map_or(Self::Unknown, |(kind, _)| *kind)
    }

    /// Returns the failure as RingCentral sees it.
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

/// Events that the relay's journal no longer has.
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
    /// When the client learnt of it.
    pub noticed_at: Timestamp,
}

/// New fields of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFieldsRow {
    /// Position among such rows.
    pub row: RowId,
    /// The event.
    pub event: EventId,
    /// Its endpoint's id.
    pub endpoint: String,
    /// Its number on the endpoint.
    pub seq: u64,
    /// Its topic.
    pub topic: String,
    /// The new fields.
    pub new_fields: NewFields,
    /// When they were found.
    pub noticed_at: Timestamp,
}

/// How far the history has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermarks {
    /// Newest event row.
    pub events: RowId,
    /// Newest attempt row.
    pub attempts: RowId,
    /// Newest gap row.
    pub gaps: RowId,
    /// Newest row of new fields.
    pub new_fields: RowId,
    /// Number of changes of bookmarks.
    pub bookmarks: u64,
}

impl Watermarks {
    /// Raises each watermark to that of `other`; returns true if any changed.
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

/// State of the engine. Readers may skip intermediate states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The endpoint's name.
    pub name: String,
    /// The endpoint, once known.
    pub endpoint: Option<Endpoint>,
    /// The link.
    pub link: LinkState,
    /// Newest `seq` announced by the relay.
    pub relay_head: u64,
    /// Newest `seq` in the history.
    pub cursor: u64,
    /// The target, if any.
    pub target: Option<Target>,
    /// Pending events.
    pub pending: u64,
    /// Pending events that the app has had for so long that a response is late, oldest first.
    pub unanswered: Vec<Unanswered>,
    /// Whether the user paused forwarding.
    pub paused: bool,
    /// When slow or failing responses began, in milliseconds since 1970.
    pub failing: Option<Failing>,
    /// What the last canary found, if canaries are sent.
    pub canary: Option<CanaryState>,
    /// The subscription at RingCentral, if this client keeps it.
    pub subscription: Option<Box<SubscriptionStatus>>,
}

impl Status {
    /// Returns the status of an engine that has just started.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: None,
            link: LinkState::Connecting,
            relay_head: 0,
            cursor: 0,
            target: None,
            pending: 0,
            unanswered: Vec::new(),
            paused: false,
            failing: None,
            canary: None,
            subscription: None,
        }
    }
}

/// What a canary found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryState {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How long the whole way took, or where it ended.
    pub result: Result<Duration, CanaryLost>,
}

/// Where a canary was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryLost {
    /// The hop.
    pub hop: &'static str,
    /// The code, which [`ringtail_errors`] explains.
    pub code: &'static str,
    /// The failure in words.
    pub reason: String,
}

/// An event that was sent to the target and has no response yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unanswered {
    /// Position of the event.
    pub row: RowId,
    /// Number of the event on its endpoint.
    pub seq: u64,
    /// When the connection for it was made.
    pub sent_at: Timestamp,
}

impl Unanswered {
    /// Returns how long ago it was sent, for people.
    #[must_use]
    pub fn words(&self, now: Timestamp) -> String {
        let seconds = now.0.saturating_sub(self.sent_at.0).max(0) / 1_000_000;
        format!("#{} sent {seconds} s ago, no response yet", self.seq)
    }
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
    /// Passthrough requests flow; events wait on the relay, because pending ones fill the history.
    Full,
    /// The same, because this machine's disk is full.
    DiskFull,
    /// Waiting before the next try.
    Waiting {
        /// Code of the trouble, which [`ringtail_errors`] explains.
        code: &'static str,
        /// Why the last try or link failed.
        reason: String,
        /// When the next try begins.
        retry_at: Timestamp,
        /// Failures in a row.
        failures: u32,
        /// When the first of them was.
        since: Timestamp,
    },
    /// The relay refused permanently: token, endpoint or version.
    Refused {
        /// Code of the refusal.
        code: &'static str,
        /// The relay's message.
        reason: String,
    },
    /// The engine has stopped.
    Stopped,
}

/// The target and its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// URL, without credentials.
    pub url: String,
    /// Whether events are forwarded; otherwise the target is for replays only.
    pub forwards: bool,
    /// Health.
    pub state: TargetState,
}

/// Health of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetState {
    /// Not tried yet.
    Untried,
    /// The last connection was accepted.
    Up,
    /// Connections fail; events stay pending.
    Down {
        /// The kind of failure.
        kind: FailureKind,
        /// The failure in words.
        reason: String,
        /// When the next probe starts.
        retry_at: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_unknown_ones_have_a_default() {
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
