//! When to dial again.
//!
//! Full jitter: a random share of the backoff, so that the clients of a restarted relay return spread out. The policy is
//! pure; the caller provides randomness and clock.

use std::time::Duration;

use crate::backoff::Backoff;

const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(30),
};

/// How long a link must have worked for its end to count as the first failure.
const GOOD: Duration = Duration::from_secs(60);

/// Counts failures in a row, without what a short link changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Redial {
    failures: u32,
}

impl Redial {
    /// Counts a failure and returns the wait after it: the share `random / u32::MAX` of the backoff.
    pub(super) fn failed(&mut self, random: u32) -> Duration {
        let longest = BACKOFF.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// Records how long a link worked before it ended.
    pub(super) fn worked(&mut self, time: Duration) {
        if time >= GOOD {
            self.failures = 0;
        }
    }

    /// Forgets the failures, after the network may have changed.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(random: u32, len: usize) -> Vec<u128> {
        let mut redial = Redial::default();
        (0..len)
            .map(|_| redial.failed(random).as_millis())
            .collect()
    }

    #[test]
    fn the_wait_is_a_share_of_the_backoff() {
        assert_eq!(series(0, 3), [0, 0, 0]);
        assert_eq!(series(u32::MAX / 2, 4), [125, 250, 500, 1_000]);
        assert_eq!(
            series(u32::MAX, 10),
            [
                250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000
            ]
        );
        let mut redial = Redial { failures: u32::MAX };
        assert_eq!(redial.failed(u32::MAX), BACKOFF.longest);
        assert_eq!(redial.failures, u32::MAX);
    }

    #[test]
    fn a_minute_of_good_connection_starts_the_series_again() {
        let mut redial = Redial::default();
        for _ in 0..5 {
            redial.failed(0);
        }
        redial.worked(GOOD - Duration::from_millis(1));
        assert_eq!(redial.failures, 5);
        redial.worked(GOOD);
        assert_eq!(redial.failed(u32::MAX), BACKOFF.first);
    }
}
