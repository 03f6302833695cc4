//! The last request of a check over HTTP/2, and its answer.

use ringtail_kit::http2::{GOAWAY, HEAD, HEADERS, PREFACE, RST_STREAM, head, request};

use super::{NOTIFICATION, SETTLING};

/// Stream of the last request: the highest there is.
const LAST_STREAM: u32 = 0x7fff_ffff;

/// Splits bytes after the last whole frame, by the lengths that frames state.
pub(super) fn whole_frames(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut end = PREFACE.len().min(bytes.len());
    while let Some((length, ..)) = head(&bytes[end..]) {
        match end + HEAD + length {
            next if next <= bytes.len() => end = next,
            _ => break,
        }
    }
    bytes.split_at(end)
}

/// Writes a notification on the last stream.
pub(super) fn last_request(endpoint: &str) -> Vec<u8> {
    let path = format!("/{endpoint}{SETTLING}");
    let fields: [(&str, &[u8]); 4] = [
        (":method", b"POST"),
        (":scheme", b"https"),
        (":path", path.as_bytes()),
        (":authority", b"relay"),
    ];
    request(LAST_STREAM, &fields, NOTIFICATION.as_bytes())
}

/// Returns whether the last request has its answer among the frames, or will have none.
pub(super) fn is_last_answered(mut frames: &[u8]) -> bool {
    while let Some((length, kind, stream)) = head(frames) {
        let ends = stream == LAST_STREAM && matches!(kind, HEADERS | RST_STREAM);
        if kind == GOAWAY || ends {
            return true;
        }
        let Some(rest) = frames.get(HEAD + length..) else {
            return false;
        };
        frames = rest;
    }
    false
}
