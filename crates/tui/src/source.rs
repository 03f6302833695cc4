//! What the screen needs from the engine.
//!
//! The screen reads the history from its own position and never waits inside the engine: [`Source::marks`] says
//! that something is new, the queries fetch it. A page is always in the order of the history, oldest first.

use std::error::Error;
use std::future::Future;

use ringtail_client::filter::Filter;
use ringtail_client::history::{Direction, Found};
use ringtail_client::model::{AttemptRow, EventDetail, EventRow, GapRow, Marks, RowId, Status};
use ringtail_protocol::event::EventId;
use tokio::sync::watch;

/// The engine as the screen sees it.
pub trait Source: Send + Sync + 'static {
    /// Returns a view of what the engine is doing.
    fn status(&self) -> watch::Receiver<Status>;

    /// Returns a view of how far the history reaches.
    fn marks(&self) -> watch::Receiver<Marks>;

    /// Returns events that a filter is for, those next to a row in a direction, oldest first, and where to go on. A
    /// search that takes long returns what it has found so far.
    fn events(
        &self,
        filter: &Filter,
        direction: Direction,
        from: RowId,
        limit: usize,
    ) -> impl Future<Output = Result<Found, SourceError>> + Send;

    /// Returns those of some events that a filter is for.
    fn meant(
        &self,
        filter: &Filter,
        ids: Vec<EventId>,
    ) -> impl Future<Output = Result<Vec<EventRow>, SourceError>> + Send;

    /// Returns the oldest attempts after a row, at most `limit`, oldest first.
    fn attempts_after(
        &self,
        row: RowId,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<AttemptRow>, SourceError>> + Send;

    /// Returns the oldest gaps after a row, at most `limit`, oldest first.
    fn gaps_after(
        &self,
        row: RowId,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<GapRow>, SourceError>> + Send;

    /// Returns an event with everything that was received and answered, unless the history dropped it. Its secrets
    /// are masked unless they are to be revealed.
    fn event(
        &self,
        id: EventId,
        reveal: bool,
    ) -> impl Future<Output = Result<Option<EventDetail>, SourceError>> + Send;

    /// Forwards an event once more, signed anew if that is wanted. Returns the attempt when it is recorded; one that
    /// fails is an attempt, too.
    fn replay(
        &self,
        id: EventId,
        sign: bool,
    ) -> impl Future<Output = Result<AttemptRow, SourceError>> + Send;
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
