//! The time that events get and that retention goes by: the system's, unless that jumps.
//!
//! A host whose clock is set wrong by a month, which a flat battery or a restored snapshot does, would otherwise throw
//! away every event within a minute, and give new ones times by which they go at once when it is set right. The clock
//! therefore goes on by itself over a jump, and believes the system again when it comes back, or after
//! [`BELIEVED_AFTER`].

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringtail_protocol::event::Timestamp;

/// Jumps up to this are followed at once: what NTP corrects, and daylight saving of those who set clocks by hand.
const TOLERANCE: Duration = Duration::from_secs(60 * 60);

/// A system that says the same for so long is right: a host that slept, or a relay that had nothing to do for a month.
const BELIEVED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The time, without jumps.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<State>);

#[derive(Debug, Clone, Copy)]
struct State {
    /// Time that was believed last, in microseconds since 1970.
    time: i64,
    /// When that was.
    at: Instant,
    /// Since when the system says something else.
    doubted: Option<Instant>,
    /// Whether the system was ever believed: only then it has jumped, and did not just stand elsewhere from the start.
    followed: bool,
}

impl Clock {
    /// Begins with the system's time.
    pub(crate) fn new() -> Self {
        Self::since(Timestamp::now())
    }

    /// Begins with a time that is known to have been.
    pub(crate) fn since(known: Timestamp) -> Self {
        Self(Mutex::new(State {
            time: known.0,
            at: Instant::now(),
            doubted: None,
            followed: false,
        }))
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> Timestamp {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp(state.believe(Timestamp::now().0, Instant::now()))
    }
}

impl State {
    fn believe(&mut self, system: i64, now: Instant) -> i64 {
        let expected = self.time.saturating_add(micros(now - self.at));
        let off = system.abs_diff(expected);
        if u128::from(off) > TOLERANCE.as_micros() {
            let since = *self.doubted.get_or_insert_with(|| {
                let hours = off / 3_600_000_000;
                if self.followed {
                    tracing::warn!(
                        hours,
                        "the system's clock jumped: events keep the time before it for a day, unless it comes back"
                    );
                } else {
                    // A relay that had nothing to do before it was started again, as a rule.
                    tracing::debug!(hours, "the last known time is old: retention waits for a day");
                }
                now
            });
            if now - since < BELIEVED_AFTER {
                return expected;
            }
        }
        *self = Self {
            time: system,
            at: now,
            doubted: None,
            followed: true,
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

    /// What a clock that began at 0 says when the system says each of these, so many hours after it began.
    fn series(says: &[(u64, i64)]) -> Vec<i64> {
        let at = Instant::now();
        let mut state = State {
            time: 0,
            at,
            doubted: None,
            followed: true,
        };
        says.iter()
            .map(|(hours, system)| {
                let now = at + Duration::from_secs(hours * 3600);
                state.believe(system * HOUR, now) / HOUR
            })
            .collect()
    }

    #[test]
    fn the_systems_time_is_followed_and_jumps_are_not() {
        assert_eq!(series(&[(1, 1), (2, 3), (3, 4), (4, 4)]), [1, 3, 4, 4]);
        // Forward by two months, and back to what is right.
        assert_eq!(series(&[(1, 1441), (2, 1442), (3, 3)]), [1, 2, 3]);
        // Back by a year, and set right.
        assert_eq!(series(&[(1, -8759), (2, 2)]), [1, 2]);
    }

    #[test]
    fn what_is_said_for_a_day_is_believed() {
        assert_eq!(
            series(&[(1, 1441), (24, 1464), (25, 1465), (26, 1466)]),
            [1, 24, 1465, 1466]
        );
        // Each jump has a day of its own.
        assert_eq!(
            series(&[(1, 1441), (2, 2), (3, 1443), (26, 1466), (27, 1467)]),
            [1, 2, 3, 26, 1467]
        );
    }
}
