//! An event as the columns of its row, computed once, before it reaches the writing thread.

use bytes::Bytes;
use http::Uri;

use ringtail_protocol::event::{Disposition, Event, EventId, Kind, Request, Timestamp};
use ringtail_ringcentral::catalogue::summarize;
use ringtail_ringcentral::classify::{Classified, RequestHead};
use ringtail_ringcentral::ordering::{ordering_key, removed_post};

use ringtail_model::signature::SignaturePolicy;
use ringtail_model::{ForwardState, UNDECODABLE};

use crate::headers;
use crate::pending::StoredRequest;

/// Longest path with query that is taken from a relay. An edge refuses heads half as long.
const MAX_PATH_BYTES: usize = 64 * 1024;

/// Bytes of headers and body up to which a pending event is handed on in memory.
const MAX_FRESH_BYTES: usize = 64 * 1024;

/// Whether incoming events become pending.
#[derive(Debug, Clone)]
pub enum Forwarding {
    /// Notifications become pending.
    On,
    /// As [`Forwarding::On`], except what the policy rejects.
    Guarded(SignaturePolicy),
    /// Inspect only: nothing becomes pending, so that a target given later is not flooded with the past.
    Off,
}

/// The columns of an event.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) id: EventId,
    pub(crate) kind: Kind,
    pub(crate) disposition: Disposition,
    pub(crate) duplicate_of: Option<u64>,
    pub(crate) edited_from: Option<EventId>,
    pub(crate) received_at: Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) peer: String,
    pub(crate) callback: &'static str,
    pub(crate) topic: &'static str,
    pub(crate) summary: String,
    pub(crate) ordering_key: String,
    pub(crate) uuid: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) headers: Vec<u8>,
    pub(crate) body: Bytes,
    pub(crate) forward: ForwardState,
}

impl Record {
    /// Computes the columns. A request that cannot be read, which only a broken relay sends, is kept as its raw bytes
    /// and never forwarded: the cursor moves on, and the event is seen for what it is.
    pub(crate) fn of(event: &Event, forwarding: &Forwarding) -> Self {
        match read(event) {
            Ok((request, head)) => Self::decoded(event, forwarding, request, &head),
            Err(reason) => Self {
                callback: UNDECODABLE,
                topic: UNDECODABLE,
                summary: format!("the relay sent a request that cannot be read: {reason}"),
                body: event.request.as_bytes().clone(),
                ..Self::empty(event)
            },
        }
    }

    fn decoded(
        event: &Event,
        forwarding: &Forwarding,
        request: Request,
        head: &RequestHead,
    ) -> Self {
        let classified = Classified::of(head.view(&request.path, &request.body));
        let summary = summarize(&classified);
        Self {
            callback: classified.callback.name(),
            topic: summary.topic,
            summary: summary.text,
            ordering_key: ordering_key(&classified),
            uuid: classified.uuid().map(str::to_owned),
            subscription: classified.subscription().map(str::to_owned),
            headers: headers::encode(&request.headers),
            forward: forward_state(event.disposition, forwarding, &classified),
            method: request.method,
            path: request.path,
            peer: request.peer,
            body: request.body,
            ..Self::empty(event)
        }
    }

    /// Returns the columns that the relay sends, with nothing in the others.
    fn empty(event: &Event) -> Self {
        Self {
            seq: event.seq,
            id: event.id,
            kind: event.kind,
            disposition: event.disposition,
            duplicate_of: event.duplicate_of,
            edited_from: None,
            received_at: event.received_at,
            method: String::new(),
            path: String::new(),
            peer: String::new(),
            callback: "",
            topic: "",
            summary: String::new(),
            ordering_key: String::new(),
            uuid: None,
            subscription: None,
            headers: Vec::new(),
            body: Bytes::new(),
            forward: ForwardState::None,
        }
    }

    /// Returns key and request of a pending event that is small and whose key does not depend on the history.
    pub(crate) fn fresh(&self, endpoint: &str) -> Option<(String, StoredRequest)> {
        if self.forward != ForwardState::Pending
            || self.bytes() > MAX_FRESH_BYTES
            || removed_post(&self.ordering_key).is_some()
        {
            return None;
        }
        let stored = StoredRequest {
            id: self.id,
            endpoint: endpoint.to_owned(),
            seq: self.seq,
            forward: self.forward,
            edited_from: self.edited_from,
            request: Request {
                method: self.method.clone(),
                path: self.path.clone(),
                peer: self.peer.clone(),
                headers: headers::decode(self.headers.clone()),
                body: self.body.clone(),
            },
        };
        Some((self.ordering_key.clone(), stored))
    }

    /// Returns the bytes of headers and body.
    pub(crate) fn bytes(&self) -> usize {
        self.headers.len() + self.body.len()
    }
}

/// Decodes the request and makes sure that it can be sent again.
fn read(event: &Event) -> Result<(Request, RequestHead), String> {
    let request = event.request.decode().map_err(|error| error.to_string())?;
    let head = RequestHead::of(&request.method, &request.headers)
        .map_err(|_| "its method is not one of HTTP".to_owned())?;
    if request.path.len() > MAX_PATH_BYTES {
        return Err(format!("its path has {} bytes", request.path.len()));
    }
    let begins_well = request.path.is_empty() || request.path.starts_with(['/', '?']);
    if !begins_well || format!("/{}", request.path).parse::<Uri>().is_err() {
        return Err("its path is not one of HTTP".to_owned());
    }
    Ok((request, head))
}

fn forward_state(
    disposition: Disposition,
    forwarding: &Forwarding,
    request: &Classified<'_>,
) -> ForwardState {
    let policy = match forwarding {
        Forwarding::Off => return ForwardState::None,
        Forwarding::On => None,
        Forwarding::Guarded(policy) => Some(policy),
    };
    let rejected = || policy.is_some_and(|policy| policy.rejects(request).is_some());
    match disposition {
        // A passthrough request was rejected when it came, by the same policy; here it is noted.
        Disposition::Pending | Disposition::Passed if rejected() => ForwardState::Rejected,
        Disposition::Pending => ForwardState::Pending,
        _ => ForwardState::None,
    }
}
