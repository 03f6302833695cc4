//! When pending events are counted.

use std::time::{Duration, Instant};

/// When to count pending events: after a change, and no more often than a person can read.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) stale: bool,
    pub(super) running: bool,
    not_before: Instant,
}

impl Default for Count {
    fn default() -> Self {
        Self {
            stale: true,
            running: false,
            not_before: Instant::now(),
        }
    }
}

impl Count {
    const INTERVAL: Duration = Duration::from_millis(100);

    pub(super) fn due_at(&self) -> Option<Instant> {
        (self.stale && !self.running).then_some(self.not_before)
    }

    pub(super) fn begin(&mut self) {
        self.stale = false;
        self.not_before = Instant::now() + Self::INTERVAL;
    }
}
