//! Pending events, as the forwarder gets them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use ringtail_model::{ForwardState, RowId};
use ringtail_protocol::event::{EventId, Request};

/// A pending event, without its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEvent {
    /// Position in the history.
    pub row: RowId,
    /// Events with the same key are forwarded one after the other.
    pub key: String,
}

/// An event's request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// The event.
    pub id: EventId,
    /// Id of the endpoint to which the request came; empty for imported events.
    pub endpoint: String,
    /// Number on the endpoint.
    pub seq: u64,
    /// Where forwarding stands.
    pub forward: ForwardState,
    /// The event that it is an edited copy of.
    pub edited_from: Option<EventId>,
    /// The request as received.
    pub request: Request,
}

/// Notifies the forwarder of each endpoint of new pending events.
///
/// Keeps the newest event in memory if it was stored alone, as most are, so that the forwarder need not read it. At 200 events a
/// second the app gets an event after 1.4 ms with this and 1.7 without (median; two builds compared by
/// `scripts/bench --only delivery`).
#[derive(Debug, Clone, Default)]
pub(crate) struct PendingSignal(Arc<Mutex<HashMap<String, Signal>>>);

#[derive(Debug, Default)]
struct Signal {
    wake: watch::Sender<()>,
    /// The newest pending event stored since the first receiver.
    newest: Option<RowId>,
    /// The newest pending event, with the pending event before it.
    fresh: Option<(RowId, (PendingEvent, StoredRequest))>,
}

/// Pending events that one operation has stored.
#[derive(Debug)]
pub(crate) struct NewPending {
    pub(crate) endpoint: String,
    pub(crate) newest: RowId,
    /// If there is but one: its key and its request.
    pub(crate) only: Option<(String, StoredRequest)>,
}

impl PendingSignal {
    pub(crate) fn subscribe(&self, endpoint: &str) -> watch::Receiver<()> {
        self.lock()
            .entry(endpoint.to_owned())
            .or_default()
            .wake
            .subscribe()
    }

    /// Returns the newest pending event if it is in memory and the first one after a row.
    pub(crate) fn fresh(
        &self,
        endpoint: &str,
        after: RowId,
    ) -> Option<(PendingEvent, StoredRequest)> {
        let (before, fresh) = self.lock().get_mut(endpoint)?.fresh.take()?;
        (before <= after && after < fresh.0.row).then_some(fresh)
    }

    /// Announces pending events; called after their commit.
    pub(crate) fn send(&self, new: NewPending) {
        if let Some(signal) = self.lock().get_mut(&new.endpoint) {
            let before = signal.newest.replace(new.newest);
            signal.fresh = before.zip(new.only).map(|(before, (key, request))| {
                let row = new.newest;
                (before, (PendingEvent { row, key }, request))
            });
            signal.wake.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Signal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
