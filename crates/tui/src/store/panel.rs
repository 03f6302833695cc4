//! Reads what a panel shows.

use std::sync::Arc;

use jiff::tz::TimeZone;
use ringtail_model::EventDetail;
use ringtail_recordings::diff::Noise;
use ringtail_text::chain;
use ringtail_views::{CompareError, blocking, compare};

use super::StoreSource;
use crate::effect::{PanelKey, PanelKind};
use crate::format::{PanelRow, diff, timeline};

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
            Self::Diff(two) => Ok(diff::rows(compare::events(two, noise))),
            Self::Answers(event) => diff::answers(event, noise),
        }
    }
}

impl StoreSource {
    pub(super) async fn panel(&self, key: &PanelKey) -> Result<Vec<PanelRow>, String> {
        let events = self.panel_events(key).await?;
        let (noise, zone) = (Arc::clone(&key.noise), self.zone.clone());
        blocking(move || events.rows(&noise, &zone)).await
    }

    async fn panel_events(&self, key: &PanelKey) -> Result<PanelEvents, String> {
        let (store, masked) = (&self.store, key.masked);
        match key.kind {
            PanelKind::Timeline { row, .. } => {
                let events = store.timeline(row, masked).await;
                Ok(PanelEvents::Timeline(
                    events.map_err(|error| chain(&error))?,
                ))
            }
            PanelKind::Answers { id, .. } => {
                let event = store.answers(id, masked).await.map_err(failed)?;
                Ok(PanelEvents::Answers(Box::new(event)))
            }
            PanelKind::Diff { id, other, .. } => {
                let two = store.pair(id, other, masked).await;
                Ok(PanelEvents::Diff(two.map_err(failed)?))
            }
            // A replay brings its rows.
            PanelKind::Replay => Err("nothing was replayed".to_owned()),
        }
    }
}

fn failed(error: CompareError) -> String {
    match error {
        CompareError::NothingBefore => NOTHING_BEFORE.to_owned(),
        error => chain(&error),
    }
}
