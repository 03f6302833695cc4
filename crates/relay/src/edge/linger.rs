//! The rest of a body that is refused: read beside the answer, kept nowhere, up to a length and a time.
//!
//! A connection that is closed while bytes are unread is reset, and an answer that the caller has not read yet is lost
//! with it. Callers that write a body whole before they read, and proxies that are still sending, would see a broken
//! connection in place of a 413. For as long as somebody asks for a body, hyper reads it, also behind the answer, and
//! closes the connection with the body's end or when nobody asks any more. Over HTTP/2 a stream ends without the others,
//! and its answer is not lost.

use std::sync::Arc;

use bytes::Bytes;
use http::{Version, request};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::limits::LINGER_BYTES;
use crate::relay::Relay;

/// Throws away what is left of a body whose answer is made.
///
/// The caller gives hyper the answer without awaiting anything more. Who asks with `Expect: 100-continue` before sending is
/// then told not to, since hyper says "go on" only where no answer has begun; and who sends all the same reads the answer.
pub(crate) fn linger(relay: &Arc<Relay>, head: &request::Parts, rest: Incoming) {
    if head.version > Version::HTTP_11 || rest.is_end_stream() {
        return;
    }
    let (time, quiet) = (relay.limits.body_timeout, relay.quiet.child_token());
    relay.connection_tasks.spawn(async move {
        let all = timeout(time, discard(rest));
        // However it ends, the caller has its answer.
        let _ended = quiet.run_until_cancelled(all).await;
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
