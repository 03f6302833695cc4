//! Reads a request's body: whole, within a size, a time and the relay's memory.

use bytes::{Bytes, BytesMut};
use http::{StatusCode, request};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::context::EdgeContext;
use crate::accounts::EndpointRecord;
use crate::budget::{Owner, Share, request_bytes, tie};
use crate::metrics::Limit;
use crate::net::proxies::Caller;
use crate::response::{self, RelayResponse};

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    TooSlow,
    /// The requests to endpoints hold all memory that they may.
    NoMemory,
    /// The other requests hold all memory that they may.
    NoStrayMemory,
    /// The caller disconnected or broke HTTP.
    Broken,
}

impl BodyError {
    pub(super) fn limit(self) -> Option<Limit> {
        match self {
            Self::TooLarge => Some(Limit::BodyBytes),
            Self::TooSlow => Some(Limit::BodyTime),
            Self::NoMemory => Some(Limit::BufferedBytes),
            Self::NoStrayMemory => Some(Limit::StrayBytes),
            Self::Broken => None,
        }
    }

    pub(super) fn response(self) -> RelayResponse {
        let (status, line) = match self {
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too large for this relay\n",
            ),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
            Self::Broken => (StatusCode::BAD_REQUEST, "the body broke off\n"),
            Self::NoMemory | Self::NoStrayMemory => {
                return response::unavailable("the relay is busy\n");
            }
        };
        response::text(status, line)
    }
}

/// Reads a body. After an error, the caller disposes of the rest.
pub(super) async fn read(
    edge: &EdgeContext,
    endpoint: &EndpointRecord,
    caller: Caller,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Bytes, BodyError> {
    // Validation requests have no body: their path ends here.
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let owners = edge.owners(endpoint, caller);
    let share = edge
        .api
        .memory
        .take(owners, request_bytes(head))
        .ok_or(BodyError::NoMemory)?;
    within_time(edge, collect(edge, share, body)).await
}

/// Reads a body to its end within the same limits, and drops it. Callers that write a body whole before they read would
/// miss an earlier response.
pub(super) async fn discard(
    edge: &EdgeContext,
    caller: Option<Owner>,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<(), BodyError> {
    if body.is_end_stream() {
        return Ok(());
    }
    let _share = edge
        .api
        .stray_memory
        .take(caller, request_bytes(head))
        .ok_or(BodyError::NoStrayMemory)?;
    let limit = edge.limits.body_bytes;
    let read = async {
        check_announced(body, limit)?;
        let mut read = 0;
        while let Some(chunk) = next_chunk(body).await? {
            read += chunk.len();
            if read > limit {
                return Err(BodyError::TooLarge);
            }
        }
        Ok(())
    };
    within_time(edge, read).await
}

async fn within_time<T>(
    edge: &EdgeContext,
    read: impl Future<Output = Result<T, BodyError>>,
) -> Result<T, BodyError> {
    let read = timeout(edge.limits.body_timeout, read).await;
    read.map_err(|_elapsed| BodyError::TooSlow)?
}

fn check_announced(body: &Incoming, limit: usize) -> Result<(), BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge);
    }
    Ok(())
}

async fn next_chunk(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame.map_err(|_| BodyError::Broken)?.into_data() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

/// Takes memory as bytes arrive, not as they are announced: announcing 16 MiB must not use up the budget.
async fn collect(
    edge: &EdgeContext,
    mut share: Share,
    body: &mut Incoming,
) -> Result<Bytes, BodyError> {
    let limit = edge.limits.body_bytes;
    check_announced(body, limit)?;
    let announced = body.size_hint().exact();
    let announced = announced.and_then(|bytes| usize::try_from(bytes).ok());
    let mut bytes = BytesMut::new();
    while let Some(chunk) = next_chunk(body).await? {
        let length = bytes.len() + chunk.len();
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        // Chunks are copied, because keeping one keeps the whole buffer that it was read into.
        if length > bytes.capacity() {
            let capacity = length.max((2 * bytes.capacity()).min(announced.unwrap_or(limit)));
            let more = capacity - bytes.capacity();
            share.grow(more).ok_or(BodyError::NoMemory)?;
            let mut grown = BytesMut::with_capacity(capacity);
            grown.extend_from_slice(&bytes);
            bytes = grown;
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(tie(bytes.freeze(), share))
}
