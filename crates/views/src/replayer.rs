//! Replays, by the options of `ringtail replay`, which only the program can parse.

use std::future::Future;

use ringtail_model::{AttemptRow, EventRow};
use ringtail_protocol::event::EventId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Runs replays for a front end. An error is one line for the user.
pub trait Replayer: Send + Sync + 'static {
    /// Sends events again, or those that the options select. Reports each send, and sends no more once `stop` is
    /// cancelled. A failed attempt is a result, not an error.
    fn replay(
        &self,
        ids: Vec<EventId>,
        options: String,
        steps: mpsc::Sender<ReplayStep>,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<ReplayReport, String>> + Send;

    /// Opens an event in an editor, which has the terminal meanwhile. Returns the edited copy, if there is one.
    fn edit(
        &self,
        ids: Vec<EventId>,
        options: String,
    ) -> impl Future<Output = Result<Option<EventId>, String>> + Send;
}

/// What is known about a line of options while it is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionsCheck {
    /// What is wrong with it.
    pub error: Option<String>,
    /// Completions of its last word.
    pub offers: Vec<String>,
    /// What its last option does, unless an error matters more.
    pub about: Option<String>,
    /// Whether the event is edited before it is sent.
    pub edits: bool,
}

/// The progress of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayStep {
    /// The number of sends to come.
    Begun(usize),
    /// One was sent.
    Sent {
        /// Whether RingCentral would accept the answer.
        accepted: bool,
    },
}

/// The result of a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Number of sends.
    pub sent: usize,
    /// Number of answers that RingCentral would accept.
    pub accepted: usize,
    /// Number of events left out by the options.
    pub left_out: usize,
    /// Number of events not sent because the replay was stopped.
    pub not_sent: usize,
    /// Number of events that retention deleted before they were sent.
    pub gone: usize,
    /// The seed that was drawn, if the options use one.
    pub seed: Option<u64>,
    /// The number of the last event and its attempt.
    pub last: Option<(u64, AttemptRow)>,
    /// The answers that changed, or what a dry run would send.
    pub table: Option<ResultTable>,
}

/// Events with a result for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultTable {
    /// The heading.
    pub title: String,
    /// The events and their results.
    pub rows: Vec<(EventRow, String)>,
}
