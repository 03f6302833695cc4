//! What the client does: links, targets, failure clocks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use ringtail_client::engine::Engine;
use ringtail_views::json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use crate::Shared;
use crate::error::ApiError;

pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(value(&shared))
}

/// The state of each engine: of this process, and of others that fill the same history.
pub(super) fn value(shared: &Shared) -> Value {
    let own = shared.store.engines.iter().map(Engine::status);
    let mut engines: Vec<Value> = own
        .map(|status| {
            let mut own = json::engine(&status.borrow());
            own["here"] = json!(true);
            own
        })
        .collect();
    for mut other in shared.others.borrow().iter().cloned() {
        if engines.iter().all(|own| own["name"] != other["name"]) {
            other["here"] = json!(false);
            engines.push(other);
        }
    }
    json!({
        "type": "status",
        "version": env!("CARGO_PKG_VERSION"),
        "masked": shared.options.mask,
        "engines": engines,
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct Pause {
    paused: bool,
}

/// Pauses or resumes forwarding on all endpoints.
pub(super) async fn pause(State(shared): State<Arc<Shared>>, Json(asked): Json<Pause>) -> Answer {
    let engines = &shared.store.engines;
    if engines.is_empty() {
        return Err(ApiError::usage(
            "nothing is forwarded here: pause in the `ringtail listen` that forwards, with H or on its own page",
        ));
    }
    engines.iter().for_each(|engine| engine.hold(asked.paused));
    Ok(Json(json!({"paused": asked.paused})))
}
