//! Time, which tests turn.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

/// What time it is, and waiting.
pub(crate) trait Clock: Debug + Send + Sync {
    /// Returns the time.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The system's clock.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}
