//! One passthrough request over a link, or the request for the app's response to a pending event.
//!
//! A request is sent once. When its link dies before the response begins, the app may have seen it, so the caller gets
//! a 502 and decides whether to retry.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::ReasonPhrase;
use ringtail_protocol::event::EventId;
use ringtail_protocol::field_names::FieldNames;
use ringtail_protocol::path;
use tokio::time::{Instant, timeout_at};

use super::registry::{LinkBody, PassthroughPermit};
use crate::budget::Share;

/// Bytes of field names that a link carries in addition to the fields; more names reach the app in lower case.
const MAX_NAMES_BYTES: usize = 8 * 1024;

/// A request for an app.
#[derive(Debug, Clone)]
pub(crate) struct PassthroughRequest<'a> {
    /// The event that stands for it in the journal.
    pub(crate) event: EventId,
    pub(crate) method: &'a Method,
    /// Path below the endpoint, with the query.
    pub(crate) path: &'a str,
    /// Address of the caller.
    pub(crate) peer: &'a str,
    /// Names of the header fields as sent, if known.
    pub(crate) names: Option<&'a FieldNames>,
    /// Headers without hop-by-hop fields.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
}

/// Why the app did not respond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoResponse {
    /// The client has no target.
    NotForwarding,
    /// Nothing listens at the target.
    Unreachable,
    /// The target closed the connection, or does not speak HTTP.
    Failed,
    /// The head of the app's response exceeds what a link carries.
    HeadTooLarge,
    /// The target took the request and did not answer in the client's time.
    TimedOut,
    /// The response did not begin in the relay's time.
    Deadline,
    /// The link ended before the request was sent.
    NotSent,
    /// The link ended after the request was sent.
    LinkLost,
    /// The request exceeds what a link carries.
    TooLarge,
}

impl NoResponse {
    /// Returns true if no app has seen the request, so that it may go to another client.
    pub(crate) fn is_untouched(self) -> bool {
        matches!(
            self,
            Self::NotForwarding | Self::NotSent | Self::Unreachable
        )
    }
}

impl PassthroughPermit {
    /// Sends the request and waits for the head of the response. The returned permit is for the time until the body has
    /// been read.
    pub(crate) async fn send(
        self,
        request: LinkRequest,
        deadline: Instant,
    ) -> Result<(Response<Incoming>, Share), NoResponse> {
        let (send, permit) = self.into_parts();
        let response = exchange(send, request, deadline).await?;
        Ok((judge(response)?, permit))
    }
}

/// Sends a request on a link, or to another relay that has one, and waits for the head of what the client sends back.
pub(crate) async fn exchange(
    mut send: SendRequest<LinkBody>,
    request: LinkRequest,
    deadline: Instant,
) -> Result<Response<Incoming>, NoResponse> {
    let response = timeout_at(deadline, send.try_send_request(request));
    // If the link is ending, the channel may keep the request until its last sender is dropped: tokio-rs/tokio#7714.
    drop(send);
    let response = response.await.map_err(|_elapsed| NoResponse::Deadline)?;
    response.map_err(|mut error| {
        let is_unsent = error.take_message().is_some();
        let error = error.into_error();
        tracing::debug!(is_unsent, %error, "no response to a passthrough request");
        if is_unsent {
            NoResponse::NotSent
        } else {
            NoResponse::LinkLost
        }
    })
}

/// Returns the app's response in what a client sent back.
pub(crate) fn judge(mut response: Response<Incoming>) -> Result<Response<Incoming>, NoResponse> {
    if let Some(reason) = response.headers().get(path::NO_ANSWER) {
        return Err(decode(reason));
    }
    if response.status().is_informational() {
        return Err(NoResponse::Failed);
    }
    path::strip_hop_by_hop(response.headers_mut());
    // Without one, hyper would write its default phrase.
    let reason = response.headers_mut().remove(path::REASON);
    let reason = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok());
    let reason = reason.unwrap_or(ReasonPhrase::from_static(b""));
    response.extensions_mut().insert(reason);
    Ok(response)
}

fn decode(reason: &HeaderValue) -> NoResponse {
    match reason.as_bytes() {
        reason if reason == path::NOT_FORWARDING.as_bytes() => NoResponse::NotForwarding,
        reason if reason == path::UNREACHABLE.as_bytes() => NoResponse::Unreachable,
        reason if reason == path::TIMED_OUT.as_bytes() => NoResponse::TimedOut,
        reason if reason == path::HEAD_TOO_LARGE.as_bytes() => NoResponse::HeadTooLarge,
        // So is any reason of a newer client.
        _ => NoResponse::Failed,
    }
}

/// A request of the relay on a link.
pub(crate) type LinkRequest = Request<LinkBody>;

impl PassthroughRequest<'_> {
    /// Returns `None` if the path with its prefix is longer than a URI may be.
    pub(crate) fn encode(self) -> Option<LinkRequest> {
        let path = format!("{}{}", path::PASSTHROUGH, self.path);
        let path = PathAndQuery::try_from(path).ok()?;
        let mut request = request(self.method.clone(), path, self.body, self.event);
        let ours = std::mem::take(request.headers_mut());
        let headers = request.headers_mut();
        headers.clone_from(self.headers);
        // The edge has read the body already.
        headers.remove(header::EXPECT);
        headers.extend(ours);
        let names = self.names.map(FieldNames::as_text);
        let names = names.filter(|names| names.len() <= MAX_NAMES_BYTES);
        for (name, value) in [(path::PEER, Some(self.peer)), (path::FIELD_NAMES, names)] {
            headers.remove(name);
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        Some(request)
    }
}

/// Returns the request for the app's response to a pending event.
pub(crate) fn response_of(event: EventId) -> LinkRequest {
    let path = PathAndQuery::from_static(path::RESPONSE);
    request(Method::GET, path, Bytes::new(), event)
}

fn request(method: Method, path: PathAndQuery, body: Bytes, event: EventId) -> LinkRequest {
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(Authority::from_static("ringtail"));
    uri.path_and_query = Some(path);
    let mut request = Request::new(Either::Left(Full::new(body)));
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    if let Ok(id) = HeaderValue::try_from(event.to_string()) {
        request.headers_mut().insert(path::EVENT_ID, id);
    }
    request
}
