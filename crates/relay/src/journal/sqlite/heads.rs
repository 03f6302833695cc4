//! The newest `seq` of each endpoint, for links that wait for it to grow.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::journal::EndpointKey;

/// Heads of all endpoints that ever had an event, or that a link watches.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<HashMap<EndpointKey, watch::Sender<u64>>>);

impl Heads {
    /// Reads the heads from the database. An endpoint that is missing, such as a new one, has a head of 0.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut select =
            connection.prepare("SELECT key, next_seq - 1 FROM endpoint WHERE next_seq > 1")?;
        let heads = select.query_map([], |row| {
            let head = row.get::<_, i64>(1)?.unsigned_abs();
            Ok((EndpointKey(row.get(0)?), watch::Sender::new(head)))
        })?;
        Ok(Self(Mutex::new(heads.collect::<Result<_, _>>()?)))
    }

    /// Returns the endpoint's head, changing as it grows.
    pub(super) fn subscribe(&self, endpoint: EndpointKey) -> watch::Receiver<u64> {
        self.senders().entry(endpoint).or_default().subscribe()
    }

    /// Publishes the heads that a commit has made durable.
    pub(super) fn advance(&self, heads: Vec<(EndpointKey, u64)>) {
        let mut senders = self.senders();
        for (endpoint, head) in heads {
            senders.entry(endpoint).or_default().send_replace(head);
        }
    }

    fn senders(&self) -> MutexGuard<'_, HashMap<EndpointKey, watch::Sender<u64>>> {
        self.0.lock()
    }
}
