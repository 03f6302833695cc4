//! When each request is sent, and what goes wrong on purpose.
//!
//! RingCentral promises neither order nor that an event comes once, and a lost one does not come again
//! (docs/RINGCENTRAL.md 2.7 and 2.8). A plan brings these habits about at will, and the same seed brings about the
//! same.

use super::chance::Chance;

/// Faults to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Percentage of notifications that are overtaken by up to [`OVERTAKEN_BY`] later ones.
    pub reorder: u8,
    /// Percentage of notifications that come twice.
    pub double: u8,
    /// Percentage of notifications that never come.
    pub drop: u8,
    /// Longest time in milliseconds that a notification is late; each has a different delay.
    pub delay_ms: u64,
}

/// How many later notifications overtake one at most.
pub const OVERTAKEN_BY: u64 = 3;

/// Longest time in milliseconds until a notification comes a second time.
const SECOND_AFTER_MS: u64 = 1000;

/// One request of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Milliseconds after the beginning.
    pub at_ms: u64,
    /// Whether faults may happen to it: to notifications alone, since callers wait for the rest.
    pub fallible: bool,
}

/// Something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Send {
    /// Which request, by its place among the slots.
    pub slot: usize,
    /// When, in milliseconds after the beginning.
    pub at_ms: u64,
    /// Whether it is sent for the second time.
    pub again: bool,
}

/// What is sent, in order, and what is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What is sent; times never go back.
    pub sends: Vec<Send>,
    /// The slots that are left out.
    pub dropped: Vec<usize>,
}

/// Makes the plan for slots in the order of their times.
#[must_use]
pub fn plan(slots: &[Slot], faults: &Faults, seed: u64) -> Plan {
    let mut chance = Chance::new(seed);
    let mut sends: Vec<(bool, Send)> = Vec::with_capacity(slots.len());
    let mut dropped = Vec::new();
    // An event that overtakes is not overtaken itself: otherwise all would be late together and in order.
    let mut overtaking = 0;
    for (slot, Slot { at_ms, fallible }) in slots.iter().copied().enumerate() {
        // Every decision is taken for every slot, so that one more fault does not change the others.
        let drop = chance.percent(faults.drop);
        let double = chance.percent(faults.double);
        let slow = chance.percent(faults.reorder);
        let by = 1 + chance.below(OVERTAKEN_BY);
        let late = chance.below(faults.delay_ms.saturating_add(1));
        let second = 1 + chance.below(SECOND_AFTER_MS);
        if !fallible {
            sends.push((false, at(slot, at_ms, false)));
            continue;
        }
        let overtaken = slow && overtaking == 0;
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
        let due = due.saturating_add(late);
        sends.push((overtaken, at(slot, due, false)));
        if double {
            sends.push((true, at(slot, due.saturating_add(second), true)));
        }
    }
    // Stable, and what was put off comes after what was due at that very time.
    sends.sort_by_key(|(put_off, send)| (send.at_ms, *put_off));
    let sends = sends.into_iter().map(|(_, send)| send).collect();
    Plan { sends, dropped }
}

fn at(slot: usize, at_ms: u64, again: bool) -> Send {
    Send { slot, at_ms, again }
}

/// The time of the notification that is `by` later in the plan, or of the last one.
fn overtaken_at(slots: &[Slot], slot: usize, by: u64) -> u64 {
    let later = slots.iter().skip(slot + 1).filter(|slot| slot.fallible);
    later
        .take(usize::try_from(by).unwrap_or(usize::MAX))
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
        fn same_seed_same_plan_and_nothing_is_lost_unsaid(slots in slots(), faults in faults(), seed: u64) {
            let first = plan(&slots, &faults, seed);
            prop_assert_eq!(&first, &plan(&slots, &faults, seed));
            prop_assert!(first.sends.is_sorted_by_key(|send| send.at_ms));
            for (slot, Slot { at_ms, fallible }) in slots.iter().enumerate() {
                let sends: Vec<_> = first.sends.iter().filter(|send| send.slot == slot).collect();
                let once = sends.iter().filter(|send| !send.again).count();
                let dropped = first.dropped.contains(&slot);
                prop_assert_eq!(once, usize::from(!dropped));
                prop_assert!(sends.iter().all(|send| send.at_ms >= *at_ms), "nothing comes early");
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
    fn what_is_overtaken_comes_after_what_overtook_it() {
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
