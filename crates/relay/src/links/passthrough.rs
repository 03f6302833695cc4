//! One passthrough request over a link.
//!
//! A request is sent once. When its link dies before the response begins, the app may have seen it, so the caller gets
//! a 502 and decides whether to retry.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use ringtail_protocol::event::EventId;
use ringtail_protocol::path;
use tokio::time::{Instant, timeout_at};

use super::registry::{LinkBody, PassthroughPermit};
use crate::budget::Share;

/// A request for an app.
#[derive(Debug, Clone)]
pub(crate) struct PassthroughRequest<'a> {
    /// The event that stands for it in the journal.
    pub(crate) event: EventId,
    pub(crate) method: &'a Method,
    /// Path below the endpoint, with the query.
    pub(crate) path: &'a str,
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
    /// The response did not begin in time.
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
        request: PassthroughRequest<'_>,
        deadline: Instant,
    ) -> Result<(Response<Incoming>, Share), NoResponse> {
        let request = request.encode().ok_or(NoResponse::TooLarge)?;
        let mut send = self.link.send.clone();
        let response = timeout_at(deadline, send.try_send_request(request));
        let response = response.await.map_err(|_elapsed| NoResponse::Deadline)?;
        let mut response = response.map_err(|mut error| {
            let is_unsent = error.take_message().is_some();
            let error = error.into_error();
            tracing::debug!(link = %self.link.id, is_unsent, %error, "no response to a passthrough request");
            if is_unsent {
                NoResponse::NotSent
            } else {
                NoResponse::LinkLost
            }
        })?;
        if let Some(reason) = response.headers().get(path::NO_ANSWER) {
            return Err(decode(reason));
        }
        if response.status().is_informational() {
            return Err(NoResponse::Failed);
        }
        path::strip_hop_by_hop(response.headers_mut());
        Ok((response, self.permit))
    }
}

fn decode(reason: &HeaderValue) -> NoResponse {
    match reason.as_bytes() {
        reason if reason == path::NOT_FORWARDING.as_bytes() => NoResponse::NotForwarding,
        reason if reason == path::UNREACHABLE.as_bytes() => NoResponse::Unreachable,
        reason if reason == path::HEAD_TOO_LARGE.as_bytes() => NoResponse::HeadTooLarge,
        // So is any reason of a newer client.
        _ => NoResponse::Failed,
    }
}

impl PassthroughRequest<'_> {
    /// Returns `None` if the path with its prefix is longer than a URI may be.
    fn encode(self) -> Option<Request<LinkBody>> {
        let path = format!("{}{}", path::PASSTHROUGH, self.path);
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(Authority::from_static("ringtail"));
        uri.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
        let mut request = Request::new(Either::Left(Full::new(self.body)));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::from_parts(uri).ok()?;
        let headers = request.headers_mut();
        headers.clone_from(self.headers);
        // The edge has read the body already.
        headers.remove(header::EXPECT);
        let id = HeaderValue::try_from(self.event.to_string()).ok()?;
        headers.insert(path::EVENT_ID, id);
        Some(request)
    }
}
