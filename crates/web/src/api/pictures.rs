//! Pictures for the page and for scripts.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use ringtail_views::{PagePosition, blocking};
use serde::Deserialize;

use super::{Masked, download, named, parsed};
use crate::Shared;
use crate::error::ApiError;
use crate::picture::{Answered, Chart, Frame, Range, timeline};
use crate::share::page;

/// Most events of a chart, the newest ones.
const MAX_EVENTS: usize = 20_000;

/// The event's call or conversation.
pub(super) async fn call(
    State(shared): State<Arc<Shared>>,
    Path(event): Path<String>,
    Query(asked): Query<Masked>,
) -> Result<Response, ApiError> {
    let event = named(&shared, &event).await?;
    let masked = shared.masks(asked.mask);
    let events = shared.store.timeline(event.row, masked).await?;
    drawn(move |frame| timeline(&events, frame)).await
}

/// The event as a file to pass on.
pub(super) async fn share(
    State(shared): State<Arc<Shared>>,
    Path(event): Path<String>,
    Query(asked): Query<Masked>,
) -> Result<Response, ApiError> {
    let row = named(&shared, &event).await?;
    let masked = shared.masks(asked.mask);
    let gone = || ApiError::no_data("retention has just deleted the event");
    let event = shared.store.event(row.id, false, masked).await?;
    let event = event.ok_or_else(gone)?;
    let course = shared.store.timeline(row.row, masked).await?;
    let file = blocking(move || {
        let frame = Frame {
            in_page: false,
            zone: TimeZone::system(),
        };
        page(&event, &course, &frame)
    });
    Ok(download(&format!("ringtail-{}.html", row.seq), file.await))
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
