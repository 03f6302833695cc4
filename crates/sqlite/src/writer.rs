//! The thread that writes, and the queue before it.
//!
//! Invariants: one thread writes. Operations are applied in the order in which they were submitted, but those that
//! [`QueueLimits::large`] lets others pass. An operation is answered after the commit that holds it, or with the error of
//! that commit.
//!
//! An operation without a waiting caller gives a time within which it is written, so that it shares the transaction of the next
//! urgent one, or of others like it: a transaction costs as much CPU as several operations in it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

/// Operations of one transaction, at most.
const GROUP_OPERATIONS: usize = 512;

/// Bytes of one transaction after which no operation is added.
const GROUP_BYTES: u32 = 8 * 1024 * 1024;

/// Transactions that a large operation lets pass, at most.
const PASSING: u8 = 8;

/// Bytes that an operation counts for in addition to its contents.
const OPERATION_BYTES: u32 = 256;

/// How much may be queued or in the middle of being written.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Operations.
    pub operations: usize,
    /// Bytes of their contents, with 256 for each operation.
    pub bytes: u32,
    /// Bytes of an operation from which it is written alone and gives way to smaller ones, so that those wait for one large
    /// operation and not for all that came before them. `None` keeps the order.
    pub large: Option<u32>,
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
    queue: Arc<Queue<S>>,
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
    pub fn spawn(
        name: &str,
        connection: Connection,
        state: S,
        limits: QueueLimits,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(limits.large.unwrap_or(u32::MAX)));
        let thread = Thread {
            connection,
            state,
            queue: Arc::clone(&queue),
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || thread.run())?;
        Ok(Self {
            queue,
            operations: Arc::new(Semaphore::new(limits.operations)),
            bytes: Arc::new(Semaphore::new(limits.bytes as usize)),
            limits,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues an operation at once, to be written `within` some time, even if the returned future is dropped.
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
        within: Duration,
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
        Ok(self.send(size, within, (operation, bytes), write))
    }

    /// Writes an operation as [`Writer::submit`] does, and waits while the queue is full.
    pub async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        within: Duration,
        write: impl FnOnce(&mut S, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, WriteError> {
        let size = self.size(bytes);
        let closed = |_| WriteError::Closed;
        let operation = Arc::clone(&self.operations).acquire_owned();
        let operation = operation.await.map_err(closed)?;
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(size);
        let bytes = bytes.await.map_err(closed)?;
        self.send(size, within, (operation, bytes), write).await
    }

    /// Returns what the queue is charged with. An operation larger than the queue takes all of it.
    fn size(&self, bytes: usize) -> u32 {
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        size.saturating_add(OPERATION_BYTES).min(self.limits.bytes)
    }

    fn send<T: Send + 'static>(
        &self,
        bytes: u32,
        within: Duration,
        permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
        write: impl FnOnce(&mut S, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Submitted<T> {
        let (answer, answered) = oneshot::channel();
        let operation = Operation {
            write: Some(write),
            result: None,
            answer,
        };
        let write = Command::Write(Queued {
            bytes,
            permits,
            operation: Box::new(operation),
        });
        self.queue.push(write, within);
        Submitted(answered)
    }

    /// Waits until the thread is between two transactions, and keeps it there until the result is dropped: a process
    /// that is suspended inside a transaction would keep all others from writing.
    pub async fn pause(&self) -> Result<Paused, WriteError> {
        let (begun, begins) = oneshot::channel();
        let (ends, end) = oneshot::channel();
        let pause = Command::Pause { begun, end };
        self.queue.push(pause, Duration::ZERO);
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
        self.queue.push(Command::Close, Duration::ZERO);
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

/// Commands in the order in which they came, and large operations apart from them.
struct Queue<S> {
    commands: Mutex<Commands<S>>,
    /// Signalled when `Commands::due` becomes earlier.
    earlier: Condvar,
    /// Bytes from which an operation is large.
    large: u32,
}

struct Commands<S> {
    waiting: VecDeque<Command<S>>,
    large: VecDeque<Queued<S>>,
    /// Transactions for which the first large operation has given way.
    passed: u8,
    /// When the thread must take what waits.
    due: Option<Instant>,
    /// Whether the thread has ended.
    ended: bool,
}

impl<S> Commands<S> {
    /// Takes what is for one transaction, or another command.
    fn next(&mut self) -> Next<S> {
        let is_idle = matches!(self.waiting.front(), None | Some(Command::Close));
        if (is_idle || self.passed == PASSING)
            && let Some(large) = self.large.pop_front()
        {
            self.passed = 0;
            return Next::Write(vec![large]);
        }
        self.passed = match self.large.is_empty() {
            true => 0,
            false => self.passed + 1,
        };
        let (mut group, mut bytes) = (Vec::new(), 0_u32);
        let is_write = |command: &mut Command<S>| matches!(command, Command::Write(_));
        while group.len() < GROUP_OPERATIONS
            && bytes < GROUP_BYTES
            && let Some(Command::Write(queued)) = self.waiting.pop_front_if(is_write)
        {
            bytes = bytes.saturating_add(queued.bytes);
            group.push(queued);
        }
        let other = match group.is_empty() {
            true => self.waiting.pop_front(),
            false => None,
        };
        other.map_or(Next::Write(group), Next::Other)
    }
}

/// What the thread does next.
enum Next<S> {
    Write(Vec<Queued<S>>),
    Other(Command<S>),
    Upkeep,
}

impl<S> Queue<S> {
    fn new(large: u32) -> Self {
        Self {
            commands: Mutex::new(Commands {
                waiting: VecDeque::new(),
                large: VecDeque::new(),
                passed: 0,
                due: None,
                ended: false,
            }),
            earlier: Condvar::new(),
            large,
        }
    }

    /// Adds a command that is taken `within` some time. A thread that has ended drops it, which answers `Closed`.
    fn push(&self, command: Command<S>, within: Duration) {
        let mut commands = self.lock();
        if commands.ended {
            return;
        }
        match command {
            Command::Write(queued) if queued.bytes >= self.large => {
                commands.large.push_back(queued);
            }
            command => commands.waiting.push_back(command),
        }
        let by = Instant::now() + within;
        let is_earlier = commands.due.is_none_or(|due| by < due);
        if is_earlier {
            commands.due = Some(by);
        }
        // Before the thread is woken, which takes the lock.
        drop(commands);
        if is_earlier {
            self.earlier.notify_one();
        }
    }

    /// Waits until commands are due, or until `upkeep`, and takes those for one transaction.
    fn take(&self, upkeep: Instant) -> Next<S> {
        let mut commands = self.lock();
        let now = loop {
            let now = Instant::now();
            let at = commands.due.map_or(upkeep, |due| due.min(upkeep));
            if at <= now {
                break now;
            }
            let waited = self.earlier.wait_timeout(commands, at - now);
            commands = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        if commands.due.is_none_or(|due| due > now) {
            return Next::Upkeep;
        }
        let next = commands.next();
        commands.due = (!commands.waiting.is_empty() || !commands.large.is_empty()).then_some(now);
        next
    }

    fn lock(&self) -> MutexGuard<'_, Commands<S>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side.
struct Thread<S> {
    connection: Connection,
    state: S,
    queue: Arc<Queue<S>>,
}

impl<S> Drop for Thread<S> {
    /// Also after a panic: each waiting caller gets an answer.
    fn drop(&mut self) {
        let mut commands = self.queue.lock();
        commands.ended = true;
        let waiting = std::mem::take(&mut commands.waiting);
        let large = std::mem::take(&mut commands.large);
        drop(commands);
        drop((waiting, large));
    }
}

impl<S: WriterState> Thread<S> {
    fn run(mut self) {
        let mut upkeep = Instant::now();
        loop {
            match self.queue.take(upkeep) {
                Next::Write(group) => {
                    let is_large = group.iter().any(|it| it.bytes >= self.queue.large);
                    self.write(group);
                    // Callers that have waited for a large operation do not wait for upkeep, too.
                    if is_large && !self.queue.lock().waiting.is_empty() {
                        continue;
                    }
                }
                Next::Other(Command::Pause { begun, end }) => {
                    if begun.send(()).is_ok() {
                        // Nothing is sent: dropping the other end resumes the thread.
                        drop(end.blocking_recv());
                    }
                }
                Next::Other(Command::Close) => break,
                Next::Other(Command::Write(_)) | Next::Upkeep => {}
            }
            upkeep = self.state.upkeep(&mut self.connection);
        }
        self.state.close(&self.connection);
    }

    /// Writes operations in one transaction, and answers them.
    fn write(&mut self, mut group: Vec<Queued<S>>) {
        let began = Instant::now();
        let result = self.commit(&mut group);
        self.state
            .settle(result.as_ref().copied(), group.len(), began.elapsed());
        let failed = result.err().map(Arc::new);
        for queued in group {
            drop(queued.permits);
            queued.operation.answer(failed.as_ref());
        }
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
