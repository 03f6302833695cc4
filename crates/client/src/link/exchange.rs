//! Exchanges on the link: the caller's own request, handed to the target, and the app's own answer.

use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use ringtail_protocol::event::EventId;
use ringtail_protocol::path::{EVENT_ID, EXCHANGE, FAILED, NO_ANSWER, NOT_FORWARDING, UNREACHABLE};

use super::session::{Body, status};
use crate::forward::Exchanger;

/// Answers an exchange, whose path is [`EXCHANGE`] and the path below the endpoint.
pub(super) async fn answer(
    exchanger: Option<&Exchanger>,
    request: Request<Incoming>,
) -> Response<Body> {
    let Some(exchanger) = exchanger else {
        return no_answer(NOT_FORWARDING);
    };
    let Some(event) = event_id(&request) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let below = below(&request).to_owned();
    match exchanger.exchange(event, &below, None, request).await {
        Ok(mut answer) => {
            // The app's answer is the app's, whatever it says about itself.
            answer.headers_mut().remove(NO_ANSWER);
            answer.map(|body| body.map_err(Into::into).boxed_unsync())
        }
        Err(failure) if failure.connected => no_answer(FAILED),
        Err(_) => no_answer(UNREACHABLE),
    }
}

fn event_id(request: &Request<Incoming>) -> Option<EventId> {
    let value = request.headers().get(EVENT_ID)?;
    EventId::parse(value.to_str().ok()?)
}

fn below<B>(request: &Request<B>) -> &str {
    let whole = request.uri().path_and_query();
    let whole = whole.map_or("", |whole| whole.as_str());
    whole.strip_prefix(EXCHANGE).unwrap_or_default()
}

/// Tells the relay that there is no answer of the app, and why; the relay finds the words.
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
            ("http://ringtail/exchange", ""),
            ("http://ringtail/exchange/", "/"),
            ("http://ringtail/exchange?a=1", "?a=1"),
            ("/exchange//a%2Fb/?x=%20&x", "//a%2Fb/?x=%20&x"),
        ] {
            let request = Request::builder().uri(uri).body(()).unwrap();
            assert_eq!(below(&request), expected);
        }
    }
}
