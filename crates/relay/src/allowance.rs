//! So many of something in each second, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Counts within the current second.
#[derive(Debug)]
pub(crate) struct Allowance {
    per_second: u32,
    start: Instant,
    /// The second, counted from `start`, in the upper half; what was taken in it in the lower.
    state: AtomicU64,
}

impl Allowance {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            start: Instant::now(),
            state: AtomicU64::new(0),
        }
    }

    /// Takes one, if the second has one left.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.start).as_secs() << 32;
        self.state
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                // A thread whose clock reads earlier counts in the second that has begun.
                let current = state.max(second);
                let taken = current & u64::from(u32::MAX);
                (taken < u64::from(self.per_second)).then_some(current + 1)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_second_has_its_own() {
        let allowance = Allowance::new(2);
        let at = |millis| allowance.start + Duration::from_millis(millis);
        let taken: Vec<bool> = [0, 500, 999, 1000, 1001, 999, 1002, 5000, 5000, 5000]
            .map(|millis| allowance.take(at(millis)))
            .into();
        let (yes, no) = (true, false);
        assert_eq!(taken, [yes, yes, no, yes, yes, no, no, yes, yes, no]);
    }
}
