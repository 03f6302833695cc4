//! The memory that requests may hold while they are read and answered: in all, and half of that at one endpoint, so that
//! a flood on one endpoint leaves room for the others.

use std::collections::HashMap;
use std::sync::Arc;

use http::request;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::journal::EndpointKey;
use crate::limits::{FIELD_BYTES, REQUEST_BYTES};

/// A budget of bytes.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    free: Arc<Semaphore>,
    max_per_endpoint: usize,
    by_endpoint: BytesByEndpoint,
}

/// Bytes that the requests of each endpoint hold.
#[derive(Debug, Clone, Default)]
struct BytesByEndpoint(Arc<Mutex<HashMap<EndpointKey, usize>>>);

/// Bytes that a request holds; dropping it returns them.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    permit: OwnedSemaphorePermit,
    endpoint: Option<EndpointKey>,
    by_endpoint: BytesByEndpoint,
}

impl MemoryBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))),
            max_per_endpoint: bytes / 2,
            by_endpoint: BytesByEndpoint::default(),
        }
    }

    /// Takes what a request needs before its body, if that much is free.
    pub(crate) fn request(
        &self,
        endpoint: Option<EndpointKey>,
        head: &request::Parts,
    ) -> Option<MemoryShare> {
        self.take(endpoint, REQUEST_BYTES + head_bytes(head))
    }

    fn take(&self, endpoint: Option<EndpointKey>, bytes: usize) -> Option<MemoryShare> {
        let permits = u32::try_from(bytes).ok()?;
        let permit = self.free.clone().try_acquire_many_owned(permits).ok()?;
        if let Some(endpoint) = endpoint
            && !self.by_endpoint.add(endpoint, bytes, self.max_per_endpoint)
        {
            return None;
        }
        Some(MemoryShare {
            permit,
            endpoint,
            by_endpoint: self.by_endpoint.clone(),
        })
    }

    /// Adds to a share, if that much is free.
    pub(crate) fn grow(&self, share: &mut MemoryShare, bytes: usize) -> Option<()> {
        let mut more = self.take(share.endpoint, bytes)?;
        // `share` returns these bytes from here on.
        more.endpoint = None;
        if let Some(permit) = more.permit.split(bytes) {
            share.permit.merge(permit);
        }
        Some(())
    }
}

impl BytesByEndpoint {
    /// Returns false if the endpoint's requests would hold more than `max`.
    fn add(&self, endpoint: EndpointKey, bytes: usize, max: usize) -> bool {
        let mut endpoints = self.0.lock();
        let held = endpoints.get(&endpoint).copied().unwrap_or_default();
        let fits = held + bytes <= max;
        if fits {
            endpoints.insert(endpoint, held + bytes);
        }
        fits
    }

    fn subtract(&self, endpoint: EndpointKey, bytes: usize) {
        let mut endpoints = self.0.lock();
        if let Some(held) = endpoints.get_mut(&endpoint) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                endpoints.remove(&endpoint);
            }
        }
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        if let Some(endpoint) = self.endpoint {
            self.by_endpoint
                .subtract(endpoint, self.permit.num_permits());
        }
    }
}

/// Returns the bytes that a head occupies.
fn head_bytes(head: &request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |it| it.as_str().len());
    head.headers.iter().fold(target, |bytes, (name, value)| {
        bytes + name.as_str().len() + value.len() + FIELD_BYTES
    })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_share_counts_the_head_and_is_returned_whole() {
        let (head, ()) = Request::post("/abc?d")
            .header("name", "value")
            .body(())
            .expect("a request")
            .into_parts();
        let all = REQUEST_BYTES + FIELD_BYTES + "/abc?dnamevalue".len() + 100;
        let memory = MemoryBudget::new(all);
        let mut share = memory.request(None, &head).expect("there is room");
        assert!(memory.request(None, &head).is_none());
        assert!(memory.grow(&mut share, 101).is_none());
        assert!(memory.grow(&mut share, 100).is_some());
        assert!(memory.grow(&mut share, 1).is_none());
        drop(share);
        assert_eq!(memory.free.available_permits(), all);
    }

    #[test]
    fn one_endpoint_may_hold_half() {
        let memory = MemoryBudget::new(100);
        let (one, other) = (Some(EndpointKey(1)), Some(EndpointKey(2)));
        let mut share = memory.take(one, 30).expect("there is room");
        assert!(memory.grow(&mut share, 21).is_none());
        assert!(memory.grow(&mut share, 20).is_some());
        assert!(memory.take(one, 1).is_none());
        let others = memory.take(other, 50).expect("the other has its own half");
        drop(share);
        assert_eq!(memory.free.available_permits(), 50);
        let again = memory.take(one, 50).expect("it was returned");
        drop((others, again));
        assert!(memory.by_endpoint.0.lock().is_empty());
        assert_eq!(memory.free.available_permits(), 100);
    }
}
