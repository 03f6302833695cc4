//! The wall clock for certificates.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time;

/// How often a wait checks the clock: wall clocks are changed, and machines sleep.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// The machine's clock, which tests can advance.
#[derive(Debug, Clone)]
pub struct Clock(watch::Sender<Duration>);

impl Clock {
    /// Advances the clock and wakes waiting tasks.
    pub fn advance(&self, by: Duration) {
        self.0
            .send_modify(|ahead| *ahead = ahead.saturating_add(by));
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        SystemTime::now() + *self.0.borrow()
    }

    /// Waits until that time.
    pub(crate) async fn sleep_until(&self, until: SystemTime) {
        let mut ahead = self.0.subscribe();
        while let Ok(left) = until.duration_since(self.now())
            && !left.is_zero()
        {
            // The sender is this clock, which is borrowed.
            drop(time::timeout(left.min(CHECK_INTERVAL), ahead.changed()).await);
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(watch::Sender::new(Duration::ZERO))
    }
}
