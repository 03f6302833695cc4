//! What requests may hold of the relay's memory while they are waited for: in all, and half of that at one endpoint, so
//! that whoever learnt one address cannot keep events from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::journal::EndpointKey;
use crate::limits::{FIELD_BYTES, REQUEST_BYTES};

/// Bytes that are still to be had.
#[derive(Debug)]
pub(crate) struct Memory {
    free: Arc<Semaphore>,
    /// The most that one endpoint's requests may hold.
    most: usize,
    endpoints: Endpoints,
}

/// What the requests of each endpoint hold.
#[derive(Debug, Clone, Default)]
struct Endpoints(Arc<Mutex<HashMap<EndpointKey, usize>>>);

/// Bytes that a request holds; it gives them back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    permit: OwnedSemaphorePermit,
    endpoint: Option<EndpointKey>,
    endpoints: Endpoints,
}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))),
            most: bytes / 2,
            endpoints: Endpoints::default(),
        }
    }

    /// Takes what a request needs before its body, if there is as much.
    pub(crate) fn request(
        &self,
        endpoint: Option<EndpointKey>,
        head: &request::Parts,
    ) -> Option<Share> {
        self.take(endpoint, REQUEST_BYTES + head_bytes(head))
    }

    fn take(&self, endpoint: Option<EndpointKey>, bytes: usize) -> Option<Share> {
        let permits = u32::try_from(bytes).ok()?;
        let permit = self.free.clone().try_acquire_many_owned(permits).ok()?;
        if let Some(endpoint) = endpoint
            && !self.endpoints.add(endpoint, bytes, self.most)
        {
            return None;
        }
        Some(Share {
            permit,
            endpoint,
            endpoints: self.endpoints.clone(),
        })
    }

    /// Adds to a share, if there is as much.
    pub(crate) fn grow(&self, share: &mut Share, bytes: usize) -> Option<()> {
        let mut more = self.take(share.endpoint, bytes)?;
        // Its bytes are the share's now, and so is the endpoint's account of them.
        more.endpoint = None;
        if let Some(permit) = more.permit.split(bytes) {
            share.permit.merge(permit);
        }
        Some(())
    }
}

impl Endpoints {
    /// Notes that an endpoint's requests hold more, unless that is too much.
    fn add(&self, endpoint: EndpointKey, bytes: usize, most: usize) -> bool {
        let mut endpoints = self.lock();
        let held = endpoints.get(&endpoint).copied().unwrap_or_default();
        let fits = held + bytes <= most;
        if fits {
            endpoints.insert(endpoint, held + bytes);
        }
        fits
    }

    fn give_back(&self, endpoint: EndpointKey, bytes: usize) {
        let mut endpoints = self.lock();
        if let Some(held) = endpoints.get_mut(&endpoint) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                endpoints.remove(&endpoint);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointKey, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(endpoint) = self.endpoint {
            self.endpoints
                .give_back(endpoint, self.permit.num_permits());
        }
    }
}

/// Returns the bytes that a head takes in memory.
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
    fn a_share_counts_the_head_and_comes_back_whole() {
        let (head, ()) = Request::post("/abc?d")
            .header("name", "value")
            .body(())
            .expect("a request")
            .into_parts();
        let all = REQUEST_BYTES + FIELD_BYTES + "/abc?dnamevalue".len() + 100;
        let memory = Memory::new(all);
        let mut share = memory.request(None, &head).expect("there is room");
        assert!(memory.request(None, &head).is_none());
        assert!(memory.grow(&mut share, 101).is_none());
        assert!(memory.grow(&mut share, 100).is_some());
        assert!(memory.grow(&mut share, 1).is_none());
        drop(share);
        assert_eq!(memory.free.available_permits(), all);
    }

    #[test]
    fn an_endpoint_takes_half_and_gives_it_back() {
        let memory = Memory::new(100);
        let (one, other) = (Some(EndpointKey(1)), Some(EndpointKey(2)));
        let mut share = memory.take(one, 30).expect("there is room");
        assert!(memory.grow(&mut share, 21).is_none());
        assert!(memory.grow(&mut share, 20).is_some());
        assert!(memory.take(one, 1).is_none());
        let others = memory.take(other, 50).expect("the other has its own half");
        drop(share);
        assert_eq!(memory.free.available_permits(), 50);
        let again = memory.take(one, 50).expect("it came back");
        drop((others, again));
        assert!(memory.endpoints.lock().is_empty());
        assert_eq!(memory.free.available_permits(), 100);
    }
}
