//! Counts of what a relay turned away, told in the log when it stops.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a relay turned away since it started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Connections over a limit.
    pub(crate) refused_connections: Counter,
    /// Connections whose TLS handshake failed or took too long.
    pub(crate) failed_handshakes: Counter,
    /// Tokens that were missing, unknown or revoked.
    pub(crate) failed_logins: Counter,
    /// Handshakes that were answered and not noted.
    pub(crate) unnoted_handshakes: Counter,
    /// Events that the journal did not take.
    pub(crate) unstored_events: Counter,
}

/// A number that grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.count().fmt(f)
    }
}
