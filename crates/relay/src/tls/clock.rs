//! The wall clock that certificates are judged and renewed by.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time;

/// How often a wait looks at the clock again: wall clocks are set, and machines sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The machine's clock, which tests put forward.
#[derive(Debug, Clone)]
pub struct Clock(watch::Sender<Duration>);

impl Clock {
    /// Puts the clock forward, and wakes who waits for a time.
    pub fn advance(&self, by: Duration) {
        self.0
            .send_modify(|ahead| *ahead = ahead.saturating_add(by));
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        SystemTime::now() + *self.0.borrow()
    }

    /// Waits until a time has come.
    pub(crate) async fn sleep_until(&self, until: SystemTime) {
        let mut ahead = self.0.subscribe();
        while let Ok(left) = until.duration_since(self.now())
            && !left.is_zero()
        {
            // The sender is this clock: it does not go while it is borrowed.
            drop(time::timeout(left.min(LOOK_AGAIN), ahead.changed()).await);
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(watch::Sender::new(Duration::ZERO))
    }
}
