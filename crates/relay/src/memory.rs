//! What requests may hold of the relay's memory while they are waited for.

use std::sync::Arc;

use http::request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{FIELD_BYTES, REQUEST_BYTES};

/// Bytes that are still to be had.
#[derive(Debug)]
pub(crate) struct Memory(Arc<Semaphore>);

/// Bytes that a request holds; it gives them back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share(OwnedSemaphorePermit);

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// Takes what a request needs before its body, if there is as much.
    pub(crate) fn request(&self, head: &request::Parts) -> Option<Share> {
        self.take(REQUEST_BYTES + head_bytes(head))
    }

    fn take(&self, bytes: usize) -> Option<Share> {
        let bytes = u32::try_from(bytes).ok()?;
        let taken = self.0.clone().try_acquire_many_owned(bytes);
        taken.ok().map(Share)
    }

    /// Adds to a share, if there is as much.
    pub(crate) fn grow(&self, share: &mut Share, bytes: usize) -> Option<()> {
        share.0.merge(self.take(bytes)?.0);
        Some(())
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
        let mut share = memory.request(&head).expect("there is room");
        assert!(memory.request(&head).is_none());
        assert!(memory.grow(&mut share, 101).is_none());
        assert!(memory.grow(&mut share, 100).is_some());
        assert!(memory.grow(&mut share, 1).is_none());
        drop(share);
        assert_eq!(memory.0.available_permits(), all);
    }
}
