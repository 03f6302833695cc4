//! The client's history of events and attempts: one SQLite file, one writing thread, a pool of readers.
//!
//! ```text
//! store, record_attempt, … ─▶ ringtail_sqlite::Writer: BEGIN IMMEDIATE … COMMIT ─▶ watermarks move ─▶ answers
//! queries                  ─▶ ringtail_sqlite::Readers, off the runtime
//! search                   ─▶ the same readers, with the search index attached
//! ```
//!
//! Invariants:
//! * Events and the cursor that covers them are written in one transaction, and an attempt with the new state of its event.
//!   What the cursor covers is in the file, or is a gap in it.
//! * Each event is stored once, known by its id and by its `seq` in its journal, however often it comes.
//! * Several processes may use one history. SQLite lets one of them write at a time.
//! * The search index is a separate file with a separate thread. It never decides what a search finds.
//!
//! When to ask the relay for events, and what to do with pending ones, is the engine's business.

mod attempts;
mod bookmark;
mod canary;
mod codes;
mod edited;
mod failure_clock;
mod fields;
mod headers;
mod incoming;
mod other_processes;
mod pending;
mod query;
mod reads;
mod record;
mod retention;
mod schema;
mod search;
mod select;
mod subscriptions;
mod writer;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ringtail_errors::{self as errors, Code, Coded};
use rusqlite::{Connection, ffi};
use tokio::sync::{Semaphore, oneshot, watch};

use ringtail_model::{RowId, Watermarks};
use ringtail_protocol::event::{EncodeError, Event, EventId, Request};
use ringtail_sqlite::{self as sqlite, Readers, WriteError, Writer, savepoint};

pub use self::attempts::NewAttempt;
pub use self::bookmark::{BookmarkChange, Comment, CommentError};
pub use self::edited::origin_name;
pub use self::fields::LEARN;
pub use self::incoming::{IMPORT, Incoming, Stored};
pub use self::other_processes::{OFTEN, SELDOM};
use self::pending::{NewPending, PendingSignal};
pub use self::pending::{PendingEvent, StoredRequest};
pub use self::query::{MAX_PAGE, QueryResult, Reader};
pub use self::record::Forwarding;
use self::record::Record;
pub use self::retention::Retention;
pub use self::schema::{FILE_NAME, OpenError};
use self::search::IndexThread;
pub use self::search::{Direction, Found, INDEX_FILE_NAME, Search};
pub use self::select::{IdPrefix, Selector, SelectorError};
use self::writer::Recorder;

/// Queries that run at once; more wait.
const READERS: usize = 4;

/// A handle to the history; clones share it.
///
/// Dropping the last one blocks until the queue is written and the threads have ended.
#[derive(Clone)]
pub struct History {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: Writer<Recorder>,
    readers: Readers,
    index: IndexThread,
    /// Bytes of pending events that the history takes.
    max_pending: u64,
    watermarks: watch::Sender<Watermarks>,
    pending: PendingSignal,
    /// Of the task that watches other processes.
    watching: Semaphore,
}

/// Why something was not stored.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite or the disk failed.
    #[error("the history cannot be written")]
    Database(#[source] WriteFailure),
    /// The relay gave an event a number that no journal can have.
    #[error("the relay sent the number {seq}, which no event can have")]
    Number {
        /// The number.
        seq: u64,
    },
    /// The writing thread has ended.
    #[error("the history is closed")]
    Closed,
}

impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Sqlite(source) => Self::Database(WriteFailure(source)),
            _ => Self::Closed,
        }
    }
}

impl StoreError {
    /// Returns true if the disk has no room.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let Self::Database(WriteFailure(error)) = self else {
            return false;
        };
        let code = error.sqlite_error().map(|error| error.extended_code);
        // The second is for the index of the write-ahead log, which is another file.
        [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE]
            .map(Some)
            .contains(&code)
    }
}

/// What SQLite said. Its own cause repeats that in other words, and is not a source here.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct WriteFailure(Arc<rusqlite::Error>);

impl Coded for StoreError {
    fn code(&self) -> &'static Code {
        &errors::codes::HISTORY_WRITE
    }
}

/// Why an edited event was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// It is larger than an event can be.
    #[error("an event cannot be like this")]
    Encode(#[from] EncodeError),
    /// The history could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Coded for AddError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Encode(_) => &errors::codes::EDITED,
            Self::Store(error) => error.code(),
        }
    }
}

/// Why something was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// SQLite failed.
    #[error("the history could not be read")]
    Database(#[from] rusqlite::Error),
    /// The runtime is shutting down.
    #[error("the history is closed")]
    Closed,
}

impl From<sqlite::ReadError> for ReadError {
    fn from(error: sqlite::ReadError) -> Self {
        match error {
            sqlite::ReadError::Sqlite(source) => Self::Database(source),
            _ => Self::Closed,
        }
    }
}

/// Keeps the history's threads out of every transaction and lock until it is dropped. What is to be written waits.
#[derive(Debug)]
pub struct Paused {
    _writer: sqlite::Paused,
    _index: oneshot::Sender<()>,
}

impl Coded for ReadError {
    fn code(&self) -> &'static Code {
        &errors::codes::HISTORY_READ
    }
}

impl History {
    /// Opens the history in the data directory `dir`, makes it when there is none, and starts its threads. Blocks. Nothing
    /// is ever deleted.
    ///
    /// # Errors
    /// When the files cannot be made, are another program's, or were written by a newer version.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::start(dir, None)
    }

    /// Opens the history, and enforces the limits as long as it is open.
    ///
    /// # Errors
    /// As [`History::open`].
    pub fn open_keeping(dir: &Path, retention: Retention) -> Result<Self, OpenError> {
        Self::start(dir, Some(retention))
    }

    fn start(dir: &Path, retention: Option<Retention>) -> Result<Self, OpenError> {
        let opened = schema::open_writer(dir)?;
        let database = |source| OpenError::Database {
            path: opened.path.clone(),
            source,
        };
        let reached = query::watermarks(&opened.connection).map_err(database)?;
        let (watermarks, _) = watch::channel(reached);
        let path = opened.path.clone();
        let readers = Readers::new(READERS, move || schema::HISTORY.open_reader(&path));
        let index = IndexThread::spawn(dir).map_err(OpenError::System)?;
        let pending = PendingSignal::default();
        let recorder = Recorder::new(
            watermarks.clone(),
            pending.clone(),
            retention,
            index.notifier().clone(),
        );
        let writer = Writer::spawn("history", opened.connection, recorder, writer::QUEUE)
            .map_err(OpenError::System)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: opened.path,
                writer,
                readers,
                index,
                max_pending: retention.map_or(u64::MAX, |keep| keep.max_bytes),
                watermarks,
                pending,
                watching: Semaphore::new(1),
            }),
        })
    }

    /// Returns how far the history reaches, as of the newest commit of this process; it covers what other processes have
    /// written until then, see [`History::watch_others`]. While commits follow each other, receivers wake every 25 ms.
    #[must_use]
    pub fn watermarks(&self) -> watch::Receiver<Watermarks> {
        self.inner.watermarks.subscribe()
    }

    /// Returns a receiver that wakes when this process has stored a pending event of the endpoint.
    #[must_use]
    pub fn pending_grows(&self, endpoint: &str) -> watch::Receiver<()> {
        self.inner.pending.subscribe(endpoint)
    }

    /// Returns the endpoint's first pending event after a row, if it was stored alone just now and is still in memory.
    #[must_use]
    pub fn fresh_pending(
        &self,
        endpoint: &str,
        after: RowId,
    ) -> Option<(PendingEvent, StoredRequest)> {
        self.inner.pending.fresh(endpoint, after)
    }

    /// Returns up to which event the search index reaches, as long as this process fills it.
    #[must_use]
    pub fn indexed(&self) -> watch::Receiver<RowId> {
        self.inner.index.indexed()
    }

    /// Stores what the link delivered, and the cursor with it. After this returns, the client may confirm the cursor.
    ///
    /// A batch should be a few MiB at most; batches of several callers share a commit.
    ///
    /// # Errors
    /// When nothing of the batch was stored.
    pub async fn store(
        &self,
        endpoint: &str,
        journal: &str,
        batch: Vec<Incoming>,
        forwarding: Forwarding,
    ) -> Result<Stored, StoreError> {
        let numbers = batch.iter().map(|incoming| match incoming {
            Incoming::Event(event) => event.seq,
            Incoming::Canary { seq, .. } => *seq,
            Incoming::Gap { last, .. } => *last,
            Incoming::Start => 0,
        });
        if let Some(seq) = numbers.max().filter(|seq| i64::try_from(*seq).is_err()) {
            return Err(StoreError::Number { seq });
        }
        let mut bytes = 0;
        let record = |incoming: Incoming| {
            incoming.map(|event| {
                let record = Record::of(&event, &forwarding);
                bytes += record.bytes();
                record
            })
        };
        let batch: Vec<Incoming<Record>> = batch.into_iter().map(record).collect();
        let (endpoint, journal) = (endpoint.to_owned(), journal.to_owned());
        let only = match &batch[..] {
            [Incoming::Event(record)] => record.fresh(&endpoint),
            _ => None,
        };
        self.write(bytes, move |recorder, connection| {
            let fields = Some(&mut recorder.fields);
            let stored = incoming::store(connection, fields, &endpoint, &journal, &batch)?;
            if let Some(newest) = stored.pending {
                recorder.pending.push(NewPending {
                    endpoint,
                    newest,
                    only,
                });
            }
            Ok(stored)
        })
        .await
    }

    /// Stores events of a recording with their attempts and bookmarks, all of it or nothing. None becomes pending. They get
    /// the numbers after the endpoint's last one; events that the history has already are left out, with what belongs to them.
    ///
    /// # Errors
    /// When nothing of it was stored.
    pub async fn import(
        &self,
        endpoint: &str,
        events: Vec<Event>,
        attempts: Vec<NewAttempt>,
        bookmarks: Vec<(EventId, Comment)>,
    ) -> Result<Stored, StoreError> {
        let events = events.iter();
        let records: Vec<_> = events
            .map(|event| Record::of(event, &Forwarding::Off))
            .collect();
        let bytes = records.iter().map(Record::bytes).sum();
        let endpoint = endpoint.to_owned();
        self.write(bytes, move |recorder, connection| {
            // Here and not before: another process may import under the same name.
            let mut seq = incoming::cursor(connection, &endpoint, IMPORT)?.unwrap_or(0);
            let (mut batch, mut known) = (Vec::with_capacity(records.len()), HashSet::new());
            for record in records {
                if Reader::new(connection).row_of(record.id)?.is_some() {
                    known.insert(record.id);
                } else {
                    seq += 1;
                    batch.push(Incoming::Event(Record { seq, ..record }));
                }
            }
            let fields = Some(&mut recorder.fields);
            let stored = incoming::store(connection, fields, &endpoint, IMPORT, &batch)?;
            for attempt in attempts.iter().filter(|it| !known.contains(&it.event)) {
                attempts::record(connection, attempt, false)?;
            }
            for (id, comment) in bookmarks.into_iter().filter(|(id, _)| !known.contains(id)) {
                bookmark::change(connection, &[id], &BookmarkChange::Comment(comment))?;
            }
            Ok(stored)
        })
        .await
    }

    /// Forgets how far a journal has been stored. Its events stay, under another name of the journal, because the relay may
    /// use their numbers again.
    ///
    /// # Errors
    /// When nothing was changed.
    pub async fn forget_journal(&self, endpoint: &str, journal: &str) -> Result<(), StoreError> {
        let (endpoint, journal) = (endpoint.to_owned(), journal.to_owned());
        self.write(0, move |_, connection| {
            incoming::forget(connection, &endpoint, &journal)
        })
        .await
    }

    /// Returns whether more pending events may come. Retention never deletes them, so whoever knows the endpoint's URL could
    /// fill the disk while the app is down.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn has_room(&self) -> Result<bool, ReadError> {
        let max = self.inner.max_pending;
        self.read(move |reader| reader.has_room(max)).await
    }

    /// Records an attempt. If it completes a pending event, the event is marked as forwarded in the same transaction.
    ///
    /// # Errors
    /// When it was not recorded.
    pub async fn record_attempt(
        &self,
        attempt: NewAttempt,
        completes: bool,
    ) -> Result<RowId, StoreError> {
        self.record_attempt_within(Duration::ZERO, attempt, completes)
            .await
    }

    /// Records an attempt as [`History::record_attempt`] does, within some time, so that others share its transaction.
    ///
    /// # Errors
    /// When it was not recorded.
    pub async fn record_attempt_within(
        &self,
        within: Duration,
        attempt: NewAttempt,
        completes: bool,
    ) -> Result<RowId, StoreError> {
        self.write_within(attempt.bytes(), within, move |_, connection| {
            attempts::record(connection, &attempt, completes)
        })
        .await
    }

    /// Changes the bookmarks of events, and returns how many of the events exist.
    ///
    /// # Errors
    /// When nothing was changed.
    pub async fn set_bookmark(
        &self,
        events: Vec<EventId>,
        change: BookmarkChange,
    ) -> Result<usize, StoreError> {
        self.write(16 * events.len(), move |_, connection| {
            bookmark::change(connection, &events, &change)
        })
        .await
    }

    /// Stores an edited copy of an event and returns the copy's id; `None` when the history has no such event. The copy
    /// does not become pending.
    ///
    /// # Errors
    /// When it was not stored.
    pub async fn add_edited(
        &self,
        origin: EventId,
        request: Request,
    ) -> Result<Option<EventId>, AddError> {
        let id = EventId::fresh();
        let kind = ringtail_model::kind_of(&request);
        let request = request.encode()?;
        let bytes = request.as_bytes().len();
        let added = self.write(bytes, move |_, connection| {
            edited::add(connection, origin, id, kind, request)
        });
        Ok(added.await?.then_some(id))
    }

    /// Runs an operation in the writing thread's next transaction, all of it or nothing.
    async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        write: impl FnOnce(&mut Recorder, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_within(bytes, Duration::ZERO, write).await
    }

    /// As [`History::write`], in a transaction within some time.
    async fn write_within<T: Send + 'static>(
        &self,
        bytes: usize,
        within: Duration,
        write: impl FnOnce(&mut Recorder, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let write = move |recorder: &mut Recorder, connection: &Connection| {
            let result = savepoint(connection, |connection| write(recorder, connection));
            if result.is_err() {
                recorder.fields.forget();
            }
            result
        };
        Ok(self.inner.writer.write(bytes, within, write).await?)
    }

    /// Runs a query, off the runtime.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn read<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        F: FnOnce(&Reader<'_>) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let readers = &self.inner.readers;
        Ok(readers.read(|it| query(&Reader::new(it))).await?)
    }

    /// Waits until the threads are between two transactions, and keeps them there until the result is dropped: a process
    /// that is suspended inside a transaction would keep all others from writing.
    ///
    /// # Errors
    /// When the history is closed.
    pub async fn pause(&self) -> Result<Paused, StoreError> {
        Ok(Paused {
            _writer: self.inner.writer.pause().await?,
            _index: self.inner.index.pause().await,
        })
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

#[cfg(any(test, feature = "testing"))]
#[expect(
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used,
    reason = "a test kit"
)]
pub mod testing;
#[cfg(test)]
mod tests;
