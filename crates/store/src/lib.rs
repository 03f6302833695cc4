//! The client's local store of events and attempts: one SQLite file, one writing thread, many readers.
//!
//! Invariants:
//! * Events and the cursor that covers them are written in one transaction, and an attempt that settles an event
//!   together with the event's new state. What the cursor covers is in the file, or is a gap in it.
//! * Each event is stored once, known by its id and by its `seq` in its journal, however often it comes.
//! * Several processes may use one file: each has its own writing thread, and SQLite lets one write at a time.
//!
//! * What makes searching quick is filled behind the events and never decides a search, see `index`.
//!
//! It leaves to others: when to ask for events ([`ringtail_model`]'s engine), and what to do with those that are
//! owed ([`crate::forward`]).

mod attempts;
mod bookmark;
mod codes;
mod edited;
mod headers;
mod index;
mod known;
mod learn;
mod others;
mod query;
mod record;
mod rest;
mod retention;
mod schema;
mod search;
mod select;
mod store;
mod watched;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ringtail_errors::{self as errors, Code, Coded};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use ringtail_protocol::event::{EncodeError, EventId, Request};

pub use self::attempts::NewAttempt;
pub use self::bookmark::{BookmarkChange, Comment, CommentError, MAX_COMMENT_CHARS};
pub use self::edited::origin_name;
pub use self::known::LEARN;
use self::learn::Learner;
pub use self::query::{Counts, MAX_DETAIL_ATTEMPTS, MAX_PAGE, PendingEvent, Reader, StoredRequest};
use self::rest::Rest;
pub use self::rest::Resting;
pub use self::retention::Retention;
pub use self::schema::{BUSY_TIMEOUT, FILE_NAME, OpenError};
pub use self::search::{Direction, Found, Search};
pub use self::select::{IdPrefix, MIN_ID_DIGITS, Selector, SelectorError};
pub use self::store::{Incoming, Stored};
use self::writer::{QUEUE, Write, Writer};
use ringtail_model::secrets::Secrets;
use ringtail_model::signature::{Reveal, SignaturePolicy, show};
use ringtail_model::{
    AttemptDetail, AttemptRow, BookmarkRow, EventDetail, EventRow, GapRow, NewFieldsRow, RowId,
    Watermarks,
};

/// Read-only connections that may be busy at once; more readers wait.
const READERS: usize = 4;

/// Whether events that come in are owed to a target.
#[derive(Debug, Clone)]
pub enum Forwarding {
    /// Events that the edge owes the app become pending.
    On,
    /// As [`Forwarding::On`], but for those that the guard rejects.
    Guarded(SignaturePolicy),
    /// Inspect only: nothing becomes pending, so that a target given later is not flooded with the past.
    Off,
}

/// A handle to the history; clones are handles to the same one.
#[derive(Clone)]
pub struct History {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    client_id: String,
    writes: mpsc::Sender<Write>,
    rests: mpsc::Sender<Rest>,
    marks: watch::Receiver<Watermarks>,
    /// Moves `marks`.
    reach: watch::Sender<Watermarks>,
    indexed: watch::Receiver<RowId>,
    readers: Mutex<Vec<Reader>>,
    permits: Arc<Semaphore>,
    /// Of whoever looks for what other processes wrote.
    look: Semaphore,
}

/// Why something was not stored.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite refused, or the disk did.
    #[error("the history could not be written; check the free space of the data directory")]
    Database(#[source] Arc<rusqlite::Error>),
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
    /// SQLite refused.
    #[error("the history could not be read")]
    Database(#[from] rusqlite::Error),
    /// The runtime is shutting down.
    #[error("the history is closed")]
    Closed,
}

impl Coded for ReadError {
    fn code(&self) -> &'static Code {
        &errors::codes::HISTORY_READ
    }
}

impl History {
    /// Opens the history in the data directory `dir`, makes it when there is none, and starts its writing thread.
    /// Blocks for the time that takes, or that another process needs to write. Nothing is ever removed.
    ///
    /// # Errors
    /// When the files cannot be made, are another program's, or were written by a newer version.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::start(dir, None)
    }

    /// Opens the history, and removes what is beyond the limits as long as it is open.
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
        let reach = query::marks(&opened.connection).map_err(database)?;
        let (marks, marks_rx) = watch::channel(reach);
        let (indexed, indexed_rx) = watch::channel(RowId::default());
        let (writes, queue) = mpsc::channel(QUEUE);
        let (rests, wanted) = mpsc::channel(1);
        let writer = Writer {
            connection: opened.connection,
            queue,
            rests: wanted,
            marks: marks.clone(),
            indexed,
            retention,
            learner: Learner::default(),
            turn: opened.turn,
            runtime: Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(OpenError::System)?,
        };
        std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::System)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: opened.path,
                client_id: opened.client_id,
                writes,
                rests,
                marks: marks_rx,
                reach: marks,
                indexed: indexed_rx,
                readers: Mutex::new(Vec::new()),
                permits: Arc::new(Semaphore::new(READERS)),
                look: Semaphore::new(1),
            }),
        })
    }

    /// Returns the client's id: random, made with the file.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.inner.client_id
    }

    /// Returns how far the history reaches. Moves after each commit of this process, and covers what other processes
    /// have written until then; see [`History::watch_others`].
    #[must_use]
    pub fn watermarks(&self) -> watch::Receiver<Watermarks> {
        self.inner.marks.clone()
    }

    /// Returns up to which event this process has seen the history indexed for searching.
    #[must_use]
    pub fn indexed(&self) -> watch::Receiver<RowId> {
        self.inner.indexed.clone()
    }

    /// Stores what the link brought, and the cursor with it. When this returns, the relay may be told.
    ///
    /// A batch should hold what is at hand, a few MiB at the most; batches of several callers are committed
    /// together.
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
            Incoming::Gap { last, .. } => *last,
            Incoming::Start => 0,
        });
        if let Some(seq) = numbers.max().filter(|seq| i64::try_from(*seq).is_err()) {
            return Err(StoreError::Number { seq });
        }
        let (done, stored) = oneshot::channel();
        self.write(Write::Store {
            endpoint: endpoint.to_owned(),
            journal: journal.to_owned(),
            batch,
            forwarding,
            done,
        })
        .await?;
        stored.await.map_err(|_| StoreError::Closed)?
    }

    /// Records an attempt. One that settles a pending event makes it done in the same transaction.
    ///
    /// # Errors
    /// When it was not recorded.
    pub async fn record_attempt(
        &self,
        attempt: NewAttempt,
        settles: bool,
    ) -> Result<RowId, StoreError> {
        let (done, recorded) = oneshot::channel();
        self.write(Write::Attempt {
            attempt: Box::new(attempt),
            settles,
            done,
        })
        .await?;
        recorded.await.map_err(|_| StoreError::Closed)?
    }

    /// Changes the bookmarks of events, and returns how many of the events there are. Lists have the bookmarks when they are
    /// read again.
    ///
    /// # Errors
    /// When nothing was changed.
    pub async fn set_bookmark(
        &self,
        events: Vec<EventId>,
        change: BookmarkChange,
    ) -> Result<usize, StoreError> {
        let (done, changed) = oneshot::channel();
        self.write(Write::Bookmark {
            events,
            change,
            done,
        })
        .await?;
        changed.await.map_err(|_| StoreError::Closed)?
    }

    /// Reads the bookmarks of events from a row to another, both included, newest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn bookmarks_between(
        &self,
        first: RowId,
        last: RowId,
        limit: usize,
    ) -> Result<Vec<BookmarkRow>, ReadError> {
        self.read(move |reader| reader.bookmarks_between(first, last, limit))
            .await
    }

    /// Stores an edited copy of an event under an id of its own, which is returned; `None` when the history has no
    /// such event. Nothing forwards the copy by itself.
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
        let (done, added) = oneshot::channel();
        self.write(Write::Edited {
            origin,
            id,
            kind,
            request,
            done,
        })
        .await?;
        let added = added.await.map_err(|_| StoreError::Closed)??;
        Ok(added.then_some(id))
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        self.inner
            .writes
            .send(write)
            .await
            .map_err(|_| StoreError::Closed)
    }

    /// Runs a query on a reader, off the runtime.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn read<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        F: FnOnce(&Reader) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let permit = Arc::clone(&self.inner.permits).acquire_owned().await;
        let permit = permit.map_err(|_| ReadError::Closed)?;
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || {
            // Until the query ends: who asked may have gone before.
            let _permit = permit;
            let idle = inner.lock_readers().pop();
            let reader = match idle {
                Some(reader) => reader,
                None => Reader::new(schema::open_reader(&inner.path)?),
            };
            let value = query(&reader)?;
            inner.lock_readers().push(reader);
            Ok(value)
        })
        .await
        .map_err(|_| ReadError::Closed)?
    }

    /// Opens a reader of one's own, for code that may block.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn reader(&self) -> Result<Reader, ReadError> {
        Ok(Reader::new(schema::open_reader(&self.inner.path)?))
    }

    /// Reads how far a journal has been stored; `None` when nothing of it has.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn cursor(&self, endpoint: &str, journal: &str) -> Result<Option<u64>, ReadError> {
        let (endpoint, journal) = (endpoint.to_owned(), journal.to_owned());
        self.read(move |reader| reader.cursor(&endpoint, &journal))
            .await
    }

    /// Reads events after a row, oldest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn events_after(
        &self,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<EventRow>, ReadError> {
        self.read(move |reader| reader.events_after(after, limit))
            .await
    }

    /// Reads events before a row, newest first, at most [`MAX_PAGE`]. `RowId(i64::MAX)` begins with the newest.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn events_before(
        &self,
        before: RowId,
        limit: usize,
    ) -> Result<Vec<EventRow>, ReadError> {
        self.read(move |reader| reader.events_before(before, limit))
            .await
    }

    /// Reads the events that a selector names, after a row, oldest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn find(
        &self,
        endpoint: Option<&str>,
        selector: &Selector,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<EventRow>, ReadError> {
        let (endpoint, selector) = (endpoint.map(str::to_owned), selector.clone());
        self.read(move |reader| reader.find(endpoint.as_deref(), &selector, after, limit))
            .await
    }

    /// Reads an event with all that was received and its attempts, at most [`MAX_DETAIL_ATTEMPTS`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn event(&self, id: EventId) -> Result<Option<EventDetail>, ReadError> {
        self.read(move |reader| reader.event(id)).await
    }

    /// Reads an event with what its proofs are worth, to be shown.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn event_to_show(
        &self,
        secrets: &Secrets,
        id: EventId,
        reveal: Reveal,
    ) -> Result<Option<EventDetail>, ReadError> {
        let secrets = secrets.clone();
        // A MAC over 16 MB takes its time, as the reading does.
        self.read(move |reader| {
            let mut detail = reader.event(id)?;
            if let Some(detail) = &mut detail {
                show(detail, &secrets, reveal);
            }
            Ok(detail)
        })
        .await
    }

    /// Reads the rows of events, each in the place of its id; `None` for one that is not there. Of many events, as many
    /// should be asked for at once as are shown at once.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn rows(&self, ids: Vec<EventId>) -> Result<Vec<Option<EventRow>>, ReadError> {
        self.read(move |reader| ids.into_iter().map(|id| reader.row(id)).collect())
            .await
    }

    /// Reads the events of the same call or conversation, the event included: the newest `limit`, at most
    /// [`MAX_PAGE`], oldest first.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn course(&self, event: RowId, limit: usize) -> Result<Vec<EventRow>, ReadError> {
        self.read(move |reader| reader.course(event, limit)).await
    }

    /// Reads the event before another one that is of the same kind; see [`Reader::previous`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn previous(&self, event: RowId) -> Result<Option<EventRow>, ReadError> {
        self.read(move |reader| reader.previous(event)).await
    }

    /// Reads the row of an event.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn row(&self, id: EventId) -> Result<Option<EventRow>, ReadError> {
        self.read(move |reader| reader.row(id)).await
    }

    /// Reads where an event stands.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn row_of(&self, id: EventId) -> Result<Option<RowId>, ReadError> {
        self.read(move |reader| reader.row_of(id)).await
    }

    /// Reads what is needed to send an event.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn stored_request(&self, row: RowId) -> Result<Option<StoredRequest>, ReadError> {
        self.read(move |reader| reader.stored_request(row)).await
    }

    /// Reads attempts after a row, oldest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn attempts_after(
        &self,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, ReadError> {
        self.read(move |reader| reader.attempts_after(after, limit))
            .await
    }

    /// Reads an attempt with what the app answered.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn attempt(&self, row: RowId) -> Result<Option<AttemptDetail>, ReadError> {
        self.read(move |reader| reader.attempt(row)).await
    }

    /// Reads gaps after a row, oldest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn gaps_after(&self, after: RowId, limit: usize) -> Result<Vec<GapRow>, ReadError> {
        self.read(move |reader| reader.gaps_after(after, limit))
            .await
    }

    /// Reads what is new in events, after a row, oldest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn new_fields_after(
        &self,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<NewFieldsRow>, ReadError> {
        self.read(move |reader| reader.new_fields_after(after, limit))
            .await
    }

    /// Reads which events of an endpoint are owed to the target, after a row, oldest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn pending(
        &self,
        endpoint: &str,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, ReadError> {
        let endpoint = endpoint.to_owned();
        self.read(move |reader| reader.pending(&endpoint, after, limit))
            .await
    }

    /// Counts the events of an endpoint that are owed to the target.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn held(&self, endpoint: &str) -> Result<u64, ReadError> {
        let endpoint = endpoint.to_owned();
        self.read(move |reader| reader.held(&endpoint)).await
    }

    /// Counts what the history holds.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn counts(&self) -> Result<Counts, ReadError> {
        self.read(Reader::counts).await
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn lock_readers(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(any(test, feature = "testing"))]
#[expect(missing_docs, missing_debug_implementations, reason = "a test kit")]
pub mod testing;
#[cfg(test)]
mod tests;
