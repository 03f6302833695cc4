//! The events of a replay.
//!
//! A replay may be of the whole history, so what is kept of each event is what its order, its time and its faults follow
//! from. Its row is read when it is sent or shown.

use std::collections::HashMap;

use ringtail_protocol::event::{EventId, Kind, Timestamp};

use crate::forward::Sender;
use ringtail_model::EventRow;

/// Events in their order, each with who sends it.
#[derive(Debug, Default)]
pub struct Events {
    pub(super) events: Vec<Chosen>,
    /// As [`Events::events`]; nobody needs them once the replay is planned.
    pub(super) moments: Vec<Moment>,
    senders: Vec<Sender>,
    /// The place of each endpoint's sender.
    places: HashMap<String, u32>,
}

/// An event that is to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) id: EventId,
    /// Who sends it, by its place.
    sender: u32,
}

/// What the plan has to know of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) received_at: Timestamp,
    pub(super) fallible: bool,
}

impl Events {
    /// Adds an event behind the others. `sender` is asked once for each endpoint.
    ///
    /// # Errors
    /// When there is no sender.
    pub fn add<E>(
        &mut self,
        event: &EventRow,
        sender: impl FnOnce(&str) -> Result<Sender, E>,
    ) -> Result<(), E> {
        let place = match self.places.get(&event.endpoint) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(self.senders.len()).unwrap_or(u32::MAX);
                self.senders.push(sender(&event.endpoint)?);
                self.places.insert(event.endpoint.clone(), place);
                place
            }
        };
        self.events.push(Chosen {
            id: event.id,
            sender: place,
        });
        self.moments.push(Moment {
            received_at: event.received_at,
            fallible: event.kind == Kind::Notification,
        });
        Ok(())
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Returns the one event, if there is one and no other.
    #[must_use]
    pub fn only(&self) -> Option<EventId> {
        match self.events.as_slice() {
            [one] => Some(one.id),
            _ => None,
        }
    }

    /// Returns an event and who sends it.
    pub(super) fn at(&self, place: usize) -> Option<(EventId, &Sender)> {
        let chosen = self.events.get(place)?;
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
