//! The terminal UI as a face of the engine.

use ringtail_client::engine::Engine;
use ringtail_client::mask;
use ringtail_client::model::{AttemptRow, EventDetail, EventRow, GapRow, Marks, RowId, Status};
use ringtail_client::signature::{self, Reveal};
use ringtail_protocol::event::EventId;
use ringtail_tui::Options;
use ringtail_tui::source::{Source, SourceError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::output::colour_allowed;

/// Shows the screen until the user quits or the engine has ended.
pub(crate) async fn show(
    engine: Engine,
    reveal: Reveal,
    ended: CancellationToken,
) -> Result<(), Failure> {
    let options = Options {
        cancel: ended,
        colour: colour_allowed(),
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

    async fn events_before(&self, row: RowId, limit: usize) -> Result<Vec<EventRow>, SourceError> {
        let rows = self.engine.history().events_before(row, limit).await;
        let mut rows = rows.map_err(SourceError::new)?;
        // The history gives the newest first.
        rows.reverse();
        Ok(rows.into_iter().map(mask::row).collect())
    }

    async fn events_after(&self, row: RowId, limit: usize) -> Result<Vec<EventRow>, SourceError> {
        let rows = self.engine.history().events_after(row, limit).await;
        let rows = rows.map_err(SourceError::new)?;
        Ok(rows.into_iter().map(mask::row).collect())
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
