//! The public side: every request to an endpoint is classified and answered as RingCentral wants it.
//!
//! ```text
//! reserved path              → api
//! unknown endpoint           → 404
//! validation                 → 200 and the token; stored without waiting
//! Digital challenge          → 200 and the challenge if the verify token is known; stored without waiting
//! notification               → stored, then 200, with the token if it has one
//! passthrough, sent once     → stored, then the app's response; or 200
//! passthrough, with a link   → stored without waiting, then the app's response, or 502, 503, 504
//! passthrough, without       → stored without waiting, then 503
//! body or journal too full   → 413, 408, 431, 503
//! ```

mod body;
mod context;
mod digital_challenge;
mod linger;
mod passthrough;
mod received;
mod recorder;
mod route;

use std::sync::Arc;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, request};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use ringtail_protocol::event::Kind;
use ringtail_ringcentral::classify::Callback;
use ringtail_ringcentral::validation;

use self::body::BodyError;
pub(crate) use self::context::EdgeContext;
pub(crate) use self::linger::linger;
use self::received::{Received, WholeRequest};
use self::route::Route;
use crate::accounts::EndpointRecord;
use crate::api;
use crate::hosts::BadHost;
use crate::metrics::{AnswerKind, Limit};
use crate::net::activity::ConnectionActivity;
use crate::net::proxies::Caller;
use crate::response::{self, RelayResponse};

/// Marks a request whose target has a fragment. RFC 9112, 3.2 knows none, and without it the app would get another target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetWithFragment;

/// Answers one request.
pub(crate) async fn respond(
    edge: &EdgeContext,
    caller: Caller,
    request: Request<Incoming>,
) -> RelayResponse {
    // From here, the head is complete; the time of TLS and the network before it is not the relay's.
    let began = Instant::now();
    let is_head = *request.method() == Method::HEAD;
    let (kind, response) = dispatch(edge, caller, request, began).await;
    let took = began.elapsed();
    edge.metrics.answers.add(kind, response.status(), took);
    tracing::debug!(
        kind = kind.name(),
        status = response.status().as_u16(),
        micros = took.as_micros(),
        "answered"
    );
    if is_head {
        // hyper would send the body over HTTP/2.
        return response.map(|_| Either::Left(Full::default()));
    }
    response
}

async fn dispatch(
    edge: &EdgeContext,
    caller: Caller,
    request: Request<Incoming>,
    began: Instant,
) -> (AnswerKind, RelayResponse) {
    let has_fragment = request.extensions().get::<TargetWithFragment>().is_some();
    // The `http` crate lets a quotation mark pass in names over HTTP/2 (RFC 9113, 8.2.1), where HTTP/1.1 has none.
    let mut names = request.headers().keys();
    let is_malformed = has_fragment || names.any(|name| name.as_str().contains('"'));
    let label = match edge.hosts.label(&request) {
        Ok(label) if !is_malformed => label,
        Ok(_) | Err(BadHost) => {
            let response = response::empty(StatusCode::BAD_REQUEST);
            return (AnswerKind::Stray, closing(response));
        }
    };
    // On an endpoint's own host, every path is the endpoint's.
    if label.is_none() && api::is_reserved(request.uri().path()) {
        // Boxed, as everything off the hot path, to keep the future of validations small.
        let response = Box::pin(api::respond(&edge.api, caller, request)).await;
        return (AnswerKind::Api, response);
    }
    // CONNECT asks for a tunnel and TRACE for an echo of secrets; no callback uses them.
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let response = response::empty(StatusCode::METHOD_NOT_ALLOWED);
        return (AnswerKind::Stray, response);
    }
    let target = request.uri().path_and_query();
    let target = target.map_or("", PathAndQuery::as_str);
    match find(edge, label, target).await {
        Some((endpoint, route_bytes)) => {
            at_endpoint(edge, &endpoint, route_bytes, caller, request, began).await
        }
        // As slow, and as strict about the body, as an endpoint that exists.
        None => {
            let (head, mut incoming) = request.into_parts();
            let response =
                match body::discard(edge, edge.api.proxies.owner(caller), &head, &mut incoming)
                    .await
                {
                    Ok(()) => response::text(StatusCode::NOT_FOUND, "no such endpoint\n"),
                    Err(error) => refuse_body(edge, &head, incoming, error),
                };
            (AnswerKind::Stray, response)
        }
    }
}

/// Returns the endpoint that the label of a host or a target names, and how many bytes of the target name it.
async fn find(
    edge: &EdgeContext,
    label: Option<&str>,
    target: &str,
) -> Option<(Arc<EndpointRecord>, usize)> {
    // Hosts compare without case, and ids are lower case.
    let label = label.map(str::to_ascii_lowercase);
    let route = match &label {
        Some(label) => Route::of_host(label, target),
        None => Route::of(target),
    }?;
    let endpoint = edge.accounts.find(route.id).await?;
    Some((endpoint, target.len() - route.below.len()))
}

async fn at_endpoint(
    edge: &EdgeContext,
    endpoint: &EndpointRecord,
    route_bytes: usize,
    caller: Caller,
    request: Request<Incoming>,
    began: Instant,
) -> (AnswerKind, RelayResponse) {
    let (head, mut incoming) = request.into_parts();
    if is_coded(&head.headers) {
        edge.metrics.limits.hit(Limit::TransferCoding);
        linger(&edge.shutdown, &edge.limits, &head, incoming);
        let response = response::text(
            StatusCode::NOT_IMPLEMENTED,
            "the only transfer coding that this relay knows is chunked\n",
        );
        return (AnswerKind::Unread, closing(response));
    }
    let body = match body::read(edge, endpoint, caller, &head, &mut incoming).await {
        Ok(body) => body,
        Err(error) => {
            let response = refuse_body(edge, &head, incoming, error);
            return (AnswerKind::Unread, response);
        }
    };
    let activity = head.extensions.get::<ConnectionActivity>();
    let _in_flight = activity.map(ConnectionActivity::begin_response);
    let mut request = WholeRequest {
        endpoint: endpoint.key,
        account: endpoint.account,
        caller,
        head,
        body,
        route_bytes,
    };
    request.suit_http1();
    let received = if request.is_large() {
        Box::pin(request.classify_large(&edge.large_bodies)).await
    } else {
        Some(request.classify())
    };
    let Some(received) = received else {
        let response = response::unavailable("the relay is stopping\n");
        return (AnswerKind::Unread, response);
    };
    if received.callback == Callback::DigitalChallenge
        && let Some(token) = &endpoint.verify_token
        && let Some(response) = digital_challenge::respond(token, received.request.query())
    {
        edge.recorder.append_validation(&received);
        return (AnswerKind::Validation, response);
    }
    let kind = received.callback.kind();
    if kind == Kind::Validation {
        return (AnswerKind::Validation, validation(edge, &received, began));
    }
    let answer_kind = match kind {
        Kind::Notification => AnswerKind::Notification,
        _ => AnswerKind::Passthrough,
    };
    // Validations are exempt: they cost no more than this check.
    if edge.has_too_many_events(endpoint) {
        edge.metrics.limits.hit(Limit::EventsPerSecond);
        // `debug`, because the metric counts them and a flood must not fill the log.
        tracing::debug!(endpoint = endpoint.key.0, "event refused: rate limit");
        let line = "this endpoint or its account gets more events than the relay takes\n";
        return (answer_kind, response::unavailable(line));
    }
    let response = match kind {
        Kind::Notification => {
            let stored = edge.recorder.append_durable(&received).await;
            stored.map(|_stored| accepted(&received.request.head.headers))
        }
        _ => Box::pin(passthrough::respond(edge, endpoint, &received)).await,
    };
    let response = response.unwrap_or_else(|error| edge.recorder.refuse(&error));
    (answer_kind, response)
}

/// Returns the 200 for a stored notification. Runbooks and bots test an address with `Validation-Token` and a body, so the
/// token is echoed whenever it is there.
fn accepted(headers: &HeaderMap) -> RelayResponse {
    match validation::answer_token(headers) {
        Ok(token) => response::validation(token.clone()),
        Err(_) => response::empty(StatusCode::OK),
    }
}

fn refuse_body(
    edge: &EdgeContext,
    head: &request::Parts,
    rest: Incoming,
    error: BodyError,
) -> RelayResponse {
    if error != BodyError::Broken {
        linger(&edge.shutdown, &edge.limits, head, rest);
    }
    if let Some(limit) = error.limit() {
        edge.metrics.limits.hit(limit);
    }
    closing(error.response())
}

/// Returns true if the body has a transfer coding other than `chunked` (RFC 9112, 6.1). Stored as it is, it would be taken
/// for the body itself.
fn is_coded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// Adds `Connection: close`: the rest of the request's body is dropped.
fn closing(mut response: RelayResponse) -> RelayResponse {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Echoes RingCentral's `Validation-Token`, whether or not the event can be stored.
fn validation(edge: &EdgeContext, received: &Received, began: Instant) -> RelayResponse {
    let response = match validation::answer_token(&received.request.head.headers) {
        Ok(token) => response::validation(token.clone()),
        Err(error) => {
            tracing::debug!(%error, "validation not answered");
            let line = "the Validation-Token cannot be echoed\n";
            response::text(StatusCode::BAD_REQUEST, line)
        }
    };
    let endpoint = received.request.endpoint;
    edge.api.validations.note(endpoint, began, &response);
    edge.recorder.append_validation(received);
    response
}
