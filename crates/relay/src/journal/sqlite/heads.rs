//! The newest `seq` of each endpoint, for those who wait for it to grow.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::watch;

use crate::journal::EndpointKey;

/// Heads of all endpoints that ever had an event, or that somebody watches.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<HashMap<EndpointKey, watch::Sender<u64>>>);

impl Heads {
    /// Reads the heads that the database knows. An endpoint made later has none, which is a head of 0: nothing has
    /// to be read again.
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
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(endpoint)
            .or_default()
            .subscribe()
    }

    /// Tells what a commit has made durable.
    pub(super) fn advance(&self, heads: impl Iterator<Item = (EndpointKey, u64)>) {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (endpoint, head) in heads {
            senders.entry(endpoint).or_default().send_replace(head);
        }
    }
}
