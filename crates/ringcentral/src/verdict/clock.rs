//! RingCentral's patience with an address that fails (docs/RINGCENTRAL.md 2.6).
//!
//! Staff said "for 10 minutes"; whether time or failures are counted is not documented. Here both must be true:
//! nothing was accepted for ten minutes, and a failure says so. The sources disagree on what follows, see [`AFTERWARDS`].

use super::fault::Fault;
use crate::limits::BLACKLIST_WINDOW_MINUTES;

/// Milliseconds of nothing but failures after which a subscription is blacklisted.
pub const PATIENCE_MS: i64 = BLACKLIST_WINDOW_MINUTES as i64 * 60 * 1000;

/// What becomes of a blacklisted subscription, by both sources.
pub const AFTERWARDS: &str = "its staff said (2018) that it comes back at a check every 15 minutes once the address \
     answers well, its guide says (2022) that it never does: then delete it and create it again";

/// Times what an address makes of its notifications. Times are milliseconds since any beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureClock(Option<Failing>);

/// An address whose last answers were all failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// When the first of the failures was.
    pub since_ms: i64,
    /// When the failure was that the subscription is blacklisted for, if there was one.
    pub blacklisted_ms: Option<i64>,
    /// What RingCentral would have recorded as the reason: that of the last failure, or of the one that counts.
    pub reason: String,
}

impl FailureClock {
    /// Notes what became of a notification.
    pub fn note(&mut self, at_ms: i64, fault: Option<&Fault>) {
        let Some(fault) = fault else {
            self.0 = None;
            return;
        };
        let failing = self.0.get_or_insert_with(|| Failing {
            since_ms: at_ms,
            blacklisted_ms: None,
            reason: String::new(),
        });
        // Answers to events that ran side by side are not noted quite in order.
        failing.since_ms = failing.since_ms.min(at_ms);
        if failing.blacklisted_ms.is_none() {
            failing.reason = fault.to_string();
            failing.blacklisted_ms = (at_ms >= failing.due_ms()).then_some(at_ms);
        }
    }

    /// Returns how the address fails, if it does.
    pub fn failing(&self) -> Option<&Failing> {
        self.0.as_ref()
    }
}

impl Failing {
    /// Returns from when on the next failure is the one too many.
    pub fn due_ms(&self) -> i64 {
        self.since_ms.saturating_add(PATIENCE_MS)
    }

    /// Returns the outlook at a time, as the end of a sentence that begins "the subscription would be".
    pub fn outlook(&self, now_ms: i64) -> String {
        if self.blacklisted_ms.is_some() {
            return "blacklisted".to_owned();
        }
        match self.due_ms().saturating_sub(now_ms) {
            ..=0 => "blacklisted at the next failure".to_owned(),
            left @ 1..60_000 => format!("blacklisted in {} s", left.saturating_add(999) / 1000),
            left => format!(
                "blacklisted in {} min",
                left.saturating_add(59_999) / 60_000
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::NoAnswer;
    use super::*;

    const MINUTE: i64 = 60_000;

    fn status(status: u16) -> Option<Fault> {
        Some(Fault::WrongStatus { status })
    }

    const REFUSED: Option<Fault> = Some(Fault::NoAnswer {
        reason: NoAnswer::Refused,
    });

    #[test]
    fn ten_minutes_of_failures_blacklist_and_one_good_answer_resets() {
        // Time, fault, and the outlook then.
        let mut clock = FailureClock::default();
        for (at_ms, fault, expected) in [
            (0, None, None),
            (MINUTE, status(500), Some("blacklisted in 10 min")),
            (8 * MINUTE + 1, REFUSED, Some("blacklisted in 3 min")),
            (11 * MINUTE - 1, REFUSED, Some("blacklisted in 1 s")),
            (11 * MINUTE, None, None),
            (12 * MINUTE, status(404), Some("blacklisted in 10 min")),
            (22 * MINUTE - 1, status(404), Some("blacklisted in 1 s")),
            (22 * MINUTE, status(500), Some("blacklisted")),
            (30 * MINUTE, REFUSED, Some("blacklisted")),
            (31 * MINUTE, None, None),
        ] {
            clock.note(at_ms, fault.as_ref());
            let outlook = clock.failing().map(|failing| failing.outlook(at_ms));
            assert_eq!(outlook.as_deref(), expected, "{at_ms}");
        }
    }

    #[test]
    fn the_reason_is_of_the_failure_that_blacklisted() {
        let mut clock = FailureClock::default();
        clock.note(0, status(404).as_ref());
        clock.note(PATIENCE_MS, status(500).as_ref());
        clock.note(PATIENCE_MS + MINUTE, REFUSED.as_ref());
        let failing = clock.failing().unwrap();
        assert_eq!(
            failing.reason,
            Fault::WrongStatus { status: 500 }.to_string()
        );
        assert_eq!(failing.blacklisted_ms, Some(PATIENCE_MS));
    }

    #[test]
    fn silence_does_not_reset_it_and_failures_out_of_order_do_not_delay_it() {
        let mut clock = FailureClock::default();
        clock.note(5, REFUSED.as_ref());
        clock.note(3, REFUSED.as_ref());
        let failing = clock.failing().unwrap();
        assert_eq!(failing.since_ms, 3);
        assert_eq!(
            failing.outlook(PATIENCE_MS + 3),
            "blacklisted at the next failure"
        );
        assert_eq!(failing.outlook(i64::MAX), "blacklisted at the next failure");
    }
}
