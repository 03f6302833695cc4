//! RingCentral's patience with an address that fails (RINGCENTRAL.md 2.6).

use crate::limits::BLACKLIST_WINDOW_MINUTES;

/// Milliseconds of nothing but failures after which a subscription is blacklisted.
pub const PATIENCE_MS: u64 = BLACKLIST_WINDOW_MINUTES * 60 * 1000;

/// Counts the time for which every notification failed.
///
/// Whether RingCentral counts time or failures is not documented; staff said "for 10 minutes", and one answer
/// that is right begins them anew.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    failing_since: Option<u64>,
}

impl Patience {
    /// Notes what became of a notification at a time. Returns whether RingCentral's patience is now at its end.
    pub fn note(&mut self, at_ms: u64, accepted: bool) -> bool {
        if accepted {
            self.failing_since = None;
            return false;
        }
        let since = *self.failing_since.get_or_insert(at_ms);
        at_ms.saturating_sub(since) >= PATIENCE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_of_failures_end_it_and_one_answer_begins_them_anew() {
        let mut patience = Patience::default();
        assert!(!patience.note(5, false));
        assert!(!patience.note(PATIENCE_MS, false));
        assert!(!patience.note(PATIENCE_MS + 1, true));
        assert!(!patience.note(PATIENCE_MS + 6, false));
        assert!(!patience.note(2 * PATIENCE_MS + 5, false));
        assert!(patience.note(2 * PATIENCE_MS + 6, false));
    }
}
