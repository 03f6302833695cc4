//! A replay of many events, one after the other.

use std::collections::VecDeque;

use ringtail_protocol::event::EventId;

/// What is left to be replayed, and how it went so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    left: VecDeque<(EventId, u64)>,
    pub(crate) total: usize,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) sign: bool,
}

impl Batch {
    /// Begins after the first event, with the others in the order in which they are replayed.
    pub(crate) fn new(events: Vec<(EventId, u64)>, sign: bool) -> Self {
        Self {
            total: events.len() + 1,
            left: events.into(),
            done: 0,
            failed: 0,
            sign,
        }
    }

    /// Returns the next event.
    pub(crate) fn next(&mut self) -> Option<(EventId, u64)> {
        self.left.pop_front()
    }

    /// Takes in how one went.
    pub(crate) fn ended(&mut self, well: bool) {
        self.done += 1;
        self.failed += usize::from(!well);
    }

    /// Gives up what is left.
    pub(crate) fn stop(&mut self) {
        self.left.clear();
    }
}
