//! Waiting for a condition. Nothing in the kit waits for time to pass.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, interval};

/// How long [`eventually!`](crate::eventually) looks unless it is told otherwise: far longer than anything takes
/// on a busy machine, and shorter than patience.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until there is something to see.
///
/// # Errors
/// When `patience` ran out first; `what` says what was waited for.
pub async fn until<T>(
    patience: Duration,
    what: impl FnOnce() -> String,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    let mut ticks = interval(LOOK_AGAIN);
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

/// Waits until a condition holds, and fails with the given words when it does not within [`PATIENCE`], or within
/// the time given first: `eventually!(within Duration::from_secs(40), condition, "what {is} waited for")`.
#[macro_export]
macro_rules! eventually {
    (within $patience:expr, $condition:expr, $($what:tt)+) => {
        $crate::wait::until($patience, || format!($($what)+), async || ($condition).then_some(())).await
    };
    ($condition:expr, $($what:tt)+) => {
        $crate::eventually!(within $crate::wait::PATIENCE, $condition, $($what)+)
    };
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
