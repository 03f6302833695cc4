//! Whether another subscription sends to the same endpoint: the usual cause of events that come twice.

use std::time::{Duration, Instant};

use ringtail_ringcentral::subscription::Subscription;

/// Without an event of it for so long, a stranger is no longer shown.
const SHOWN: Duration = Duration::from_secs(3600);

/// The newest stranger, as long as there is reason to show it.
#[derive(Debug, Default)]
pub(super) struct Stranger(Option<Known>);

#[derive(Debug)]
struct Known {
    id: String,
    seen: Instant,
    /// Whether RingCentral lists it. It lists the subscriptions of this user and app only.
    is_listed: bool,
}

impl Stranger {
    /// Returns its id.
    pub(super) fn id(&self) -> Option<&str> {
        Some(&self.0.as_ref()?.id)
    }

    /// Notes an event of a stranger.
    pub(super) fn sent(&mut self, id: &str, now: Instant) {
        let is_listed = matches!(&self.0, Some(known) if known.id == id && known.is_listed);
        self.0 = Some(Known {
            id: id.to_owned(),
            seen: now,
            is_listed,
        });
    }

    /// Notes which subscription is kept, and which others RingCentral lists for the address.
    pub(super) fn listed(&mut self, kept: &str, others: &[Subscription], now: Instant) {
        let is_other = |id: &str| others.iter().any(|it| it.id == id);
        self.0.take_if(|known| {
            let was_listed = std::mem::replace(&mut known.is_listed, is_other(&known.id));
            known.id == kept
                || (was_listed && !known.is_listed)
                || (!known.is_listed && now.duration_since(known.seen) > SHOWN)
        });
        if let (None, Some(other)) = (&self.0, others.first()) {
            self.0 = Some(Known {
                id: other.id.clone(),
                seen: now,
                is_listed: true,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_shown_while_there_is_reason_to() {
        let began = Instant::now();
        let after = |minutes: u64| began + Duration::from_secs(60 * minutes);
        let listed = |ids: &[&str]| -> Vec<Subscription> {
            let ids = ids.iter().map(|id| format!(r#"{{"id":"{id}"}}"#));
            ids.map(|json| serde_json::from_str(&json).unwrap())
                .collect()
        };
        let mut stranger = Stranger::default();
        stranger.listed("ours", &[], after(0));
        assert_eq!(stranger.id(), None);

        // Of another app: no list has it, so only time can tell.
        stranger.sent("b", after(1));
        stranger.listed("ours", &[], after(61));
        assert_eq!(stranger.id(), Some("b"));
        stranger.listed("ours", &[], after(62));
        assert_eq!(stranger.id(), None);

        // Of the same app: shown before its first event, until it is deleted.
        stranger.listed("ours", &listed(&["c"]), after(63));
        stranger.sent("c", after(64));
        stranger.listed("ours", &listed(&["c"]), after(200));
        assert_eq!(stranger.id(), Some("c"));
        stranger.listed("ours", &[], after(201));
        assert_eq!(stranger.id(), None);

        // Created here a moment ago, its first event came before its id was known.
        stranger.sent("ours", after(202));
        stranger.listed("ours", &[], after(202));
        assert_eq!(stranger.id(), None);
    }
}
