//! How many events come and how long the app takes, over the last two minutes.
//!
//! Counted as it happens, into a fixed number of buckets: nothing is read for it, and it does not grow.

use std::time::Duration;

use ringtail_protocol::event::Timestamp;

/// Length of a bucket in microseconds: five seconds.
const BUCKET: i64 = 5_000_000;

/// Buckets that are kept: two minutes.
pub(crate) const BUCKETS: usize = 24;

/// Buckets of a minute.
const MINUTE: usize = 12;

/// Counters, the newest bucket last.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    buckets: [Bucket; BUCKETS],
    /// Which bucket since 1970 the newest is.
    newest: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    events: u64,
    slowest: Option<Duration>,
}

impl Pace {
    /// Takes in the time. A clock that goes back begins anew.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let bucket = now.0.div_euclid(BUCKET);
        let passed = usize::try_from(bucket.saturating_sub(self.newest));
        let passed = passed.unwrap_or(BUCKETS).min(BUCKETS);
        self.buckets.rotate_left(passed);
        let kept = BUCKETS - passed;
        self.buckets[kept..].fill(Bucket::default());
        self.newest = bucket;
    }

    /// Counts events that came now.
    pub(crate) fn events(&mut self, count: u64) {
        self.buckets[BUCKETS - 1].events += count;
    }

    /// Notes how long an attempt took that ended now.
    pub(crate) fn answer(&mut self, took: Duration) {
        let slowest = &mut self.buckets[BUCKETS - 1].slowest;
        *slowest = (*slowest).max(Some(took));
    }

    /// Says whether nothing has happened.
    pub(crate) fn is_empty(&self) -> bool {
        self.buckets
            .iter()
            .all(|bucket| *bucket == Bucket::default())
    }

    /// Returns how many events came in the last minute.
    pub(crate) fn per_minute(&self) -> u64 {
        let minute = self.buckets.iter().skip(BUCKETS - MINUTE);
        minute.map(|bucket| bucket.events).sum()
    }

    /// Returns the slowest answer, if there was any.
    pub(crate) fn slowest(&self) -> Option<Duration> {
        self.buckets
            .iter()
            .filter_map(|bucket| bucket.slowest)
            .max()
    }

    /// Returns the events of each of the last buckets, if there were any.
    pub(crate) fn rate(&self, buckets: usize) -> impl Iterator<Item = Option<u64>> {
        let last = self.buckets.iter().skip(BUCKETS.saturating_sub(buckets));
        last.map(|bucket| Some(bucket.events).filter(|count| *count > 0))
    }

    /// Returns the slowest answer of each of the last buckets in microseconds, if there was any.
    pub(crate) fn times(&self, buckets: usize) -> impl Iterator<Item = Option<u64>> {
        let last = self.buckets.iter().skip(BUCKETS.saturating_sub(buckets));
        let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        last.map(move |bucket| bucket.slowest.map(micros))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(seconds: i64) -> Timestamp {
        Timestamp(1_753_899_180_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn buckets_move_with_the_time_and_are_forgotten() {
        let mut pace = Pace::default();
        pace.tick(after(0));
        assert!(pace.is_empty());
        pace.events(3);
        pace.answer(Duration::from_millis(7));
        pace.answer(Duration::from_millis(5));
        pace.tick(after(10));
        pace.events(1);
        let rate: Vec<_> = pace.rate(4).collect();
        assert_eq!(rate, [None, Some(3), None, Some(1)]);
        assert_eq!(pace.times(3).collect::<Vec<_>>(), [Some(7000), None, None]);
        assert_eq!(
            (pace.per_minute(), pace.slowest()),
            (4, Some(Duration::from_millis(7)))
        );
        pace.tick(after(60));
        assert_eq!(pace.per_minute(), 1);
        pace.tick(after(119));
        assert_eq!(pace.rate(BUCKETS).flatten().sum::<u64>(), 4);
        pace.tick(after(130));
        assert!(pace.is_empty());
        pace.events(1);
        pace.tick(after(-3600));
        assert!(pace.is_empty());
    }

    proptest! {
        #[test]
        fn no_clock_breaks_it(times in prop::collection::vec(any::<i64>(), 0..20)) {
            let mut pace = Pace::default();
            for time in times {
                pace.tick(Timestamp(time));
                pace.events(1);
                prop_assert!(pace.per_minute() >= 1);
                prop_assert_eq!(pace.rate(BUCKETS).count(), BUCKETS);
            }
        }
    }
}
