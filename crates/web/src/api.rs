//! The HTTP API, which the page uses, too. docs/WEB.md describes it.

mod compare;
mod events;
mod export;
mod pictures;
mod replay;
mod status;
mod stream;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ringtail_errors as errors;
use ringtail_filter::Filter;
use ringtail_filter::words::complete;
use ringtail_model::EventRow;
use ringtail_views::find::find_one;
use ringtail_views::json;
use ringtail_views::replayer::Replayer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::{Shared, page};

/// Longest body of a request: an edited event.
const MAX_REQUEST: usize = 32 * 1024 * 1024;

type Answer = Result<Json<Value>, ApiError>;

/// Everything that is served.
pub(crate) fn router(shared: Arc<Shared>, replayer: impl Replayer) -> Router {
    let api = Router::new()
        .route("/status", get(status::status))
        .route("/events", get(events::list))
        .route("/events/{event}", get(events::show))
        .route("/events/{event}/body", get(events::body))
        .route("/events/{event}/bookmark", post(events::bookmark))
        .route("/events/{event}/diff", get(compare::diff))
        .route("/events/{event}/timeline", get(compare::timeline))
        .route("/events/{event}/timeline.svg", get(pictures::call))
        .route("/events/{event}/share", get(pictures::share))
        .route("/chart.svg", get(pictures::chart))
        .route("/events/{event}/text", get(replay::text))
        .route("/stream", get(stream::stream))
        .route("/filter", get(filter))
        .route("/explain", get(explain))
        .route("/export", get(export::export))
        .route("/pause", post(status::pause))
        .with_state(shared.clone())
        .merge(replay::router(shared.clone(), replayer))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .layer(from_fn_with_state(shared.clone(), authorize));
    Router::new()
        .nest("/api/v1", api)
        .merge(page::router(shared.clone()))
        .fallback(unknown)
        .layer(from_fn_with_state(shared, admit))
}

async fn unknown() -> ApiError {
    ApiError::no_data("there is nothing at this path; docs/WEB.md lists what there is")
}

/// Refuses requests of other pages, and tells browsers what this page may do.
async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match shared.gate.admit(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => refusal(&parts, refused),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Sent with every answer. The page needs its own script, style and API, and nothing else.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types ringtail",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

async fn authorize(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match shared.gate.authorize(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            let (parts, _) = request.into_parts();
            refusal(&parts, refused)
        }
    }
}

fn refusal(request: &Parts, refused: crate::gate::Refused) -> Response {
    let path = request.uri.path();
    tracing::debug!(path, %refused, "refused a request to the page");
    let error =
        json!({"error": {"code": errors::codes::FAILED.id, "message": refused.to_string()}});
    (refused.status(), Json(error)).into_response()
}

/// A text in the query.
#[derive(Debug, Deserialize)]
struct Text {
    #[serde(default)]
    text: String,
}

/// Whether to mask.
#[derive(Debug, Deserialize)]
struct Masked {
    #[serde(default)]
    mask: bool,
}

/// Parses a filter; none selects all.
fn parsed(text: Option<&str>) -> Result<Filter, ApiError> {
    Filter::parse(text.unwrap_or_default()).map_err(ApiError::filter)
}

/// A file to save under a name.
fn download(name: &str, file: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, file).into_response()
}

/// Finds the event that a text names.
async fn named(shared: &Shared, text: &str) -> Result<EventRow, ApiError> {
    let found = find_one(&shared.store.history, None, text).await;
    found.map_err(ApiError::of)
}

/// Checks a filter, and completes its last word.
async fn filter(Query(Text { text }): Query<Text>) -> Json<Value> {
    let (at, words) = complete(&text);
    let at = text.get(..at).map_or(0, |before| before.chars().count());
    let error = Filter::parse(&text).err();
    let error = error.map(|error| json!({"message": error.message, "column": error.at + 1}));
    Json(json!({"error": error, "complete": {"at": at, "words": words}}))
}

/// Explains each error in a text.
async fn explain(Query(Text { text }): Query<Text>) -> Answer {
    match errors::read(&text) {
        Some(errors::Found::Known(codes)) => Ok(Json(
            codes.into_iter().map(json::explanation).collect::<Value>(),
        )),
        _ => Err(ApiError::no_data("no known code in the text")),
    }
}
