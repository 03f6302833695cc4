//! An event as the columns of its row, computed once when it is stored.

use bytes::Bytes;
use http::Uri;

use ringtail_protocol::event::{Disposition, Event, Request};
use ringtail_ringcentral::catalogue::summarize;
use ringtail_ringcentral::classify::{Classified, RequestHead};
use ringtail_ringcentral::ordering::ordering_key;

use super::{Forwarding, headers};
use ringtail_model::{ForwardState, UNDECODABLE};

/// Longest path with query that is taken from a relay. An edge refuses heads half as long.
const MAX_PATH_BYTES: usize = 64 * 1024;

/// The columns that come from the request.
pub(super) struct Record {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) peer: String,
    pub(super) callback: &'static str,
    pub(super) topic: &'static str,
    pub(super) summary: String,
    pub(super) ordering_key: String,
    pub(super) uuid: Option<String>,
    pub(super) headers: Vec<u8>,
    pub(super) body: Bytes,
    pub(super) forward: ForwardState,
}

impl Record {
    /// Computes the columns. A request that cannot be read, which only a broken relay sends, is kept as its raw
    /// bytes and never forwarded: the cursor goes on, and the event is seen for what it is.
    pub(super) fn of(event: &Event, forwarding: &Forwarding) -> Self {
        match read(event) {
            Ok((request, head)) => Self::decoded(event, forwarding, request, &head),
            Err(reason) => Self::undecodable(event, &reason),
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
            headers: headers::encode(&request.headers),
            forward: forward_state(event.disposition, forwarding, &classified),
            method: request.method,
            path: request.path,
            peer: request.peer,
            body: request.body,
        }
    }

    fn undecodable(event: &Event, reason: &str) -> Self {
        Self {
            method: String::new(),
            path: String::new(),
            peer: String::new(),
            callback: UNDECODABLE,
            topic: UNDECODABLE,
            summary: format!("the relay sent a request that cannot be read: {reason}"),
            ordering_key: String::new(),
            uuid: None,
            headers: Vec::new(),
            body: event.request.as_bytes().clone(),
            forward: ForwardState::None,
        }
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
    let guard = match forwarding {
        Forwarding::Off => return ForwardState::None,
        Forwarding::On => None,
        Forwarding::Guarded(guard) => Some(guard),
    };
    let rejected = || guard.is_some_and(|guard| guard.rejects(request).is_some());
    match disposition {
        // The passthrough was rejected when it came, by the same guard: here it is noted.
        Disposition::Pending | Disposition::Passed if rejected() => ForwardState::Rejected,
        Disposition::Pending => ForwardState::Pending,
        _ => ForwardState::None,
    }
}
