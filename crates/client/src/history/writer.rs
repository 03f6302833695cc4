//! The one thread that writes.
//!
//! It takes what waits in its queue, writes it in one transaction, commits, and then answers everybody. An
//! operation that fails is undone alone, by its savepoint; a commit that fails fails all of its group. While nothing
//! waits it removes what is too old, and indexes what is not indexed yet.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use ringtail_protocol::event::{EncodedRequest, EventId, Kind};

use super::attempts::{self, NewAttempt};
use super::edited;
use super::learn::Learner;
use super::mark::{self, MarkChange};
use super::retention::{Retention, Schedule};
use super::store::{self, Incoming, Stored};
use super::{Forwarding, StoreError};
use super::{index, query};
use crate::model::{Marks, RowId};

/// Operations that may wait; more senders than that wait themselves.
pub(super) const QUEUE: usize = 256;

/// Bytes after which a group is committed although more waits.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Groups after which a little is indexed although more waits to be written.
const GROUPS: usize = 8;

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
    Mark {
        events: Vec<EventId>,
        change: MarkChange,
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
            Self::Mark { events, .. } => 16 * events.len(),
            Self::Edited { request, .. } => request.as_bytes().len(),
        }
    }
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) queue: mpsc::Receiver<Write>,
    pub(super) marks: watch::Sender<Marks>,
    pub(super) indexed: watch::Sender<RowId>,
    pub(super) retention: Retention,
    pub(super) learner: Learner,
}

impl Writer {
    /// Runs until every handle is gone and the queue is empty.
    pub(super) fn run(mut self) {
        let mut schedule = Schedule::new(self.retention, Instant::now());
        let mut behind = true;
        let mut groups = 0;
        loop {
            let now = Instant::now();
            if schedule.is_due(now)
                && let Err(error) = schedule.step(&self.connection, now)
            {
                tracing::warn!(%error, "old events could not be removed from the history");
            }
            // Without a pause for it a flood of events would never be indexed.
            if behind && groups >= GROUPS {
                groups = 0;
                behind = self.index();
            }
            let first = if schedule.is_due(Instant::now()) || behind {
                match self.queue.try_recv() {
                    Ok(write) => write,
                    Err(mpsc::error::TryRecvError::Empty) => {
                        groups = GROUPS;
                        continue;
                    }
                    Err(mpsc::error::TryRecvError::Disconnected) => return,
                }
            } else {
                match self.queue.blocking_recv() {
                    Some(write) => write,
                    None => return,
                }
            };
            let group = self.gather(first);
            self.write(group);
            groups += 1;
            behind = true;
        }
    }

    /// Indexes some of what is not indexed yet; returns whether there is more.
    fn index(&mut self) -> bool {
        match index::step(&self.connection, &mut self.learner) {
            Ok(step) => {
                if let Some(novelties) = step.novelty {
                    let known = *self.marks.borrow();
                    self.advance(Marks { novelties, ..known });
                }
                self.indexed.send_if_modified(|reached| {
                    let moved = *reached != step.reached;
                    *reached = step.reached;
                    moved
                });
                step.more
            }
            Err(error) => {
                tracing::warn!(%error, "events could not be indexed; searching them takes longer");
                // It is tried again after the next write.
                false
            }
        }
    }

    fn advance(&self, marks: Marks) {
        self.marks.send_if_modified(|known| known.advance(marks));
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
    fn commit(&mut self, group: Vec<Write>, written: &mut Vec<Written>) -> rusqlite::Result<Marks> {
        let mut group = group.into_iter();
        let begun = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
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
        transaction.commit()?;
        Ok(marks)
    }
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
        Write::Mark {
            events,
            change,
            done,
        } => {
            let result = alone(transaction, |connection| {
                mark::change(connection, &events, &change)
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
            Write::Mark { done, .. } => Self::Mark(done, Err(StoreError::Closed)),
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
