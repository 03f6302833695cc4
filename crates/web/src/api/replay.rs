//! Replays: as it is, edited, to another target. The client sends, as the terminal UI does.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use ringtail_errors::{Failure, codes};
use ringtail_model::UNDECODABLE;
use ringtail_protocol::event::{EventId, Request};
use ringtail_recordings::edit;
use ringtail_views::json;
use ringtail_views::replayer::{ReplayReport, Replayer};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Answer, Text, named};
use crate::Shared;
use crate::error::ApiError;

/// Most events of a replay by their ids; a filter among the options selects more.
const MAX_EVENTS: usize = 1000;

pub(super) fn router<R: Replayer>(shared: Arc<Shared>, replayer: R) -> Router {
    Router::new()
        .route("/replay", post(replay::<R>))
        .route("/replay/options", get(options::<R>))
        .route("/events/{event}/edited", post(edited::<R>))
        .with_state((shared, Arc::new(replayer)))
}

/// What requests share, and what sends.
type Replays<R> = (Arc<Shared>, Arc<R>);

/// Checks a line of options, and completes its last word.
async fn options<R: Replayer>(
    State((shared, _)): State<Replays<R>>,
    Query(Text { text }): Query<Text>,
) -> Json<Value> {
    let check = (shared.options.check_options)(&text);
    Json(json!({"error": check.error, "words": check.offers, "about": check.about}))
}

#[derive(Debug, Deserialize)]
struct Replay {
    events: Vec<String>,
    /// Options of `ringtail replay`.
    #[serde(default)]
    options: String,
    #[serde(default)]
    mask: bool,
}

async fn replay<R: Replayer>(
    State((shared, replayer)): State<Replays<R>>,
    Json(asked): Json<Replay>,
) -> Answer {
    checked(&shared, &asked.options)?;
    if asked.events.len() > MAX_EVENTS {
        let many = format!("over {MAX_EVENTS} events: use --filter among the options");
        return Err(ApiError::usage(&many));
    }
    let mut ids = Vec::new();
    for text in &asked.events {
        ids.push(named(&shared, text).await?.id);
    }
    run(&shared, &*replayer, ids, asked.options, asked.mask).await
}

/// Refuses options that are wrong, or are not for the page.
fn checked(shared: &Shared, options: &str) -> Result<(), ApiError> {
    let check = (shared.options.check_options)(options);
    if let Some(error) = &check.error {
        return Err(ApiError::usage(error));
    }
    match check.edits {
        true => Err(ApiError::usage("--edit opens an editor; edit in the page")),
        false => Ok(()),
    }
}

/// Sends events. When the caller hangs up or the server stops, no more are sent.
async fn run<R: Replayer>(
    shared: &Shared,
    replayer: &R,
    ids: Vec<EventId>,
    options: String,
    mask: bool,
) -> Answer {
    let stop = shared.cancel.child_token();
    let _stop = stop.clone().drop_guard();
    // Attempts come by the stream, so the steps are not counted.
    let (steps, unwatched) = mpsc::channel(1);
    drop(unwatched);
    let report = replayer.replay(ids, options, steps, stop).await;
    let report = report.map_err(|why| ApiError::of(Failure::new(&codes::NO_REPLAY, why)))?;
    let redacted = shared.store.redact(report, shared.masks(mask)).await?;
    Ok(Json(value(&redacted)))
}

fn value(report: &ReplayReport) -> Value {
    let table = report.table.as_ref().map(|table| {
        let rows = table.rows.iter();
        let rows =
            rows.map(|(event, result)| json!({"event": json::event_row(event), "result": result}));
        json!({"title": table.title, "rows": rows.collect::<Value>()})
    });
    json!({
        "type": "replayed",
        "sent": report.sent,
        "accepted": report.accepted,
        "left_out": report.left_out,
        "not_sent": report.not_sent,
        "gone": report.gone,
        "seed": report.seed,
        "last": report.last.as_ref().map(|(_, attempt)| json::attempt(attempt)),
        "table": table,
    })
}

/// The request to edit, with its secrets.
async fn request(shared: &Shared, event: &str) -> Result<(EventId, Request), ApiError> {
    if shared.options.mask {
        return Err(ApiError::usage(
            "an event is edited with its personal data, which --mask hides",
        ));
    }
    let row = named(shared, event).await?;
    let stored = shared.store.history.stored_request(row.row).await?;
    let stored = stored.filter(|_| row.topic != UNDECODABLE);
    let stored = stored.ok_or_else(|| ApiError::no_data("the event cannot be decoded"))?;
    Ok((row.id, stored.request))
}

/// An event as text to edit.
pub(super) async fn text(State(shared): State<Arc<Shared>>, Path(event): Path<String>) -> Answer {
    let (_, request) = request(&shared, &event).await?;
    let text = edit::text(&request);
    let text = String::from_utf8_lossy(&text);
    // The first line is for an editor.
    let text = text.split_once('\n').map_or("", |(_, request)| request);
    Ok(Json(json!({"text": text})))
}

#[derive(Debug, Deserialize)]
struct Edited {
    text: String,
    #[serde(default)]
    options: String,
}

/// Stores an edited copy and sends it. What was not edited keeps its bytes.
async fn edited<R: Replayer>(
    State((shared, replayer)): State<Replays<R>>,
    Path(event): Path<String>,
    Json(asked): Json<Edited>,
) -> Answer {
    checked(&shared, &asked.options)?;
    let (origin, request) = request(&shared, &event).await?;
    let parsed = edit::parse(asked.text.as_bytes(), &request.peer)?;
    let Some(parsed) = parsed.filter(|parsed| *parsed != request) else {
        return Err(ApiError::usage("nothing was edited; replay it as it is"));
    };
    let added = shared.store.history.add_edited(origin, parsed).await?;
    let id = added.ok_or_else(|| ApiError::no_data("retention has just deleted the event"))?;
    let mut sent = run(&shared, &*replayer, vec![id], asked.options, false).await?;
    sent.0["event"] = json!(id.to_string());
    Ok(sent)
}
