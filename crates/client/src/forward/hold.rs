//! How long to wait before a target that accepts no connection is tried again.

use std::time::Duration;

/// A delay that doubles from `first` to `longest`. No jitter: the target is this person's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldDelay {
    /// Delay after the first failure.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
}

/// A dev server that restarts is back within a second; one that was stopped is noticed two seconds after it is
/// started at the latest.
impl Default for HoldDelay {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(2),
        }
    }
}

impl HoldDelay {
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
    fn the_whole_series() {
        let millis = |failures| HoldDelay::default().after(failures).as_millis();
        let series: Vec<_> = (0..8).map(millis).collect();
        assert_eq!(series, [100, 200, 400, 800, 1600, 2000, 2000, 2000]);
        assert_eq!(millis(u32::MAX), 2000);
    }
}
