//! Passthrough requests on the link: the caller's request goes to the target, the app's response comes back.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use ringtail_protocol::event::EventId;
use ringtail_protocol::frame::MAX_BODY_BYTES;
use ringtail_protocol::http2::{MAX_HEADER_LIST, head_bytes};
use ringtail_protocol::path::{
    EVENT_ID, FAILED, HEAD_TOO_LARGE, NO_ANSWER, NOT_FORWARDING, PASSTHROUGH, UNREACHABLE,
};
use ringtail_ringcentral::classify::{Classified, RequestView};

use super::answer::{Body, status};
use crate::forward::Passthrough;
use ringtail_model::signature::SignaturePolicy;

/// Maximum bytes of a response head on the link.
const MAX_HEAD_BYTES: usize = MAX_HEADER_LIST as usize;

/// Answers a passthrough request, whose path is [`PASSTHROUGH`] and the path below the endpoint.
pub(super) async fn answer(
    passthrough: Option<&Passthrough>,
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
        None => passthrough.passthrough(event, &below, None, request).await,
        Some(policy) => match check(policy, &below, request).await {
            Ok(request) => passthrough.passthrough(event, &below, None, request).await,
            Err(refused) => return status(refused),
        },
    };
    match answered {
        // The relay would have to reset the stream, without a reason.
        Ok(answer) if head_bytes(answer.headers()) > MAX_HEAD_BYTES => no_answer(HEAD_TOO_LARGE),
        Ok(mut answer) => {
            // Only ringtail may set this header.
            answer.headers_mut().remove(NO_ANSWER);
            answer.map(|body| body.map_err(Into::into).boxed_unsync())
        }
        Err(failure) if failure.connected => no_answer(FAILED),
        Err(_) => no_answer(UNREACHABLE),
    }
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

fn event_id(request: &Request<Incoming>) -> Option<EventId> {
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
    let mut response = Response::new(Empty::new().map_err(Into::into).boxed_unsync());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
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
