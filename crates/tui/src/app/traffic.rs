//! The event rate and the slowest answers of the last two minutes.
//!
//! Counted as it happens, in a fixed number of buckets: it reads nothing and does not grow.

use std::time::Duration;

use ringtail_protocol::event::Timestamp;

/// Microseconds of a bucket: five seconds.
const BUCKET: i64 = 5_000_000;

/// Buckets of two minutes.
pub(crate) const BUCKETS: usize = 24;

/// Buckets of a minute.
const MINUTE: usize = 12;

/// Counters, the newest bucket last.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    buckets: [Bucket; BUCKETS],
    /// The index of the newest bucket since 1970.
    newest: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    events: u64,
    slowest: Option<Duration>,
}

impl Traffic {
    /// Moves the buckets with the time. A clock that goes back clears them.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let bucket = now.0.div_euclid(BUCKET);
        let passed = usize::try_from(bucket.saturating_sub(self.newest));
        let passed = passed.unwrap_or(BUCKETS).min(BUCKETS);
        self.buckets.rotate_left(passed);
        let kept = BUCKETS - passed;
        self.buckets[kept..].fill(Bucket::default());
        self.newest = bucket;
    }

    /// Counts events that arrived now.
    pub(crate) fn events(&mut self, count: u64) {
        self.buckets[BUCKETS - 1].events += count;
    }

    /// Records the duration of an attempt that ended now.
    pub(crate) fn answer(&mut self, took: Duration) {
        let slowest = &mut self.buckets[BUCKETS - 1].slowest;
        *slowest = (*slowest).max(Some(took));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buckets
            .iter()
            .all(|bucket| *bucket == Bucket::default())
    }

    /// Returns the events of the last minute.
    pub(crate) fn per_minute(&self) -> u64 {
        self.last(MINUTE).map(|bucket| bucket.events).sum()
    }

    /// Returns the slowest answer.
    pub(crate) fn slowest(&self) -> Option<Duration> {
        self.buckets
            .iter()
            .filter_map(|bucket| bucket.slowest)
            .max()
    }

    /// Returns the events of each of the last buckets, if there were any.
    pub(crate) fn rate(&self, buckets: usize) -> impl Iterator<Item = Option<u64>> {
        self.last(buckets)
            .map(|bucket| Some(bucket.events).filter(|count| *count > 0))
    }

    /// Returns the slowest answer of each of the last buckets in microseconds, if there was any.
    pub(crate) fn times(&self, buckets: usize) -> impl Iterator<Item = Option<u64>> {
        let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        self.last(buckets)
            .map(move |bucket| bucket.slowest.map(micros))
    }

    fn last(&self, buckets: usize) -> impl Iterator<Item = &Bucket> {
        self.buckets.iter().skip(BUCKETS.saturating_sub(buckets))
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
        let mut traffic = Traffic::default();
        traffic.tick(after(0));
        assert!(traffic.is_empty());
        traffic.events(3);
        traffic.answer(Duration::from_millis(7));
        traffic.answer(Duration::from_millis(5));
        traffic.tick(after(10));
        traffic.events(1);
        let rate: Vec<_> = traffic.rate(4).collect();
        assert_eq!(rate, [None, Some(3), None, Some(1)]);
        assert_eq!(
            traffic.times(3).collect::<Vec<_>>(),
            [Some(7000), None, None]
        );
        assert_eq!(
            (traffic.per_minute(), traffic.slowest()),
            (4, Some(Duration::from_millis(7)))
        );
        traffic.tick(after(60));
        assert_eq!(traffic.per_minute(), 1);
        traffic.tick(after(119));
        assert_eq!(traffic.rate(BUCKETS).flatten().sum::<u64>(), 4);
        traffic.tick(after(130));
        assert!(traffic.is_empty());
        traffic.events(1);
        traffic.tick(after(-3600));
        assert!(traffic.is_empty());
    }

    proptest! {
        #[test]
        fn no_clock_breaks_it(times in prop::collection::vec(any::<i64>(), 0..20)) {
            let mut traffic = Traffic::default();
            for time in times {
                traffic.tick(Timestamp(time));
                traffic.events(1);
                prop_assert!(traffic.per_minute() >= 1);
                prop_assert_eq!(traffic.rate(BUCKETS).count(), BUCKETS);
            }
        }
    }
}
