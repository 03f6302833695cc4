//! Masks personal data while a screen is shared.

use std::path::PathBuf;
use std::sync::Arc;

use ringtail_model::{AttemptRow, EventDetail, EventRow, Outcome};
use ringtail_recordings::mask::Masker;
use ringtail_recordings::pseudonyms;
use ringtail_store::History;
use tokio::sync::OnceCell;

use super::QueryError;
use crate::blocking::blocking;

/// Masks with the key of the data directory. Without a key nothing is shown.
#[derive(Debug)]
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

    /// Masks rows; the summary of each is made from its masked request.
    pub(super) async fn rows(
        &self,
        history: &History,
        rows: Vec<EventRow>,
    ) -> Result<Vec<EventRow>, QueryError> {
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
        Ok(read.await?)
    }

    pub(super) async fn events(
        &self,
        events: Vec<EventDetail>,
    ) -> Result<Vec<EventDetail>, QueryError> {
        let masker = self.masker().await?;
        let mask = move || {
            let events = events.iter();
            events
                .map(|event| pseudonyms::shown(&masker, event))
                .collect()
        };
        Ok(blocking(mask).await)
    }

    pub(super) async fn attempts(
        &self,
        mut rows: Vec<AttemptRow>,
    ) -> Result<Vec<AttemptRow>, QueryError> {
        let masker = self.masker().await?;
        for attempt in &mut rows {
            attempt.target = masker.path(&attempt.target);
            if let Outcome::Error { message, .. } = &mut attempt.outcome {
                *message = masker.path(message);
            }
        }
        Ok(rows)
    }

    async fn masker(&self) -> Result<Arc<Masker>, QueryError> {
        let made = self.masker.get_or_try_init(|| async {
            let data = self.data.clone();
            let made = blocking(move || pseudonyms::masker(&data)).await;
            Ok(Arc::new(made?))
        });
        made.await.cloned()
    }
}
