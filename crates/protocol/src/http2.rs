//! HTTP/2 on the link: the settings that both ends must share.
//!
//! The connection window exceeds what all streams in flight may hold together, so that one stalled app cannot
//! block the event stream or another passthrough.

use std::time::Duration;

use http::HeaderMap;
use hyper::{client, server};
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Passthrough requests in flight on one link; the relay waits for a permit before it starts another.
pub const MAX_PASSTHROUGHS: usize = 32;

/// Receive window of one stream in bytes.
pub const STREAM_WINDOW: u32 = 256 * 1024;

/// Receive window of the connection in bytes: at least one stream window for each passthrough, the event stream and
/// one spare.
pub const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// What one stream may buffer for sending, in bytes.
pub const SEND_BUFFER: usize = 64 * 1024;

/// Silence after which an end asks whether the other is still there. Together with [`KEEP_ALIVE_TIMEOUT`] it
/// bounds how long a dead link can look alive.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How long the other end may take to say that it is there.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(8);

/// Requests that the relay may take back before the client has seen them: more than a link carries while a laptop is
/// busy for some seconds. Each occupies a few hundred bytes.
const MAX_RESETS: usize = 16 * 1024;

/// Header bytes that one request or answer may have on the link, as [`head_bytes`] counts them.
pub const MAX_HEADER_LIST: u32 = 64 * 1024;

/// Bytes that HTTP/2 adds to each field of a head when it counts (RFC 9113, 6.5.2).
const FIELD_BYTES: usize = 32;

/// Returns the bytes of an answer's head as HTTP/2 counts them, its status included.
#[must_use]
pub fn head_bytes(headers: &HeaderMap) -> usize {
    let status = ":status200".len() + FIELD_BYTES;
    headers.iter().fold(status, |bytes, (name, value)| {
        bytes + name.as_str().len() + value.len() + FIELD_BYTES
    })
}

const _: () =
    assert!(CONNECTION_WINDOW as usize >= (MAX_PASSTHROUGHS + 2) * STREAM_WINDOW as usize);

/// Returns the relay's side of a link.
#[must_use]
pub fn client() -> client::conn::http2::Builder<TokioExecutor> {
    let mut builder = client::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(MAX_HEADER_LIST)
        // A caller that hangs up within an answer resets its stream, and what the client has sent meanwhile finds
        // none. Counted over the life of a link, such callers would break it off.
        .max_local_error_reset_streams(None)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    builder
}

/// Returns ringtail's side of a link.
#[must_use]
pub fn server() -> server::conn::http2::Builder<TokioExecutor> {
    let mut builder = server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(MAX_HEADER_LIST)
        // The relay passes resets on, and any number of callers may reset their requests at once. That must not break
        // the link for the others.
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(None)
        .max_concurrent_streams(u32::try_from(MAX_PASSTHROUGHS + 1).unwrap_or(u32::MAX))
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    builder
}
