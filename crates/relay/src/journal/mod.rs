//! The relay's durable log of events.
//!
//! Invariant: when [`Journal::append`]'s future says `Ok`, the event survives the loss of power. Numbers are
//! given in the transaction that stores the event, so an endpoint's `seq` has no gaps when it is written; gaps
//! appear only at the old end, by retention, and by purging.

pub mod sqlite;
#[cfg(test)]
mod suite;

use std::fmt::Debug;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};
use tokio::sync::watch;

/// Number of an endpoint within one journal. Its public id is the accounts' matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointKey(pub i64);

/// An event that has no `seq` yet.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The endpoint that received it.
    pub endpoint: EndpointKey,
    /// Its identity.
    pub id: EventId,
    /// When the relay had read it.
    pub received_at: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// What becomes of it.
    pub disposition: Disposition,
    /// RingCentral's `uuid` from the envelope, by which duplicates are known.
    pub uuid: Option<Bytes>,
    /// The request.
    pub request: EncodedRequest,
}

/// What storing an event told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The event's number on its endpoint.
    pub seq: u64,
    /// Number of the earlier event with the same `uuid`.
    pub duplicate_of: Option<u64>,
}

/// Part of an endpoint's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Events in order of `seq`; gaps between them are seen by their numbers.
    pub events: Vec<Event>,
    /// The endpoint's newest `seq` when the page was read, 0 when it never had an event.
    pub head: u64,
}

/// Why an event was not stored. Each is a 503 to the caller: RingCentral is never told 200 by a relay that
/// cannot keep it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// More is waiting to be written than the queue may hold.
    #[error("the journal's queue is full")]
    QueueFull,
    /// The transaction failed.
    #[error("the journal could not commit")]
    Commit(#[source] std::sync::Arc<rusqlite::Error>),
    /// The endpoint was removed meanwhile.
    #[error("the endpoint is gone")]
    NoEndpoint,
    /// The journal has been closed.
    #[error("the journal is closed")]
    Closed,
}

/// Why events could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The database refused.
    #[error("the journal could not be read")]
    Database(#[from] rusqlite::Error),
    /// The journal has been closed.
    #[error("the journal is closed")]
    Closed,
}

/// Durable storage of events. One suite of tests runs on every implementation.
pub trait Journal: Debug + Send + Sync {
    /// Queues an entry at once and says, in time, that it is durable. A caller that only notes an event drops the
    /// future; the entry is written all the same.
    fn append(&self, entry: Entry) -> BoxFuture<'static, Result<Appended, AppendError>>;

    /// Reads events with `seq` greater than `after`, oldest first: at least one if there is any, then as many as
    /// `max_events` and `max_bytes` allow.
    fn read(
        &self,
        endpoint: EndpointKey,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Page, ReadError>>;

    /// Returns the endpoint's newest `seq`, changing as events become durable.
    fn head(&self, endpoint: EndpointKey) -> watch::Receiver<u64>;

    /// Identity of the journal. A restored or new journal has another, so that cursors are never mixed up.
    fn id(&self) -> &str;
}
