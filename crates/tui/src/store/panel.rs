//! Reads what a panel shows.

use std::sync::Arc;

use jiff::tz::TimeZone;
use ringtail_model::redact;
use ringtail_model::signature::Reveal;
use ringtail_model::{EventDetail, RowId};
use ringtail_protocol::event::EventId;
use ringtail_recordings::diff::Noise;
use ringtail_text::chain;

use super::{QueryError, StoreSource};
use crate::effect::{PanelKey, PanelKind};
use crate::format::{PanelRow, diff, timeline};

/// Most events of a timeline: a long call has some hundred.
const MAX_EVENTS: usize = 500;

/// Longest body of an event of a timeline that is read.
const MAX_BODY: usize = 64 * 1024;

pub(crate) const NOTHING_BEFORE: &str = "no earlier event of its kind; v selects another";
const GONE: &str = "the history no longer has this event";

/// The events of a panel.
pub(crate) enum PanelEvents {
    Timeline(Vec<EventDetail>),
    Diff(Box<[EventDetail; 2]>),
    Answers(Box<EventDetail>),
}

impl PanelEvents {
    /// Lays out the rows.
    pub(crate) fn rows(&self, noise: &Noise, zone: &TimeZone) -> Result<Vec<PanelRow>, String> {
        match self {
            Self::Timeline(events) if events.is_empty() => Err(GONE.to_owned()),
            Self::Timeline(events) => Ok(timeline::rows(events, zone)),
            Self::Diff(two) => Ok(diff::events(&two[0], &two[1], noise)),
            Self::Answers(event) => diff::answers(event, noise),
        }
    }
}

impl StoreSource {
    pub(super) async fn panel(&self, key: &PanelKey) -> Result<Vec<PanelRow>, String> {
        let events = self.panel_events(key).await?;
        let (noise, zone) = (Arc::clone(&key.noise), self.zone.clone());
        let rows = tokio::task::spawn_blocking(move || events.rows(&noise, &zone)).await;
        rows.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    async fn panel_events(&self, key: &PanelKey) -> Result<PanelEvents, String> {
        // What is compared is redacted together.
        let one = async |id: EventId| {
            let event = self.event(id, true, key.masked).await;
            event.map_err(|error| chain(&error))?.ok_or(GONE.to_owned())
        };
        let hides = self.store.reveal == Reveal::No && !key.masked;
        match key.kind {
            PanelKind::Timeline { row, .. } => {
                let events = self.timeline(row, key.masked).await;
                Ok(PanelEvents::Timeline(
                    events.map_err(|error| chain(&error))?,
                ))
            }
            PanelKind::Answers { id } => {
                let mut event = one(id).await?;
                if hides {
                    redact::compared([&mut event]);
                }
                Ok(PanelEvents::Answers(Box::new(event)))
            }
            PanelKind::Diff { id, row, other } => {
                let other = match other {
                    Some(other) => Some(other),
                    None => {
                        let previous = self.store.history.previous(row).await;
                        let previous = previous.map_err(|error| chain(&error))?;
                        previous.map(|event| event.id)
                    }
                };
                let other = other.ok_or(NOTHING_BEFORE)?;
                let mut two = [one(id).await?, one(other).await?];
                if hides {
                    redact::compared(&mut two);
                }
                Ok(PanelEvents::Diff(Box::new(two)))
            }
            // A replay brings its rows.
            PanelKind::Replay => Err("nothing was replayed".to_owned()),
        }
    }

    /// Reads the events of the same call or conversation, oldest first, without attempts and large bodies.
    async fn timeline(&self, row: RowId, masked: bool) -> Result<Vec<EventDetail>, QueryError> {
        let read = self.store.history.read(move |reader| {
            let mut events = Vec::new();
            for event in reader.course(row, MAX_EVENTS)? {
                // Retention may have deleted it meanwhile.
                let Some(mut event) = reader.event(event.id)? else {
                    continue;
                };
                event.attempts.clear();
                if event.body.len() > MAX_BODY {
                    event.body = event.body.slice(..0);
                }
                events.push(event);
            }
            Ok(events)
        });
        let mut events = read.await?;
        if masked {
            return self.masked.events(events).await;
        }
        events.iter_mut().for_each(redact::detail);
        Ok(events)
    }
}
