//! Differences and timelines.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use ringtail_model::EventRow;
use ringtail_ringcentral::timeline::Timeline;
use ringtail_views::{CompareError, blocking, compare, json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Masked, named};
use crate::Shared;
use crate::error::ApiError;

const NOTHING_BEFORE: &str = "no earlier event of its kind: select two events with v and press d";

#[derive(Debug, Deserialize)]
pub(super) struct Compare {
    other: Option<String>,
    #[serde(default)]
    answers: bool,
    #[serde(default)]
    mask: bool,
}

/// The difference of two events, or of an event's last two answers.
pub(super) async fn diff(
    State(shared): State<Arc<Shared>>,
    Path(event): Path<String>,
    Query(asked): Query<Compare>,
) -> Answer {
    let (event, masked) = (named(&shared, &event).await?, shared.masks(asked.mask));
    // Bodies of 8 MB are compared for half a second.
    if asked.answers {
        let event = shared.store.answers(event.id, masked).await?;
        let compared = blocking(move || compare::answers(&event, &shared.options.noise));
        let (names, diff) = compared.await?;
        return Ok(Json(json::diff(&names, &diff)));
    }
    let other = match &asked.other {
        Some(other) => Some(named(&shared, other).await?.id),
        None => None,
    };
    let two = shared.store.pair(event.id, other, masked).await;
    let two = two.map_err(|error| match error {
        // The page selects by keys.
        CompareError::NothingBefore => ApiError::no_data(NOTHING_BEFORE),
        error => error.into(),
    })?;
    let compared = blocking(move || compare::events(&two, &shared.options.noise));
    let (names, diff) = compared.await;
    Ok(Json(json::diff(&names, &diff)))
}

/// The course of the event's call, or the events of its conversation.
pub(super) async fn timeline(
    State(shared): State<Arc<Shared>>,
    Path(event): Path<String>,
    Query(asked): Query<Masked>,
) -> Answer {
    let event = named(&shared, &event).await?;
    let masked = shared.masks(asked.mask);
    let events = shared.store.timeline(event.row, masked).await?;
    if event.topic != "telephony" {
        let events = events.iter().map(|it| json::event_row(&it.event));
        return Ok(Json(
            json!({"type": "conversation", "events": events.collect::<Value>()}),
        ));
    }
    let course = blocking(move || {
        let timeline = Timeline::of(events.iter().map(|event| &event.body[..]));
        let rows: Vec<EventRow> = events.into_iter().map(|event| event.event).collect();
        json::timeline(&timeline, &rows)
    });
    Ok(Json(course.await))
}
