//! Decides when each request is sent, and with which simulated faults.
//!
//! RingCentral guarantees neither order nor single delivery, and does not send a lost event again
//! (docs/RINGCENTRAL.md 2.7 and 2.8). A plan simulates this; the same seed gives the same plan.

use fastrand::Rng;

/// Faults to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Percentage of notifications that are overtaken by up to three later ones.
    pub reorder: u8,
    /// Percentage of notifications that are sent twice.
    pub double: u8,
    /// Percentage of notifications that are not sent.
    pub drop: u8,
    /// Longest delay of a notification in milliseconds; each gets a random delay up to it.
    pub delay_ms: u64,
}

/// The most notifications that overtake an earlier one.
const OVERTAKEN_BY: usize = 3;

/// Longest time in milliseconds between a notification and its duplicate.
const SECOND_AFTER_MS: u64 = 1000;

/// One request of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Milliseconds after the start of the run.
    pub at_ms: u64,
    /// Whether it may have faults: only notifications may, because a user or RingCentral waits for other answers.
    pub fallible: bool,
}

/// One send of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Send {
    /// Index of the slot.
    pub slot: usize,
    /// Milliseconds after the start of the run.
    pub at_ms: u64,
    /// Whether it is the duplicate of an earlier send.
    pub again: bool,
}

/// The sends of a run in order, and the slots without one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The sends, sorted by time.
    pub sends: Vec<Send>,
    /// Indexes of the slots that are not sent.
    pub dropped: Vec<usize>,
}

/// Plans the sends of slots, which are sorted by time.
#[must_use]
pub fn plan(slots: &[Slot], faults: &Faults, seed: u64) -> Plan {
    let mut rng = Rng::with_seed(seed);
    let mut sends: Vec<(bool, Send)> = Vec::with_capacity(slots.len());
    let mut dropped = Vec::new();
    // A notification that overtakes is not overtaken itself: if all were late, they would stay in order.
    let mut overtaking = 0;
    for (slot, Slot { at_ms, fallible }) in slots.iter().copied().enumerate() {
        // Draw every number for every slot, so that one kind of fault does not change the others.
        let drop = rng.u8(..100) < faults.drop;
        let double = rng.u8(..100) < faults.double;
        let reorder = rng.u8(..100) < faults.reorder;
        let by = rng.usize(1..=OVERTAKEN_BY);
        let delay_ms = rng.u64(..=faults.delay_ms);
        let second_after_ms = rng.u64(1..=SECOND_AFTER_MS);
        if !fallible {
            sends.push((false, at(slot, at_ms, false)));
            continue;
        }
        let overtaken = reorder && overtaking == 0;
        overtaking = match overtaken {
            true => by,
            false => overtaking.saturating_sub(1),
        };
        if drop {
            dropped.push(slot);
            continue;
        }
        let due = match overtaken {
            true => overtaken_at(slots, slot, by),
            false => at_ms,
        };
        let due = due.saturating_add(delay_ms);
        sends.push((overtaken, at(slot, due, false)));
        if double {
            sends.push((true, at(slot, due.saturating_add(second_after_ms), true)));
        }
    }
    // A postponed send comes after the others that are due at the same time.
    sends.sort_by_key(|(postponed, send)| (send.at_ms, *postponed));
    let sends = sends.into_iter().map(|(_, send)| send).collect();
    Plan { sends, dropped }
}

fn at(slot: usize, at_ms: u64, again: bool) -> Send {
    Send { slot, at_ms, again }
}

/// Returns the time of the `by`th later notification, or of the last one.
fn overtaken_at(slots: &[Slot], slot: usize, by: usize) -> u64 {
    let later = slots.iter().skip(slot + 1).filter(|slot| slot.fallible);
    later
        .take(by)
        .last()
        .map_or(slots[slot].at_ms, |last| last.at_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn faults() -> impl Strategy<Value = Faults> {
        (0..=100u8, 0..=100u8, 0..=100u8, 0..5000u64).prop_map(
            |(reorder, double, drop, delay_ms)| Faults {
                reorder,
                double,
                drop,
                delay_ms,
            },
        )
    }

    fn slots() -> impl Strategy<Value = Vec<Slot>> {
        let slot = (0..500u64, any::<bool>());
        prop::collection::vec(slot, 0..40).prop_map(|slots| {
            let mut at_ms = 0;
            let timed = slots.into_iter().map(|(after, fallible)| {
                at_ms += after;
                Slot { at_ms, fallible }
            });
            timed.collect()
        })
    }

    proptest! {
        #[test]
        fn a_seed_determines_the_plan_and_every_slot_is_sent_or_dropped(slots in slots(), faults in faults(), seed: u64) {
            let first = plan(&slots, &faults, seed);
            prop_assert_eq!(&first, &plan(&slots, &faults, seed));
            prop_assert!(first.sends.is_sorted_by_key(|send| send.at_ms));
            for (slot, Slot { at_ms, fallible }) in slots.iter().enumerate() {
                let sends: Vec<_> = first.sends.iter().filter(|send| send.slot == slot).collect();
                let once = sends.iter().filter(|send| !send.again).count();
                let dropped = first.dropped.contains(&slot);
                prop_assert_eq!(once, usize::from(!dropped));
                prop_assert!(sends.iter().all(|send| send.at_ms >= *at_ms), "nothing is sent early");
                if !fallible {
                    prop_assert_eq!(sends.len(), 1);
                    prop_assert_eq!(sends[0].at_ms, *at_ms);
                }
            }
        }

        #[test]
        fn without_faults_nothing_changes(slots in slots(), seed: u64) {
            let plan = plan(&slots, &Faults::default(), seed);
            let expected: Vec<_> = (0..slots.len()).map(|slot| at(slot, slots[slot].at_ms, false)).collect();
            prop_assert_eq!(plan.sends, expected);
        }
    }

    #[test]
    fn faults_happen_and_seeds_differ() {
        let slots: Vec<Slot> = (0..50)
            .map(|at| Slot {
                at_ms: at * 10,
                fallible: true,
            })
            .collect();
        let reorder = Faults {
            reorder: 50,
            ..Faults::default()
        };
        let order = |seed| -> Vec<usize> {
            let plan = plan(&slots, &reorder, seed);
            plan.sends.iter().map(|send| send.slot).collect()
        };
        assert!(!order(1).is_sorted());
        assert_ne!(order(1), order(2));
        let all = Faults {
            double: 100,
            ..Faults::default()
        };
        assert_eq!(plan(&slots, &all, 1).sends.len(), 100);
        let none = Faults {
            drop: 100,
            ..Faults::default()
        };
        assert_eq!(plan(&slots, &none, 1).dropped.len(), 50);
    }

    #[test]
    fn an_overtaken_notification_follows_the_one_that_overtook_it() {
        let slots = [0, 5, 5, 9].map(|at_ms| Slot {
            at_ms,
            fallible: true,
        });
        let all = Faults {
            reorder: 100,
            ..Faults::default()
        };
        for seed in 0..50 {
            let sends = plan(&slots, &all, seed).sends;
            assert_ne!(sends[0].slot, 0, "seed {seed}: {sends:?}");
        }
    }
}
