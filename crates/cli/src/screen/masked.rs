//! What the screen shows while it is shared: pseudonyms in the place of personal data.

use std::path::PathBuf;
use std::sync::Arc;

use ringtail_model::{AttemptRow, EventDetail, EventRow, Outcome};
use ringtail_recordings::mask::Masker;
use ringtail_recordings::pseudonyms;
use ringtail_store::History;
use ringtail_tui::source::SourceError;
use tokio::sync::OnceCell;

/// Makes pseudonyms, with the key of the data directory. Without a key nothing is shown.
pub(super) struct Masked {
    data: PathBuf,
    masker: OnceCell<Arc<Masker>>,
}

impl Masked {
    pub(super) fn new(data: PathBuf) -> Self {
        Self {
            data,
            masker: OnceCell::new(),
        }
    }

    /// Masks rows; the summary of each is made of its masked request.
    pub(super) async fn rows(
        &self,
        history: &History,
        rows: Vec<EventRow>,
    ) -> Result<Vec<EventRow>, SourceError> {
        let masker = self.masker().await?;
        let read = history.read(move |reader| {
            let mut masked = Vec::new();
            for row in rows {
                if let Some(event) = reader.event(row.id)? {
                    masked.push(pseudonyms::shown(&masker, &event).event);
                }
            }
            Ok(masked)
        });
        read.await.map_err(SourceError::new)
    }

    pub(super) async fn event(&self, event: EventDetail) -> Result<EventDetail, SourceError> {
        let masked = self.events(vec![event]).await?;
        Ok(masked.into_iter().next().expect("there is one for one"))
    }

    pub(super) async fn events(
        &self,
        events: Vec<EventDetail>,
    ) -> Result<Vec<EventDetail>, SourceError> {
        let masker = self.masker().await?;
        let mask = move || {
            let events = events.iter();
            events
                .map(|event| pseudonyms::shown(&masker, event))
                .collect()
        };
        let masked = tokio::task::spawn_blocking(mask).await;
        masked.map_err(SourceError::new)
    }

    pub(super) async fn attempts(
        &self,
        mut rows: Vec<AttemptRow>,
    ) -> Result<Vec<AttemptRow>, SourceError> {
        let masker = self.masker().await?;
        for attempt in &mut rows {
            attempt.target = masker.path(&attempt.target);
            if let Outcome::Error { message, .. } = &mut attempt.outcome {
                *message = masker.path(message);
            }
        }
        Ok(rows)
    }

    async fn masker(&self) -> Result<Arc<Masker>, SourceError> {
        let made = self.masker.get_or_try_init(|| async {
            let data = self.data.clone();
            let made = tokio::task::spawn_blocking(move || pseudonyms::masker(&data)).await;
            let masker = made.map_err(SourceError::new)?.map_err(SourceError::new)?;
            Ok(Arc::new(masker))
        });
        made.await.cloned()
    }
}
