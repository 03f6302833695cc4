//! The terminal UI as a face of the engine.

use ringtail_client::engine::Engine;
use ringtail_client::model::{AttemptRow, EventDetail, EventRow, GapRow, Marks, RowId, Status};
use ringtail_client::signature;
use ringtail_protocol::event::EventId;
use ringtail_tui::Options;
use ringtail_tui::source::{Source, SourceError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::output::colour_allowed;

/// Shows the screen until the user quits or the engine has ended.
pub(crate) async fn show(engine: Engine, ended: CancellationToken) -> Result<(), Failure> {
    let options = Options {
        cancel: ended,
        colour: colour_allowed(),
        ..Options::default()
    };
    let shown = ringtail_tui::run(Screen(engine), options).await;
    shown
        .map(drop)
        .map_err(|error| anyhow::Error::from(error).into())
}

/// The engine as the screen wants it.
struct Screen(Engine);

impl Source for Screen {
    fn status(&self) -> watch::Receiver<Status> {
        self.0.status()
    }

    fn marks(&self) -> watch::Receiver<Marks> {
        self.0.history().marks()
    }

    async fn events_before(&self, row: RowId, limit: usize) -> Result<Vec<EventRow>, SourceError> {
        let rows = self.0.history().events_before(row, limit).await;
        let mut rows = rows.map_err(SourceError::new)?;
        // The history gives the newest first.
        rows.reverse();
        Ok(rows)
    }

    async fn events_after(&self, row: RowId, limit: usize) -> Result<Vec<EventRow>, SourceError> {
        let rows = self.0.history().events_after(row, limit).await;
        rows.map_err(SourceError::new)
    }

    async fn attempts_after(
        &self,
        row: RowId,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, SourceError> {
        let rows = self.0.history().attempts_after(row, limit).await;
        rows.map_err(SourceError::new)
    }

    async fn gaps_after(&self, row: RowId, limit: usize) -> Result<Vec<GapRow>, SourceError> {
        let rows = self.0.history().gaps_after(row, limit).await;
        rows.map_err(SourceError::new)
    }

    async fn event(&self, id: EventId) -> Result<Option<EventDetail>, SourceError> {
        let read = signature::event(self.0.history(), self.0.secrets(), id).await;
        read.map_err(SourceError::new)
    }

    async fn replay(&self, id: EventId) -> Result<AttemptRow, SourceError> {
        let replayed = self.0.replay(id).await.map_err(SourceError::new)?;
        Ok(replayed.attempt)
    }
}
