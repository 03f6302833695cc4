//! The journal in the relay's SQLite database.
//!
//! ```text
//! append ─▶ ringtail_sqlite::Writer: BEGIN IMMEDIATE … COMMIT ─▶ heads move ─▶ each append is answered
//! read   ─▶ the newest events from memory, or ringtail_sqlite::Readers, off the runtime
//! ```
//!
//! Invariants: the transaction that stores an event numbers it. Heads move and appends are answered only after the
//! commit, in that order, so that an acknowledged event is not above the head. Retention deletes from the old end of an
//! endpoint, in separate transactions.

mod checkpoint;
mod fresh;
mod known_time;
mod log;
mod page;
pub mod purge;
mod retention;
mod uuids;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use ringtail_protocol::event::Timestamp;
use ringtail_sqlite::{QueueLimits, Readers, Writer};
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use self::checkpoint::Checkpointer;
use self::fresh::Fresh;
use self::log::Log;
pub(super) use self::retention::step_space;
use super::heads::Heads;
use super::{
    AppendError, Appended, Deleted, EndpointKey, Entry, Journal, Page, Queued, ReadError, Retention,
};
use crate::metrics::JournalMetrics;
use crate::store::{self, DataDir, StoreError};

/// Bits of an event's key that are its `seq`; those above are its endpoint's key. The schema has the same number.
const SEQ_BITS: u32 = 42;

/// The highest `seq` that a key has room for.
const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

/// Connections that read at once. More would wait for the same disk.
const READERS: usize = 4;

/// Bytes of a request from which it gives way to smaller ones, so that no caller waits for several of 16 MiB.
const LARGE_BYTES: u32 = 1024 * 1024;

/// How much may be queued, here and for PostgreSQL.
pub(super) const QUEUE: QueueLimits = QueueLimits {
    operations: 16 * 1024,
    bytes: 64 * 1024 * 1024,
    large: Some(LARGE_BYTES),
};

/// A [`Journal`] in SQLite.
///
/// Dropping it writes queued entries and ends its thread, and blocks for that long; [`Journal::close`] does the same off
/// the runtime.
#[derive(Debug)]
pub struct SqliteJournal {
    id: String,
    writer: Arc<Writer<Log>>,
    readers: Readers,
    heads: Arc<Heads>,
    fresh: Arc<Fresh>,
}

impl SqliteJournal {
    /// Opens the journal in a data directory. Blocks.
    pub fn open(dir: &DataDir, retention: Retention) -> Result<Self, StoreError> {
        Self::observed(dir, retention, JournalMetrics::default())
    }

    /// Opens the journal and counts what it does.
    pub(crate) fn observed(
        dir: &DataDir,
        retention: Retention,
        metrics: JournalMetrics,
    ) -> Result<Self, StoreError> {
        Self::start(dir, store::open_writer(dir)?, retention, metrics)
    }

    fn start(
        dir: &DataDir,
        connection: Connection,
        retention: Retention,
        metrics: JournalMetrics,
    ) -> Result<Self, StoreError> {
        let id = "SELECT value FROM meta WHERE name = 'journal'";
        let id = connection.query_row(id, [], |row| row.get(0))?;
        let heads = Arc::new(Heads::new(heads(&connection)?));
        let path = dir.database();
        let readers = Readers::open(READERS, move || store::DATABASE.open_reader(&path))?;
        let fresh = Arc::default();
        let mut log = Log::load(
            &connection,
            Arc::clone(&heads),
            Arc::clone(&fresh),
            retention,
            metrics,
        )?;
        let failed = |source| StoreError::Thread {
            path: dir.database(),
            source,
        };
        let checkpointer = Checkpointer::spawn(dir.database()).map_err(failed)?;
        log.checkpointer = Some(checkpointer);
        let writer = Writer::spawn("journal", connection, log, QUEUE);
        Ok(Self {
            id,
            writer: Arc::new(writer.map_err(failed)?),
            readers,
            heads,
            fresh,
        })
    }
}

impl Journal for SqliteJournal {
    fn append(&self, entry: Entry) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let uuid_hash = entry.uuid_hash();
        let bytes = entry.request.as_bytes().len();
        let within = entry.within;
        let submitted = self.writer.submit(bytes, within, move |log, connection| {
            log.append(connection, &entry, uuid_hash)
        });
        async { submitted?.await?.ok_or(AppendError::NoEndpoint) }.boxed()
    }

    fn read(
        &self,
        endpoint: EndpointKey,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Page, ReadError>> {
        let events = self.fresh.after(endpoint, after, max_events, max_bytes);
        let newest = events.last().map_or(0, |event| event.seq);
        let head = self.heads.of(endpoint).max(newest);
        // A link that keeps up costs SQLite nothing.
        if after >= head || !events.is_empty() {
            let page = Page {
                events,
                missing: 0,
                head,
            };
            return future::ready(Ok(page)).boxed();
        }
        self.readers
            .read(move |connection| page::read(connection, endpoint, after, max_events, max_bytes))
            .map(|page| page.map_err(ReadError::from))
            .boxed()
    }

    fn read_part(
        &self,
        endpoint: EndpointKey,
        seq: u64,
        offset: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        let key = event_key(endpoint, seq);
        self.readers
            .read(move |connection| page::part(connection, key, offset, max_bytes))
            .map(|part| part.map_err(ReadError::from))
            .boxed()
    }

    fn head(&self, endpoint: EndpointKey) -> watch::Receiver<u64> {
        self.heads.subscribe(endpoint)
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn queued(&self) -> Queued {
        let (events, bytes) = self.writer.queued();
        Queued { events, bytes }
    }

    fn probe(&self) -> BoxFuture<'static, Result<(), AppendError>> {
        let submitted = self
            .writer
            .submit(0, Duration::ZERO, |_, connection| log::probe(connection));
        async { Ok(submitted?.await?) }.boxed()
    }

    fn retain(&self, now: Option<Timestamp>) -> BoxFuture<'static, Result<Deleted, AppendError>> {
        let (answer, answered) = oneshot::channel();
        let submitted = self
            .writer
            .submit(0, Duration::ZERO, move |log, connection| {
                log.begin_sweep(connection, now, Some(answer));
                Ok(())
            });
        async {
            submitted?.await?;
            answered.await.unwrap_or(Err(AppendError::Closed))
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.readers.close();
        let writer = Arc::clone(&self.writer);
        async {
            // Only a runtime that is shutting down refuses; then the drop closes the writer.
            drop(tokio::task::spawn_blocking(move || writer.close()).await);
        }
        .boxed()
    }
}

impl From<ringtail_sqlite::ReadError> for ReadError {
    fn from(error: ringtail_sqlite::ReadError) -> Self {
        match error {
            ringtail_sqlite::ReadError::Sqlite(error) => Self::Storage(Box::new(error)),
            _ => Self::Closed,
        }
    }
}

/// Returns the newest `seq` of each endpoint that ever had an event.
fn heads(connection: &Connection) -> rusqlite::Result<Vec<(EndpointKey, u64)>> {
    let mut select =
        connection.prepare("SELECT key, next_seq - 1 FROM endpoint WHERE next_seq > 1")?;
    let heads = select.query_map([], |row| {
        let head = row.get::<_, i64>(1)?.unsigned_abs();
        Ok((EndpointKey(row.get(0)?), head))
    })?;
    heads.collect()
}

/// Returns the key of an endpoint's event.
fn event_key(endpoint: EndpointKey, seq: u64) -> i64 {
    let seq = i64::try_from(seq.min(SEQ_MAX)).unwrap_or(i64::MAX);
    (endpoint.0 << SEQ_BITS) | seq
}

/// Returns the keys around an endpoint's events: the one before the first, and the last.
pub(crate) fn event_keys(endpoint: EndpointKey) -> (i64, i64) {
    (event_key(endpoint, 0), event_key(endpoint, SEQ_MAX))
}

/// Returns the `seq` in an event's key.
fn seq_of(key: i64) -> u64 {
    key.unsigned_abs() & SEQ_MAX
}

#[cfg(test)]
mod tests;
