//! The thread that writes, and the queue before it.
//!
//! Invariants: one thread writes. Operations are applied in the order in which they were submitted. An operation is
//! answered after the commit that holds it, or with the error of that commit.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

/// Operations of one transaction, at most.
const GROUP_OPERATIONS: usize = 512;

/// Bytes of one transaction after which no operation is added.
const GROUP_BYTES: u32 = 8 * 1024 * 1024;

/// Bytes that an operation counts for in addition to its contents.
const OPERATION_BYTES: u32 = 256;

/// How much may be queued or in the middle of being written.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Operations.
    pub operations: usize,
    /// Bytes of their contents, with 256 for each operation.
    pub bytes: u32,
}

/// The user's state in the thread. The thread calls it; operations reach it.
pub trait WriterState: Send + 'static {
    /// Runs first in each transaction.
    ///
    /// # Errors
    /// Any error fails the transaction.
    fn begin(&mut self, _connection: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Runs last in each transaction.
    ///
    /// # Errors
    /// Any error fails the transaction.
    fn finish(&mut self, _connection: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Runs after the commit or rollback of this number of operations, before they are answered.
    fn settle(&mut self, result: Result<(), &rusqlite::Error>, operations: usize, took: Duration);

    /// Does a small step of upkeep after each transaction and at the time that it returned last; returns the time of
    /// the next step.
    fn upkeep(&mut self, connection: &mut Connection) -> Instant;

    /// Runs when the queue is closed and empty.
    fn close(&mut self, _connection: &Connection) {}
}

/// Why an operation was not written.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The queue is full.
    #[error("too much is waiting to be written")]
    Full,
    /// The operation or its transaction failed.
    #[error("the database could not be written")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// The writer is closed.
    #[error("the database is closed")]
    Closed,
}

/// A handle to the thread. Dropping it closes the writer and blocks until everything queued is written.
pub struct Writer<S> {
    commands: mpsc::Sender<Command<S>>,
    operations: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    limits: QueueLimits,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<S> fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

impl<S: WriterState> Writer<S> {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(
        name: &str,
        connection: Connection,
        state: S,
        limits: QueueLimits,
    ) -> io::Result<Self> {
        let (commands, queue) = mpsc::channel();
        let thread = Thread {
            connection,
            state,
            queue,
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || thread.run())?;
        Ok(Self {
            commands,
            operations: Arc::new(Semaphore::new(limits.operations)),
            bytes: Arc::new(Semaphore::new(limits.bytes as usize)),
            limits,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues an operation at once. It is written even if the returned future is dropped.
    ///
    /// An operation that violates a constraint is answered alone. It must then have
    /// changed nothing: use [`savepoint`] when it runs several statements. Any other error of SQLite fails the whole
    /// transaction.
    ///
    /// # Errors
    /// [`WriteError::Full`] or [`WriteError::Closed`].
    pub fn submit<T: Send + 'static>(
        &self,
        bytes: usize,
        write: impl FnOnce(&mut S, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<Submitted<T>, WriteError> {
        let size = self.size(bytes);
        let refused = |error| match error {
            TryAcquireError::NoPermits => WriteError::Full,
            TryAcquireError::Closed => WriteError::Closed,
        };
        let operation = Arc::clone(&self.operations)
            .try_acquire_owned()
            .map_err(refused)?;
        let bytes = Arc::clone(&self.bytes)
            .try_acquire_many_owned(size)
            .map_err(refused)?;
        Ok(self.send(size, (operation, bytes), write))
    }

    /// Writes an operation as [`Writer::submit`] does, and waits while the queue is full.
    ///
    /// # Errors
    /// When the operation was not written.
    pub async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        write: impl FnOnce(&mut S, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, WriteError> {
        let size = self.size(bytes);
        let closed = |_| WriteError::Closed;
        let operation = Arc::clone(&self.operations).acquire_owned();
        let operation = operation.await.map_err(closed)?;
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(size);
        let bytes = bytes.await.map_err(closed)?;
        self.send(size, (operation, bytes), write).await
    }

    /// Returns what the queue is charged with. An operation larger than the queue takes all of it.
    fn size(&self, bytes: usize) -> u32 {
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        size.saturating_add(OPERATION_BYTES).min(self.limits.bytes)
    }

    fn send<T: Send + 'static>(
        &self,
        bytes: u32,
        permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
        write: impl FnOnce(&mut S, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Submitted<T> {
        let (answer, answered) = oneshot::channel();
        let operation = Operation {
            write: Some(write),
            result: None,
            answer,
        };
        // A thread that has ended drops the operation, which answers `Closed`.
        drop(self.commands.send(Command::Write(Queued {
            bytes,
            permits,
            operation: Box::new(operation),
        })));
        Submitted(answered)
    }

    /// Waits until the thread is between two transactions, and keeps it there until the result is dropped: a process
    /// that is suspended inside a transaction would keep all others from writing.
    ///
    /// # Errors
    /// When the writer is closed.
    pub async fn pause(&self) -> Result<Paused, WriteError> {
        let (begun, begins) = oneshot::channel();
        let (ends, end) = oneshot::channel();
        let pause = Command::Pause { begun, end };
        self.commands.send(pause).map_err(|_| WriteError::Closed)?;
        begins.await.map_err(|_| WriteError::Closed)?;
        Ok(Paused(ends))
    }
}

impl<S> Writer<S> {
    /// Returns how many operations are queued or being written, and their bytes.
    #[must_use]
    pub fn queued(&self) -> (usize, usize) {
        (
            self.limits.operations - self.operations.available_permits(),
            self.limits.bytes as usize - self.bytes.available_permits(),
        )
    }

    /// Refuses further operations, writes those that are queued, and ends the thread. Blocks. May be called again, and
    /// from two threads: each call returns when the thread has ended.
    pub fn close(&self) {
        self.operations.close();
        self.bytes.close();
        drop(self.commands.send(Command::Close));
        // Held while joining, so that a second caller returns no earlier than the first.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer panicked; what it had not committed was not acknowledged");
        }
    }
}

impl<S> Drop for Writer<S> {
    fn drop(&mut self) {
        self.close();
    }
}

/// Resolves when the operation is committed.
#[derive(Debug)]
pub struct Submitted<T>(oneshot::Receiver<Result<T, WriteError>>);

impl<T> Future for Submitted<T> {
    type Output = Result<T, WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(WriteError::Closed)))
    }
}

/// Keeps the writer paused until it is dropped.
#[derive(Debug)]
pub struct Paused(#[expect(dead_code, reason = "dropping it ends the pause")] oneshot::Sender<()>);

/// Runs several statements so that all of them count or none.
///
/// # Errors
/// The error of `write`, or of SQLite.
pub fn savepoint<T>(
    connection: &Connection,
    write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection
        .prepare_cached("SAVEPOINT operation")?
        .execute([])?;
    let result = write(connection);
    // SQLite has left the transaction, and the savepoint with it, when the disk is full.
    if !connection.is_autocommit() {
        if result.is_err() {
            connection
                .prepare_cached("ROLLBACK TO operation")?
                .execute([])?;
        }
        connection
            .prepare_cached("RELEASE operation")?
            .execute([])?;
    }
    result
}

enum Command<S> {
    Write(Queued<S>),
    Pause {
        begun: oneshot::Sender<()>,
        end: oneshot::Receiver<()>,
    },
    Close,
}

struct Queued<S> {
    bytes: u32,
    permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    operation: Box<dyn Operate<S>>,
}

/// The thread's side.
struct Thread<S> {
    connection: Connection,
    state: S,
    queue: mpsc::Receiver<Command<S>>,
}

impl<S: WriterState> Thread<S> {
    fn run(mut self) {
        let mut due = Instant::now();
        let mut next = None;
        loop {
            let wait = due.saturating_duration_since(Instant::now());
            let command = match next.take() {
                Some(command) => Ok(command),
                None => self.queue.recv_timeout(wait),
            };
            match command {
                Ok(Command::Write(first)) => next = self.write(first),
                Ok(Command::Pause { begun, end }) => {
                    if begun.send(()).is_ok() {
                        // Nothing is sent: dropping the other end resumes the thread.
                        drop(end.blocking_recv());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => break,
            }
            due = self.state.upkeep(&mut self.connection);
        }
        self.state.close(&self.connection);
    }

    /// Writes an operation and those queued behind it, and answers them. Returns a command that is not an operation.
    fn write(&mut self, first: Queued<S>) -> Option<Command<S>> {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        let mut next = None;
        while group.len() < GROUP_OPERATIONS && bytes < GROUP_BYTES {
            match self.queue.try_recv() {
                Ok(Command::Write(queued)) => {
                    bytes = bytes.saturating_add(queued.bytes);
                    group.push(queued);
                }
                Ok(command) => {
                    next = Some(command);
                    break;
                }
                Err(_) => break,
            }
        }
        let began = Instant::now();
        let result = self.commit(&mut group);
        self.state
            .settle(result.as_ref().copied(), group.len(), began.elapsed());
        let failed = result.err().map(Arc::new);
        for queued in group {
            drop(queued.permits);
            queued.operation.answer(failed.as_ref());
        }
        next
    }

    /// Applies the operations in one transaction and commits it. An error rolls it back.
    fn commit(&mut self, group: &mut [Queued<S>]) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.state.begin(&transaction)?;
        for queued in group {
            queued.operation.apply(&mut self.state, &transaction)?;
        }
        self.state.finish(&transaction)?;
        transaction.commit()
    }
}

/// An [`Operation`] of any result.
trait Operate<S>: Send {
    /// Writes.
    ///
    /// # Errors
    /// When the whole transaction fails.
    fn apply(&mut self, state: &mut S, connection: &Connection) -> rusqlite::Result<()>;

    /// Answers after the commit, or with the error of the transaction.
    fn answer(self: Box<Self>, failed: Option<&Arc<rusqlite::Error>>);
}

struct Operation<F, T> {
    write: Option<F>,
    result: Option<Result<T, WriteError>>,
    answer: oneshot::Sender<Result<T, WriteError>>,
}

impl<S, F, T> Operate<S> for Operation<F, T>
where
    F: FnOnce(&mut S, &Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn apply(&mut self, state: &mut S, connection: &Connection) -> rusqlite::Result<()> {
        let Some(write) = self.write.take() else {
            return Ok(());
        };
        match write(state, connection) {
            Ok(value) => self.result = Some(Ok(value)),
            Err(error) if is_fatal(&error) || connection.is_autocommit() => return Err(error),
            Err(error) => {
                tracing::error!(%error, "an operation could not be written");
                self.result = Some(Err(WriteError::Sqlite(Arc::new(error))));
            }
        }
        Ok(())
    }

    fn answer(self: Box<Self>, failed: Option<&Arc<rusqlite::Error>>) {
        let result = match failed {
            Some(error) => Some(Err(WriteError::Sqlite(Arc::clone(error)))),
            None => self.result,
        };
        if let Some(result) = result {
            // A detached operation has no receiver.
            drop(self.answer.send(result));
        }
    }
}

/// Returns whether an error is about the database, and not about one operation.
fn is_fatal(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code().is_some_and(|code| {
        !matches!(
            code,
            ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch
        )
    })
}

#[cfg(test)]
mod tests;
