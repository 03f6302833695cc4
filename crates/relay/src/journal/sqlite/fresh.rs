//! The newest events of endpoints with a link, in memory: a link that keeps up takes them from here, and not from SQLite.
//!
//! They only save reading: what is not here, or no longer, is in SQLite. A notification costs the relay a third fewer system calls
//! with them (36 and not 52, at 100 a second), and reaches a client two changes of threads earlier.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use ringtail_protocol::event::{EncodedRequest, Event};

use crate::journal::{EndpointKey, Entry};

/// Bytes of events that are kept.
const MAX_BYTES: usize = 1024 * 1024;

/// How long an event is kept. A link takes it within a few milliseconds, or is behind.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The newest events of all endpoints.
#[derive(Debug, Default)]
pub(super) struct Fresh(Mutex<Kept>);

/// In the order in which they were committed.
#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<(Instant, EndpointKey, Event)>,
    bytes: usize,
}

/// Events of one transaction, before its commit.
#[derive(Debug, Default)]
pub(super) struct Uncommitted {
    events: Vec<(EndpointKey, Event)>,
    bytes: usize,
}

impl Uncommitted {
    /// Adds a stored entry, unless there are more than are kept.
    pub(super) fn add(&mut self, entry: &Entry, seq: u64, duplicate_of: Option<u64>) {
        let request = entry.request.as_bytes();
        self.bytes += request.len();
        if self.bytes > MAX_BYTES {
            return;
        }
        let event = Event {
            seq,
            id: entry.id,
            received_at: entry.received_at,
            kind: entry.kind,
            disposition: entry.disposition,
            duplicate_of,
            // A copy: the entry's own bytes hold the caller's share of the queue.
            request: EncodedRequest::from_stored(Bytes::copy_from_slice(request)),
        };
        self.events.push((entry.endpoint, event));
    }

    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.bytes = 0;
    }
}

impl Fresh {
    /// Adds what has been committed, in place of the oldest.
    pub(super) fn add(&self, committed: &mut Uncommitted, now: Instant) {
        let mut kept = self.0.lock();
        for (endpoint, event) in committed.events.drain(..) {
            kept.bytes += event.encoded_len();
            kept.events.push_back((now, endpoint, event));
        }
        committed.clear();
        while kept.bytes > MAX_BYTES {
            kept.remove_oldest();
        }
    }

    /// Removes events that are too old, and returns when the next one will be.
    pub(super) fn expire(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.0.lock();
        loop {
            let due = kept.events.front()?.0 + MAX_AGE;
            if due > now {
                return Some(due);
            }
            kept.remove_oldest();
        }
    }

    /// Removes all: the database may have deleted some.
    pub(super) fn clear(&self) {
        *self.0.lock() = Kept::default();
    }

    /// Returns the endpoint's events that follow `after` without a gap, as many as a page has room for. None if the first is
    /// not here or is larger than a page.
    pub(super) fn after(
        &self,
        endpoint: EndpointKey,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> Vec<Event> {
        let kept = self.0.lock();
        let mut bytes = 0;
        let of_endpoint = kept.events.iter().filter(|(_, of, _)| *of == endpoint);
        let later = of_endpoint.filter(|(_, _, event)| event.seq > after);
        let following = later
            .zip(after.saturating_add(1)..)
            .take_while(|((_, _, event), seq)| {
                bytes += event.encoded_len();
                event.seq == *seq && bytes <= max_bytes
            });
        let events = following.map(|((_, _, event), _)| event.clone());
        events.take(max_events).collect()
    }
}

impl Kept {
    fn remove_oldest(&mut self) {
        if let Some((_, _, event)) = self.events.pop_front() {
            self.bytes -= event.encoded_len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::suite::entry;

    const PAGE: usize = 64 * 1024;

    /// Commits events of these numbers, each with a body of `bytes`.
    fn commit(fresh: &Fresh, endpoint: EndpointKey, seqs: &[u64], bytes: usize, now: Instant) {
        let mut committed = Uncommitted::default();
        for seq in seqs {
            let request = EncodedRequest::from_stored(vec![0; bytes].into());
            let entry = Entry {
                request,
                ..entry(endpoint, b"", 1)
            };
            committed.add(&entry, *seq, None);
        }
        fresh.add(&mut committed, now);
    }

    fn seqs(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn events_follow_without_a_gap_or_not_at_all() {
        let fresh = Fresh::default();
        let (ours, other) = (EndpointKey(1), EndpointKey(2));
        let now = Instant::now();
        commit(&fresh, ours, &[5, 6], 10, now);
        commit(&fresh, other, &[7], 10, now);
        commit(&fresh, ours, &[7, 9], 10, now);
        let after = |after| seqs(&fresh.after(ours, after, 100, PAGE));
        assert_eq!(after(4), [5, 6, 7]);
        assert_eq!(after(6), [7]);
        assert_eq!(after(8), [9]);
        for none in [0, 3, 7, 9, 10] {
            assert!(after(none).is_empty(), "{none}");
        }
        assert_eq!(seqs(&fresh.after(ours, 4, 2, PAGE)), [5, 6]);
        fresh.clear();
        assert!(after(4).is_empty());
    }

    #[test]
    fn a_page_has_as_many_bytes_as_it_may() {
        let fresh = Fresh::default();
        let endpoint = EndpointKey(1);
        commit(&fresh, endpoint, &[1, 2, 3], 1000, Instant::now());
        let within = |bytes| seqs(&fresh.after(endpoint, 0, 100, bytes));
        assert_eq!(within(2500), [1, 2]);
        assert!(within(1000).is_empty(), "SQLite gives it in parts");
    }

    #[test]
    fn the_oldest_leave_by_size_and_by_age() {
        let fresh = Fresh::default();
        let endpoint = EndpointKey(1);
        let now = Instant::now();
        let third = MAX_BYTES / 3;
        for seq in 1..=3 {
            commit(&fresh, endpoint, &[seq], third, now);
        }
        assert!(fresh.after(endpoint, 0, 9, MAX_BYTES).is_empty());
        assert_eq!(seqs(&fresh.after(endpoint, 1, 9, MAX_BYTES)), [2, 3]);
        commit(&fresh, endpoint, &[4, 5, 6, 7], third, now);
        assert_eq!(seqs(&fresh.after(endpoint, 4, 9, MAX_BYTES)), [5, 6]);
        assert!(fresh.after(endpoint, 6, 9, MAX_BYTES).is_empty());
        commit(&fresh, endpoint, &[8], 1, now + MAX_AGE / 2);
        assert_eq!(fresh.expire(now), Some(now + MAX_AGE));
        assert_eq!(fresh.expire(now + MAX_AGE), Some(now + MAX_AGE * 3 / 2));
        assert_eq!(seqs(&fresh.after(endpoint, 7, 9, MAX_BYTES)), [8]);
        assert_eq!(fresh.expire(now + 2 * MAX_AGE), None);
        assert_eq!(fresh.0.lock().bytes, 0);
    }
}
