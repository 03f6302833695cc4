//! State of an endpoint's subscription at RingCentral, as front ends show it.

use ringtail_protocol::event::Timestamp;

/// What is known of an endpoint's subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionStatus {
    /// The state.
    pub state: SubscriptionState,
    /// Id of another subscription that also sends events to the endpoint.
    pub stranger: Option<String>,
}

/// State of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionState {
    /// Not yet known.
    Checking,
    /// It is active.
    Active {
        /// Its id.
        id: String,
        /// When it ends.
        ends: Option<Timestamp>,
        /// What the last round did, in one word, if it did anything.
        action: Option<&'static str>,
        /// Why the one before was replaced.
        replaced: Option<String>,
        /// Filters that RingCentral disabled, with the reason.
        disabled: Vec<String>,
    },
    /// There is none, or nothing is known of it.
    Failing {
        /// Code of the trouble.
        code: &'static str,
        /// Why.
        reason: String,
    },
}

impl SubscriptionStatus {
    /// Returns the state in a few words, as of a time.
    #[must_use]
    pub fn words(&self, now: Timestamp) -> String {
        let mut text = match &self.state {
            SubscriptionState::Checking => "checking".to_owned(),
            SubscriptionState::Failing { code, reason } => format!("failing: {code} {reason}"),
            SubscriptionState::Active {
                ends,
                action,
                replaced,
                disabled,
                ..
            } => {
                let left = ends.map_or(String::new(), |ends| {
                    format!(", {} left", left(ends.0.saturating_sub(now.0) / 1_000_000))
                });
                let action = action.map_or(String::new(), |it| format!(", {it}"));
                let mut text = format!("active{left}{action}");
                if let Some(reason) = replaced {
                    text.push_str(&format!(" (before: {reason})"));
                }
                for filter in disabled {
                    text.push_str(&format!("; disabled: {filter}"));
                }
                text
            }
        };
        if let Some(id) = &self.stranger {
            let id: String = id.chars().take(8).collect();
            text.push_str(&format!("; subscription {id} also sends here"));
        }
        text
    }

    /// Returns whether the user should look at it.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        match &self.state {
            SubscriptionState::Checking => false,
            SubscriptionState::Failing { .. } => true,
            SubscriptionState::Active { disabled, .. } => {
                !disabled.is_empty() || self.stranger.is_some()
            }
        }
    }
}

/// Returns the seconds that are left as a time span, in whole minutes.
#[must_use]
pub fn left(seconds: i64) -> String {
    span(u64::try_from(seconds).unwrap_or(0).div_ceil(60) * 60)
}

/// Returns a time span in its two largest units at most: `6 d 23 h`, `59 min`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) | (days @ 30.., _, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (3661, "1 h 1 min"),
            (604_799, "6 d 23 h"),
            (604_800, "7 d"),
            (315_363_600, "3650 d"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }

    #[test]
    fn a_state_is_said_with_what_needs_a_look() {
        let mut status = SubscriptionStatus {
            state: SubscriptionState::Active {
                id: "5de1f9a0-1".to_owned(),
                ends: Some(Timestamp(600_000_000_000)),
                action: Some("recreated"),
                replaced: Some("Read timed out".to_owned()),
                disabled: Vec::new(),
            },
            stranger: None,
        };
        let words = status.words(Timestamp(0));
        assert_eq!(
            words,
            "active, 6 d 22 h left, recreated (before: Read timed out)"
        );
        assert!(!status.is_in_trouble());
        status.stranger = Some("0123456789".to_owned());
        assert!(status.is_in_trouble());
        assert!(
            status
                .words(Timestamp(0))
                .ends_with("; subscription 01234567 also sends here")
        );
    }
}
