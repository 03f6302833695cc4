//! The memory that requests may hold while they are read and answered: in all, and half of that at one endpoint, so that
//! a flood on one endpoint leaves room for the others.

use std::collections::HashMap;
use std::sync::Arc;

use http::request;
use parking_lot::Mutex;

use crate::journal::EndpointKey;
use crate::limits::{FIELD_BYTES, REQUEST_BYTES};

/// A budget of bytes.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    max: usize,
    held: Arc<Mutex<Held>>,
}

/// Bytes that requests hold.
#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_endpoint: HashMap<EndpointKey, usize>,
}

/// Bytes that a request holds; dropping it returns them.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    held: Arc<Mutex<Held>>,
    endpoint: Option<EndpointKey>,
    bytes: usize,
}

impl MemoryBudget {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            held: Arc::default(),
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
        let mut share = MemoryShare {
            held: self.held.clone(),
            endpoint,
            bytes: 0,
        };
        self.grow(&mut share, bytes)?;
        Some(share)
    }

    /// Adds to a share, if that much is free.
    pub(crate) fn grow(&self, share: &mut MemoryShare, bytes: usize) -> Option<()> {
        let mut held = self.held.lock();
        if held.total + bytes > self.max {
            return None;
        }
        if let Some(endpoint) = share.endpoint {
            let of_endpoint = held.by_endpoint.get(&endpoint).copied().unwrap_or_default() + bytes;
            if of_endpoint > self.max / 2 {
                return None;
            }
            held.by_endpoint.insert(endpoint, of_endpoint);
        }
        held.total += bytes;
        share.bytes += bytes;
        Some(())
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        held.total -= self.bytes;
        if let Some(endpoint) = self.endpoint
            && let Some(of_endpoint) = held.by_endpoint.get_mut(&endpoint)
        {
            *of_endpoint -= self.bytes;
            if *of_endpoint == 0 {
                held.by_endpoint.remove(&endpoint);
            }
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
        assert_eq!(memory.held.lock().total, 0);
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
        assert_eq!(memory.held.lock().total, 50);
        let again = memory.take(one, 50).expect("it was returned");
        drop((others, again));
        assert!(memory.held.lock().by_endpoint.is_empty());
        assert_eq!(memory.held.lock().total, 0);
    }
}
