//! One exchange over a link: the caller's request to the client, the app's answer back.
//!
//! A request goes out once. When its link dies before the answer began nobody knows whether the app saw it, so the
//! caller is told, and decides.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use ringtail_protocol::event::EventId;
use ringtail_protocol::path;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::Place;
use super::body::LinkBody;

/// What a client is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question<'a> {
    /// Event that the exchange is.
    pub(crate) event: EventId,
    /// Method, as sent.
    pub(crate) method: &'a Method,
    /// Path below the endpoint with the query.
    pub(crate) path: &'a str,
    /// Headers, hop-by-hop ones gone.
    pub(crate) headers: &'a HeaderMap,
    /// Body.
    pub(crate) body: Bytes,
}

/// What came of asking.
#[derive(Debug)]
pub(crate) enum Asked {
    /// The app's answer.
    Answer(Response<AppBody>),
    /// There is none, and why.
    None(NoAnswer),
}

/// Why there is no answer of the app's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The client has no target; it has not been asked in vain, another may be.
    NotForwarding,
    /// Nothing listens at the target.
    Unreachable,
    /// The target broke off, or does not speak HTTP.
    Failed,
    /// The app's answer has a head that no link carries.
    HeadTooLarge,
    /// The answer did not begin in time.
    Deadline,
    /// The link was gone before the request was on it, so another may have it.
    NotSent,
    /// The link went away first.
    LinkLost,
    /// The request does not fit the link's limits.
    TooLarge,
}

impl Place {
    /// Asks, and waits for the head of the answer. The place is kept until the answer's body has ended.
    pub(crate) async fn ask(
        self,
        question: Question<'_>,
        deadline: Instant,
        answer_idle: Duration,
    ) -> Asked {
        let Some(request) = request(question) else {
            return Asked::None(NoAnswer::TooLarge);
        };
        let mut send = self.link.send.clone();
        let answer = tokio::time::timeout_at(deadline, send.try_send_request(request));
        let response = match answer.await {
            Err(_elapsed) => return Asked::None(NoAnswer::Deadline),
            Ok(Err(mut error)) => {
                let unsent = error.take_message().is_some();
                let error = error.into_error();
                tracing::debug!(link = %self.link.id, unsent, %error, "an exchange was not answered");
                return Asked::None(if unsent {
                    NoAnswer::NotSent
                } else {
                    NoAnswer::LinkLost
                });
            }
            Ok(Ok(response)) => response,
        };
        let (mut head, body) = response.into_parts();
        if let Some(reason) = head.headers.get(path::NO_ANSWER) {
            return Asked::None(reason_of(reason));
        }
        if head.status.is_informational() {
            return Asked::None(NoAnswer::Failed);
        }
        path::strip_hop_by_hop(&mut head.headers);
        let body = AppBody {
            incoming: body,
            idle: answer_idle,
            silence: None,
            _permit: self.permit,
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        Asked::Answer(answer)
    }
}

fn reason_of(value: &HeaderValue) -> NoAnswer {
    match value.as_bytes() {
        reason if reason == path::NOT_FORWARDING.as_bytes() => NoAnswer::NotForwarding,
        reason if reason == path::UNREACHABLE.as_bytes() => NoAnswer::Unreachable,
        reason if reason == path::HEAD_TOO_LARGE.as_bytes() => NoAnswer::HeadTooLarge,
        // A reason of a newer client is a failure too.
        _ => NoAnswer::Failed,
    }
}

/// Returns nothing when the path with its prefix is longer than a URI may be.
fn request(question: Question<'_>) -> Option<Request<LinkBody>> {
    let path = format!("{}{}", path::EXCHANGE, question.path);
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(Authority::from_static("ringtail"));
    uri.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    let mut headers = question.headers.clone();
    // The edge has met the expectation by reading the body.
    headers.remove(header::EXPECT);
    let id = HeaderValue::try_from(question.event.to_string()).ok()?;
    headers.insert(path::EVENT_ID, id);
    let mut request = Request::new(LinkBody::whole(question.body));
    *request.method_mut() = question.method.clone();
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// Body of an app's answer. It breaks off when the app is silent for too long, and it holds the exchange's place on the
/// link.
#[derive(Debug)]
pub(crate) struct AppBody {
    incoming: Incoming,
    idle: Duration,
    /// Runs while a frame is waited for.
    silence: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

/// Why an app's answer broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppBodyError {
    /// Nothing came for too long.
    #[error("the app fell silent inside its answer")]
    Silent,
    /// The link or the app broke off.
    #[error("the app's answer broke off")]
    Broken(#[source] hyper::Error),
}

impl Body for AppBody {
    type Data = Bytes;
    type Error = AppBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AppBodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            self.silence = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(AppBodyError::Broken)));
        }
        let idle = self.idle;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(silence.as_mut().poll(cx));
        Poll::Ready(Some(Err(AppBodyError::Silent)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
