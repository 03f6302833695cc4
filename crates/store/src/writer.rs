//! The work of the writing thread that belongs to no operation: watermarks, new fields, retention.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::watch;

use ringtail_model::Watermarks;
use ringtail_sqlite::{QueueLimits, WriterState};

use crate::fields::SchemaTracker;
use crate::pending::{NewPending, PendingSignal};
use crate::query;
use crate::retention::{Cleaner, INTERVAL, Retention};
use crate::search::Notifier;

/// What may be queued; more senders wait.
pub(crate) const QUEUE: QueueLimits = QueueLimits {
    operations: 256,
    bytes: 64 * 1024 * 1024,
    large: None,
};

/// Pause after a step of retention: longer than another process that wants to write takes to try again.
const PAUSE: Duration = Duration::from_millis(3);

/// A transaction that takes longer is logged.
const SLOW: Duration = Duration::from_millis(50);

/// Time between two signals that the watermarks have moved: each makes every front end read the history.
pub(crate) const TICK: Duration = Duration::from_millis(25);

/// The state of the writing thread.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) fields: SchemaTracker,
    /// Pending events in the transaction that is being committed.
    pub(crate) pending: Vec<NewPending>,
    pending_signal: PendingSignal,
    watermarks: watch::Sender<Watermarks>,
    /// Those of the transaction that is being committed.
    reached: Watermarks,
    /// When watermarks that have moved are signalled.
    signal_due: Option<Instant>,
    signalled: Option<Instant>,
    retention: Option<Cleaner>,
    retention_due: Instant,
    index: Notifier,
}

impl Recorder {
    pub(crate) fn new(
        watermarks: watch::Sender<Watermarks>,
        pending_signal: PendingSignal,
        retention: Option<Retention>,
        index: Notifier,
    ) -> Self {
        let reached = *watermarks.borrow();
        Self {
            fields: SchemaTracker::default(),
            pending: Vec::new(),
            pending_signal,
            watermarks,
            reached,
            signal_due: None,
            signalled: None,
            retention: retention.map(Cleaner::new),
            retention_due: Instant::now(),
            index,
        }
    }
}

impl WriterState for Recorder {
    fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.fields.begin(connection)
    }

    fn finish(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.fields.write(connection)?;
        self.reached = query::watermarks(connection)?;
        Ok(())
    }

    /// Moves the watermarks before the operations are answered, so that a caller of `store` finds them moved. That they have moved
    /// is signalled at most once in [`TICK`].
    fn settle(&mut self, result: Result<(), &rusqlite::Error>, operations: usize, took: Duration) {
        if took >= SLOW {
            tracing::debug!(
                operations,
                took_ms = took.as_millis(),
                "slow write to the history"
            );
        }
        match result {
            Ok(()) => {
                let reached = self.reached;
                let mut moved = false;
                self.watermarks.send_if_modified(|known| {
                    moved = known.advance(reached);
                    false
                });
                let next = self.signalled.map(|at| at + TICK);
                match next.filter(|next| *next > Instant::now()) {
                    Some(next) if moved => self.signal_due = Some(next),
                    None if moved => self.signal(),
                    _ => {}
                }
                for new in self.pending.drain(..) {
                    self.pending_signal.send(new);
                }
            }
            Err(_) => {
                self.fields.forget();
                self.pending.clear();
            }
        }
    }

    fn upkeep(&mut self, connection: &mut Connection) -> Instant {
        if self.signal_due.is_some_and(|due| due <= Instant::now()) {
            self.signal();
        }
        let retention = self.retain(connection);
        self.signal_due.map_or(retention, |due| due.min(retention))
    }
}

impl Recorder {
    /// Wakes the readers of new rows.
    fn signal(&mut self) {
        self.watermarks.send_modify(|_| {});
        self.index.notify();
        self.signal_due = None;
        self.signalled = Some(Instant::now());
    }

    /// Takes a step of retention if it is time, and returns the time of the next.
    fn retain(&mut self, connection: &mut Connection) -> Instant {
        let began = Instant::now();
        let Some(cleaner) = &mut self.retention else {
            return began + INTERVAL;
        };
        if self.retention_due > began {
            return self.retention_due;
        }
        let more = cleaner.step(connection).unwrap_or_else(|error| {
            tracing::warn!(%error, "could not delete old events from the history");
            false
        });
        self.index.notify();
        self.retention_due = match more {
            // At most half of the thread's time.
            true => Instant::now() + PAUSE.max(began.elapsed()),
            false => began + INTERVAL,
        };
        self.retention_due
    }
}
