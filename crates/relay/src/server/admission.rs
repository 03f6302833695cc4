//! How many connections there may be: in all, and from one address.
//!
//! When all places are taken, the newest connection gets that of the one on which nothing has moved for longest: who
//! takes thousands and lets them idle must not keep RingCentral out. Those on which a request is being answered go when
//! there are no others, and links never.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

use super::progress::Progress;
use crate::metrics::Limit;

/// Counts connections.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    total: usize,
    per_address: usize,
    /// For whoever looks at the metrics.
    gauge: Gauge,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Those that have a place, by the numbers that they were given.
    seated: HashMap<u64, Progress>,
    next: u64,
    by_address: HashMap<IpAddr, usize>,
}

impl Admission {
    pub(super) fn new(total: usize, per_address: usize, gauge: Gauge) -> Self {
        Self {
            inner: Arc::new(Inner {
                total,
                per_address,
                gauge,
                open: Mutex::default(),
            }),
        }
    }

    /// Counts a connection in, unless a limit is reached; it counts until the guard is dropped, or another gets its
    /// place. Without an address it counts for nobody yet.
    pub(super) fn admit(&self, address: Option<IpAddr>) -> Result<Admitted, Limit> {
        let share = match address {
            Some(address) => Some(self.share(address)?),
            None => None,
        };
        let mut open = self.inner.open();
        let full = open.seated.len() >= self.inner.total;
        if full {
            let Some(silent) = open.unseat_silent() else {
                // The share's guard takes the lock, too.
                drop(open);
                return Err(Limit::Connections);
            };
            silent.lose();
        }
        let progress = Progress::new();
        let number = open.next;
        open.next += 1;
        open.seated.insert(number, progress.clone());
        drop(open);
        self.inner.gauge.inc();
        Ok(Admitted {
            inner: self.inner.clone(),
            number,
            progress,
            share,
            instead: full,
        })
    }

    /// Counts something that an address has open, unless it has too much; it counts until the guard is dropped.
    pub(super) fn share(&self, address: IpAddr) -> Result<Share, Limit> {
        let address = group(address);
        let mut open = self.inner.open();
        let same = open.by_address.entry(address).or_default();
        if *same >= self.inner.per_address {
            return Err(Limit::ConnectionsPerAddress);
        }
        *same += 1;
        drop(open);
        Ok(Share {
            inner: self.inner.clone(),
            address,
        })
    }
}

impl Inner {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Takes the place of the connection on which nothing has moved for longest, if there is one that may go.
    fn unseat_silent(&mut self) -> Option<Progress> {
        let may_go = self.seated.iter().filter(|(_, it)| !it.is_kept());
        let (silent, _) = may_go.min_by_key(|(_, it)| (it.is_held(), it.mark()))?;
        let silent = *silent;
        self.seated.remove(&silent)
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(super) struct Admitted {
    inner: Arc<Inner>,
    number: u64,
    progress: Progress,
    share: Option<Share>,
    instead: bool,
}

impl Admitted {
    /// Returns what is to be told of the connection, and tells when it has lost its place.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Says whether another connection had to go for this one.
    pub(super) fn is_instead(&self) -> bool {
        self.instead
    }

    /// Counts the connection for an address that became known later.
    pub(super) fn assign(&mut self, share: Share) {
        self.share = Some(share);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.inner.open().seated.remove(&self.number);
        self.inner.gauge.dec();
    }
}

/// Something that counts for an address: a connection, or a request that a proxy passed on.
#[derive(Debug)]
pub(super) struct Share {
    inner: Arc<Inner>,
    address: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.inner.open();
        if let Some(same) = open.by_address.get_mut(&self.address) {
            *same = same.saturating_sub(1);
            if *same == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// Whoever has an IPv6 address has the /64 around it.
pub(crate) fn group(address: IpAddr) -> IpAddr {
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
    use super::*;

    fn some(address: &str) -> Option<IpAddr> {
        address.parse().ok()
    }

    #[test]
    fn the_total_counts_everybody() {
        let gauge = Gauge::default();
        let admission = Admission::new(2, 2, gauge.clone());
        let first = admission.admit(some("192.0.2.1")).unwrap();
        let second = admission.admit(some("192.0.2.2")).unwrap();
        for link in [&first, &second] {
            link.progress().keep();
        }
        let third = admission.admit(some("192.0.2.3"));
        assert_eq!(third.err(), Some(Limit::Connections));
        assert_eq!(gauge.get(), 2);
        drop(first);
        assert_eq!(gauge.get(), 1);
        assert!(admission.admit(some("192.0.2.3")).is_ok());
    }

    #[test]
    fn who_is_silent_for_longest_goes_for_a_new_one() {
        let gauge = Gauge::default();
        let admission = Admission::new(3, 3, gauge.clone());
        let admit = || admission.admit(some("192.0.2.1")).unwrap();
        let (answering, silent, moving) = (admit(), admission.admit(None).unwrap(), admit());
        let hold = answering.progress().hold();
        assert!(!moving.is_instead());
        let new = admit();
        assert!(new.is_instead());
        assert!(silent.progress().is_lost());
        assert_eq!(gauge.get(), 4, "open until it has ended");
        drop(silent);
        drop(hold);
        let lost = |admitted: &Admitted| admitted.progress().is_lost();
        let newer = admission.admit(None).unwrap();
        assert_eq!(
            [&answering, &moving, &new, &newer].map(lost),
            [true, false, false, false]
        );
        drop((answering, moving, new));
        let others = [admit(), admit()];
        let _holds = [&others[0], &others[1], &newer].map(|it| it.progress().hold());
        newer.progress().keep();
        let _newest = admit();
        assert_eq!(
            [&newer, &others[0], &others[1]].map(lost),
            [false, true, false]
        );
    }

    #[test]
    fn an_address_and_an_ipv6_network_have_their_share() {
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
        assert_eq!(admission.inner.open().by_address.len(), 3);
    }

    #[test]
    fn a_connection_counts_for_an_address_that_is_told_later() {
        let admission = Admission::new(100, 1, Gauge::default());
        let mut proxied = admission.admit(None).unwrap();
        let _another = admission.admit(None).unwrap();
        let share = admission.share("192.0.2.1".parse().unwrap()).unwrap();
        proxied.assign(share);
        assert!(admission.admit(some("192.0.2.1")).is_err());
        assert_eq!(
            admission.inner.open().seated.len(),
            2,
            "a refusal leaves nothing"
        );
        drop(proxied);
        assert!(admission.admit(some("192.0.2.1")).is_ok());
        assert!(admission.inner.open().by_address.is_empty());
    }
}
