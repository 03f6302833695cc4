//! The clock that events are stamped with and retention follows: the system's, except across jumps.
//!
//! A system clock that is a month ahead, after a flat battery or a restored snapshot, would make retention delete every
//! event within a minute, and delete new events once the clock is corrected. So this clock keeps running over a jump, and
//! follows the system again when it returns, or after [`ACCEPT_AFTER`].

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ringtail_protocol::event::Timestamp;

/// Jumps up to this are followed at once: NTP corrections, and daylight saving on clocks that are set by hand.
const TOLERANCE: Duration = Duration::from_secs(60 * 60);

/// A jump that lasts this long is real: the host was suspended, or the relay was off for a month.
const ACCEPT_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock without jumps.
#[derive(Debug)]
pub(crate) struct SteadyClock(Mutex<ClockState>);

#[derive(Debug, Clone, Copy)]
struct ClockState {
    /// The last time returned from the system, in microseconds since 1970.
    time: i64,
    /// The instant of that.
    at: Instant,
    /// When the system's time was first seen to have jumped.
    jumped_at: Option<Instant>,
    /// Whether the system's time was ever followed. Before that, a distant start time needs no warning.
    has_followed: bool,
}

impl SteadyClock {
    /// Starts at the system's time.
    pub(crate) fn new() -> Self {
        Self::since(Timestamp::now())
    }

    /// Starts at a time that has certainly passed.
    pub(crate) fn since(known: Timestamp) -> Self {
        Self(Mutex::new(ClockState {
            time: known.0,
            at: Instant::now(),
            jumped_at: None,
            has_followed: false,
        }))
    }

    pub(crate) fn now(&self) -> Timestamp {
        let mut state = self.0.lock();
        Timestamp(state.time_at(Timestamp::now().0, Instant::now()))
    }
}

impl ClockState {
    fn time_at(&mut self, system: i64, now: Instant) -> i64 {
        let expected = self.time.saturating_add(micros(now - self.at));
        let off = system.abs_diff(expected);
        if u128::from(off) > TOLERANCE.as_micros() {
            let since = *self.jumped_at.get_or_insert_with(|| {
                let hours = off / 3_600_000_000;
                if self.has_followed {
                    tracing::warn!(
                        hours,
                        "the system clock jumped; ignoring the jump for a day, unless the clock returns"
                    );
                } else {
                    tracing::debug!(hours, "the last known time is old; retention waits for a day");
                }
                now
            });
            if now - since < ACCEPT_AFTER {
                return expected;
            }
        }
        *self = Self {
            time: system,
            at: now,
            jumped_at: None,
            has_followed: true,
        };
        system
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// Returns the hours of a clock that started at 0, for (real hours since, the system's hours).
    fn series(system: &[(u64, i64)]) -> Vec<i64> {
        let at = Instant::now();
        let mut state = ClockState {
            time: 0,
            at,
            jumped_at: None,
            has_followed: true,
        };
        system
            .iter()
            .map(|(hours, system)| {
                let now = at + Duration::from_secs(hours * 3600);
                state.time_at(system * HOUR, now) / HOUR
            })
            .collect()
    }

    #[test]
    fn the_system_is_followed_except_over_jumps() {
        assert_eq!(series(&[(1, 1), (2, 3), (3, 4), (4, 4)]), [1, 3, 4, 4]);
        // Forward by two months, and corrected.
        assert_eq!(series(&[(1, 1441), (2, 1442), (3, 3)]), [1, 2, 3]);
        // Back by a year, and corrected.
        assert_eq!(series(&[(1, -8759), (2, 2)]), [1, 2]);
    }

    #[test]
    fn a_jump_is_accepted_after_a_day() {
        assert_eq!(
            series(&[(1, 1441), (24, 1464), (25, 1465), (26, 1466)]),
            [1, 24, 1465, 1466]
        );
        // The day starts again with each jump.
        assert_eq!(
            series(&[(1, 1441), (2, 2), (3, 1443), (26, 1466), (27, 1467)]),
            [1, 2, 3, 26, 1467]
        );
    }
}
