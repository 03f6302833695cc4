//! The newest `seq` of each endpoint, for links that wait for it to grow.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::journal::EndpointKey;

/// Heads of all endpoints that ever had an event, or that a link watches.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<HashMap<EndpointKey, watch::Sender<u64>>>);

impl Heads {
    /// Takes the heads of a database. An endpoint that is missing, such as a new one, has a head of 0.
    pub(super) fn new(heads: impl IntoIterator<Item = (EndpointKey, u64)>) -> Self {
        let heads = heads.into_iter();
        let senders = heads.map(|(endpoint, head)| (endpoint, watch::Sender::new(head)));
        Self(Mutex::new(senders.collect()))
    }

    /// Returns the endpoint's head, changing as it grows.
    pub(super) fn subscribe(&self, endpoint: EndpointKey) -> watch::Receiver<u64> {
        self.0.lock().entry(endpoint).or_default().subscribe()
    }

    /// Returns the endpoint's head.
    pub(super) fn of(&self, endpoint: EndpointKey) -> u64 {
        let senders = self.0.lock();
        senders.get(&endpoint).map_or(0, |head| *head.borrow())
    }

    /// Returns whether a link waits for the endpoint's head to grow.
    pub(super) fn is_watched(&self, endpoint: EndpointKey) -> bool {
        let senders = self.0.lock();
        let head = senders.get(&endpoint);
        head.is_some_and(|head| head.receiver_count() > 0)
    }

    /// Publishes the heads that a commit has made durable. A head that is known already, or an older one, wakes no reader.
    pub(super) fn advance(&self, heads: impl IntoIterator<Item = (EndpointKey, u64)>) {
        let mut senders = self.0.lock();
        for (endpoint, head) in heads {
            let sender = senders.entry(endpoint).or_default();
            sender.send_if_modified(|known| {
                let advances = head > *known;
                *known = head.max(*known);
                advances
            });
        }
    }

    /// Forgets all heads, so that those who wait for one to grow get an error.
    pub(super) fn end(&self) {
        self.0.lock().clear();
    }

    /// Returns the endpoints whose heads are waited for.
    pub(super) fn watched(&self) -> Vec<EndpointKey> {
        let senders = self.0.lock();
        let watched = senders.iter().filter(|(_, it)| it.receiver_count() > 0);
        watched.map(|(endpoint, _)| *endpoint).collect()
    }
}
