//! What strangers, accounts and clients may make the relay hold: a sum, of which each owner has a share.
//!
//! Part of the sum is kept back, and given out where there is no other room: to each payer a little, and of that a quarter to
//! each address. So however many owners take all that they may, another one finds room. `docs/LIMITS.md` has the sums.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::request;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, timeout_at};

use crate::accounts::AccountKey;
use crate::journal::EndpointKey;
use crate::limits::{FIELD_BYTES, REQUEST_BYTES, Shares};

/// For whom something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// A caller's, as [`crate::net::admission::address_group`] returns it.
    Address(IpAddr),
    Account(AccountKey),
    Endpoint(EndpointKey),
}

impl Owner {
    fn is_address(&self) -> bool {
        matches!(self, Self::Address(_))
    }
}

/// A sum of bytes or places. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<BudgetState>);

#[derive(Debug)]
struct BudgetState {
    total: usize,
    shares: Shares,
    held: Mutex<Held>,
    returned: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Held {
    all: Amount,
    by_owner: HashMap<Owner, Amount>,
}

/// Amounts that were taken of the part of the sum that is open to all, and of the one that is kept.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Amount {
    open: usize,
    kept: usize,
}

/// Something taken from a budget; dropping it returns it.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    /// The first one pays.
    owners: Vec<Owner>,
    amount: Amount,
}

impl Amount {
    fn sum(self) -> usize {
        self.open + self.kept
    }

    fn add(&mut self, other: Self) {
        self.open += other.open;
        self.kept += other.kept;
    }

    fn subtract(&mut self, other: Self) {
        self.open -= other.open;
        self.kept -= other.kept;
    }
}

impl Budget {
    pub(crate) fn new(total: usize, shares: Shares) -> Self {
        Self(Arc::new(BudgetState {
            total,
            shares,
            held: Mutex::default(),
            returned: Arc::default(),
        }))
    }

    /// Takes an amount, if sum and shares have room for it. The first owner pays; without an owner, only the sum counts.
    pub(crate) fn take(
        &self,
        owners: impl IntoIterator<Item = Owner>,
        amount: usize,
    ) -> Option<Share> {
        let mut share = Share {
            budget: self.clone(),
            owners: owners.into_iter().collect(),
            amount: Amount::default(),
        };
        share.grow(amount)?;
        Some(share)
    }

    /// Resolves when something is returned or [`Budget::wake`] is called after this call.
    pub(crate) fn returned(&self) -> Pin<Box<OwnedNotified>> {
        let mut returned = Box::pin(Arc::clone(&self.0.returned).notified_owned());
        returned.as_mut().enable();
        returned
    }

    /// Wakes those who wait for [`Budget::returned`].
    pub(crate) fn wake(&self) {
        self.0.returned.notify_waiters();
    }
}

impl Share {
    /// Takes more, if there is room for it.
    pub(crate) fn grow(&mut self, more: usize) -> Option<()> {
        self.grow_leaving(more, |_| 0)
    }

    /// Takes more, if there is room for it and something is left of each share.
    fn grow_leaving(&mut self, more: usize, left: fn(usize) -> usize) -> Option<()> {
        let BudgetState {
            total,
            shares,
            held,
            ..
        } = &*self.budget.0;
        let mut held = held.lock();
        let fits = |owner: &Owner| {
            let share = shares.of(owner);
            held.of(owner).sum() + more <= share - left(share)
        };
        let all_fit = self.owners.iter().all(fits);
        let mut callers = self.owners.iter().skip(1).filter(|it| it.is_address());
        let taken = if all_fit && held.all.open + more <= total - shares.kept {
            Amount {
                open: more,
                kept: 0,
            }
        } else {
            // A caller that holds little gets in even where others fill the share of the account or endpoint.
            let may_hold = all_fit || callers.clone().next().is_some() && callers.clone().all(fits);
            let keeps = |owner: &Owner, most: usize| held.of(owner).kept + more <= most;
            let has_room = may_hold
                && held.all.kept + more <= shares.kept
                && self
                    .owners
                    .first()
                    .is_none_or(|payer| keeps(payer, shares.each))
                && callers.all(|caller| keeps(caller, shares.each.div_ceil(4)));
            if !has_room {
                return None;
            }
            Amount {
                open: 0,
                kept: more,
            }
        };
        held.all.add(taken);
        if more > 0 {
            for owner in &self.owners {
                held.by_owner.entry(*owner).or_default().add(taken);
            }
        }
        self.amount.add(taken);
        Some(())
    }

    /// Takes more once there is room for it; `None` if there is none in time. A quarter of each share stays for what does not
    /// wait.
    pub(crate) async fn grow_until(&mut self, more: usize, end: Instant) -> Option<()> {
        loop {
            let returned = self.budget.returned();
            if self.grow_leaving(more, |share| share / 4).is_some() {
                return Some(());
            }
            timeout_at(end, returned).await.ok()?;
        }
    }
}

/// Ties something held, such as a share, to the bytes that it is for: it is dropped once nothing refers to them, not even a
/// send buffer.
pub(crate) fn tie(bytes: Bytes, held: impl Send + 'static) -> Bytes {
    Bytes::from_owner(TiedBytes { bytes, _held: held })
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.amount.sum() == 0 {
            return;
        }
        let mut held = self.budget.0.held.lock();
        held.all.subtract(self.amount);
        for owner in &self.owners {
            if let Some(amount) = held.by_owner.get_mut(owner) {
                amount.subtract(self.amount);
                if amount.sum() == 0 {
                    held.by_owner.remove(owner);
                }
            }
        }
        drop(held);
        self.budget.wake();
    }
}

impl Held {
    fn of(&self, owner: &Owner) -> Amount {
        self.by_owner.get(owner).copied().unwrap_or_default()
    }
}

impl Shares {
    fn of(&self, owner: &Owner) -> usize {
        match owner {
            Owner::Address(_) => self.address,
            Owner::Account(_) => self.account,
            Owner::Endpoint(_) => self.endpoint,
        }
    }
}

struct TiedBytes<T> {
    bytes: Bytes,
    _held: T,
}

impl<T> AsRef<[u8]> for TiedBytes<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Returns the bytes that a request occupies before its body.
pub(crate) fn request_bytes(head: &request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |it| it.as_str().len());
    let fields = head.headers.iter();
    fields.fold(REQUEST_BYTES + target, |bytes, (name, value)| {
        bytes + name.as_str().len() + value.len() + FIELD_BYTES
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    use ringtail_protocol::http2::MAX_PASSTHROUGHS;

    use crate::limits::{
        Limits, PASSTHROUGH_SHARES, link_shares, queue_shares, request_shares, stray_shares,
    };

    const SHARES: Shares = Shares {
        address: 96,
        account: 64,
        endpoint: 32,
        kept: 128,
        each: 4,
    };

    fn account(number: i64) -> Owner {
        Owner::Account(AccountKey(number))
    }

    #[test]
    fn a_request_counts_its_head() {
        let (head, ()) = Request::post("/abc?d")
            .header("name", "value")
            .body(())
            .expect("a request")
            .into_parts();
        let bytes = REQUEST_BYTES + FIELD_BYTES + "/abc?dnamevalue".len();
        assert_eq!(request_bytes(&head), bytes);
    }

    #[test]
    fn a_share_lives_as_long_as_its_bytes() {
        let budget = Budget::new(256, SHARES);
        let share = budget.take([account(1)], 64).expect("there is room");
        let bytes = tie(Bytes::from_static(b"body"), share);
        let part = bytes.slice(1..);
        drop(bytes);
        assert_eq!(&*part, b"ody");
        assert!(budget.take([account(1)], 1).is_none());
        drop(part);
        assert!(budget.take([account(1)], 64).is_some());
        assert!(budget.0.held.lock().by_owner.is_empty());
    }

    #[test]
    fn those_who_wait_are_woken_by_what_is_returned() {
        let budget = Budget::new(256, SHARES);
        let share = budget.take([account(1)], 64);
        let mut waiting = budget.returned();
        assert!((&mut waiting).now_or_never().is_none());
        drop(share);
        assert!((&mut waiting).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_more_waits_for_what_is_returned_and_not_for_ever() {
        let budget = Budget::new(256, SHARES);
        let held = budget.take([account(1)], 64);
        let mut other = budget.take([account(1)], 0).expect("there is room");
        let end = Instant::now() + Duration::from_secs(10);
        assert_eq!(other.grow_until(1, end).await, None);
        assert_eq!(Instant::now(), end);
        let later = end + Duration::from_secs(10);
        let mut grows = Box::pin(other.grow_until(1, later));
        assert!((&mut grows).now_or_never().is_none());
        drop(held);
        assert_eq!(grows.await, Some(()));
        assert_eq!(Instant::now(), end);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_leaves_a_quarter_of_each_share_to_those_who_do_not() {
        let budget = Budget::new(256, SHARES);
        let end = Instant::now() + Duration::from_secs(10);
        let mut first = budget.take([account(1)], 0).expect("there is room");
        assert_eq!(first.grow_until(48, end).await, Some(()));
        let mut second = budget.take([account(1)], 8).expect("a part is left");
        assert_eq!(second.grow_until(1, end).await, None);
        assert!(budget.take([account(1)], 8).is_some());
    }

    /// An account takes, grows or returns something, from one of its endpoints and any address.
    #[derive(Debug, Clone)]
    enum Step {
        Take {
            account: i64,
            endpoint: i64,
            address: u8,
            amount: usize,
        },
        Grow {
            which: usize,
            amount: usize,
        },
        Return {
            which: usize,
        },
    }

    fn owners(owner: i64, endpoint: i64, address: u8) -> [Owner; 3] {
        [
            account(owner),
            Owner::Endpoint(EndpointKey(owner * 3 + endpoint)),
            Owner::Address([127, 0, 0, address].into()),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        let from_any = (0..29_i64, 0..3_i64, 2..18_u8, 0..80_usize);
        let to_victim = (Just(29_i64), 0..3_i64, 2..5_u8, 0..80_usize);
        prop_oneof![
            4 => prop_oneof![4 => from_any, 1 => to_victim].prop_map(
                |(account, endpoint, address, amount)| Step::Take { account, endpoint, address, amount }
            ),
            2 => (any::<usize>(), 0..80_usize).prop_map(|(which, amount)| Step::Grow { which, amount }),
            1 => any::<usize>().prop_map(|which| Step::Return { which }),
        ]
    }

    proptest! {
        #[test]
        fn no_owner_exceeds_its_share_and_a_victim_has_room(
            steps in proptest::collection::vec(step(), 0..400)
        ) {
            let budget = Budget::new(256, SHARES);
            let mut taken: Vec<Share> = Vec::new();
            for step in steps {
                match step {
                    Step::Take { account: owner, endpoint, address, amount } => {
                        let owners = owners(owner, endpoint, address);
                        taken.extend(budget.take(owners, amount));
                    }
                    Step::Grow { which, amount } if !taken.is_empty() => {
                        let which = which % taken.len();
                        taken[which].grow(amount);
                    }
                    Step::Return { which } if !taken.is_empty() => {
                        drop(taken.swap_remove(which % taken.len()));
                    }
                    _ => {}
                }
                let mut by_owner: HashMap<Owner, Amount> = HashMap::new();
                for share in &taken {
                    for owner in &share.owners {
                        by_owner.entry(*owner).or_default().add(share.amount);
                    }
                }
                for (owner, held) in by_owner {
                    let most = match owner {
                        Owner::Address(_) => SHARES.address,
                        _ => SHARES.of(&owner) + SHARES.each,
                    };
                    prop_assert!(held.sum() <= most, "{owner:?} holds {held:?}");
                }
                let sum: usize = taken.iter().map(|share| share.amount.sum()).sum();
                prop_assert_eq!(budget.0.held.lock().all.sum(), sum);
                prop_assert!(sum <= 256);
                // Three of the addresses know the endpoint of account 29.
                for account in [29, 99] {
                    prop_assert!(budget.take(owners(account, 0, 1), SHARES.each / 4).is_some());
                }
            }
            drop(taken);
            let held = budget.0.held.lock();
            prop_assert!(held.all.sum() == 0 && held.by_owner.is_empty());
        }
    }

    #[test]
    fn an_owner_may_hold_what_the_docs_say_and_no_more() {
        const MIB: usize = 1024 * 1024;
        let limits = Limits::default();
        let address = Owner::Address([127, 0, 0, 1].into());
        let endpoint = Owner::Endpoint(EndpointKey(1));
        let (memory, stray, links) = (limits.buffered_bytes, limits.stray_bytes, limits.links());
        let queued = limits.queued_bytes;
        for (total, shares, owner, most) in [
            (memory, request_shares(memory), address, 24 * MIB),
            (memory, request_shares(memory), account(1), 64 * MIB),
            (memory, request_shares(memory), endpoint, 32 * MIB),
            (stray, stray_shares(stray), address, 8 * MIB),
            (queued, queue_shares(queued), account(1), 24 * MIB),
            (links, link_shares(links), account(1), 64),
            (links, link_shares(links), endpoint, 16),
            (MAX_PASSTHROUGHS, PASSTHROUGH_SHARES, address, 24),
        ] {
            let budget = Budget::new(total, shares);
            let all = budget.take([owner], most);
            assert!(all.is_some(), "{owner:?} may hold {most} of {total}");
            assert!(
                budget.take([owner], 1).is_none(),
                "{owner:?} holds more than {most}"
            );
        }
    }
}
