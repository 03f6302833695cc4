//! What the screen needs from the engine.
//!
//! The screen reads the history from its own position and never waits inside the engine: [`Source::marks`] says
//! that something is new, the queries fetch it. A page is always in the order of the history, oldest first.

use std::error::Error;
use std::future::Future;

use ringtail_filter::Filter;
use ringtail_model::{
    AttemptRow, Bookmark, BookmarkRow, EventDetail, EventRow, GapRow, NewFieldsRow, RowId, Status,
    Watermarks,
};
use ringtail_protocol::event::EventId;
use ringtail_store::{Direction, Found};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// How much of what came in is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sight {
    /// As the user was promised: without secrets, unless the screen was started to show them.
    #[default]
    Usual,
    /// With secrets.
    Revealed,
    /// With pseudonyms for secrets and personal data.
    Pseudonyms,
}

/// In which form an event is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A curl command.
    Curl,
    /// An HTTPie command.
    Httpie,
    /// The request as HTTP/1.1 writes it.
    Raw,
    /// A line of JSON with all that is known.
    Json,
}

/// What is wanted of an event's mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkWish {
    /// That it has one.
    Mark,
    /// That it has one with this comment.
    Comment(String),
    /// That it has none.
    Clear,
}

impl Form {
    /// Returns what it is called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Httpie => "HTTPie",
            Self::Raw => "raw request",
            Self::Json => "JSON",
        }
    }

    /// Returns how the name of a file in this form ends.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Curl => "curl.sh",
            Self::Httpie => "httpie.sh",
            Self::Raw => "http",
            Self::Json => "ndjson",
        }
    }
}

/// What is known of a line of options while it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionLine {
    /// What is wrong with it.
    pub error: Option<String>,
    /// What its last word can become.
    pub offers: Vec<String>,
    /// What its last option does, unless there is something wrong that must be told instead.
    pub about: Option<String>,
    /// Whether the event is edited before it is sent.
    pub edits: bool,
}

/// What is told of a replay while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayStep {
    /// So many sends are to come.
    Begun(usize),
    /// One was sent.
    Sent {
        /// Whether RingCentral would have taken the answer.
        accepted: bool,
    },
}

/// How a replay went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many were sent.
    pub sent: usize,
    /// How many of the answers RingCentral would have taken.
    pub accepted: usize,
    /// How many were left out on purpose.
    pub left_out: usize,
    /// How many were not sent because it was stopped.
    pub not_sent: usize,
    /// How many the history had removed before it was their turn.
    pub gone: usize,
    /// The seed that nobody chose, if something followed it.
    pub seed: Option<u64>,
    /// The number of the last event that was sent, and its attempt.
    pub last: Option<(u64, AttemptRow)>,
    /// What is to be read: the answers that changed, or what would be sent.
    pub table: Option<Table>,
}

/// Events, with something told of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// What is told.
    pub title: String,
    /// The events.
    pub rows: Vec<TableRow>,
}

/// An event of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The event.
    pub event: EventId,
    /// Where it stands in the history.
    pub row: RowId,
    /// Its number.
    pub seq: u64,
    /// What is told of it.
    pub told: String,
    /// What it is.
    pub summary: String,
}

/// The engine as the screen sees it.
pub trait Source: Send + Sync + 'static {
    /// Returns a view of what the engine of each endpoint is doing, of one at least.
    fn status(&self) -> Vec<watch::Receiver<Status>>;

    /// Returns a view of how far the history reaches.
    fn marks(&self) -> watch::Receiver<Watermarks>;

    /// Returns events that a filter is for, those next to a row in a direction, oldest first, and where to go on. A
    /// search that takes long returns what it has found so far.
    fn events(
        &self,
        filter: &Filter,
        direction: Direction,
        from: RowId,
        limit: usize,
        sight: Sight,
    ) -> impl Future<Output = Result<Found, SourceError>> + Send;

    /// Returns those of some events that a filter is for.
    fn meant(
        &self,
        filter: &Filter,
        ids: Vec<EventId>,
        sight: Sight,
    ) -> impl Future<Output = Result<Vec<EventRow>, SourceError>> + Send;

    /// Returns the oldest attempts after a row, at most `limit`, oldest first.
    fn attempts_after(
        &self,
        row: RowId,
        limit: usize,
        sight: Sight,
    ) -> impl Future<Output = Result<Vec<AttemptRow>, SourceError>> + Send;

    /// Returns the oldest gaps after a row, at most `limit`, oldest first.
    fn gaps_after(
        &self,
        row: RowId,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<GapRow>, SourceError>> + Send;

    /// Returns the oldest of what is new in events after a row, at most `limit`, oldest first.
    fn new_fields_after(
        &self,
        row: RowId,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<NewFieldsRow>, SourceError>> + Send;

    /// Returns the marks of events from a row to another, the newest `limit` of them, newest first.
    fn bookmarks_between(
        &self,
        first: RowId,
        last: RowId,
        limit: usize,
        sight: Sight,
    ) -> impl Future<Output = Result<Vec<BookmarkRow>, SourceError>> + Send;

    /// Returns an event with everything that was received and answered, unless the history dropped it.
    fn event(
        &self,
        id: EventId,
        sight: Sight,
    ) -> impl Future<Output = Result<Option<EventDetail>, SourceError>> + Send;

    /// Returns the events of the same call or conversation, the newest `limit` of them, oldest first. Bodies that are
    /// too large to be of a call may be left out.
    fn course(
        &self,
        row: RowId,
        limit: usize,
        sight: Sight,
    ) -> impl Future<Output = Result<Vec<EventDetail>, SourceError>> + Send;

    /// Returns the event before another one that is of the same kind, if there is one.
    fn previous(
        &self,
        row: RowId,
    ) -> impl Future<Output = Result<Option<EventId>, SourceError>> + Send;

    /// Returns an event in a form in which it is taken away, unless the history dropped it.
    fn taken(
        &self,
        id: EventId,
        form: Form,
        sight: Sight,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, SourceError>> + Send;

    /// Bookmarks an event in the history, and returns what is said of it then.
    fn mark(
        &self,
        id: EventId,
        wish: MarkWish,
    ) -> impl Future<Output = Result<Option<Bookmark>, SourceError>> + Send;

    /// Holds events back from the target, or lets them go.
    fn hold(&self, on: bool);

    /// Sends events once more as a line of options says, which are those of `ringtail replay`; a line that names events
    /// is about those. Tells of each as it is sent, and sends no more once it is stopped. An attempt that fails is an
    /// attempt, too.
    fn replay(
        &self,
        ids: Vec<EventId>,
        line: String,
        sight: Sight,
        steps: mpsc::Sender<ReplayStep>,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<Report, SourceError>> + Send;

    /// Has an event edited in the terminal, which is lent meanwhile, and returns what came of it, unless nothing was
    /// changed.
    fn edit(
        &self,
        ids: Vec<EventId>,
        line: String,
    ) -> impl Future<Output = Result<Option<EventId>, SourceError>> + Send;
}

/// A query or a replay that failed, in the words of the engine.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SourceError(#[from] Box<dyn Error + Send + Sync>);

impl SourceError {
    /// Wraps the engine's error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}
