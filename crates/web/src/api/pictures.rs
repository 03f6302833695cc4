//! Pictures for the page and for scripts.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use ringtail_views::PagePosition;
use serde::Deserialize;

use super::{named, parsed};
use crate::error::ApiError;
use crate::picture::{Answered, Chart, Frame, Range, timeline};
use crate::{Shared, blocking};

/// Most events of a chart, the newest ones.
const MAX_EVENTS: usize = 20_000;

#[derive(Debug, Deserialize)]
pub(super) struct Call {
    #[serde(default)]
    mask: bool,
}

/// The event's call or conversation.
pub(super) async fn call(
    State(shared): State<Arc<Shared>>,
    Path(event): Path<String>,
    Query(asked): Query<Call>,
) -> Result<Response, ApiError> {
    let event = named(&shared, &event).await?;
    let masked = shared.masks(asked.mask);
    let events = shared.store.timeline(event.row, masked).await?;
    drawn(move |frame| timeline(&events, frame)).await
}

#[derive(Debug, Deserialize)]
pub(super) struct Over {
    filter: Option<String>,
    /// Microseconds since 1970; without it, the first event's.
    from: Option<i64>,
    to: Option<i64>,
}

/// Rate, verdicts and response time of matching events.
pub(super) async fn chart(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Over>,
) -> Result<Response, ApiError> {
    let filter = parsed(asked.filter.as_deref())?;
    let mut chart = Chart::default();
    let mut position = Some(PagePosition::Newest);
    while let Some(at) = position {
        // No text of an event is in a chart, so there is nothing to mask.
        let found = shared.store.page(at, &filter, false).await?;
        let mut older: Vec<Answered> = found.rows.iter().map(Answered::of).collect();
        older.append(&mut chart.events);
        chart.events = older;
        position = found.next.map(PagePosition::Before);
        if chart.events.len() >= MAX_EVENTS {
            chart.is_partial = position.is_some();
            break;
        }
    }
    let whole = chart.whole();
    let whole = whole.ok_or_else(|| ApiError::no_data("no event matches the filter"))?;
    let range = Range {
        from: asked.from.unwrap_or(whole.from),
        to: asked.to.unwrap_or(whole.to),
    };
    drawn(move |frame| chart.draw(range, frame)).await
}

async fn drawn(draw: impl FnOnce(&Frame) -> String + Send + 'static) -> Result<Response, ApiError> {
    let frame = Frame {
        in_page: true,
        zone: TimeZone::system(),
    };
    let svg = blocking(move || draw(&frame)).await;
    Ok(([(CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}
