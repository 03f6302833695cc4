//! Detects that the machine slept.
//!
//! During sleep the monotonic clock, which the link's keep-alive uses, stops while the wall clock advances. After waking, a
//! dead link looks alive for up to one keep-alive; a jump between the clocks reveals it at once.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

/// How often the clocks are compared: each time wakes an idle laptop.
pub(crate) const TICK: Duration = Duration::from_secs(3);

/// Tolerance before the link is replaced: far above clock slew and delays of a busy machine, far below the relay's
/// keep-alive.
const JUMP: Duration = Duration::from_secs(5);

/// What the monotonic and the wall clock say at a time.
type Reading = (Instant, SystemTime);

/// Returns true if the machine slept between two readings, one [`TICK`] apart by the timer.
///
/// Only forward jumps count: a wall clock set back is a correction. On platforms whose monotonic clock includes
/// sleep, that clock runs far past a tick.
fn has_slept(before: Reading, now: Reading) -> bool {
    let ran = now.0.saturating_duration_since(before.0);
    let passed = now.1.duration_since(before.1).unwrap_or_default();
    ran > TICK + JUMP || passed.saturating_sub(ran) > JUMP
}

/// Waits until the machine has slept.
pub(crate) async fn slept() {
    jumped(TICK, || (Instant::now(), SystemTime::now())).await;
}

/// Waits until the clocks that `read` returns have jumped.
///
/// Compares them on a separate thread, because a timer of the runtime wakes several of its threads.
async fn jumped(every: Duration, read: impl Fn() -> Reading + Send + 'static) {
    let (_ends_the_thread, ended) = mpsc::channel::<()>();
    let (tell, told) = oneshot::channel();
    let compare = move || {
        let mut before = read();
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            let now = read();
            if has_slept(before, now) {
                // The receiver may have been dropped.
                tell.send(()).ok();
                return;
            }
            before = now;
        }
    };
    let thread = thread::Builder::new().name("clock".to_owned());
    if let Err(error) = thread.spawn(compare) {
        tracing::warn!(%error, "no thread to compare clocks: a sleep is noticed by the link's keep-alive");
    }
    if told.await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn after(ran: u64, passed: i64) -> bool {
        let (monotonic, wall) = (
            Instant::now(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(9_000),
        );
        let later = if passed < 0 {
            wall - Duration::from_millis(passed.unsigned_abs())
        } else {
            wall + Duration::from_millis(passed.unsigned_abs())
        };
        has_slept(
            (monotonic, wall),
            (monotonic + Duration::from_millis(ran), later),
        )
    }

    #[test]
    fn only_a_jump_forwards_is_sleep() {
        for (ran, passed, slept, what) in [
            (3_000, 3_000, false, "an ordinary tick"),
            (3_000, 8_000, false, "five seconds are allowed"),
            (3_000, 8_001, true, "the wall clock ran on in sleep"),
            (3_000, 3_600_000, true, "an hour in a bag"),
            (3_000, -3_600_000, false, "the wall clock was set back"),
            (7_900, 7_900, false, "a busy machine"),
            (8_001, 8_001, true, "a monotonic clock that counts sleep"),
        ] {
            assert_eq!(after(ran, passed), slept, "{what}");
        }
    }

    #[tokio::test]
    async fn the_thread_tells_of_a_jump_and_ends_with_who_waits() {
        let (monotonic, wall) = (Instant::now(), SystemTime::now());
        let reads = Arc::new(AtomicU32::new(0));
        let read = |jump| {
            let reads = Arc::clone(&reads);
            move || {
                let count = reads.fetch_add(1, Ordering::Relaxed);
                (monotonic, wall + jump * count)
            }
        };
        let every = Duration::from_millis(1);
        jumped(every, read(Duration::from_secs(6))).await;
        assert_eq!(reads.load(Ordering::Relaxed), 2);

        // Each tick is compared with the one before: a wall clock that gains 4 s with each parts far from the other one, but
        // never jumps.
        let mut waits = Box::pin(jumped(every, read(Duration::from_secs(4))));
        while reads.load(Ordering::Relaxed) < 12 {
            assert!(futures_util::poll!(waits.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        drop(waits);
        // The thread drops its clone.
        while Arc::strong_count(&reads) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
