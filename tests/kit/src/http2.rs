//! HTTP/2 by the frame, for what no library sends (RFC 9113).

/// Beginning of a connection.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame before its payload.
pub const HEAD: usize = 9;

#[expect(missing_docs, reason = "the RFC's names")]
mod rfc {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;

    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;

    pub const REFUSED_STREAM: u8 = 7;
    pub const CANCEL: u32 = 8;
}

pub use self::rfc::*;

/// Writes a frame.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Writes preface and empty settings.
#[must_use]
pub fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// Writes the settings of a server that grants no window and acknowledges those of its client.
#[must_use]
pub fn no_window() -> Vec<u8> {
    [
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
        frame(SETTINGS, ACK, 0, &[]),
    ]
    .concat()
}

/// Reads length, type and stream of the first frame.
#[must_use]
pub fn head(bytes: &[u8]) -> Option<(usize, u8, u32)> {
    let [a, b, c, kind, _flags, stream @ ..] = *bytes.first_chunk::<HEAD>()?;
    let length = u32::from_be_bytes([0, a, b, c]);
    Some((length as usize, kind, u32::from_be_bytes(stream)))
}

/// Writes a header block of literals without indexing (RFC 7541, 6.2.2), which needs no state.
#[must_use]
pub fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name.as_bytes(), value] {
            block.extend(integer(text.len()));
            block.extend(text);
        }
    }
    block
}

/// Writes the header block of a POST.
#[must_use]
pub fn post(path: &str) -> Vec<u8> {
    block(&[
        (":method", b"POST"),
        (":scheme", b"https"),
        (":authority", b"relay.test"),
        (":path", path.as_bytes()),
    ])
}

/// Writes an integer with a prefix of seven bits (RFC 7541, 5.1).
#[must_use]
pub fn integer(number: usize) -> Vec<u8> {
    let mut bytes = vec![number.min(127) as u8];
    if number >= 127 {
        let mut rest = number - 127;
        while rest >= 128 {
            bytes.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        bytes.push(rest as u8);
    }
    bytes
}

/// Writes a whole request.
#[must_use]
pub fn request(stream: u32, fields: &[(&str, &[u8])], body: &[u8]) -> Vec<u8> {
    let block = block(fields);
    if body.is_empty() {
        return frame(HEADERS, END_STREAM | END_HEADERS, stream, &block);
    }
    let head = frame(HEADERS, END_HEADERS, stream, &block);
    [head, frame(DATA, END_STREAM, stream, body)].concat()
}
