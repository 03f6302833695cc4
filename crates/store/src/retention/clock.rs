//! The time that retention goes by: the system's, except across jumps.
//!
//! A laptop whose clock is a month ahead would delete its whole history. So a jump of more than a day counts once it has
//! lasted a day, or once the relay, which has a clock of its own, has sent an event of that time. Until then the earlier
//! time counts, by which less is old.

use std::time::{Duration, Instant};

use ringtail_protocol::event::Timestamp;

/// Jumps up to this are followed at once, and larger ones after it.
const DOUBT: Duration = Duration::from_secs(24 * 60 * 60);

/// The last time that was believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct BelievedTime {
    time: Timestamp,
    at: Instant,
    /// Where the system's clock had jumped to, and when.
    jumped: Option<(Timestamp, Instant)>,
}

impl BelievedTime {
    /// Begins with the time of the newest event, if there is one.
    pub(super) fn new(newest: Option<Timestamp>, system: Timestamp, at: Instant) -> Self {
        Self {
            time: newest.unwrap_or(system),
            at,
            jumped: None,
        }
    }

    /// Returns the time, given the system's and that of the newest event.
    pub(super) fn now(
        &mut self,
        newest: Option<Timestamp>,
        system: Timestamp,
        at: Instant,
    ) -> Timestamp {
        let expected = later(self.time, at - self.at);
        let is_near = |time: Timestamp| u128::from(system.0.abs_diff(time.0)) <= DOUBT.as_micros();
        if !is_near(expected) && !newest.is_some_and(is_near) {
            // A second jump begins another doubt.
            let (to, since) = self
                .jumped
                .filter(|(to, since)| is_near(later(*to, at - *since)))
                .unwrap_or((system, at));
            self.jumped = Some((to, since));
            if at - since < DOUBT {
                return Timestamp(system.0.min(expected.0));
            }
        }
        *self = Self::new(Some(system), system, at);
        system
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp(time.0.saturating_add(by))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// Returns the believed hours of a client that starts at hour 0 with an event of that time, for (hours that it has run,
    /// the system's hours, those of a newer event).
    fn series(steps: &[(u64, i64, i64)]) -> Vec<i64> {
        let start = Instant::now();
        let time = |hours: i64| Timestamp(hours * HOUR);
        let mut believed = BelievedTime::new(Some(time(0)), time(steps[0].1), start);
        let steps = steps.iter();
        steps
            .map(|(ran, system, newest)| {
                let at = start + Duration::from_secs(ran * 3600);
                believed.now(Some(time(*newest)), time(*system), at).0 / HOUR
            })
            .collect()
    }

    #[test]
    fn a_jump_deletes_nothing_that_would_stay_without_it() {
        for jump in [1, 40 * 24, 10 * 365 * 24] {
            // At the start, and corrected; while running, and corrected.
            for ran in [0, 5] {
                let ran_hours = i64::try_from(ran).unwrap();
                let found = series(&[(ran, ran_hours + jump, 0), (ran + 1, ran_hours + 1, 0)]);
                let most = if jump == 1 { ran_hours + 1 } else { ran_hours };
                assert!(found[0] <= most, "{jump}: {found:?}");
                assert_eq!(found[1], ran_hours + 1);
                // Backwards, the time is earlier and less is old.
                let back = series(&[(ran, ran_hours - jump, 0), (ran + 1, ran_hours + 1, 0)]);
                assert_eq!(back, [ran_hours - jump, ran_hours + 1]);
            }
        }
    }

    #[test]
    fn a_jump_counts_after_a_day_or_with_an_event_of_that_time() {
        assert_eq!(
            series(&[(1, 1000, 0), (24, 1023, 0), (25, 1024, 0), (26, 1025, 0)]),
            [1, 24, 1024, 1025]
        );
        assert_eq!(series(&[(1, 1000, 0), (2, 1001, 1001)]), [1, 1001]);
        // The day begins again with each jump.
        assert_eq!(
            series(&[(1, 1000, 0), (24, 9000, 0), (47, 9023, 0), (48, 9024, 0)]),
            [1, 24, 47, 9024]
        );
    }
}
