//! A request that was read whole, and the event that it becomes.

use std::fmt::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::uri::PathAndQuery;
use http::{Method, header, request};
use ringtail_protocol::event::{
    Disposition, EncodeError, EncodedRequest, EventId, Kind, RequestParts,
};
use ringtail_ringcentral::classify::{Callback, RequestView, classify};
use ringtail_ringcentral::envelope::Envelope;

use super::NotStored;
use super::body::Whole;
use super::route;
use crate::journal::{AppendError, EndpointKey, Entry};
use crate::limits::{LARGE_BODY_BYTES, UUID_BYTES};
use crate::metrics::Limit;
use crate::proxies::Caller;
use crate::relay::Relay;

/// A request to an endpoint.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) endpoint: EndpointKey,
    pub(super) caller: Caller,
    pub(super) head: request::Parts,
    pub(super) body: Whole,
    /// How many bytes of the request's target lead to the endpoint. The rest is the app's.
    pub(super) route_bytes: usize,
    /// RingCentral's `uuid`, once it was looked for.
    pub(super) uuid: OnceLock<Option<Bytes>>,
}

impl Received {
    pub(super) fn classify(&self) -> Callback {
        let (path, query) = route::path_and_query(self.below());
        classify(&RequestView {
            method: &self.head.method,
            path,
            query,
            headers: &self.head.headers,
            body: &self.body.bytes,
        })
    }

    /// Says whether looking at the body takes longer than the runtime's other work may wait.
    pub(super) fn is_large(&self) -> bool {
        self.body.bytes.len() > LARGE_BODY_BYTES
    }

    /// Does what [`Received::classify`] does beside the runtime, when it is this body's turn. `None` when the relay is
    /// stopping.
    pub(super) async fn classify_large(self, relay: &Relay) -> Option<(Self, Callback)> {
        let turn = relay.large_bodies.clone().acquire_owned().await.ok()?;
        let look = move || {
            let callback = self.classify();
            // Looked for here, and found again by whoever stores the event.
            self.uuid();
            drop(turn);
            (self, callback)
        };
        tokio::task::spawn_blocking(look).await.ok()
    }

    /// Returns path and query below the endpoint.
    pub(super) fn below(&self) -> &str {
        let path = self.head.uri.path_and_query().map(PathAndQuery::as_str);
        path.and_then(|path| path.get(self.route_bytes..))
            .unwrap_or_default()
    }

    /// Returns the query, without its question mark.
    pub(super) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// HTTP/2 says the host in a field of its own; the app, which is asked over HTTP/1.1, finds it where it looks.
    pub(super) fn complete_host(&mut self) {
        let headers = &mut self.head.headers;
        if !headers.contains_key(header::HOST)
            && let Some(authority) = self.head.uri.authority()
            && let Ok(host) = authority.as_str().parse()
        {
            headers.insert(header::HOST, host);
        }
    }

    /// Queues the event without waiting for the disk: the caller is answered whatever becomes of it.
    pub(super) fn note(
        &self,
        relay: &Relay,
        kind: Kind,
        disposition: Disposition,
    ) -> Result<EventId, EncodeError> {
        let id = EventId::fresh();
        let noted = relay
            .journal
            .append(self.entry(relay, id, kind, disposition)?);
        // What the queue does not take is known at once; nobody waits for the disk.
        if let Some(Err(AppendError::QueueFull)) = noted.now_or_never() {
            relay.metrics.limits.hit(Limit::JournalQueue);
        }
        Ok(id)
    }

    /// Stores the event; it survives the loss of power when this returns.
    pub(super) async fn store(
        &self,
        relay: &Relay,
        kind: Kind,
        disposition: Disposition,
    ) -> Result<(), NotStored> {
        let entry = self.entry(relay, EventId::fresh(), kind, disposition)?;
        relay.journal.append(entry).await?;
        Ok(())
    }

    fn entry(
        &self,
        relay: &Relay,
        id: EventId,
        kind: Kind,
        disposition: Disposition,
    ) -> Result<Entry, EncodeError> {
        Ok(Entry {
            endpoint: self.endpoint,
            id,
            received_at: relay.clock.now(),
            kind,
            disposition,
            uuid: self.uuid(),
            request: self.encode()?,
        })
    }

    fn encode(&self) -> Result<EncodedRequest, EncodeError> {
        let mut peer = String::with_capacity(48);
        // Writing to a string cannot fail.
        let _ = write!(peer, "{}", self.caller);
        RequestParts {
            method: self.head.method.as_str(),
            path: self.below(),
            peer: &peer,
            headers: &self.head.headers,
            body: &self.body.bytes,
        }
        .encode()
    }

    fn uuid(&self) -> Option<Bytes> {
        self.uuid.get_or_init(|| self.find_uuid()).clone()
    }

    fn find_uuid(&self) -> Option<Bytes> {
        if self.head.method != Method::POST || self.body.bytes.is_empty() {
            return None;
        }
        let uuid = Envelope::parse(&self.body.bytes)?.uuid?;
        (!uuid.is_empty() && uuid.len() <= UUID_BYTES)
            .then(|| Bytes::copy_from_slice(uuid.as_bytes()))
    }
}
