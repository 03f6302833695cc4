//! Delays before a retry.

use std::time::Duration;

/// A delay that doubles with each failure in a row, from `first` to `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first failure.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
}

impl Backoff {
    /// Returns the delay after a failure that `failures` others preceded.
    #[must_use]
    pub fn after(&self, failures: u32) -> Duration {
        let factor = 2_u32.checked_pow(failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_bound() {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(2),
        };
        let millis = |failures| backoff.after(failures).as_millis();
        let series: Vec<_> = (0..8).map(millis).collect();
        assert_eq!(series, [100, 200, 400, 800, 1600, 2000, 2000, 2000]);
        assert_eq!(millis(u32::MAX), 2000);
    }
}
