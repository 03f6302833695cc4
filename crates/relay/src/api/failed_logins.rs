//! Addresses whose logins failed, and how long they must wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::limits::{FAILED_LOGIN_ADDRESSES, FAILED_LOGIN_WINDOW, FAILED_LOGINS};

/// Failed logins by address.
#[derive(Debug, Default)]
pub(crate) struct FailedLogins(Mutex<HashMap<IpAddr, FailureCount>>);

/// Failed logins of one address since the first of them.
#[derive(Debug, Clone, Copy)]
struct FailureCount {
    since: Instant,
    count: u32,
}

impl FailureCount {
    fn has_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= FAILED_LOGIN_WINDOW
    }
}

impl FailedLogins {
    /// Returns how long the address must wait, if it failed too often.
    pub(crate) fn blocked(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let failed = self.0.lock();
        let failures = failed.get(&address)?;
        (failures.count >= FAILED_LOGINS && !failures.has_expired(now)).then(|| {
            FAILED_LOGIN_WINDOW.saturating_sub(now.saturating_duration_since(failures.since))
        })
    }

    pub(crate) fn add(&self, address: IpAddr, now: Instant) {
        let mut failed = self.0.lock();
        if let Some(failures) = failed.get_mut(&address)
            && !failures.has_expired(now)
        {
            failures.count = failures.count.saturating_add(1);
            return;
        }
        if failed.len() >= FAILED_LOGIN_ADDRESSES {
            failed.retain(|_, failures| !failures.has_expired(now));
        }
        // If it is still full, someone has thousands of addresses, and no table stops them. Tokens cannot be guessed.
        if failed.len() < FAILED_LOGIN_ADDRESSES || failed.contains_key(&address) {
            let first = FailureCount {
                since: now,
                count: 1,
            };
            failed.insert(address, first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u32) -> IpAddr {
        IpAddr::V4(last.into())
    }

    #[test]
    fn an_address_that_failed_too_often_waits_until_the_window_ends() {
        let logins = FailedLogins::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..u64::from(FAILED_LOGINS) {
            assert_eq!(logins.blocked(address(1), at(second)), None);
            logins.add(address(1), at(second));
        }
        let after = u64::from(FAILED_LOGINS) - 1;
        let left = FAILED_LOGIN_WINDOW - Duration::from_secs(after);
        assert_eq!(logins.blocked(address(1), at(after)), Some(left));
        assert_eq!(logins.blocked(address(2), at(after)), None);
        let end = FAILED_LOGIN_WINDOW.as_secs();
        assert!(logins.blocked(address(1), at(end - 1)).is_some());
        assert_eq!(logins.blocked(address(1), at(end)), None);
        logins.add(address(1), at(end));
        assert_eq!(logins.blocked(address(1), at(end)), None);
    }

    #[test]
    fn the_table_is_bounded_and_drops_expired_addresses() {
        let logins = FailedLogins::default();
        let start = Instant::now();
        let full = u32::try_from(FAILED_LOGIN_ADDRESSES).expect("small");
        for last in 0..full + 10 {
            logins.add(address(last), start);
        }
        assert_eq!(logins.0.lock().len(), FAILED_LOGIN_ADDRESSES);
        logins.add(address(full + 10), start + FAILED_LOGIN_WINDOW);
        assert_eq!(logins.0.lock().len(), 1);
    }
}
