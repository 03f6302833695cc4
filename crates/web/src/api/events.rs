//! Lists, events, bodies and bookmarks.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use ringtail_model::{EventDetail, RowId};
use ringtail_store::{BookmarkChange, Comment};
use ringtail_views::{PagePosition, blocking, json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, named, parsed, stream};
use crate::Shared;
use crate::error::ApiError;
use crate::lines::{self, Form};

#[derive(Debug, Deserialize)]
pub(super) struct List {
    filter: Option<String>,
    before: Option<i64>,
    after: Option<i64>,
    #[serde(default)]
    mask: bool,
}

/// A page of matching events, oldest first: the newest ones, those before a position, or those after one.
pub(super) async fn list(State(shared): State<Arc<Shared>>, Query(asked): Query<List>) -> Answer {
    let filter = parsed(asked.filter.as_deref())?;
    let position = match (asked.before, asked.after) {
        (Some(row), _) => PagePosition::Before(RowId(row)),
        (None, Some(row)) => PagePosition::After(RowId(row)),
        (None, None) => PagePosition::Newest,
    };
    // Read first: later events come by the stream.
    let reached = *shared.store.history.watermarks().borrow();
    let masked = shared.masks(asked.mask);
    let found = shared.store.page(position, &filter, masked).await?;
    Ok(Json(json!({
        "events": found.rows.iter().map(json::event_row).collect::<Value>(),
        "next": found.next.map(|row| row.0),
        "position": stream::position(&reached),
    })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Show {
    #[serde(default)]
    mask: bool,
    #[serde(default)]
    reveal: bool,
    /// `false` leaves bodies empty, for a page that shows a part of them.
    bodies: Option<bool>,
}

/// An event with everything.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(event): Path<String>,
    Query(asked): Query<Show>,
) -> Answer {
    let mut detail = detail(&shared, &event, asked.reveal, asked.mask).await?;
    if asked.bodies == Some(false) {
        detail.body.clear();
        for attempt in &mut detail.attempts {
            attempt.body.clear();
        }
    }
    Ok(Json(json::event_with_attempts(&detail)))
}

async fn detail(
    shared: &Shared,
    event: &str,
    reveal: bool,
    mask: bool,
) -> Result<EventDetail, ApiError> {
    let row = named(shared, event).await?;
    let detail = shared
        .store
        .event(row.id, reveal, shared.masks(mask))
        .await?;
    detail.ok_or_else(|| ApiError::no_data("retention has just deleted the event"))
}

#[derive(Debug, Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    mask: bool,
    #[serde(default)]
    reveal: bool,
    #[serde(default)]
    form: Form,
    /// The attempt whose answer is wanted, from 0; without it, the event's own body.
    attempt: Option<usize>,
}

/// A body as lines to show.
pub(super) async fn body(
    State(shared): State<Arc<Shared>>,
    Path(event): Path<String>,
    Query(asked): Query<Body>,
) -> Answer {
    let detail = detail(&shared, &event, asked.reveal, asked.mask).await?;
    let body = match asked.attempt {
        None => detail.body,
        Some(index) => match detail.attempts.get(index) {
            Some(attempt) => attempt.body.clone(),
            None => return Err(ApiError::no_data("the event has no such attempt")),
        },
    };
    // A body of 16 MB takes a moment.
    Ok(Json(blocking(move || lines::of(&body, asked.form)).await))
}

#[derive(Debug, Deserialize)]
pub(super) struct Bookmark {
    marked: bool,
    comment: Option<String>,
}

/// Sets, changes or removes a bookmark.
pub(super) async fn bookmark(
    State(shared): State<Arc<Shared>>,
    Path(event): Path<String>,
    Json(asked): Json<Bookmark>,
) -> Answer {
    let row = named(&shared, &event).await?;
    let change = match (asked.marked, &asked.comment) {
        (false, _) => BookmarkChange::Clear,
        (true, None) => BookmarkChange::Set,
        (true, Some(text)) => BookmarkChange::Comment(Comment::parse(text)?),
    };
    let mut bookmark = shared.store.bookmark(row.id, change).await?;
    // A kept comment is private text.
    if shared.options.mask
        && let Some(bookmark) = &mut bookmark
    {
        bookmark.comment.clear();
    }
    Ok(Json(json!({
        "id": row.id.to_string(),
        "marked": bookmark.is_some(),
        "comment": bookmark.map(|it| it.comment),
    })))
}
