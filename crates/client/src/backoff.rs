//! How long to wait before the link is dialled again.
//!
//! Full jitter: a random share of a bound that doubles with every failure, so that many clients of a restarted
//! relay come back spread out. The policy is pure; the caller brings the randomness and the clock.

use std::time::Duration;

/// Bound of the first wait.
const BASE: Duration = Duration::from_millis(250);

/// Bound of every wait, however many failures there were.
const CAP: Duration = Duration::from_secs(30);

/// How long a link must have worked for its end to count as the first failure.
const GOOD: Duration = Duration::from_secs(60);

/// Counts failures in a row and says how long to wait.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Counts one more failure and returns the wait after it: `share` of the bound, from 0 (nothing) to
    /// `u32::MAX` (all of it).
    pub fn failed(&mut self, share: u32) -> Duration {
        let bound = Self::bound(self.failures);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }

    /// Notes that a link worked for this long before it ended.
    pub fn worked(&mut self, how_long: Duration) {
        if how_long >= GOOD {
            self.failures = 0;
        }
    }

    /// Forgets the failures, when they say nothing about the network that is there now.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns how many tries failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn bound(failures: u32) -> Duration {
        // 2^20 times the base is days; the cap is reached long before.
        CAP.min(BASE * 2u32.pow(failures.min(20)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(share: u32, len: usize) -> Vec<u128> {
        let mut backoff = Backoff::default();
        (0..len)
            .map(|_| backoff.failed(share).as_millis())
            .collect()
    }

    #[test]
    fn the_bound_doubles_up_to_its_cap() {
        assert_eq!(
            series(u32::MAX, 10),
            [
                250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000
            ]
        );
    }

    #[test]
    fn the_wait_is_a_share_of_the_bound() {
        assert_eq!(series(0, 3), [0, 0, 0]);
        assert_eq!(series(u32::MAX / 2, 4), [125, 250, 500, 1_000]);
    }

    #[test]
    fn it_never_gives_up_and_never_overflows() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.failed(u32::MAX), CAP);
        assert_eq!(backoff.failures(), u32::MAX);
    }

    #[test]
    fn a_minute_of_good_connection_starts_the_series_again() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.failed(0);
        }
        backoff.worked(GOOD - Duration::from_millis(1));
        assert_eq!(backoff.failures(), 5);
        backoff.worked(GOOD);
        assert_eq!(backoff.failures(), 0);
        assert_eq!(backoff.failed(u32::MAX), BASE);
    }
}
