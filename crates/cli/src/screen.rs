//! The terminal UI as a face of the engine.

use std::time::Duration;

use ringtail_client::engine::Engine;
use ringtail_client::filter::Filter;
use ringtail_client::history::{Direction, Found};
use ringtail_client::mask;
use ringtail_client::model::{AttemptRow, EventDetail, EventRow, GapRow, Marks, RowId, Status};
use ringtail_client::signature::{self, Reveal};
use ringtail_protocol::event::EventId;
use ringtail_tui::Options;
use ringtail_tui::source::{Source, SourceError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::command::search::search_one;
use crate::exit::Failure;
use crate::output::colour_allowed;

/// How long a page of a search is waited for before what was found is shown.
const PATIENCE: Duration = Duration::from_millis(150);

/// Shows the screen until the user quits or the engine has ended.
pub(crate) async fn show(
    engine: Engine,
    reveal: Reveal,
    filter: Filter,
    ended: CancellationToken,
) -> Result<(), Failure> {
    let options = Options {
        cancel: ended,
        colour: colour_allowed(),
        filter,
        ..Options::default()
    };
    let shown = ringtail_tui::run(Screen { engine, reveal }, options).await;
    shown
        .map(drop)
        .map_err(|error| anyhow::Error::from(error).into())
}

/// The engine as the screen wants it.
struct Screen {
    engine: Engine,
    reveal: Reveal,
}

impl Source for Screen {
    fn status(&self) -> watch::Receiver<Status> {
        self.engine.status()
    }

    fn marks(&self) -> watch::Receiver<Marks> {
        self.engine.history().marks()
    }

    async fn events(
        &self,
        filter: &Filter,
        direction: Direction,
        from: RowId,
        limit: usize,
    ) -> Result<Found, SourceError> {
        let history = self.engine.history();
        let found = if filter.is_empty() {
            let rows = match direction {
                Direction::Older => history.events_before(from, limit).await,
                Direction::Newer => history.events_after(from, limit).await,
            };
            rows.map(|rows| Found {
                next: rows
                    .last()
                    .map(|event| event.row)
                    .filter(|_| rows.len() >= limit),
                rows,
            })
        } else {
            let search = search_one(filter.clone(), self.engine.secrets().clone());
            history
                .search(&search, direction, from, limit, PATIENCE)
                .await
        };
        let mut found = found.map_err(SourceError::new)?;
        if direction == Direction::Older {
            // The history gives the newest first.
            found.rows.reverse();
        }
        found.rows = found.rows.into_iter().map(mask::row).collect();
        Ok(found)
    }

    async fn meant(
        &self,
        filter: &Filter,
        ids: Vec<EventId>,
    ) -> Result<Vec<EventRow>, SourceError> {
        let search = search_one(filter.clone(), self.engine.secrets().clone());
        let read = self.engine.history().read(move |reader| {
            let mut rows = Vec::new();
            for id in ids {
                if let Some((detail, true)) = reader.event_for(id, Some(&search))? {
                    rows.push(mask::row(detail.event));
                }
            }
            Ok(rows)
        });
        read.await.map_err(SourceError::new)
    }

    async fn attempts_after(
        &self,
        row: RowId,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, SourceError> {
        let rows = self.engine.history().attempts_after(row, limit).await;
        let rows = rows.map_err(SourceError::new)?;
        Ok(rows.into_iter().map(mask::attempt).collect())
    }

    async fn gaps_after(&self, row: RowId, limit: usize) -> Result<Vec<GapRow>, SourceError> {
        let rows = self.engine.history().gaps_after(row, limit).await;
        rows.map_err(SourceError::new)
    }

    async fn event(&self, id: EventId, reveal: bool) -> Result<Option<EventDetail>, SourceError> {
        let reveal = match reveal {
            true => Reveal::Yes,
            false => self.reveal,
        };
        let (history, secrets) = (self.engine.history(), self.engine.secrets());
        let read = signature::event(history, secrets, id, reveal).await;
        read.map_err(SourceError::new)
    }

    async fn replay(&self, id: EventId, sign: bool) -> Result<AttemptRow, SourceError> {
        let replayed = self.engine.replay(id, sign).await;
        let replayed = replayed.map_err(SourceError::new)?;
        Ok(mask::attempt(replayed.attempt))
    }
}
