//! Reading a request's body: whole, within a size, a time and the relay's memory.

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};
use tokio::time::timeout;

use crate::relay::Relay;

/// A body that was read, with its share of the relay's memory.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    /// Given back when the request is answered.
    pub(super) _share: Option<OwnedSemaphorePermit>,
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
    /// The caller broke off, or broke HTTP.
    Broken,
}

/// Reads a body.
pub(super) async fn read(relay: &Relay, body: Incoming) -> Result<Whole, BodyError> {
    // A handshake has none: the hot path ends here.
    if body.is_end_stream() {
        return Ok(Whole {
            bytes: Bytes::new(),
            _share: None,
        });
    }
    let limit = announced_within(relay, &body)?;
    timeout(relay.limits.body_timeout, collect(relay, body, limit))
        .await
        .map_err(|_elapsed| BodyError::TooSlow)?
}

/// Reads a body that nobody wants, within the same limits and without keeping it: an answer before its end is lost on
/// callers that do not read while they write.
pub(super) async fn discard(relay: &Relay, mut body: Incoming) -> Result<(), BodyError> {
    if body.is_end_stream() {
        return Ok(());
    }
    let limit = announced_within(relay, &body)?;
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
async fn collect(relay: &Relay, mut body: Incoming, limit: usize) -> Result<Whole, BodyError> {
    let mut share: Option<OwnedSemaphorePermit> = None;
    // Nearly every body is one chunk, which is then used as it came.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        if chunk.is_empty() {
            continue;
        }
        if first.len() + rest.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        let taken = take(relay, chunk.len())?;
        match &mut share {
            Some(share) => share.merge(taken),
            None => share = Some(taken),
        }
        if first.is_empty() && rest.is_empty() {
            first = chunk;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&chunk);
        }
    }
    let bytes = if rest.is_empty() {
        first
    } else {
        rest.freeze()
    };
    Ok(Whole {
        bytes,
        _share: share,
    })
}

fn take(relay: &Relay, bytes: usize) -> Result<OwnedSemaphorePermit, BodyError> {
    let bytes = u32::try_from(bytes).map_err(|_| BodyError::TooLarge)?;
    relay
        .budget
        .clone()
        .try_acquire_many_owned(bytes)
        .map_err(|error| match error {
            TryAcquireError::NoPermits | TryAcquireError::Closed => BodyError::NoMemory,
        })
}
