//! The journal in a PostgreSQL database, which several relays may share.
//!
//! ```text
//! append ─▶ writer: BEGIN, lock endpoints, insert, COMMIT in one round trip ─▶ heads move ─▶ each append is answered
//! read   ─▶ the pool
//! other relays' commits ─▶ NOTIFY, and a look each second ─▶ heads move
//! ```
//!
//! Invariants: the transaction that stores an endpoint's events holds the lock of the endpoint's row from the numbering
//! to the commit. Numbers therefore have no gaps and become visible in order, whichever relay wrote them.

mod commit;
mod listener;
mod page;
mod retention;
mod spool;
mod writer;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ringtail_protocol::event::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, TryAcquireError, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use self::spool::Spool;
use self::writer::{EventStore, Pending, Writer, WriterCommand};
use super::heads::Heads;
use super::sqlite::QUEUE;
use super::{
    AppendError, Appended, Deleted, EndpointKey, Entry, Journal, Page, Queued, ReadError, Retention,
};
use crate::database::error::DatabaseError;
use crate::metrics::JournalMetrics;
use crate::postgres::{self, Postgres, PostgresError};
use crate::store::DataDir;

/// Bytes that an entry counts for in the queue in addition to its request.
const ENTRY_BYTES: usize = 256;

/// Commands other than appends that may wait.
const COMMANDS: usize = 64;

/// A [`Journal`] in PostgreSQL.
///
/// Dropping it writes queued entries in the background.
#[derive(Debug)]
pub struct PostgresJournal {
    id: String,
    postgres: Postgres,
    heads: Arc<Heads>,
    commands: mpsc::Sender<WriterCommand>,
    sweeps: mpsc::Sender<retention::Request>,
    spool: Option<Arc<Spool>>,
    entries: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    writer_ended: CancellationToken,
    /// Ends the tasks other than the writer.
    closed: CancellationToken,
}

impl PostgresJournal {
    /// Opens the journal, which counts what it does. Blocks. With a data directory, events that PostgreSQL does not take are
    /// spooled there.
    pub(crate) fn open(
        postgres: &Postgres,
        dir: Option<&DataDir>,
        retention: Retention,
        metrics: JournalMetrics,
    ) -> Result<Self, DatabaseError> {
        let (id, heads) = match postgres.expected_journal() {
            // The listener reads the heads once it can.
            Some(id) => (id.to_owned(), Vec::new()),
            None => postgres.block_on(async {
                let mut session = postgres.take().await?;
                let id = postgres::journal(&mut session).await?;
                let heads = listener::all_heads(&mut session).await?;
                session.release();
                Ok::<_, PostgresError>((id, heads))
            })?,
        };
        let spool = dir.map(|dir| Spool::open(dir, &id, retention.max_bytes, metrics.clone()));
        let spool = spool.transpose()?.map(Arc::new);
        let heads = Arc::new(Heads::new(heads));
        let known = Arc::downgrade(&heads);
        postgres.on_takeover(move || {
            if let Some(heads) = known.upgrade() {
                heads.end();
            }
        });
        let closed = CancellationToken::new();
        let writer_ended = CancellationToken::new();
        let (commands, queue) = mpsc::channel(QUEUE.operations + COMMANDS);
        let (sweeps, asked) = mpsc::channel(COMMANDS);
        let store = EventStore {
            postgres: postgres.clone(),
            heads: heads.clone(),
            metrics: metrics.clone(),
            sweeps: sweeps.clone(),
            unswept: Arc::default(),
        };
        let writer = Writer::new(store, spool.clone());
        let ended = writer_ended.clone().drop_guard();
        postgres.spawn(async move {
            writer.run(queue).await;
            drop(ended);
        });
        let listening = listener::listen(postgres.clone(), heads.clone());
        let listening = closed.clone().run_until_cancelled_owned(listening);
        postgres.spawn(listening.map(|_cancelled| ()));
        let keeper = retention::SweepKeeper::new(postgres.clone(), retention, metrics);
        let keeping = closed.clone().run_until_cancelled_owned(keeper.run(asked));
        postgres.spawn(keeping.map(|_cancelled| ()));
        Ok(Self {
            id,
            postgres: postgres.clone(),
            heads,
            commands,
            sweeps,
            spool,
            entries: Arc::new(Semaphore::new(QUEUE.operations)),
            bytes: Arc::new(Semaphore::new(QUEUE.bytes as usize)),
            writer_ended,
            closed,
        })
    }

    fn submit(
        &self,
        entry: &Entry,
    ) -> Result<oneshot::Receiver<Result<Appended, AppendError>>, AppendError> {
        let refused = |error| match error {
            TryAcquireError::NoPermits => AppendError::QueueFull,
            TryAcquireError::Closed => AppendError::Closed,
        };
        let size = entry.request.as_bytes().len().saturating_add(ENTRY_BYTES);
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let entries = self.entries.clone().try_acquire_owned();
        let bytes = self.bytes.clone();
        // An entry larger than the queue takes all of it.
        let bytes = bytes.try_acquire_many_owned(size.min(QUEUE.bytes));
        let permits = (entries.map_err(refused)?, bytes.map_err(refused)?);
        let (answer, answered) = oneshot::channel();
        let pending = Pending {
            event: entry.into(),
            answer,
            permits,
        };
        self.send(WriterCommand::Append(pending))?;
        Ok(answered)
    }

    fn send(&self, command: WriterCommand) -> Result<(), AppendError> {
        self.commands.try_send(command).map_err(refused)
    }
}

/// Returns why a command was not queued.
#[expect(clippy::needless_pass_by_value, reason = "map_err gives it by value")]
fn refused<T>(error: TrySendError<T>) -> AppendError {
    match error {
        TrySendError::Full(_) => AppendError::QueueFull,
        TrySendError::Closed(_) => AppendError::Closed,
    }
}

/// Waits for an answer of a task.
async fn answered<T>(
    submitted: Result<oneshot::Receiver<Result<T, AppendError>>, AppendError>,
) -> Result<T, AppendError> {
    submitted?.await.unwrap_or(Err(AppendError::Closed))
}

impl Journal for PostgresJournal {
    fn append(&self, entry: Entry) -> BoxFuture<'static, Result<Appended, AppendError>> {
        answered(self.submit(&entry)).boxed()
    }

    fn read(
        &self,
        endpoint: EndpointKey,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Page, ReadError>> {
        async move {
            self.is_open()?;
            let mut session = self.postgres.take().await?;
            let page = page::read(&mut session, endpoint, after, max_events, max_bytes).await?;
            session.release();
            Ok(page)
        }
        .boxed()
    }

    fn read_part(
        &self,
        endpoint: EndpointKey,
        seq: u64,
        offset: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        async move {
            self.is_open()?;
            let mut session = self.postgres.take().await?;
            let part = page::part(&mut session, endpoint, seq, offset, max_bytes).await?;
            session.release();
            Ok(part)
        }
        .boxed()
    }

    fn head(&self, endpoint: EndpointKey) -> watch::Receiver<u64> {
        self.heads.subscribe(endpoint)
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn queued(&self) -> Queued {
        Queued {
            events: QUEUE.operations - self.entries.available_permits(),
            bytes: QUEUE.bytes as usize - self.bytes.available_permits(),
        }
    }

    fn spooled(&self) -> Queued {
        let waiting = self.spool.as_ref().map(|spool| spool.waiting());
        waiting.unwrap_or_default()
    }

    fn probe(&self) -> BoxFuture<'static, Result<(), AppendError>> {
        let (answer, wanted) = oneshot::channel();
        let sent = self.send(WriterCommand::Probe(answer));
        answered(sent.map(|()| wanted)).boxed()
    }

    fn retain(&self, now: Option<Timestamp>) -> BoxFuture<'static, Result<Deleted, AppendError>> {
        let (answer, wanted) = oneshot::channel();
        let request = retention::Request {
            now,
            answer: Some(answer),
        };
        let sent = self.sweeps.try_send(request).map_err(refused);
        answered(sent.map(|()| wanted)).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {
            self.entries.close();
            self.bytes.close();
            self.closed.cancel();
            // The writer ends when it reads this, after everything that was queued before.
            if self.commands.send(WriterCommand::Close).await.is_ok() {
                self.writer_ended.cancelled().await;
            }
        }
        .boxed()
    }
}

impl PostgresJournal {
    fn is_open(&self) -> Result<(), ReadError> {
        match self.closed.is_cancelled() {
            false => Ok(()),
            true => Err(ReadError::Closed),
        }
    }
}

impl Drop for PostgresJournal {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl From<PostgresError> for ReadError {
    fn from(error: PostgresError) -> Self {
        Self::Storage(Box::new(error))
    }
}

impl From<PostgresError> for AppendError {
    fn from(error: PostgresError) -> Self {
        Self::Commit(Arc::new(error))
    }
}

/// Deletes the events that the endpoint has now. Their numbers are not used again; clients report a gap. Blocks.
pub(crate) fn purge(postgres: &Postgres, endpoint: EndpointKey) -> Result<Deleted, PostgresError> {
    postgres.block_on(retention::purge(postgres, endpoint))
}

/// Deletes the endpoint with its events: from now on its URL answers 404. Blocks.
pub(crate) fn delete(postgres: &Postgres, endpoint: EndpointKey) -> Result<Deleted, PostgresError> {
    postgres.block_on(retention::delete_endpoint(postgres, endpoint))
}

/// Returns a `seq` as the database has it.
fn stored(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
