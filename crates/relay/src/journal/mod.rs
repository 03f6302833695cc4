//! The relay's durable log of events.
//!
//! Invariant: when the future of [`Journal::append`] resolves to `Ok`, the event survives the loss of power. The
//! transaction that stores an event numbers it, so an endpoint's `seq` has no gap when it is written. Gaps appear only
//! by retention, at the old end, and by purging.

mod heads;
pub mod postgres;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod suite;

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};
use ringtail_sqlite::WriteError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

/// Number of an endpoint within one journal. The accounts give it a public id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// What duplicates have in common (`Classified::identity`).
    pub identity: Option<Bytes>,
    /// The request.
    pub request: EncodedRequest,
    /// Time within which it is written: without a waiting caller it may share the transaction of others. PostgreSQL does without.
    pub within: Duration,
}

impl Entry {
    /// Returns the number under which the event's identity is looked up. The endpoint is part of it, so that the index
    /// needs no second column; 64 bits, so that two of a million events share one by chance in one relay of ten million.
    fn uuid_hash(&self) -> Option<i64> {
        let digest = Sha256::new()
            .chain_update(self.endpoint.0.to_be_bytes())
            .chain_update(self.identity.as_deref()?)
            .finalize();
        let first = digest.iter().take(8);
        Some(first.fold(0, |hash, byte| (hash << 8) | i64::from(*byte)))
    }
}

/// A stored event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The event's number on its endpoint; 0 if it gets one later.
    pub seq: u64,
    /// Number of the earlier event with the same identity.
    pub duplicate_of: Option<u64>,
}

impl Appended {
    /// An event that is durable on this relay and has no number yet.
    const SPOOLED: Self = Self {
        seq: 0,
        duplicate_of: None,
    };

    /// Returns whether no client can have the event yet.
    pub(crate) fn is_spooled(self) -> bool {
        self == Self::SPOOLED
    }
}

/// Part of an endpoint's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Events in order of `seq`; a jump of the numbers is a gap.
    pub events: Vec<Event>,
    /// Bytes at the end of the only event's request that the page has no room for.
    pub missing: usize,
    /// The endpoint's newest `seq` when the page was read, 0 when it never had an event.
    pub head: u64,
}

/// Entries that are not in the database yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queued {
    /// How many.
    pub events: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// What to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events older than this are deleted.
    pub max_age: Duration,
    /// When the endpoints of one account together have more bytes of events than this, the one with the most bytes loses
    /// its oldest. New events are never refused in favour of old ones: RingCentral would disable the subscription. The
    /// client reports deleted events as a gap.
    pub max_account_bytes: u64,
    /// The same for all endpoints together: a flooded endpoint loses its own events. The file is larger than the bytes
    /// of its events by up to a third.
    pub max_bytes: u64,
}

impl Retention {
    /// A month, so that a developer's holiday loses nothing.
    pub const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    /// 2 GiB, about a million notifications.
    pub const MAX_ACCOUNT_BYTES: u64 = 2 * 1024 * 1024 * 1024;
    /// 10 GiB, a few million notifications.
    pub const MAX_BYTES: u64 = 10 * 1024 * 1024 * 1024;
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: Self::MAX_AGE,
            max_account_bytes: Self::MAX_ACCOUNT_BYTES,
            max_bytes: Self::MAX_BYTES,
        }
    }
}

/// Bytes that an event counts for in addition to its request: its other columns and its row among the uuids.
const EVENT_BYTES: i64 = 96;

/// Returns the bytes that an event counts for.
fn event_bytes(request: &[u8]) -> i64 {
    i64::try_from(request.len()).unwrap_or(i64::MAX - EVENT_BYTES) + EVENT_BYTES
}

/// Bytes of events after which a step of retention deletes no further one: more than a transaction of appends has.
const STEP_BYTES: i64 = 10 * 1024 * 1024;

/// Returns how many bytes a step of retention deletes from the largest endpoint, which has `lead` more than the second
/// largest: not many more than those, so that endpoints of about one size share the loss, but an eighth of the excess in any
/// case, or endpoints of one size that are flooded together would fill the disk.
fn step_bytes(excess: i64, lead: i64) -> i64 {
    let share = (excess / 8).max(64 * 1024);
    excess.min(lead.saturating_add(share)).min(STEP_BYTES)
}

/// What retention deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why an event was not stored. Each is a 503 to the caller: a relay that cannot store an event never answers 200.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The queue is full.
    #[error("the journal's queue is full")]
    QueueFull,
    /// The transaction failed.
    #[error("the journal could not commit")]
    Commit(#[source] Arc<dyn Error + Send + Sync>),
    /// The endpoint was removed meanwhile.
    #[error("the endpoint is gone")]
    NoEndpoint,
    /// The journal has been closed.
    #[error("the journal is closed")]
    Closed,
}

impl From<WriteError> for AppendError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full => Self::QueueFull,
            WriteError::Sqlite(error) => Self::Commit(error),
            _ => Self::Closed,
        }
    }
}

/// Why events could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The storage failed.
    #[error("the journal could not be read")]
    Storage(#[source] Box<dyn Error + Send + Sync>),
    /// The journal has been closed.
    #[error("the journal is closed")]
    Closed,
}

/// Durable storage of events. One suite of tests runs on every implementation.
pub trait Journal: Debug + Send + Sync {
    /// Queues an entry at once; the future resolves when it is durable. The entry is written even if the future is
    /// dropped.
    fn append(&self, entry: Entry) -> BoxFuture<'static, Result<Appended, AppendError>>;

    /// Reads events with `seq` greater than `after`, oldest first: at least one if there is any, then as many as
    /// `max_events` and `max_bytes` allow. Of a request that is larger than `max_bytes`, the page has that many.
    fn read(
        &self,
        endpoint: EndpointKey,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Page, ReadError>>;

    /// Reads up to `max_bytes` of an event's request from `offset` on; nothing if the event is gone.
    fn read_part(
        &self,
        endpoint: EndpointKey,
        seq: u64,
        offset: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Bytes, ReadError>>;

    /// Returns the endpoint's newest `seq`, changing as events become durable.
    fn head(&self, endpoint: EndpointKey) -> watch::Receiver<u64>;

    /// Identity of the journal. A restored or new journal has another, so that cursors are never mixed up.
    fn id(&self) -> &str;

    /// Returns the entries that are queued or being written.
    fn queued(&self) -> Queued;

    /// Returns the entries that are durable on this relay only, because the database takes none.
    fn spooled(&self) -> Queued {
        Queued::default()
    }

    /// Writes a row to prove that the journal can.
    fn probe(&self) -> BoxFuture<'static, Result<(), AppendError>>;

    /// Deletes what [`Retention`] does not keep at the time `now`, or at the present time. The journal does this by
    /// itself every minute.
    fn retain(&self, now: Option<Timestamp>) -> BoxFuture<'static, Result<Deleted, AppendError>>;

    /// Refuses further entries and returns when all that are queued are written and answered. May be called again.
    fn close(&self) -> BoxFuture<'_, ()>;
}
