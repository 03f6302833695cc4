//! How many connections may be open: in all, and from one address.
//!
//! When all slots are taken, a new connection evicts one of the address that has the most: few addresses with thousands of
//! connections must not keep RingCentral out. Those without a request in flight go first, then those whose last byte is
//! oldest, and links never.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use super::activity::ConnectionActivity;
use crate::metrics::Limit;

/// Counts connections. Clones share the count.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    inner: Arc<AdmissionState>,
}

#[derive(Debug)]
struct AdmissionState {
    total: usize,
    per_address: usize,
    gauge: Gauge,
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    /// Connections that hold a slot, by number.
    slots: HashMap<u64, (ConnectionActivity, Option<IpAddr>)>,
    next: u64,
    by_address: HashMap<IpAddr, usize>,
}

impl Admission {
    pub(crate) fn new(total: usize, per_address: usize, gauge: Gauge) -> Self {
        Self {
            inner: Arc::new(AdmissionState {
                total,
                per_address,
                gauge,
                open: Mutex::default(),
            }),
        }
    }

    /// Returns a slot for a connection, evicting another one if all are taken. Without an address the connection counts
    /// for none until [`ConnectionSlot::assign`].
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<ConnectionSlot, Limit> {
        let permit = address.map(|address| self.permit(address)).transpose()?;
        let mut open = self.inner.open.lock();
        let is_full = open.slots.len() >= self.inner.total;
        if is_full {
            let Some(evicted) = open.evict() else {
                // Dropping the permit takes the lock as well.
                drop(open);
                return Err(Limit::Connections);
            };
            evicted.evict();
        }
        let activity = ConnectionActivity::new();
        let number = open.next;
        open.next += 1;
        let address = permit.as_ref().map(|permit| permit.address);
        open.slots.insert(number, (activity.clone(), address));
        drop(open);
        self.inner.gauge.inc();
        Ok(ConnectionSlot {
            inner: self.inner.clone(),
            number,
            activity,
            permit,
            evicted_another: is_full,
        })
    }

    /// Returns a permit for something that an address has open, unless it has too much.
    pub(crate) fn permit(&self, address: IpAddr) -> Result<AddressPermit, Limit> {
        let address = address_group(address);
        let mut open = self.inner.open.lock();
        let count = open.by_address.entry(address).or_default();
        if *count >= self.inner.per_address {
            return Err(Limit::ConnectionsPerAddress);
        }
        *count += 1;
        drop(open);
        Ok(AddressPermit {
            inner: self.inner.clone(),
            address,
        })
    }
}

impl OpenConnections {
    /// Takes the slot of a connection that is not pinned.
    fn evict(&mut self) -> Option<ConnectionActivity> {
        let most = self.by_address.iter().max_by_key(|(_, count)| **count);
        let most = most.map(|(address, _)| *address);
        // Looks at the connections of one address, because under attack this runs for each new connection. All of them may be
        // links, which stay.
        let number = self.least_active(|address| address == most);
        let number = number.or_else(|| self.least_active(|_| true))?;
        self.slots.remove(&number).map(|(evicted, _)| evicted)
    }

    /// Returns the one to evict of the connections from some addresses.
    fn least_active(&self, is_of: impl Fn(Option<IpAddr>) -> bool) -> Option<u64> {
        let count = |address: &Option<IpAddr>| address.and_then(|it| self.by_address.get(&it));
        let among = self
            .slots
            .iter()
            .filter(|(_, (_, address))| is_of(*address));
        let evictable = among.filter(|(_, (it, _))| !it.is_pinned());
        let least = evictable.min_by_key(|(_, (it, address))| {
            (Reverse(count(address)), it.is_answering(), it.last_byte())
        });
        least.map(|(number, _)| *number)
    }
}

/// An open connection. It counts until it is dropped or evicted.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    inner: Arc<AdmissionState>,
    number: u64,
    activity: ConnectionActivity,
    permit: Option<AddressPermit>,
    evicted_another: bool,
}

impl ConnectionSlot {
    pub(crate) fn activity(&self) -> &ConnectionActivity {
        &self.activity
    }

    pub(crate) fn evicted_another(&self) -> bool {
        self.evicted_another
    }

    /// Counts the connection for an address that became known later.
    pub(crate) fn assign(&mut self, permit: AddressPermit) {
        if let Some((_, address)) = self.inner.open.lock().slots.get_mut(&self.number) {
            *address = Some(permit.address);
        }
        self.permit = Some(permit);
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.inner.open.lock().slots.remove(&self.number);
        self.inner.gauge.dec();
    }
}

/// Something that counts for an address: a connection, or a request that a proxy passed on.
#[derive(Debug)]
pub(crate) struct AddressPermit {
    inner: Arc<AdmissionState>,
    address: IpAddr,
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut open = self.inner.open.lock();
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// Returns the address that limits go by: an IPv6 address stands for its /64, which one host has whole.
pub(crate) fn address_group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some(address: &str) -> Option<IpAddr> {
        address.parse().ok()
    }

    #[test]
    fn the_total_counts_all_connections() {
        let gauge = Gauge::default();
        let admission = Admission::new(2, 2, gauge.clone());
        let first = admission.admit(some("192.0.2.1")).unwrap();
        let second = admission.admit(some("192.0.2.2")).unwrap();
        for link in [&first, &second] {
            link.activity().pin();
        }
        let third = admission.admit(some("192.0.2.3"));
        assert_eq!(third.err(), Some(Limit::Connections));
        assert_eq!(gauge.get(), 2);
        drop(first);
        assert_eq!(gauge.get(), 1);
        assert!(admission.admit(some("192.0.2.3")).is_ok());
    }

    #[test]
    fn a_new_connection_evicts_the_one_idle_for_longest() {
        let gauge = Gauge::default();
        let admission = Admission::new(3, 3, gauge.clone());
        let admit = || admission.admit(None).unwrap();
        let (answering, silent, moving) = (admit(), admit(), admit());
        let in_flight = answering.activity().begin_response();
        assert!(!moving.evicted_another());
        let new = admit();
        assert!(new.evicted_another());
        assert!(silent.activity().is_evicted());
        assert_eq!(gauge.get(), 4, "counted until it has ended");
        drop((silent, in_flight));
        let is_evicted = |slot: &ConnectionSlot| slot.activity().is_evicted();
        let newer = admit();
        assert_eq!(
            [&answering, &moving, &new, &newer].map(is_evicted),
            [true, false, false, false]
        );
        drop((answering, moving, new));
        let others = [admit(), admit()];
        let _in_flight = [&others[0], &others[1], &newer].map(|it| it.activity().begin_response());
        newer.activity().pin();
        let _newest = admit();
        assert_eq!(
            [&newer, &others[0], &others[1]].map(is_evicted),
            [false, true, false]
        );
    }

    #[test]
    fn the_address_with_the_most_connections_loses_one_first() {
        let admission = Admission::new(4, 4, Gauge::default());
        let oldest = admission.admit(some("192.0.2.1")).unwrap();
        let many = [2, 2, 2].map(|_| admission.admit(some("192.0.2.2")).unwrap());
        // Busy or not.
        let _in_flight = many.each_ref().map(|it| it.activity().begin_response());
        let new = [3, 4].map(|last| admission.admit(some(&format!("192.0.2.{last}"))).unwrap());
        let is_evicted = |slot: &ConnectionSlot| slot.activity().is_evicted();
        assert_eq!(many.each_ref().map(is_evicted), [true, true, false]);
        assert!(!is_evicted(&oldest) && !new.iter().any(is_evicted));
    }

    #[test]
    fn connections_count_per_ipv4_address_and_ipv6_network() {
        let admission = Admission::new(100, 1, Gauge::default());
        let _v4 = admission.admit(some("192.0.2.1")).unwrap();
        for same in ["192.0.2.1", "::ffff:192.0.2.1"] {
            let refused = admission.admit(some(same)).err();
            assert_eq!(refused, Some(Limit::ConnectionsPerAddress), "{same}");
        }
        let v6 = admission.admit(some("2001:db8::1")).unwrap();
        assert!(admission.admit(some("2001:db8::2")).is_err());
        let _other = admission.admit(some("2001:db8:0:1::1")).unwrap();
        drop(v6);
        let _again = admission.admit(some("2001:db8::2")).unwrap();
        assert_eq!(admission.inner.open.lock().by_address.len(), 3);
    }

    #[test]
    fn a_connection_counts_for_the_address_it_is_assigned() {
        let admission = Admission::new(100, 1, Gauge::default());
        let mut proxied = admission.admit(None).unwrap();
        let _another = admission.admit(None).unwrap();
        let permit = admission.permit("192.0.2.1".parse().unwrap()).unwrap();
        proxied.assign(permit);
        assert!(admission.admit(some("192.0.2.1")).is_err());
        assert_eq!(
            admission.inner.open.lock().slots.len(),
            2,
            "a refusal leaves nothing"
        );
        drop(proxied);
        assert!(admission.admit(some("192.0.2.1")).is_ok());
        assert!(admission.inner.open.lock().by_address.is_empty());
    }

    /// A connection is opened from an address, becomes a link, or is closed.
    #[derive(Debug, Clone)]
    enum Step {
        Open(u8),
        Pin(usize),
        Close(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (2..8_u8).prop_map(Step::Open),
            1 => any::<usize>().prop_map(Step::Pin),
            1 => any::<usize>().prop_map(Step::Close),
        ]
    }

    proptest! {
        #[test]
        fn no_address_exceeds_its_share_and_others_get_and_keep_a_connection(
            steps in proptest::collection::vec(step(), 0..200)
        ) {
            let admission = Admission::new(12, 6, Gauge::default());
            let victim = admission.admit(some("192.0.2.1")).unwrap();
            let mut open: Vec<(u8, ConnectionSlot)> = Vec::new();
            for step in steps {
                match step {
                    Step::Open(last) => {
                        let admitted = admission.admit(some(&format!("192.0.2.{last}")));
                        open.extend(admitted.map(|slot| (last, slot)));
                    }
                    // As many as the registry of links allows.
                    Step::Pin(which) if !open.is_empty() => {
                        let pinned = open.iter().filter(|(_, slot)| slot.activity().is_pinned());
                        let room = pinned.count() < 4;
                        let slot = &open[which % open.len()].1;
                        if room && !slot.activity().is_evicted() {
                            slot.activity().pin();
                        }
                    }
                    Step::Close(which) if !open.is_empty() => {
                        drop(open.swap_remove(which % open.len()));
                    }
                    _ => {}
                }
                // Its task ends the connection.
                open.retain(|(_, slot)| !slot.activity().is_evicted());
                for last in 2..8 {
                    prop_assert!(open.iter().filter(|(of, _)| *of == last).count() <= 6);
                }
                prop_assert!(open.len() < 12);
                prop_assert!(!victim.activity().is_evicted());
                prop_assert!(admission.admit(some("192.0.2.9")).is_ok());
            }
            drop((victim, open));
            let left = admission.inner.open.lock();
            prop_assert!(left.slots.is_empty() && left.by_address.is_empty());
        }
    }
}
