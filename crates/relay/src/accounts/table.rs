//! All endpoints in memory, for the edge.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};

use super::endpoint::{EndpointRecord, MAX_ID_BYTES};
use crate::journal::EndpointKey;

/// Endpoints by their public id.
///
/// A lookup compares hashes, which a caller cannot choose, so its time does not reveal how much of an id is right.
#[derive(Debug, Default)]
pub struct EndpointTable {
    endpoints: RwLock<HashMap<[u8; 32], Arc<EndpointRecord>>>,
}

impl EndpointTable {
    /// Creates a table.
    #[must_use]
    pub fn new(endpoints: Vec<EndpointRecord>) -> Self {
        let endpoints = endpoints
            .into_iter()
            .map(|endpoint| (hash(&endpoint.id), Arc::new(endpoint)))
            .collect();
        Self {
            endpoints: RwLock::new(endpoints),
        }
    }

    /// Returns the endpoint of that id. Never waits for the disk.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<EndpointRecord>> {
        // The maximum length is not a secret.
        if id.len() > MAX_ID_BYTES {
            return None;
        }
        let hash = hash(id);
        self.endpoints.read().get(&hash).cloned()
    }

    /// Adds an endpoint, or replaces the one of the same id.
    pub fn insert(&self, endpoint: EndpointRecord) -> Arc<EndpointRecord> {
        let endpoint = Arc::new(endpoint);
        self.endpoints
            .write()
            .insert(hash(&endpoint.id), Arc::clone(&endpoint));
        endpoint
    }

    /// Removes the endpoints for which `gone` returns true, and returns their keys.
    pub(super) fn remove_where(&self, gone: impl Fn(&EndpointRecord) -> bool) -> Vec<EndpointKey> {
        let mut removed = Vec::new();
        self.endpoints.write().retain(|_, endpoint| {
            let goes = gone(endpoint);
            if goes {
                removed.push(endpoint.key);
            }
            !goes
        });
        removed
    }

    /// Returns all endpoints.
    pub(super) fn all(&self) -> Vec<EndpointRecord> {
        // Copied outside of the lock, which each request takes.
        let endpoints: Vec<_> = self.endpoints.read().values().cloned().collect();
        endpoints.iter().map(|it| (**it).clone()).collect()
    }
}

fn hash(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::super::AccountKey;
    use super::*;
    use crate::journal::EndpointKey;

    fn endpoint(id: &str) -> EndpointRecord {
        EndpointRecord {
            key: EndpointKey(1),
            id: id.to_owned(),
            account: AccountKey(1),
            verify_token: None,
        }
    }

    #[test]
    fn only_the_whole_id_finds_an_endpoint() {
        let table = EndpointTable::new(vec![endpoint("dev-abc")]);
        assert_eq!(table.find("dev-abc").as_deref(), Some(&endpoint("dev-abc")));
        for other in ["", "dev", "dev-ab", "dev-abcd", "DEV-ABC"] {
            assert_eq!(table.find(other), None, "{other}");
        }
        let longest = "a".repeat(63);
        table.insert(endpoint(&longest));
        assert!(table.find(&longest).is_some());
        assert_eq!(table.find(&"a".repeat(64)), None);
        assert_eq!(table.all().len(), 2);
    }
}
