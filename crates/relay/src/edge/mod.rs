//! The public side: every request to an endpoint is classified and answered as RingCentral wants it.
//!
//! ```text
//! reserved path          → api
//! unknown endpoint       → 404
//! validation              → 200 and the token, noted without waiting
//! Digital challenge      → 200 and the challenge when the verify token is known, noted without waiting
//! notification           → stored, then 200
//! passthrough, link there   → noted, then the app's answer or a stated 502, 503, 504
//! passthrough, no link      → the callback's fallback: stored, then 200; or 503
//! body or store too full → 413, 408, 431, 503
//! ```

mod body;
mod challenge;
mod linger;
mod passthrough;
mod received;
mod route;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, request};
use hyper::body::Incoming;
use ringtail_protocol::event::{Disposition, Kind};
use ringtail_ringcentral::classify;
use ringtail_ringcentral::validation;

use self::body::BodyError;
pub(crate) use self::linger::linger;
use self::received::Received;
use self::route::Route;
use crate::accounts::EndpointRecord;
use crate::answer::{self, Answer, AnswerBody};
use crate::api;
use crate::journal::AppendError;
use crate::metrics::{AnswerKind, Limit};
use crate::proxies::Caller;
use crate::relay::Relay;
use crate::server::progress::Progress;

/// Answers one request of the outside world.
pub(crate) async fn answer(
    relay: &Arc<Relay>,
    caller: Caller,
    request: Request<Incoming>,
) -> Answer {
    // Of the whole head: what TLS and the network took before is not the relay's to know.
    let began = Instant::now();
    let head = *request.method() == Method::HEAD;
    let (kind, answer) = dispatch(relay, caller, request).await;
    let answers = &relay.metrics.answers;
    let took = began.elapsed();
    answers.add(kind, answer.status(), took);
    tracing::debug!(
        kind = kind.name(),
        status = answer.status().as_u16(),
        micros = took.as_micros(),
        "answered"
    );
    if head {
        // HTTP/2 would send the body all the same.
        return answer.map(|_| AnswerBody::Own(None));
    }
    answer
}

async fn dispatch(
    relay: &Arc<Relay>,
    caller: Caller,
    request: Request<Incoming>,
) -> (AnswerKind, Answer) {
    let label = relay.hosts.label(request.uri(), request.headers());
    // On its own host every path is the endpoint's.
    if label.is_none() && api::is_reserved(request.uri().path()) {
        // On the heap, as everything that is not the hot path: the validation's future stays small.
        let answer = Box::pin(api::answer(relay, caller, request)).await;
        return (AnswerKind::Api, answer);
    }
    // CONNECT wants a tunnel to elsewhere and TRACE an echo of secrets; neither is a callback.
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let answer = answer::empty(StatusCode::METHOD_NOT_ALLOWED);
        return (AnswerKind::Stray, answer);
    }
    let target = request
        .uri()
        .path_and_query()
        .map_or("", PathAndQuery::as_str);
    match find(relay, label, target) {
        Some((endpoint, route_bytes)) => {
            at_endpoint(relay, &endpoint, route_bytes, caller, request).await
        }
        // As slow, and as strict about the body, as an endpoint that exists.
        None => {
            let (head, mut incoming) = request.into_parts();
            let answer = match body::discard(relay, &head, &mut incoming).await {
                Ok(()) => answer::text(StatusCode::NOT_FOUND, "no such endpoint\n"),
                Err(error) => refuse_body(relay, &head, incoming, error),
            };
            (AnswerKind::Stray, answer)
        }
    }
}

/// Returns the endpoint that a target is for, by the label of its host or by its path, and how many bytes of the target
/// lead there.
fn find(relay: &Relay, label: Option<&str>, target: &str) -> Option<(Arc<EndpointRecord>, usize)> {
    // Hosts are the same in any case, and ids are in lower case.
    let label = label.map(str::to_ascii_lowercase);
    let route = match &label {
        Some(label) => Route::of_host(label, target),
        None => Route::of(target),
    }?;
    let endpoint = relay.accounts.table().find(route.id)?;
    Some((endpoint, target.len() - route.below.len()))
}

async fn at_endpoint(
    relay: &Arc<Relay>,
    endpoint: &Arc<EndpointRecord>,
    route_bytes: usize,
    caller: Caller,
    request: Request<Incoming>,
) -> (AnswerKind, Answer) {
    let (head, mut incoming) = request.into_parts();
    if is_coded(&head.headers) {
        relay.metrics.limits.hit(Limit::TransferCoding);
        linger(relay, &head, incoming);
        let answer = refuse(answer::text(
            StatusCode::NOT_IMPLEMENTED,
            "the only transfer coding that this relay knows is chunked\n",
        ));
        return (AnswerKind::Unread, answer);
    }
    let body = match body::read(relay, endpoint.key, &head, &mut incoming).await {
        Ok(body) => body,
        Err(error) => {
            let answer = refuse_body(relay, &head, incoming, error);
            return (AnswerKind::Unread, answer);
        }
    };
    // What has come whole is answered before others get the connection's place.
    let _held = head.extensions.get::<Progress>().map(Progress::hold);
    let mut received = Received {
        endpoint: endpoint.key,
        caller,
        head,
        body,
        route_bytes,
        uuid: OnceLock::new(),
    };
    received.complete_host();
    let (received, callback) = if received.is_large() {
        match Box::pin(received.classify_large(relay)).await {
            Some(classified) => classified,
            None => {
                let answer = answer::unavailable("the relay is stopping\n");
                return (AnswerKind::Unread, answer);
            }
        }
    } else {
        let callback = received.classify();
        (received, callback)
    };
    if callback == classify::Callback::DigitalChallenge
        && let Some(token) = &endpoint.verify_token
        && let Some(answer) = challenge::answer(token, received.query())
    {
        note_validation(relay, &received);
        return (AnswerKind::Validation, answer);
    }
    // Whatever else comes, RingCentral's validations are answered: they cost no more than this question.
    if callback.kind() != Kind::Validation && !relay.event_rates.take(endpoint.key) {
        relay.metrics.limits.hit(Limit::EventsPerSecond);
        // The counter tells of it: a line for each would be a flood of its own.
        tracing::debug!(
            endpoint = endpoint.key.0,
            "event refused: too many in a second"
        );
        let answer = answer::unavailable("this endpoint gets more events than the relay takes\n");
        let kind = match callback.kind() {
            Kind::Passthrough => AnswerKind::Passthrough,
            _ => AnswerKind::Notification,
        };
        return (kind, answer);
    }
    match callback.kind() {
        Kind::Validation => (AnswerKind::Validation, validation(relay, &received)),
        Kind::Notification => {
            let answer = notification(relay, &received).await;
            (AnswerKind::Notification, answer)
        }
        Kind::Passthrough | Kind::Unknown(_) => {
            let passthrough = Box::pin(passthrough::passthrough(
                relay,
                &received,
                callback.fallback(),
            ));
            let answer = tokio::select! {
                biased;
                answer = passthrough => answer.unwrap_or_else(|error| not_stored(relay, &error)),
                () = relay.give_up.cancelled() => answer::unavailable("the relay is restarting\n"),
            };
            (AnswerKind::Passthrough, answer)
        }
    }
}

fn refuse_body(
    relay: &Arc<Relay>,
    head: &request::Parts,
    rest: Incoming,
    error: BodyError,
) -> Answer {
    if error != BodyError::Broken {
        linger(relay, head, rest);
    }
    let limit = match error {
        BodyError::TooLarge => Some(Limit::BodyBytes),
        BodyError::TooSlow => Some(Limit::BodyTime),
        BodyError::NoMemory => Some(Limit::BufferedBytes),
        BodyError::NoStrayMemory => Some(Limit::StrayBytes),
        BodyError::Broken => None,
    };
    if let Some(limit) = limit {
        relay.metrics.limits.hit(limit);
    }
    refuse(match error {
        BodyError::TooLarge => answer::text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large for this relay\n",
        ),
        BodyError::TooSlow => answer::text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
        BodyError::NoMemory | BodyError::NoStrayMemory => {
            answer::unavailable("the relay is busy\n")
        }
        BodyError::Broken => answer::text(StatusCode::BAD_REQUEST, "the body broke off\n"),
    })
}

/// Says whether the body came in a transfer coding beside `chunked` (RFC 9112, 6.1): stored as it is, it would be taken
/// for the body itself.
fn is_coded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

fn refuse(mut answer: Answer) -> Answer {
    // What is left of the body is not kept, so the connection is of no more use.
    answer
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The answer is RingCentral's `Validation-Token` as it came.
fn validation(relay: &Relay, received: &Received) -> Answer {
    let answer = match validation::answer_token(&received.head.headers) {
        Ok(token) => answer::validation(token.clone()),
        Err(error) => {
            tracing::debug!(%error, "validation not answered");
            answer::text(
                StatusCode::BAD_REQUEST,
                "the Validation-Token cannot be echoed\n",
            )
        }
    };
    note_validation(relay, received);
    answer
}

/// RingCentral is answered even when the event cannot be noted.
fn note_validation(relay: &Relay, received: &Received) {
    if relay.validation_notes.check().is_err() {
        relay.metrics.limits.hit(Limit::NotedValidations);
        return;
    }
    if let Err(error) = received.note(relay, Kind::Validation, Disposition::Answered) {
        tracing::debug!(%error, "validation not noted");
    }
}

/// 200 only when the event is on disk.
async fn notification(relay: &Relay, received: &Received) -> Answer {
    match received
        .store(relay, Kind::Notification, Disposition::Pending)
        .await
    {
        Ok(()) => answer::empty(StatusCode::OK),
        Err(error) => not_stored(relay, &error),
    }
}

/// Why an event is not on disk.
#[derive(Debug, thiserror::Error)]
enum NotStored {
    #[error(transparent)]
    Encode(#[from] ringtail_protocol::event::EncodeError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

fn not_stored(relay: &Relay, error: &NotStored) -> Answer {
    match error {
        // More header fields than an event has room for is the only way to come here.
        NotStored::Encode(error) => {
            relay.metrics.limits.hit(Limit::HeaderFields);
            tracing::debug!(%error, "request refused");
            answer::empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        }
        NotStored::Append(AppendError::NoEndpoint) => {
            answer::text(StatusCode::NOT_FOUND, "no such endpoint\n")
        }
        NotStored::Append(error) => {
            relay.metrics.unstored_events.inc();
            if matches!(error, AppendError::QueueFull) {
                relay.metrics.limits.hit(Limit::JournalQueue);
            }
            let error = error as &dyn std::error::Error;
            // The counter tells how many: a line for each would bury what the log and `status` have else to say.
            if relay.unstored_lines.check().is_ok() {
                tracing::error!(error, "event not stored, caller told to come again");
            } else {
                tracing::debug!(error, "event not stored, caller told to come again");
            }
            answer::unavailable("the relay cannot store events now\n")
        }
    }
}
