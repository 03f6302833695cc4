//! One passthrough over a link: the caller's request to the client, the app's answer back.
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
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use ringtail_protocol::event::EventId;
use ringtail_protocol::path;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use super::Place;
use super::body::LinkBody;
use crate::metrics::Limit;
use crate::relay::Relay;

/// What a client is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question<'a> {
    /// Event that the passthrough is.
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
    /// Asks, and waits for the head of the answer. The place is kept until the answer's body has come.
    pub(crate) async fn ask(
        self,
        question: Question<'_>,
        deadline: Instant,
        relay: &Relay,
    ) -> Asked {
        let Some(request) = request(question) else {
            return Asked::None(NoAnswer::TooLarge);
        };
        let mut send = self.link.send.clone();
        let answer = timeout_at(deadline, send.try_send_request(request));
        let response = match answer.await {
            Err(_elapsed) => return Asked::None(NoAnswer::Deadline),
            Ok(Err(mut error)) => {
                let unsent = error.take_message().is_some();
                let error = error.into_error();
                tracing::debug!(link = %self.link.id, unsent, %error, "a passthrough request was not answered");
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
        let mut answer = Response::new(AppBody::of(body, self.permit, relay));
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
    let path = format!("{}{}", path::PASSTHROUGH, question.path);
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

/// Body of an app's answer. It breaks off when the app is silent for too long.
///
/// A task of its own takes it off the link, and has the passthrough's place there: a caller that stops reading, and over
/// HTTP/2 still says that it is there, keeps neither.
#[derive(Debug)]
pub(crate) struct AppBody {
    /// Nothing when the answer has no body, or has ended.
    pieces: Option<mpsc::Receiver<Piece>>,
    /// What the app said is to come.
    size: SizeHint,
}

/// What the task hands on. Without an end, the answer was cut off.
type Piece = Option<Result<Frame<Bytes>, AppBodyError>>;

/// Why an app's answer broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppBodyError {
    /// Nothing came for too long.
    #[error("the app fell silent inside its answer")]
    Silent,
    /// The link or the app broke off.
    #[error("the app's answer broke off")]
    Broken(#[source] hyper::Error),
    /// The caller did not take it.
    #[error("the caller did not read the app's answer")]
    Unread,
}

impl AppBody {
    fn of(incoming: Incoming, place: OwnedSemaphorePermit, relay: &Relay) -> Self {
        let size = incoming.size_hint();
        if incoming.is_end_stream() {
            return Self { pieces: None, size };
        }
        let (out, pieces) = mpsc::channel(1);
        let idle = relay.limits.answer_idle_timeout;
        let limits = relay.metrics.limits.clone();
        relay.connection_tasks.spawn(async move {
            let _place = place;
            if pump(incoming, &out, idle).await == Pumped::Unread {
                limits.hit(Limit::IdleTime);
            }
        });
        Self {
            pieces: Some(pieces),
            size,
        }
    }
}

/// How handing an answer on ended.
#[derive(Debug, PartialEq, Eq)]
enum Pumped {
    /// The app ended it, or the caller left.
    Over,
    /// The caller did not take a piece in time.
    Unread,
}

async fn pump(mut incoming: Incoming, out: &mpsc::Sender<Piece>, idle: Duration) -> Pumped {
    loop {
        let frame = tokio::select! {
            biased;
            () = out.closed() => return Pumped::Over,
            frame = timeout(idle, incoming.frame()) => frame,
        };
        let piece = match frame {
            Err(_elapsed) => Some(Err(AppBodyError::Silent)),
            Ok(frame) => frame.map(|frame| frame.map_err(AppBodyError::Broken)),
        };
        let is_last = !matches!(piece, Some(Ok(_)));
        match timeout(idle, out.send(piece)).await {
            Err(_elapsed) => return Pumped::Unread,
            Ok(Ok(())) if !is_last => {}
            Ok(_) => return Pumped::Over,
        }
    }
}

impl Body for AppBody {
    type Data = Bytes;
    type Error = AppBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AppBodyError>>> {
        let Some(pieces) = &mut self.pieces else {
            return Poll::Ready(None);
        };
        let piece = ready!(pieces.poll_recv(cx)).unwrap_or(Some(Err(AppBodyError::Unread)));
        if !matches!(piece, Some(Ok(_))) {
            self.pieces = None;
        }
        // It is asked for before the first piece alone.
        self.size = SizeHint::default();
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
