//! Waiting for a condition, never for time to pass.

use std::pin::pin;
use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, interval, timeout};

/// Longer than anything takes on a busy machine: a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(10);

/// Time for the relay to act before [`after`] advances the clock again.
const MOMENT: Duration = Duration::from_secs(1);

/// Polls until there is something to see.
///
/// # Errors
/// When `patience` runs out first; `what` says what was waited for.
pub async fn until<T>(
    patience: Duration,
    what: impl FnOnce() -> String,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    let mut ticks = interval(POLL);
    loop {
        ticks.tick().await;
        if let Some(seen) = look().await {
            return Ok(seen);
        }
        if Instant::now() >= deadline {
            bail!("not seen within {patience:?}: {}", what());
        }
    }
}

/// Waits until a condition holds; fails with the given words when it does not within [`PATIENCE`], or within the time
/// given first: `eventually!(within Duration::from_secs(40), condition, "what {is} waited for")`.
#[macro_export]
macro_rules! eventually {
    (within $patience:expr, $condition:expr, $($what:tt)+) => {
        $crate::wait::until($patience, || format!($($what)+), async || ($condition).then_some(())).await
    };
    ($condition:expr, $($what:tt)+) => {
        $crate::eventually!(within $crate::wait::PATIENCE, $condition, $($what)+)
    };
}

/// Waits for a future that must complete.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let began = std::time::Instant::now();
    let mut future = pin!(future);
    loop {
        match timeout(PATIENCE, &mut future).await {
            Ok(value) => return value,
            // The runtime's clock may have been advanced.
            Err(_elapsed) => assert!(began.elapsed() < PATIENCE, "{what} did not happen"),
        }
    }
}

/// Waits for an effect of a timeout by advancing the runtime's clock past it, so that what comes before has real time on
/// however busy a machine.
///
/// # Panics
/// When it does not come within [`PATIENCE`].
pub async fn after<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let turns = async {
        loop {
            advance(limit).await;
            if let Ok(value) = timeout(MOMENT, &mut future).await {
                return value;
            }
        }
    };
    soon(what, turns).await
}

/// Advances the runtime's clock: timers that are due fire, and later ones count from here.
pub async fn advance(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::{PATIENCE, until};

    #[tokio::test]
    async fn sees_what_comes_late_and_names_what_never_comes() {
        let looks = Cell::new(0);
        let third = until(PATIENCE, String::new, async || {
            looks.set(looks.get() + 1);
            (looks.get() == 3).then_some("third")
        });
        assert_eq!(third.await.unwrap(), "third");
        let never = until(Duration::ZERO, || "the moon".into(), async || None::<()>).await;
        assert!(never.unwrap_err().to_string().ends_with("the moon"));
    }
}
