//! The work of the writing thread that belongs to no operation: watermarks, new fields, retention.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::watch;

use ringtail_model::Watermarks;
use ringtail_sqlite::{QueueLimits, WriterState};

use crate::fields::SchemaTracker;
use crate::query;
use crate::retention::{Cleaner, INTERVAL, Retention};
use crate::search::Notifier;

/// What may be queued; more senders wait.
pub(crate) const QUEUE: QueueLimits = QueueLimits {
    operations: 256,
    bytes: 64 * 1024 * 1024,
};

/// Pause after a step of retention: longer than another process that wants to write takes to try again.
const PAUSE: Duration = Duration::from_millis(3);

/// A transaction that takes longer is logged.
const SLOW: Duration = Duration::from_millis(50);

/// The state of the writing thread.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) fields: SchemaTracker,
    watermarks: watch::Sender<Watermarks>,
    /// Those of the transaction that is being committed.
    reached: Watermarks,
    retention: Option<Cleaner>,
    retention_due: Instant,
    index: Notifier,
}

impl Recorder {
    pub(crate) fn new(
        watermarks: watch::Sender<Watermarks>,
        retention: Option<Retention>,
        index: Notifier,
    ) -> Self {
        let reached = *watermarks.borrow();
        Self {
            fields: SchemaTracker::default(),
            watermarks,
            reached,
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

    /// Moves the watermarks before the operations are answered, so that a caller of `store` finds them moved.
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
                self.watermarks
                    .send_if_modified(|known| known.advance(reached));
                self.index.notify();
            }
            Err(_) => self.fields.forget(),
        }
    }

    fn upkeep(&mut self, connection: &mut Connection) -> Instant {
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
