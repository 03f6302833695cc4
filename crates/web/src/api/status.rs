//! What the client does: links, targets, failure clocks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringtail_client::engine::Engine;
use ringtail_model::Status;
use ringtail_views::json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use crate::Shared;

pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(value(&shared))
}

/// The state of each engine. Without one, this process shows a history that another may fill.
pub(super) fn value(shared: &Shared) -> Value {
    let engines = shared.store.engines.iter().map(Engine::status);
    let engines: Vec<Value> = engines.map(|status| engine(&status.borrow())).collect();
    json!({
        "type": "status",
        "version": env!("CARGO_PKG_VERSION"),
        "masked": shared.options.mask,
        "engines": engines,
    })
}

fn engine(status: &Status) -> Value {
    let (name, endpoint) = (&status.name, status.endpoint.as_ref());
    let unanswered = status.unanswered.iter();
    json!({
        "name": name,
        "endpoint": endpoint.map(|it| &it.id),
        "url": endpoint.map(|it| &it.url),
        "link": json::link(status),
        "target": json::target(status),
        "failure_clock": json::failure_clock(name, status.failing.as_ref()),
        "subscription": status.subscription.as_ref().map(|it| json::subscription(name, it)),
        "canary": status.canary.as_ref().map(|it| json::canary(name, it)),
        "unanswered": unanswered.map(|sent| json::unanswered(name, sent)).collect::<Value>(),
        "pending": status.pending,
        "paused": status.paused,
        "relay_head": status.relay_head,
        "cursor": status.cursor,
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct Pause {
    paused: bool,
}

/// Pauses or resumes forwarding on all endpoints.
pub(super) async fn pause(State(shared): State<Arc<Shared>>, Json(asked): Json<Pause>) -> Answer {
    let engines = shared.store.engines.iter();
    engines.for_each(|engine| engine.hold(asked.paused));
    Ok(Json(json!({"paused": asked.paused})))
}
