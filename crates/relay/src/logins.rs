//! Addresses whose logins fail, and for how long they may not try again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::{FAILED_LOGIN_ADDRESSES, FAILED_LOGIN_WINDOW, FAILED_LOGINS};

/// Failed logins by address.
#[derive(Debug, Default)]
pub(crate) struct FailedLogins(Mutex<HashMap<IpAddr, Failures>>);

/// Failures of one address since the first of them.
#[derive(Debug, Clone, Copy)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Failures {
    fn are_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= FAILED_LOGIN_WINDOW
    }
}

impl FailedLogins {
    /// Returns how long the address has to wait, if it has failed too often.
    pub(crate) fn blocked(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let failed = self.failed();
        let failures = failed.get(&address)?;
        (failures.count >= FAILED_LOGINS && !failures.are_over(now)).then(|| {
            FAILED_LOGIN_WINDOW.saturating_sub(now.saturating_duration_since(failures.since))
        })
    }

    /// Remembers a failure.
    pub(crate) fn add(&self, address: IpAddr, now: Instant) {
        let mut failed = self.failed();
        if let Some(failures) = failed.get_mut(&address)
            && !failures.are_over(now)
        {
            failures.count = failures.count.saturating_add(1);
            return;
        }
        if failed.len() >= FAILED_LOGIN_ADDRESSES {
            failed.retain(|_, failures| !failures.are_over(now));
        }
        // Still full: somebody has thousands of addresses, and no table of them stops him. Tokens are not guessed.
        if failed.len() < FAILED_LOGIN_ADDRESSES || failed.contains_key(&address) {
            let first = Failures {
                since: now,
                count: 1,
            };
            failed.insert(address, first);
        }
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u32) -> IpAddr {
        IpAddr::V4(last.into())
    }

    #[test]
    fn an_address_that_failed_too_often_waits_until_the_window_is_over() {
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
    fn the_table_is_bounded_and_makes_room_for_what_is_new() {
        let logins = FailedLogins::default();
        let start = Instant::now();
        let full = u32::try_from(FAILED_LOGIN_ADDRESSES).expect("small");
        for last in 0..full + 10 {
            logins.add(address(last), start);
        }
        assert_eq!(logins.failed().len(), FAILED_LOGIN_ADDRESSES);
        logins.add(address(full + 10), start + FAILED_LOGIN_WINDOW);
        assert_eq!(logins.failed().len(), 1);
    }
}
