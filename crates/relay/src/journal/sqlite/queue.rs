//! What waits for the writer: bounded in entries and in bytes, those included that it is writing.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ringtail_protocol::event::Timestamp;
use tokio::sync::oneshot;

use super::retention::Swept;
use crate::journal::{AppendError, Appended, Entry};

/// The most operations in one transaction.
const GROUP_OPERATIONS: usize = 512;

/// The bytes in one transaction after which no further operation is added.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that an operation counts for beside its request.
const OPERATION_BYTES: usize = 256;

/// How much may wait to be written, or be in the middle of it. More is [`AppendError::QueueFull`].
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Operations.
    pub operations: usize,
    /// Bytes of requests, with a few hundred for each operation.
    pub bytes: usize,
}

impl Default for QueueLimits {
    /// About what a disk that stalls for a second leaves behind on a busy relay, in memory that a small host has.
    fn default() -> Self {
        Self {
            operations: 16 * 1024,
            bytes: 64 * 1024 * 1024,
        }
    }
}

/// An entry and where its answer goes.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) entry: Entry,
    pub(super) uuid_hash: Option<i64>,
    pub(super) answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// What the writer can be asked for.
#[derive(Debug)]
pub(super) enum Work {
    Append(Append),
    /// Retention, as of the time `now`, or of the journal's own.
    Sweep {
        now: Option<Timestamp>,
        answer: oneshot::Sender<Result<Swept, AppendError>>,
    },
    /// A row that nobody reads, to see whether it can be written.
    Probe {
        answer: oneshot::Sender<Result<(), AppendError>>,
    },
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(append) => append.entry.request.as_bytes().len() + OPERATION_BYTES,
            Self::Sweep { .. } | Self::Probe { .. } => OPERATION_BYTES,
        }
    }
}

/// What [`Queue::take`] found.
#[derive(Debug)]
pub(super) enum Taken {
    /// Work, in the order in which it came. [`Queue::done`] is due for it.
    Group(Group),
    /// Nothing until the time was up.
    Idle,
    /// Nothing, and nothing will come.
    Closed,
}

/// Work for one transaction.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) work: Vec<Work>,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Work>,
    /// Operations waiting or being written.
    operations: usize,
    /// Their bytes.
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            arrived: Condvar::new(),
        }
    }

    /// Adds work, or says at once that there is no room.
    pub(super) fn push(&self, work: Work) -> Result<(), AppendError> {
        let bytes = work.bytes();
        let mut state = self.state();
        if state.closed {
            return Err(AppendError::Closed);
        }
        if state.operations >= self.limits.operations
            || state.bytes.saturating_add(bytes) > self.limits.bytes
        {
            return Err(AppendError::QueueFull);
        }
        state.operations += 1;
        state.bytes += bytes;
        // A writer that is not waiting looks at the queue before it waits again.
        let first = state.waiting.is_empty();
        state.waiting.push_back(work);
        drop(state);
        if first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes what waits, up to one transaction's worth; waits for it until the deadline.
    pub(super) fn take(&self, deadline: Instant) -> Taken {
        let mut state = self.state();
        while state.waiting.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            let Some(left) = deadline
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                return Taken::Idle;
            };
            state = self
                .arrived
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let mut bytes = 0;
        let mut count = 0;
        for work in state.waiting.iter().take(GROUP_OPERATIONS) {
            if count > 0 && bytes >= GROUP_BYTES {
                break;
            }
            count += 1;
            bytes += work.bytes();
        }
        Taken::Group(Group {
            work: state.waiting.drain(..count).collect(),
            bytes,
        })
    }

    /// Makes the room of a group free again.
    pub(super) fn done(&self, operations: usize, bytes: usize) {
        let mut state = self.state();
        state.operations -= operations;
        state.bytes -= bytes;
    }

    /// Returns how many operations wait or are being written, and their bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        let state = self.state();
        (state.operations, state.bytes)
    }

    /// Takes no more work; what waits can still be taken.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_one();
    }

    /// Drops what waits, so that those who wait for it learn that nobody will write it.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.closed = true;
        let abandoned = std::mem::take(&mut state.waiting);
        drop(state);
        drop(abandoned);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// What [`Queue::done`] is told of this group.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.work.len(), self.bytes)
    }
}
