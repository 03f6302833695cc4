//! Limits on orders: below any authority's limits, across restarts, and with backoff after failures.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::limits::{CERTIFICATES_PER_WEEK, ORDERS_PER_DAY, ORDERS_PER_HOUR};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Upper bound of the wait after the first failure: new DNS records need about a minute.
const BASE: Duration = Duration::from_secs(60);

/// Upper bound of every wait.
const CAP: Duration = Duration::from_secs(3 * 60 * 60);

/// A kind of challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ChallengeKind {
    /// In a TLS handshake on the public listener.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn,
    /// Over plain HTTP.
    #[serde(rename = "http-01")]
    Http,
}

impl ChallengeKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TlsAlpn => "tls-alpn-01",
            Self::Http => "http-01",
        }
    }
}

/// Outcome of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Unknown: the relay stopped meanwhile.
    Open,
    /// The certificate was requested, and may have been issued.
    Finalized,
    /// The certificate is saved.
    Issued,
    /// No certificate.
    Failed,
}

/// One order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Placed {
    /// Seconds since 1970.
    pub(super) at: u64,
    pub(super) challenge: ChallengeKind,
    pub(super) outcome: Outcome,
}

/// The orders of the last week.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Orders {
    pub(super) placed: Vec<Placed>,
    /// The challenge that succeeded last.
    pub(super) works: Option<ChallengeKind>,
}

impl Orders {
    /// Records an order about to be placed, and removes those that no limit counts.
    pub(super) fn place(&mut self, challenge: ChallengeKind, now: SystemTime) {
        let now = seconds(now);
        for placed in &mut self.placed {
            // The clock has been set back: no order may count for longer than a full window.
            placed.at = placed.at.min(now);
        }
        self.placed
            .retain(|placed| now - placed.at < WEEK.as_secs());
        self.placed.push(Placed {
            at: now,
            challenge,
            outcome: Outcome::Open,
        });
    }

    /// Records the outcome of the last order.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        if let Some(last) = self.placed.last_mut() {
            last.outcome = outcome;
            if outcome == Outcome::Issued {
                self.works = Some(last.challenge);
            }
        }
    }

    /// Returns when the next order may be placed.
    pub(super) fn allowed(&self, now: SystemTime) -> SystemTime {
        let may_be_issued =
            |placed: &Placed| matches!(placed.outcome, Outcome::Finalized | Outcome::Issued);
        [
            self.room(ORDERS_PER_HOUR, HOUR, now, |_| true),
            self.room(ORDERS_PER_DAY, DAY, now, |_| true),
            self.room(CERTIFICATES_PER_WEEK, WEEK, now, may_be_issued),
        ]
        .into_iter()
        .fold(now, SystemTime::max)
    }

    /// Returns when fewer than `most` orders are within a window.
    fn room(
        &self,
        most: usize,
        window: Duration,
        now: SystemTime,
        counts: impl Fn(&Placed) -> bool,
    ) -> SystemTime {
        let at = |placed: &Placed| now.min(time(placed.at)) + window;
        let mut counted = self.placed.iter().filter(|placed| counts(placed)).rev();
        counted.nth(most - 1).map_or(now, at)
    }
}

/// Returns the time of the next attempt, unless it is further away than any wait: the clock has been set back. The limits
/// on orders still apply.
pub(super) fn believable(retry_at: SystemTime, now: SystemTime) -> Option<SystemTime> {
    (retry_at <= now + CAP).then_some(retry_at)
}

/// Returns the wait after a number of consecutive failures: between half and all of a bound that doubles, by `share` of
/// `u32::MAX`.
pub(super) fn backoff(failures: u32, share: u32) -> Duration {
    let bound = CAP.min(BASE * 2_u32.pow(failures.saturating_sub(1).min(16)));
    bound.mul_f64(0.5 + 0.5 * f64::from(share) / f64::from(u32::MAX))
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(seconds))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        time(1_000_000_000 + seconds)
    }

    /// Places orders as soon as they are allowed, and returns when, in minutes.
    fn series(orders: &mut Orders, outcome: Outcome, count: usize) -> Vec<u64> {
        let mut now = at(0);
        (0..count)
            .map(|_| {
                now = orders.allowed(now);
                orders.place(ChallengeKind::TlsAlpn, now);
                orders.settle(outcome);
                now.duration_since(at(0)).unwrap().as_secs() / 60
            })
            .collect()
    }

    #[test]
    fn failing_orders_are_limited_to_four_an_hour_and_twenty_a_day() {
        let day = 24 * 60;
        let mut expected = Vec::new();
        for start in [0, day] {
            for hour in 0..5 {
                expected.extend([start + hour * 60; 4]);
            }
        }
        for outcome in [Outcome::Failed, Outcome::Open] {
            let got = series(&mut Orders::default(), outcome, 40);
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn certificates_are_limited_to_four_a_week() {
        let week = 7 * 24 * 60;
        for outcome in [Outcome::Issued, Outcome::Finalized] {
            let got = series(&mut Orders::default(), outcome, 9);
            assert_eq!(got, [0, 0, 0, 0, week, week, week, week, 2 * week]);
        }
    }

    #[test]
    fn a_clock_set_back_blocks_no_longer_than_the_window() {
        let mut orders = Orders::default();
        for _ in 0..4 {
            orders.place(ChallengeKind::Http, at(1_000_000_000));
        }
        assert_eq!(orders.allowed(at(0)), at(0) + HOUR);
    }

    #[test]
    fn a_wait_from_before_the_clock_was_set_back_is_dropped() {
        let longest = backoff(u32::MAX, u32::MAX);
        assert_eq!(believable(at(0) + longest, at(0)), Some(at(0) + longest));
        assert_eq!(believable(at(0), at(1)), Some(at(0)));
        assert_eq!(believable(at(0) + longest + BASE, at(0)), None);
    }

    #[test]
    fn orders_are_removed_after_a_week() {
        let mut orders = Orders::default();
        series(&mut orders, Outcome::Failed, 30);
        orders.place(ChallengeKind::Http, at(30 * 24 * 60 * 60));
        assert_eq!(orders.placed.len(), 1);
    }

    #[test]
    fn the_challenge_that_succeeded_is_remembered() {
        let mut orders = Orders::default();
        orders.place(ChallengeKind::Http, at(0));
        orders.settle(Outcome::Issued);
        orders.place(ChallengeKind::TlsAlpn, at(1));
        orders.settle(Outcome::Failed);
        assert_eq!(orders.works, Some(ChallengeKind::Http));
    }

    #[test]
    fn waits_double_up_to_three_hours() {
        let longest: Vec<u64> = (1..=10)
            .map(|failures| backoff(failures, u32::MAX).as_secs() / 60)
            .collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 64, 128, 180, 180]);
        assert_eq!(backoff(3, 0), Duration::from_secs(120));
        assert_eq!(backoff(u32::MAX, 0), CAP / 2);
    }
}
