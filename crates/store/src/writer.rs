//! The one thread that writes.
//!
//! It takes what waits in its queue, writes it in one transaction, commits, and then answers everybody. An
//! operation that fails is undone alone, by its savepoint; a commit that fails fails all of its group. While nothing
//! waits, and once in a while when something does, it looks after the file: it removes what is too old, and indexes
//! what is not indexed yet, in steps of which none keeps anybody waiting noticeably.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use ringtail_protocol::event::{EncodedRequest, EventId, Kind};

use super::attempts::{self, NewAttempt};
use super::bookmark::{self, BookmarkChange};
use super::edited;
use super::index::{Pace, Turn};
use super::learn::Learner;
use super::rest::Rest;
use super::retention::{Retention, Schedule};
use super::store::{self, Incoming, Stored};
use super::{Forwarding, StoreError};
use super::{index, query};
use ringtail_model::{RowId, Watermarks};

/// Operations that may wait; more senders than that wait themselves.
pub(super) const QUEUE: usize = 256;

/// Bytes after which a group is committed although more waits.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// How often it is looked what other processes wrote, and whether the one that indexes has ended.
const IDLE: Duration = Duration::from_secs(10);

/// Pause after a step of upkeep: longer than another process that wants to write takes to look again.
const PAUSE: Duration = Duration::from_millis(3);

/// How many times as long as a step of upkeep took it pauses while there is something to write. Who writes waits for one
/// commit before the next thing to write comes, so that the queue is empty again and again however much there is to do:
/// that alone does not mean that there is time.
const SHARE: u32 = 2;

/// What keeps others waiting for longer is told in the log.
const LONG: Duration = Duration::from_millis(50);

/// Something to write.
#[derive(Debug)]
pub(super) enum Write {
    Store {
        endpoint: String,
        journal: String,
        batch: Vec<Incoming>,
        forwarding: Forwarding,
        done: oneshot::Sender<Result<Stored, StoreError>>,
    },
    Attempt {
        attempt: Box<NewAttempt>,
        settles: bool,
        done: oneshot::Sender<Result<RowId, StoreError>>,
    },
    Bookmark {
        events: Vec<EventId>,
        change: BookmarkChange,
        done: oneshot::Sender<Result<usize, StoreError>>,
    },
    Edited {
        origin: EventId,
        id: EventId,
        kind: Kind,
        request: EncodedRequest,
        done: oneshot::Sender<Result<bool, StoreError>>,
    },
}

impl Write {
    fn weight(&self) -> usize {
        match self {
            Self::Store { batch, .. } => batch.iter().map(Incoming::weight).sum(),
            Self::Attempt { attempt, .. } => attempt.weight(),
            Self::Bookmark { events, .. } => 16 * events.len(),
            Self::Edited { request, .. } => request.as_bytes().len(),
        }
    }
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) queue: mpsc::Receiver<Write>,
    pub(super) rests: mpsc::Receiver<Rest>,
    pub(super) marks: watch::Sender<Watermarks>,
    pub(super) indexed: watch::Sender<RowId>,
    pub(super) retention: Option<Retention>,
    pub(super) learner: Learner,
    pub(super) turn: Turn,
    /// For waiting with an end.
    pub(super) runtime: Runtime,
}

impl Writer {
    /// Runs until every handle is gone and the queue is empty.
    pub(super) fn run(mut self) {
        let began = Instant::now();
        let mut schedule = self
            .retention
            .map(|retention| Schedule::new(retention, began));
        let mut pace = Pace::default();
        // Whether there may be something to index, from when on something may be done beside writing, and whether anything
        // was written since it was done the last time.
        let (mut behind, mut free, mut wrote) = (true, began + PAUSE, false);
        loop {
            let now = Instant::now();
            let removal = schedule.as_ref().map(|schedule| schedule.due(now));
            let due = match behind {
                true => now,
                false => removal.map_or(now + IDLE, |due| due.min(now + IDLE)),
            };
            match self.next(due.max(free).saturating_duration_since(now)) {
                Next::Write(first) => {
                    let group = self.gather(first);
                    timed("write", || self.write(group));
                    (behind, wrote) = (true, true);
                    if Instant::now() < free {
                        continue;
                    }
                }
                // Another process may have written what is ours to index.
                Next::Nothing => behind = true,
                Next::Rest(rest) => {
                    self.rest(rest);
                    behind = true;
                }
                Next::Closed => return,
            }
            let began = Instant::now();
            if let Some(schedule) = &mut schedule
                && schedule.due(began) <= began
            {
                timed("retention", || self.remove(schedule));
                // The index has to forget what went.
                behind = true;
            }
            if behind {
                let began = Instant::now();
                behind = timed("index", || self.index(pace.events));
                pace.took(began.elapsed());
            }
            let took = began.elapsed();
            let pause = if wrote { took * SHARE } else { PAUSE };
            (free, wrote) = (Instant::now() + pause.max(PAUSE), false);
        }
    }

    /// Takes what waits, or waits for it.
    fn next(&mut self, wait: Duration) -> Next {
        let (queue, rests) = (&mut self.queue, &mut self.rests);
        let next = async {
            tokio::select! {
                // Who wants a rest cannot wait: it comes before whatever else there is.
                biased;
                Some(rest) = rests.recv() => Next::Rest(rest),
                write = queue.recv() => write.map_or(Next::Closed, Next::Write),
            }
        };
        let next = self.runtime.block_on(async { timeout(wait, next).await });
        next.unwrap_or(Next::Nothing)
    }

    /// Leaves the file to others until the rest is over.
    fn rest(&mut self, rest: Rest) {
        self.turn.leave();
        if rest.begun.send(()).is_ok() {
            // Nothing is ever sent: it ends by being dropped.
            drop(self.runtime.block_on(rest.over));
        }
    }

    /// Removes some of what is beyond the limits.
    fn remove(&self, schedule: &mut Schedule) {
        if let Err(error) = schedule.step(&self.connection, Instant::now()) {
            tracing::warn!(%error, "old events could not be removed from the history");
        }
    }

    /// Indexes at most so many events that are not indexed yet; returns whether there is more for us.
    fn index(&mut self, events: usize) -> bool {
        if !self.turn.is_ours() {
            if let Ok((events, _)) = index::indexed(&self.connection) {
                self.reached(RowId(events));
            }
            return false;
        }
        match index::step(&self.connection, events, &mut self.learner) {
            Ok(step) => {
                if let Some(new_fields) = step.novelty {
                    let known = *self.marks.borrow();
                    self.advance(Watermarks {
                        new_fields,
                        ..known
                    });
                }
                self.reached(step.reached);
                step.more
            }
            Err(error) => {
                tracing::warn!(%error, "events could not be indexed; searching them takes longer");
                // It is tried again after the next write.
                false
            }
        }
    }

    fn advance(&self, marks: Watermarks) {
        self.marks.send_if_modified(|known| known.advance(marks));
    }

    /// Tells how far the index reaches.
    fn reached(&self, row: RowId) {
        self.indexed.send_if_modified(|reached| {
            let moved = *reached != row;
            *reached = row;
            moved
        });
    }

    fn gather(&mut self, first: Write) -> Vec<Write> {
        let mut bytes = first.weight();
        let mut group = vec![first];
        while bytes < GROUP_BYTES
            && group.len() < QUEUE
            && let Ok(write) = self.queue.try_recv()
        {
            bytes += write.weight();
            group.push(write);
        }
        group
    }

    fn write(&mut self, group: Vec<Write>) {
        let mut written = Vec::with_capacity(group.len());
        let committed = self.commit(group, &mut written);
        match committed {
            Ok(marks) => {
                // Before the answers: who has been told "stored" finds the marks there.
                self.advance(marks);
                for answer in written {
                    answer.send();
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for answer in written {
                    answer.fail(&error);
                }
            }
        }
    }

    /// Writes the group in one transaction. Every operation ends up in `written`, whatever happens.
    fn commit(
        &mut self,
        group: Vec<Write>,
        written: &mut Vec<Written>,
    ) -> rusqlite::Result<Watermarks> {
        let mut group = group.into_iter();
        let begun = timed("lock", || {
            self.connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
        });
        let mut transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) => {
                written.extend(group.map(Written::undone));
                return Err(error);
            }
        };
        // A full disk makes SQLite leave the transaction by itself. A savepoint would then be a transaction of its own,
        // and what it commits would be reported as failed.
        while !transaction.is_autocommit()
            && let Some(write) = group.next()
        {
            written.push(apply(&mut transaction, write));
        }
        written.extend(group.map(Written::undone));
        let marks = query::marks(&transaction)?;
        timed("commit", || transaction.commit())?;
        Ok(marks)
    }
}

/// What comes next.
enum Next {
    Write(Write),
    Rest(Rest),
    Nothing,
    Closed,
}

/// Does one of the thread's jobs, and says in the log when it took so long that others noticed.
fn timed<T>(job: &'static str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    let took = began.elapsed();
    if took >= LONG {
        tracing::debug!(
            job,
            took_ms = took.as_millis(),
            "writing the history took long"
        );
    }
    done
}

/// Writes one operation within its own savepoint.
fn apply(transaction: &mut rusqlite::Transaction<'_>, write: Write) -> Written {
    match write {
        Write::Store {
            endpoint,
            journal,
            batch,
            forwarding,
            done,
        } => {
            let result = alone(transaction, |connection| {
                store::store(connection, &endpoint, &journal, &batch, &forwarding)
            });
            Written::Store(done, result)
        }
        Write::Attempt {
            attempt,
            settles,
            done,
        } => {
            let result = alone(transaction, |connection| {
                attempts::record(connection, &attempt, settles)
            });
            Written::Attempt(done, result)
        }
        Write::Bookmark {
            events,
            change,
            done,
        } => {
            let result = alone(transaction, |connection| {
                bookmark::change(connection, &events, &change)
            });
            Written::Mark(done, result)
        }
        Write::Edited {
            origin,
            id,
            kind,
            request,
            done,
        } => {
            let result = alone(transaction, |connection| {
                edited::add(connection, origin, id, kind, &request)
            });
            Written::Edited(done, result)
        }
    }
}

fn alone<T>(
    transaction: &mut rusqlite::Transaction<'_>,
    write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    let failed = |error| StoreError::Database(Arc::new(error));
    let savepoint = transaction.savepoint().map_err(failed)?;
    let value = write(&savepoint).map_err(failed)?;
    savepoint.commit().map_err(failed)?;
    Ok(value)
}

/// An operation and what to answer once the group is committed. Nobody may be waiting any more.
enum Written {
    Store(
        oneshot::Sender<Result<Stored, StoreError>>,
        Result<Stored, StoreError>,
    ),
    Attempt(
        oneshot::Sender<Result<RowId, StoreError>>,
        Result<RowId, StoreError>,
    ),
    Mark(
        oneshot::Sender<Result<usize, StoreError>>,
        Result<usize, StoreError>,
    ),
    Edited(
        oneshot::Sender<Result<bool, StoreError>>,
        Result<bool, StoreError>,
    ),
}

impl Written {
    fn undone(write: Write) -> Self {
        match write {
            Write::Store { done, .. } => Self::Store(done, Err(StoreError::Closed)),
            Write::Attempt { done, .. } => Self::Attempt(done, Err(StoreError::Closed)),
            Write::Bookmark { done, .. } => Self::Mark(done, Err(StoreError::Closed)),
            Write::Edited { done, .. } => Self::Edited(done, Err(StoreError::Closed)),
        }
    }

    fn send(self) {
        match self {
            Self::Store(done, result) => drop(done.send(result)),
            Self::Attempt(done, result) => drop(done.send(result)),
            Self::Mark(done, result) => drop(done.send(result)),
            Self::Edited(done, result) => drop(done.send(result)),
        }
    }

    fn fail(self, error: &Arc<rusqlite::Error>) {
        let error = StoreError::Database(Arc::clone(error));
        match self {
            Self::Store(done, _) => drop(done.send(Err(error))),
            Self::Attempt(done, _) => drop(done.send(Err(error))),
            Self::Mark(done, _) => drop(done.send(Err(error))),
            Self::Edited(done, _) => drop(done.send(Err(error))),
        }
    }
}
