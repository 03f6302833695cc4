//! The events of a replay.
//!
//! A replay may cover the whole history, so each event takes few bytes here. Its row is read when it is sent or shown.

use std::collections::HashMap;

use ringtail_protocol::event::{EventId, Kind, Timestamp};

use crate::forward::Sender;
use ringtail_model::EventRow;

/// Events in order, each with its sender.
#[derive(Debug, Default)]
pub struct Events {
    pub(super) events: Vec<Chosen>,
    /// As [`Events::events`]; needed only to plan the replay.
    pub(super) moments: Vec<Moment>,
    senders: Vec<Sender>,
    /// Index of each endpoint's sender.
    indexes: HashMap<String, u32>,
}

/// An event to replay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) id: EventId,
    /// Index of its sender.
    sender: u32,
}

/// Input of the plan for an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) received_at: Timestamp,
    pub(super) fallible: bool,
}

impl Events {
    /// Appends an event. `sender` is called once per endpoint.
    ///
    /// # Errors
    /// When `sender` fails.
    pub fn add<E>(
        &mut self,
        event: &EventRow,
        sender: impl FnOnce(&str) -> Result<Sender, E>,
    ) -> Result<(), E> {
        let index = match self.indexes.get(&event.endpoint) {
            Some(index) => *index,
            None => {
                let index = u32::try_from(self.senders.len()).unwrap_or(u32::MAX);
                self.senders.push(sender(&event.endpoint)?);
                self.indexes.insert(event.endpoint.clone(), index);
                index
            }
        };
        self.events.push(Chosen {
            id: event.id,
            sender: index,
        });
        self.moments.push(Moment {
            received_at: event.received_at,
            fallible: event.kind == Kind::Notification,
        });
        Ok(())
    }

    /// Returns the number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Returns true if there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Returns true if they are of several endpoints, where numbers repeat.
    #[must_use]
    pub fn are_of_several(&self) -> bool {
        self.senders.len() > 1
    }

    /// Returns the event if there is exactly one.
    #[must_use]
    pub fn only(&self) -> Option<EventId> {
        match self.events.as_slice() {
            [one] => Some(one.id),
            _ => None,
        }
    }

    /// Returns an event and its sender.
    pub(super) fn at(&self, index: usize) -> Option<(EventId, &Sender)> {
        let chosen = self.events.get(index)?;
        let sender = self.senders.get(usize::try_from(chosen.sender).ok()?)?;
        Some((chosen.id, sender))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a whole row each, a million events took 600 MB until the replay ended.
    #[test]
    fn regression_an_event_takes_few_bytes_however_long_its_summary_is() {
        assert!(size_of::<Chosen>() <= 24 && size_of::<Moment>() <= 16);
    }
}
