//! Events in the formats of other programs, as a download.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use ringtail_errors::{Failure, codes};
use ringtail_model::RowId;
use ringtail_protocol::event::EventId;
use ringtail_text::size;
use ringtail_views::PagePosition;
use ringtail_views::copy::CopyFormat;
use serde::Deserialize;

use super::{download, named, parsed};
use crate::Shared;
use crate::error::ApiError;

/// Most bytes of a download, which is made in memory.
const MAX_FILE: usize = 64 * 1024 * 1024;

#[derive(Debug, Deserialize)]
pub(super) struct Export {
    #[serde(rename = "as", default)]
    format: CopyFormat,
    /// Events, with commas between them.
    events: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    mask: bool,
}

pub(super) async fn export(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Export>,
) -> Result<Response, ApiError> {
    let (masked, format) = (shared.masks(asked.mask), asked.format);
    let mut file = Vec::new();
    if let Some(events) = &asked.events {
        for text in events.split(',') {
            let event = named(&shared, text).await?;
            add(&shared, event.id, format, masked, &mut file).await?;
        }
    } else {
        let filter = parsed(asked.filter.as_deref())?;
        let mut at = Some(RowId(0));
        while let Some(after) = at {
            let position = PagePosition::After(after);
            let found = shared.store.page(position, &filter, masked).await?;
            for event in &found.rows {
                add(&shared, event.id, format, masked, &mut file).await?;
            }
            at = found.next;
        }
    }
    Ok(download(&format!("ringtail.{}", format.extension()), file))
}

async fn add(
    shared: &Shared,
    id: EventId,
    format: CopyFormat,
    masked: bool,
    file: &mut Vec<u8>,
) -> Result<(), ApiError> {
    // Retention may have deleted it.
    let Some(event) = shared.store.event(id, false, masked).await? else {
        return Ok(());
    };
    let one = shared.store.formatted(&event, format);
    file.extend(one.map_err(|error| ApiError::of(Failure::of(&codes::FAILED, &error)))?);
    if file.len() > MAX_FILE {
        let max = size(u64::try_from(MAX_FILE).unwrap_or(u64::MAX));
        let many = format!("over {max}: narrow the filter, or use `ringtail export`");
        return Err(ApiError::usage(&many));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ringtail_store::testing::{TestHistory, event};

    use super::*;

    #[tokio::test]
    async fn a_file_is_bounded() {
        let kept = TestHistory::open();
        let shared = crate::tests::shared(&kept);
        let received = event(1, "{}");
        let id = received.id;
        kept.receives(vec![received]).await;
        let add = async |file: &mut Vec<u8>| add(&shared, id, CopyFormat::Raw, false, file).await;
        let mut one = Vec::new();
        assert!(add(&mut one).await.is_ok());
        for (room, fits) in [(one.len(), true), (one.len() - 1, false)] {
            let added = add(&mut vec![b' '; MAX_FILE - room]).await;
            assert_eq!(added.is_ok(), fits, "{room}");
        }
    }
}
