//! The activity on one connection, by which idle and stalled ones are found, and the next one to evict.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// What happens on a connection. Shared by its socket, its timer, [`super::admission`] and its requests, which carry it
/// as an extension.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionActivity(Arc<ActivityState>);

#[derive(Debug)]
struct ActivityState {
    /// When the last byte moved, in nanoseconds of [`now`].
    last_byte: AtomicU64,
    had_request: AtomicBool,
    /// Fully received requests that are being answered.
    in_flight: AtomicUsize,
    /// Set once the connection has become a link.
    pinned: AtomicBool,
    evicted: CancellationToken,
}

impl ConnectionActivity {
    pub(super) fn new() -> Self {
        Self(Arc::new(ActivityState {
            last_byte: AtomicU64::new(now()),
            had_request: AtomicBool::default(),
            in_flight: AtomicUsize::default(),
            pinned: AtomicBool::default(),
            evicted: CancellationToken::new(),
        }))
    }

    /// Returns when the last byte moved, as a number that only compares.
    pub(crate) fn last_byte(&self) -> u64 {
        self.0.last_byte.load(Ordering::Relaxed)
    }

    pub(crate) fn touch(&self) {
        self.0.last_byte.store(now(), Ordering::Relaxed);
    }

    pub(crate) fn record_request(&self) {
        self.0.had_request.store(true, Ordering::Relaxed);
    }

    pub(crate) fn had_request(&self) -> bool {
        self.0.had_request.load(Ordering::Relaxed)
    }

    /// Protects this connection from eviction, as long as there is another to evict, while a fully received request is
    /// being answered.
    pub(crate) fn begin_response(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    pub(super) fn is_answering(&self) -> bool {
        self.0.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Protects this connection from eviction for good.
    pub(crate) fn pin(&self) {
        self.0.pinned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.0.pinned.load(Ordering::Relaxed)
    }

    pub(super) fn evict(&self) {
        self.0.evicted.cancel();
    }

    /// Waits until a newer connection has taken this one's place.
    pub(crate) fn evicted(&self) -> WaitForCancellationFuture<'_> {
        self.0.evicted.cancelled()
    }

    #[cfg(test)]
    pub(super) fn is_evicted(&self) -> bool {
        self.0.evicted.is_cancelled()
    }
}

/// A response in flight, see [`ConnectionActivity::begin_response`].
#[derive(Debug)]
pub(crate) struct InFlight(ConnectionActivity);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the nanoseconds since a moment that is the same for all connections.
fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
