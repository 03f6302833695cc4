//! Reading a request's body: whole, within a size, a time and the relay's memory.

use bytes::{Bytes, BytesMut};
use http::request;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::journal::EndpointKey;
use crate::memory::Share;
use crate::relay::Relay;

/// A body that was read, with its request's share of the relay's memory.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    /// Given back when the request is answered. A validation request has none.
    pub(super) share: Option<Share>,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is longer than the limit.
    TooLarge,
    /// It did not end in time.
    TooSlow,
    /// Too many bodies are in memory.
    NoMemory,
    /// Too many requests to no endpoint are in memory.
    NoStrayMemory,
    /// The caller broke off, or broke HTTP.
    Broken,
}

/// Reads a body. What it leaves of a body that it refuses, it leaves to its caller.
pub(super) async fn read(
    relay: &Relay,
    endpoint: EndpointKey,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Whole, BodyError> {
    // A validation request has none: the hot path ends here.
    if body.is_end_stream() {
        return Ok(Whole {
            bytes: Bytes::new(),
            share: None,
        });
    }
    let share = relay
        .memory
        .request(Some(endpoint), head)
        .ok_or(BodyError::NoMemory)?;
    let limit = announced_within(relay, body)?;
    timeout(
        relay.limits.body_timeout,
        collect(relay, share, body, limit),
    )
    .await
    .map_err(|_elapsed| BodyError::TooSlow)?
}

/// Reads a body that nobody wants, within the same limits and without keeping it: an answer before its end is lost on
/// callers that do not read while they write.
pub(super) async fn discard(
    relay: &Relay,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<(), BodyError> {
    if body.is_end_stream() {
        return Ok(());
    }
    let _share = relay
        .stray_memory
        .request(None, head)
        .ok_or(BodyError::NoStrayMemory)?;
    let limit = announced_within(relay, body)?;
    let read = async {
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyError::Broken)?;
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > limit {
                return Err(BodyError::TooLarge);
            }
        }
        Ok(())
    };
    timeout(relay.limits.body_timeout, read)
        .await
        .map_err(|_elapsed| BodyError::TooSlow)?
}

/// Returns the limit, unless the body says itself that it is longer.
fn announced_within(relay: &Relay, body: &Incoming) -> Result<usize, BodyError> {
    let limit = relay.limits.body_bytes;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge);
    }
    Ok(limit)
}

/// Memory is taken as bytes come and not as they are announced: a promise of 16 MiB costs its caller nothing.
async fn collect(
    relay: &Relay,
    mut share: Share,
    body: &mut Incoming,
    limit: usize,
) -> Result<Whole, BodyError> {
    // What hint there is bounds the room for more; it may be wrong.
    let hint = body
        .size_hint()
        .exact()
        .and_then(|it| usize::try_from(it).ok());
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        let length = bytes.len() + chunk.len();
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        // Copied, since a byte of a chunk would keep the whole buffer that it came in.
        if length > bytes.capacity() {
            let capacity = length.max((2 * bytes.capacity()).min(hint.unwrap_or(limit)));
            let more = capacity - bytes.capacity();
            relay
                .memory
                .grow(&mut share, more)
                .ok_or(BodyError::NoMemory)?;
            let mut grown = BytesMut::with_capacity(capacity);
            grown.extend_from_slice(&bytes);
            bytes = grown;
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Whole {
        bytes: bytes.freeze(),
        share: Some(share),
    })
}
