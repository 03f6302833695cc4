//! As much of HTTP/2 as it takes to write frames and to find an answer among them.

use super::{NOTIFICATION, SETTLING};

/// What a connection begins with.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame before its payload.
const HEAD: usize = 9;

/// Stream of the last request: the highest that there is, so that it comes after all others.
const LAST_STREAM: u32 = 0x7fff_ffff;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Writes a frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is small");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Writes the beginning of a connection: preface and settings.
pub(super) fn beginning() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// Writes a request; nothing in it is compressed, so that it needs no memory of earlier ones.
pub(super) fn request(stream: u32, fields: &[(&str, &[u8])], body: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal field that is not remembered, with a literal name (RFC 7541, 6.2.2).
        block.push(0);
        text(&mut block, name.as_bytes());
        text(&mut block, value);
    }
    if body.is_empty() {
        return frame(HEADERS, END_STREAM | END_HEADERS, stream, &block);
    }
    let mut frames = frame(HEADERS, END_HEADERS, stream, &block);
    frames.extend(frame(DATA, END_STREAM, stream, body));
    frames
}

fn text(block: &mut Vec<u8>, text: &[u8]) {
    // An integer of a seven-bit prefix (RFC 7541, 5.1).
    match u8::try_from(text.len()) {
        Ok(length @ 0..127) => block.push(length),
        _ => {
            block.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                block.push(u8::try_from(rest % 128).expect("below 128") | 128);
                rest /= 128;
            }
            block.push(u8::try_from(rest).expect("below 128"));
        }
    }
    block.extend(text);
}

/// Splits bytes after the last frame that is whole, by the lengths that frames state.
pub(super) fn whole_frames(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut end = PREFACE.len().min(bytes.len());
    while let Some((length, _)) = head(&bytes[end..]) {
        match end + HEAD + length {
            next if next <= bytes.len() => end = next,
            _ => break,
        }
    }
    bytes.split_at(end)
}

/// Writes a notification on a stream of its own.
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

/// Says whether the last request has its answer among the frames, or will have none.
pub(super) fn is_last_answered(mut frames: &[u8]) -> bool {
    while let Some((length, kind)) = head(frames) {
        let last = frames[5..HEAD] == LAST_STREAM.to_be_bytes();
        if kind == GOAWAY || last && matches!(kind, HEADERS | RST_STREAM) {
            return true;
        }
        let Some(rest) = frames.get(HEAD + length..) else {
            return false;
        };
        frames = rest;
    }
    false
}

/// Reads length and type of the frame that is first in the bytes.
fn head(bytes: &[u8]) -> Option<(usize, u8)> {
    let [a, b, c, kind, ..] = bytes.first_chunk::<HEAD>()?;
    let length = u32::from_be_bytes([0, *a, *b, *c]);
    Some((usize::try_from(length).ok()?, *kind))
}
