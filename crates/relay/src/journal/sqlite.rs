//! The journal in the relay's SQLite database.
//!
//! ```text
//! append ─▶ queue ─▶ writer thread: BEGIN IMMEDIATE … COMMIT ─▶ heads move ─▶ each append is answered
//! read   ─▶ a few read-only connections, off the runtime
//! ```
//!
//! Invariants: one thread writes events. A number is given in the transaction that stores its event. Heads move
//! and appends are answered only after the commit, in that order, so whoever was told `Ok` finds the event below
//! the head. Retention takes events from the old end of an endpoint, in transactions of its own.

mod heads;
mod known_time;
mod metrics;
pub mod purge;
mod queue;
mod reader;
mod retention;
mod uuids;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use ringtail_protocol::event::Timestamp;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tokio::sync::{oneshot, watch};

use self::heads::Heads;
use self::queue::{Append, Queue, Work};
use self::reader::Readers;
use self::writer::Writer;
use super::{AppendError, Appended, EndpointKey, Entry, Journal, Page, ReadError};
use crate::store::{self, DataDir, StoreError};

pub(crate) use self::metrics::JournalMetrics;
pub use self::queue::QueueLimits;
pub use self::retention::{MAX_ACCOUNT_BYTES, MAX_AGE, MAX_BYTES, Retention, Swept};

/// Bits of an event's key that are its `seq`; those above are its endpoint's key. The schema has the same number.
const SEQ_BITS: u32 = 42;

/// The highest `seq` that a key has room for.
const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

/// What a journal is opened with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What is thrown away.
    pub retention: Retention,
    /// How much may wait to be written.
    pub queue: QueueLimits,
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the database has cannot be read.
    #[error("the journal could not be read")]
    Database(#[from] rusqlite::Error),
    /// There is no thread to write from.
    #[error("the journal's thread could not be started")]
    Thread(#[source] std::io::Error),
}

/// A [`Journal`] in SQLite.
///
/// Dropping it writes what waits and ends its thread, and blocks for that long; [`SqliteJournal::close`] does the
/// same off the runtime.
#[derive(Debug)]
pub struct SqliteJournal {
    id: String,
    queue: Arc<Queue>,
    heads: Arc<Heads>,
    readers: Arc<Readers>,
    metrics: JournalMetrics,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteJournal {
    /// Opens the journal in a data directory. Blocks.
    ///
    /// # Errors
    /// When the database cannot be opened or read, or no thread can be started.
    pub fn open(dir: &DataDir, options: Options) -> Result<Self, OpenError> {
        Self::start(dir, store::open_writer(dir)?, options)
    }

    fn start(dir: &DataDir, connection: Connection, options: Options) -> Result<Self, OpenError> {
        let id =
            connection.query_row("SELECT value FROM meta WHERE name = 'journal'", [], |row| {
                row.get(0)
            })?;
        let heads = Arc::new(Heads::load(&connection)?);
        let queue = Arc::new(Queue::new(options.queue));
        let readers = Arc::new(Readers::open(dir.clone())?);
        let metrics = JournalMetrics::default();
        let writer = Writer::new(
            connection,
            Arc::clone(&queue),
            Arc::clone(&heads),
            options.retention,
            metrics.clone(),
        )?;
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        Ok(Self {
            id,
            queue,
            heads,
            readers,
            metrics,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Throws away what retention does not keep at the time `now`, beside what is appended. The writer does this by
    /// itself every minute.
    ///
    /// # Errors
    /// When the database refuses or the journal is closed.
    pub async fn retain(&self, now: Timestamp) -> Result<Swept, AppendError> {
        self.sweep_at(Some(now)).await
    }

    /// Does now what the writer does every minute.
    ///
    /// # Errors
    /// When the database refuses or the journal is closed.
    pub(crate) async fn sweep(&self) -> Result<Swept, AppendError> {
        self.sweep_at(None).await
    }

    async fn sweep_at(&self, now: Option<Timestamp>) -> Result<Swept, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(Work::Sweep { now, answer })?;
        answered.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Returns what the journal counts.
    pub(crate) fn metrics(&self) -> &JournalMetrics {
        &self.metrics
    }

    /// Returns what waits to be written, or is being written: entries and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        self.queue.waiting()
    }

    /// Writes a row and returns when it is durable, which is how the journal shows that it can.
    ///
    /// # Errors
    /// When the database refuses, too much waits to be written, or the journal is closed.
    pub(crate) async fn probe(&self) -> Result<(), AppendError> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(Work::Probe { answer })?;
        answered.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Takes no more entries, writes those that wait, answers them and ends the thread. Calling it again, or from
    /// two tasks, is fine; each returns when the journal is closed.
    pub async fn close(self: &Arc<Self>) {
        self.queue.close();
        let journal = Arc::clone(self);
        // Only a runtime that is shutting down refuses; then `Drop` ends the thread.
        drop(tokio::task::spawn_blocking(move || journal.join()).await);
    }

    /// Ends the thread, blocking until it has.
    fn join(&self) {
        self.queue.close();
        self.readers.close();
        // Held while joining, so that a second caller returns no earlier than the first.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!(
                "the journal's thread panicked; what it had not committed was not acknowledged"
            );
        }
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.join();
    }
}

impl Journal for SqliteJournal {
    fn append(&self, entry: Entry) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let (answer, answered) = oneshot::channel();
        let uuid_hash = entry
            .uuid
            .as_deref()
            .map(|uuid| uuid_hash(entry.endpoint, uuid));
        let append = Append {
            entry,
            uuid_hash,
            answer,
        };
        match self.queue.push(Work::Append(append)) {
            Ok(()) => answered
                .map(|answer| answer.unwrap_or(Err(AppendError::Closed)))
                .boxed(),
            Err(refused) => future::ready(Err(refused)).boxed(),
        }
    }

    fn read(
        &self,
        endpoint: EndpointKey,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Page, ReadError>> {
        Arc::clone(&self.readers)
            .read(endpoint, after, max_events, max_bytes)
            .boxed()
    }

    fn head(&self, endpoint: EndpointKey) -> watch::Receiver<u64> {
        self.heads.subscribe(endpoint)
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// Returns the number under which a RingCentral `uuid` is looked up. The endpoint is part of it, so that the index
/// needs no second column; 64 bits, so that two of a million events share one by chance in one relay of ten million.
fn uuid_hash(endpoint: EndpointKey, uuid: &[u8]) -> i64 {
    let digest = Sha256::new()
        .chain_update(endpoint.0.to_be_bytes())
        .chain_update(uuid)
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |hash, byte| (hash << 8) | i64::from(*byte))
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
