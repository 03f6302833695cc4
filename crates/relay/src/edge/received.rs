//! A request to an endpoint, read whole and classified.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Version, header, request};
use ringtail_protocol::event::{EncodeError, EncodedRequest, RequestParts};
use ringtail_ringcentral::classify::{Callback, Classified, RequestView};
use tokio::sync::Semaphore;

use crate::accounts::AccountKey;
use crate::journal::EndpointKey;
use crate::limits::LARGE_BODY_BYTES;
use crate::net::proxies::Caller;

/// A request to an endpoint, read whole.
#[derive(Debug)]
pub(super) struct WholeRequest {
    pub(super) endpoint: EndpointKey,
    /// The endpoint's account.
    pub(super) account: AccountKey,
    pub(super) caller: Caller,
    pub(super) head: request::Parts,
    /// Holds the request's share of memory, if it is not empty.
    pub(super) body: Bytes,
    /// Bytes of the request's target that name the endpoint. The rest is for the app.
    pub(super) route_bytes: usize,
}

/// A request and what its one look at the body found.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) request: WholeRequest,
    pub(super) callback: Callback,
    /// What identifies duplicates.
    pub(super) identity: Option<Bytes>,
}

impl WholeRequest {
    /// Returns true if classifying would block the runtime for too long.
    pub(super) fn is_large(&self) -> bool {
        self.body.len() > LARGE_BODY_BYTES
    }

    /// Classifies on a blocking thread, with one of the permits. Returns `None` if the relay is stopping.
    pub(super) async fn classify_large(self, permits: &Arc<Semaphore>) -> Option<Received> {
        let permit = permits.clone().acquire_owned().await.ok()?;
        let classify = move || {
            let _permit = permit;
            self.classify()
        };
        tokio::task::spawn_blocking(classify).await.ok()
    }

    pub(super) fn classify(self) -> Received {
        let head = &self.head;
        let view = RequestView::new(&head.method, self.below(), &head.headers, &self.body);
        let classified = Classified::of(view);
        let callback = classified.callback;
        let identity = classified.identity();
        Received {
            request: self,
            callback,
            identity: identity.map(|digest| Bytes::copy_from_slice(&digest)),
        }
    }

    /// Returns path and query below the endpoint.
    pub(super) fn below(&self) -> &str {
        let path = self.head.uri.path_and_query().map(PathAndQuery::as_str);
        path.and_then(|path| path.get(self.route_bytes..))
            .unwrap_or_default()
    }

    /// Returns true if the request came to a path of the relay's host, and not to a host of the endpoint's own.
    pub(super) fn shares_origin(&self) -> bool {
        // An id and a slash; a host leaves at most the slash.
        self.route_bytes > 1
    }

    /// Returns the query, without its question mark.
    pub(super) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// Makes a request of HTTP/2 one of HTTP/1.1, as the app gets it: adds the `Host` field and joins cookies, which callers may
    /// part (RFC 9113, 8.2.3).
    pub(super) fn suit_http1(&mut self) {
        let headers = &mut self.head.headers;
        let cookies: Vec<&[u8]> = headers
            .get_all(header::COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if self.head.version == Version::HTTP_2
            && cookies.len() > 1
            && let Ok(cookie) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
        {
            headers.insert(header::COOKIE, cookie);
        }
        if !headers.contains_key(header::HOST)
            && let Some(authority) = self.head.uri.authority()
            && let Ok(host) = authority.as_str().parse()
        {
            headers.insert(header::HOST, host);
        }
    }

    /// Returns the request as the journal stores it.
    pub(super) fn encode(&self) -> Result<EncodedRequest, EncodeError> {
        RequestParts {
            method: self.head.method.as_str(),
            path: self.below(),
            peer: &self.caller.to_string(),
            headers: &self.head.headers,
            names: self.head.extensions.get(),
            body: &self.body,
        }
        .encode()
    }
}
