//! What to do so that exactly one active subscription delivers to an address.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::Subscription;
use super::filters::same_set;

/// A subscription is renewed when less than this part of the wanted lifetime is left: one quarter.
const RENEW_PART: u64 = 4;

/// RingCentral's reminders come in the second half of a lifetime (section 4.5); earlier ones are not believed.
const REMINDED_PART: u64 = 2;

/// A granted lifetime counts as shorter than the wanted one below this many per cent of it.
const SHORT_PERCENT: u64 = 90;

/// What should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Address of the webhook.
    pub address: String,
    /// Event filters, with `~`.
    pub filters: Vec<String>,
    /// Lifetime in seconds.
    pub seconds: u64,
    /// Whether RingCentral has sent a reminder to renew.
    pub is_reminded: bool,
    /// Whether one that was given a shorter lifetime is renewed at once. RingCentral may grant less each time, so what looks
    /// again and again must not ask for that.
    pub is_lengthened: bool,
    /// Ids of subscriptions that this machine created for the address, oldest first.
    pub owned: Vec<String>,
}

/// The next call, and the other subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The next call.
    pub step: NextCall,
    /// Further subscriptions for the address, newest first.
    pub others: Vec<Subscription>,
}

/// The next call for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextCall {
    /// All is well.
    Keep(Subscription),
    /// The filters are others: PUT filters and lifetime.
    Update(Subscription),
    /// It ends soon: renew, then read what lifetime it got.
    Renew(Subscription),
    /// It is broken: create another, and then delete it.
    Recreate(Subscription),
    /// There is none.
    Create,
}

impl NextCall {
    /// Returns the subscription that the step is about.
    #[must_use]
    pub fn subscription(&self) -> Option<&Subscription> {
        match self {
            Self::Keep(it) | Self::Update(it) | Self::Renew(it) | Self::Recreate(it) => Some(it),
            Self::Create => None,
        }
    }
}

/// Decides which subscription is the one for the address, and what to do about it; the newest of equals.
///
/// Another program's is kept if it delivers what this one wants, and changed only if there is none of ours.
#[must_use]
pub fn plan(list: &[Subscription], wanted: &Wanted, now: Timestamp) -> Plan {
    let fits = |it: &Subscription| same_set(&it.event_filters, &wanted.filters);
    let rank = |it: &Subscription| match (it.is_active(now), wanted.owned.contains(&it.id)) {
        (true, true) => 5,
        (true, false) if fits(it) => 4,
        (false, true) => 3,
        (true, false) => 2,
        (false, false) => 1,
    };
    let mut all: Vec<Subscription> = list
        .iter()
        .filter(|it| it.is_for(&wanted.address) && it.seconds_left(now) > 0)
        .cloned()
        .collect();
    all.sort_by_key(|it| Reverse((rank(it), fits(it), it.creation_time)));
    let mut all = all.into_iter();
    let step = match all.next() {
        None => NextCall::Create,
        Some(chosen) if !chosen.is_active(now) => NextCall::Recreate(chosen),
        Some(chosen) if !fits(&chosen) => NextCall::Update(chosen),
        Some(chosen) if is_due(&chosen, wanted, now) => NextCall::Renew(chosen),
        Some(chosen) => NextCall::Keep(chosen),
    };
    Plan {
        step,
        others: all.collect(),
    }
}

/// Returns whether a subscription is to be renewed.
#[must_use]
pub fn is_due(subscription: &Subscription, wanted: &Wanted, now: Timestamp) -> bool {
    // RingCentral may have granted less than was wanted, so both lifetimes count.
    let granted = match (subscription.expiration_time, subscription.creation_time) {
        (Some(end), Some(start)) => u64::try_from(end.duration_since(start).as_secs()).ok(),
        _ => None,
    };
    let left = u64::try_from(subscription.seconds_left(now)).unwrap_or(0);
    if wanted.is_lengthened {
        let is_ours = wanted.owned.contains(&subscription.id);
        let is_short = granted.is_some_and(|granted| is_shorter(granted, wanted.seconds));
        if is_ours && is_short || left < wanted.seconds / RENEW_PART {
            return true;
        }
    }
    let life = granted.map_or(wanted.seconds, |granted| granted.min(wanted.seconds));
    let part = match wanted.is_reminded {
        true => REMINDED_PART,
        false => RENEW_PART,
    };
    left < life / part
}

/// Returns whether a lifetime is shorter than the wanted one, both in seconds.
#[must_use]
pub fn is_shorter(granted: u64, wanted: u64) -> bool {
    granted < wanted / 100 * SHORT_PERCENT
}
