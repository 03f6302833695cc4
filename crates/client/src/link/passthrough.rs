//! Passthrough requests on the link: the caller's request goes to the target, the app's response comes back. A pending
//! event goes to the target from the history, and only its response comes back here.

use std::error::Error;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use ringtail_protocol::event::{EventId, header_map};
use ringtail_protocol::frame::MAX_BODY_BYTES;
use ringtail_protocol::http2::{MAX_HEADER_LIST, head_bytes};
use ringtail_protocol::path::{
    EVENT_ID, FAILED, HEAD_TOO_LARGE, NO_ANSWER, NOT_FORWARDING, PASSTHROUGH, REASON, TIMED_OUT,
    UNREACHABLE, strip_hop_by_hop,
};
use ringtail_ringcentral::classify::{Classified, RequestView};
use tokio::sync::watch;

use super::answer::{Body, status};
use crate::forward::{Passthrough, Undelivered};
use ringtail_model::signature::SignaturePolicy;
use ringtail_model::{AttemptDetail, FailureKind, Outcome, Status};

/// Maximum bytes of a response head on the link.
const MAX_HEAD_BYTES: usize = MAX_HEADER_LIST as usize;

/// Longest reason phrase that goes back to the caller; a longer one is left out.
const MAX_REASON_BYTES: usize = 1024;

/// Answers a passthrough request, whose path is [`PASSTHROUGH`] and the path below the endpoint.
pub(super) async fn answer(
    passthrough: Option<&Passthrough>,
    endpoint: &str,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(passthrough) = passthrough else {
        return no_answer(NOT_FORWARDING);
    };
    let Some(event) = event_id(&request) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let below = below(&request).to_owned();
    let answered = match passthrough.policy() {
        None => {
            passthrough
                .passthrough(event, endpoint, &below, request)
                .await
        }
        Some(policy) => match check(policy, &below, request).await {
            Ok(request) => {
                passthrough
                    .passthrough(event, endpoint, &below, request)
                    .await
            }
            Err(refused) => return status(refused),
        },
    };
    match answered {
        Ok(mut answer) => {
            let reason = answer.extensions().get().map_or(
                answer
                    .status()
                    .canonical_reason()
                    .unwrap_or_default()
                    .as_bytes(),
                ReasonPhrase::as_bytes,
            );
            let reason =
                Some(reason).filter(|reason| (1..=MAX_REASON_BYTES).contains(&reason.len()));
            let reason = reason.and_then(|reason| HeaderValue::from_bytes(reason).ok());
            answer.headers_mut().remove(REASON);
            if let Some(reason) = reason {
                answer.headers_mut().insert(REASON, reason);
            }
            of_app(answer)
        }
        Err(failure) if !failure.connected => no_answer(UNREACHABLE),
        Err(failure) => failed(failure.kind),
    }
}

/// Answers the request for the app's response to a pending event.
pub(super) async fn respond<B>(
    passthrough: Option<&Passthrough>,
    state: watch::Receiver<Status>,
    request: &Request<B>,
) -> Response<Body> {
    let Some(passthrough) = passthrough else {
        return no_answer(NOT_FORWARDING);
    };
    let Some(event) = event_id(request) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let mut answer = match passthrough.delivered(event, state).await {
        Ok(attempt) => recorded(attempt),
        Err(Undelivered::NotForwarding) => return no_answer(NOT_FORWARDING),
        Err(Undelivered::Unreachable) => return no_answer(UNREACHABLE),
        Err(Undelivered::Rejected) => status(StatusCode::FORBIDDEN),
    };
    if let Some(id) = request.headers().get(EVENT_ID) {
        answer.headers_mut().insert(EVENT_ID, id.clone());
    }
    answer
}

/// Returns the response of an attempt.
fn recorded(attempt: AttemptDetail) -> Response<Body> {
    let code = match attempt.attempt.outcome {
        Outcome::Status(code) => code,
        Outcome::Error { kind, .. } => return failed(kind),
    };
    // A response in part would be another response.
    let (Ok(code), 0) = (StatusCode::from_u16(code), attempt.body_lost) else {
        return no_answer(FAILED);
    };
    let mut answer = Response::new(Full::new(attempt.body));
    *answer.status_mut() = code;
    *answer.headers_mut() = header_map(&attempt.headers);
    strip_hop_by_hop(answer.headers_mut());
    answer.headers_mut().remove(CONTENT_LENGTH);
    of_app(answer)
}

/// Returns an app's response as it may go over the link.
fn of_app<B>(mut answer: Response<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    // The relay would have to reset the stream, without a reason.
    if head_bytes(answer.headers()) > MAX_HEAD_BYTES {
        return no_answer(HEAD_TOO_LARGE);
    }
    // Only ringtail may set this header.
    answer.headers_mut().remove(NO_ANSWER);
    answer.map(|body| body.map_err(Into::into).boxed_unsync())
}

/// Reports that the app has the request, and no response is there.
fn failed(kind: FailureKind) -> Response<Body> {
    no_answer(match kind {
        FailureKind::TimedOut => TIMED_OUT,
        _ => FAILED,
    })
}

/// Reads the whole request, because its signature covers the body, and returns it unless the policy rejects it. The
/// caller, perhaps an attacker, does not learn the reason.
async fn check(
    policy: &SignaturePolicy,
    below: &str,
    request: Request<Incoming>,
) -> Result<Request<Full<Bytes>>, StatusCode> {
    let (head, body) = request.into_parts();
    let whole = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let body = whole.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    let view = RequestView::new(&head.method, below, &head.headers, &body);
    if let Some(proof) = policy.rejects(&Classified::of(view)) {
        let (scheme, outcome) = (proof.scheme.name(), proof.outcome.name());
        tracing::info!(scheme, outcome, "rejected a passthrough request");
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(Request::from_parts(head, Full::new(body)))
}

fn event_id<B>(request: &Request<B>) -> Option<EventId> {
    let value = request.headers().get(EVENT_ID)?;
    EventId::parse(value.to_str().ok()?)
}

fn below<B>(request: &Request<B>) -> &str {
    let whole = request.uri().path_and_query();
    let whole = whole.map_or("", |whole| whole.as_str());
    whole.strip_prefix(PASSTHROUGH).unwrap_or_default()
}

/// Reports to the relay that the app did not respond, with a reason code.
fn no_answer(reason: &'static str) -> Response<Body> {
    let mut response = status(StatusCode::BAD_GATEWAY);
    response
        .headers_mut()
        .insert(NO_ANSWER, HeaderValue::from_static(reason));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_below_the_endpoint_keeps_its_query_and_escapes() {
        for (uri, expected) in [
            ("http://ringtail/passthrough", ""),
            ("http://ringtail/passthrough/", "/"),
            ("http://ringtail/passthrough?a=1", "?a=1"),
            ("/passthrough//a%2Fb/?x=%20&x", "//a%2Fb/?x=%20&x"),
        ] {
            let request = Request::builder().uri(uri).body(()).unwrap();
            assert_eq!(below(&request), expected);
        }
    }
}
