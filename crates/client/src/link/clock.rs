//! Notices that the machine slept.
//!
//! While a laptop sleeps its monotonic clock stands still and the wall clock goes on, and the link's keep-alive
//! counts on the first. After waking, the link looks alive for up to a whole keep-alive; a jump between the two
//! clocks says at once that it is not to be trusted.

use std::time::{Duration, Instant, SystemTime};

/// How often the clocks are compared.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// How far the clocks may part, or the monotonic one pass a tick, before the link is replaced: far above what a
/// clock daemon slews or a busy machine delays, far below what a relay's keep-alive forgives.
const JUMP: Duration = Duration::from_secs(5);

/// Compares two clocks from tick to tick.
#[derive(Debug)]
pub(crate) struct ClockJump {
    monotonic: Instant,
    wall: SystemTime,
}

impl ClockJump {
    /// Begins to watch.
    pub(crate) fn new(monotonic: Instant, wall: SystemTime) -> Self {
        Self { monotonic, wall }
    }

    /// Says whether the machine slept since the last call, which was a [`TICK`] ago by the timer's reckoning.
    ///
    /// Only a jump forwards counts. A wall clock set back is somebody correcting it; and a monotonic clock that
    /// ran far past a tick counts sleep on platforms where it does not stand still.
    pub(crate) fn slept(&mut self, monotonic: Instant, wall: SystemTime) -> bool {
        let ran = monotonic.saturating_duration_since(self.monotonic);
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        self.monotonic = monotonic;
        self.wall = wall;
        ran > TICK + JUMP || passed.saturating_sub(ran) > JUMP
    }
}

/// Waits until the machine has slept.
pub(crate) async fn slept() {
    let mut clock = ClockJump::new(Instant::now(), SystemTime::now());
    loop {
        tokio::time::sleep(TICK).await;
        if clock.slept(Instant::now(), SystemTime::now()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
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
        ClockJump::new(monotonic, wall).slept(monotonic + Duration::from_millis(ran), later)
    }

    #[test]
    fn only_a_jump_forwards_is_sleep() {
        for (ran, passed, slept, what) in [
            (1_000, 1_000, false, "an ordinary tick"),
            (1_000, 6_000, false, "five seconds are allowed"),
            (1_000, 6_001, true, "the wall clock ran on in sleep"),
            (1_000, 3_600_000, true, "an hour in a bag"),
            (1_000, -3_600_000, false, "the wall clock was set back"),
            (5_900, 5_900, false, "a busy machine"),
            (6_001, 6_001, true, "a monotonic clock that counts sleep"),
        ] {
            assert_eq!(after(ran, passed), slept, "{what}");
        }
    }

    #[test]
    fn each_tick_is_compared_with_the_one_before() {
        let (mut monotonic, mut wall) = (Instant::now(), SystemTime::now());
        let mut clock = ClockJump::new(monotonic, wall);
        // A wall clock that gains 4 s with every tick parts far from the other one, but never jumps.
        for _ in 0..10 {
            monotonic += TICK;
            wall += TICK + Duration::from_secs(4);
            assert!(!clock.slept(monotonic, wall));
        }
    }
}
