//! Reads and drops the rest of a body that was refused, up to a length and a time.
//!
//! Closing a connection with unread bytes resets it, and the caller may lose the response. hyper keeps reading the
//! request body after the response while the body is polled, and closes once it is dropped or complete. Over HTTP/2, a
//! stream ends without the others and its response is not lost.

use bytes::Bytes;
use http::{Version, request};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::limits::{LINGER_BYTES, Limits};
use crate::shutdown::{Phase, Shutdown};

/// Drops the rest of a body in the background.
///
/// The caller must give hyper the response without another await: hyper sends `100 Continue` only while there is no
/// response, so a caller that sent `Expect` learns not to send its body.
pub(crate) fn linger(shutdown: &Shutdown, limits: &Limits, head: &request::Parts, rest: Incoming) {
    if head.version > Version::HTTP_11 || rest.is_end_stream() {
        return;
    }
    let all = timeout(limits.body_timeout, discard(rest));
    let shutdown = shutdown.clone();
    shutdown.connections.clone().spawn(async move {
        tokio::select! {
            biased;
            () = shutdown.reached(Phase::Quiet) => {}
            _complete_or_elapsed = all => {}
        }
    });
}

async fn discard(mut rest: Incoming) {
    let mut read = 0;
    while read <= LINGER_BYTES
        && let Some(Ok(frame)) = rest.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}
