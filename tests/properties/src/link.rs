//! What either end of a link makes of bytes from the other: frames, events, the byte stream over the WebSocket.

use std::fmt::Debug;
use std::io::Cursor;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use ringtail_protocol::event::{
    DecodeError, EncodedRequest, Event, EventId, Kind, MAX_HEADERS, RequestParts, header_map,
};
use ringtail_protocol::frame::{Decoder, Down, Up};
use ringtail_protocol::path;
use ringtail_protocol::stream::{ByteStream, websocket_config};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The first byte says how the rest is cut up.
pub fn check(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else {
        return;
    };
    let chunk = 1 + usize::from(cut);
    down(bytes, chunk);
    up(bytes, chunk);
    request(&EncodedRequest::from_stored(Bytes::copy_from_slice(bytes)));
    if let Ok(text) = str::from_utf8(bytes)
        && let Some(id) = EventId::parse(text)
    {
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
    }
    garbage_on_the_socket(bytes);
    through_the_socket(bytes, chunk);
}

fn down(bytes: &[u8], chunk: usize) {
    let (frames, end) = frames(Decoder::down(), bytes, chunk, Decoder::next_down);
    let whole = frames_at_once(Decoder::down(), bytes, Decoder::next_down);
    assert_eq!((&frames, &end), (&whole.0, &whole.1), "cut up or whole");
    let mut rest = bytes;
    for frame in frames {
        let (bytes, after) = split_frame(rest);
        rest = after;
        match &frame {
            Down::Unknown(code) => assert_eq!(bytes.get(4), Some(code)),
            known => {
                let mut encoded = BytesMut::new();
                known.encode(&mut encoded);
                assert_eq!(&encoded[..], bytes);
            }
        }
        if let Down::Event(event) = frame {
            one(&event);
        }
    }
}

fn up(bytes: &[u8], chunk: usize) {
    let (frames, end) = frames(Decoder::up(), bytes, chunk, Decoder::next_up);
    let whole = frames_at_once(Decoder::up(), bytes, Decoder::next_up);
    assert_eq!((&frames, &end), (&whole.0, &whole.1), "cut up or whole");
    let mut rest = bytes;
    for frame in frames {
        let (bytes, after) = split_frame(rest);
        rest = after;
        match frame {
            Up::Unknown(code) => assert_eq!(bytes.get(4), Some(&code)),
            known => {
                let mut encoded = BytesMut::new();
                known.encode(&mut encoded);
                assert_eq!(&encoded[..], bytes);
            }
        }
    }
}

/// Decodes bytes that come in pieces, as both ends do: all that is whole is taken after each piece.
fn frames<F: Debug>(
    mut decoder: Decoder,
    bytes: &[u8],
    chunk: usize,
    next: fn(&mut Decoder) -> Result<Option<F>, DecodeError>,
) -> (Vec<F>, Option<DecodeError>) {
    let mut frames = Vec::new();
    for chunk in bytes.chunks(chunk) {
        decoder.push(chunk);
        loop {
            match next(&mut decoder) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn frames_at_once<F: Debug>(
    decoder: Decoder,
    bytes: &[u8],
    next: fn(&mut Decoder) -> Result<Option<F>, DecodeError>,
) -> (Vec<F>, Option<DecodeError>) {
    frames(decoder, bytes, bytes.len().max(1), next)
}

/// Splits off the frame that is first in the bytes, by the length that it states.
fn split_frame(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = bytes.first_chunk::<4>().expect("a frame was decoded");
    let end = 4 + u32::from_be_bytes(*length) as usize;
    bytes.split_at(end)
}

fn one(event: &Event) {
    assert_ne!(event.duplicate_of, Some(0));
    assert_eq!(Kind::from_code(event.kind.code()), event.kind);
    assert_eq!(EventId::parse(&event.id.to_string()), Some(event.id));
    assert!(!event.kind.word().is_empty() && !event.disposition.word().is_empty());
    request(&event.request);
}

/// What decodes encodes to the same bytes, and its parts are valid HTTP.
fn request(encoded: &EncodedRequest) {
    let Ok(request) = encoded.decode() else {
        return;
    };
    assert!(request.headers.len() <= MAX_HEADERS);
    assert_eq!(request.encode().as_ref(), Ok(encoded));

    // As the edge encodes it: without what concerns one hop.
    let mut headers = header_map(&request.headers);
    let parts = RequestParts {
        method: &request.method,
        path: &request.path,
        peer: &request.peer,
        headers: &headers,
        names: None,
        body: &request.body,
    };
    let passed_on = parts.encode().expect("it fitted before");
    let passed_on = passed_on.decode().expect("it was encoded");
    path::strip_hop_by_hop(&mut headers);
    assert_eq!(header_map(&passed_on.headers), headers);
    assert!(!headers.contains_key("connection"));
    assert_eq!(passed_on.body, request.body);
}

/// Any bytes as what a peer sends on the WebSocket: there is an end or an error, and no more comes out than went in.
fn garbage_on_the_socket(bytes: &[u8]) {
    for role in [Role::Server, Role::Client] {
        let io = tokio::io::join(Cursor::new(bytes), tokio::io::sink());
        let read = async {
            let socket = WebSocketStream::from_raw_socket(io, role, Some(websocket_config())).await;
            let mut out = Vec::new();
            drop(ByteStream::new(socket).read_to_end(&mut out).await);
            out
        };
        let out = read.now_or_never().expect("nothing is waited for");
        assert!(out.len() <= bytes.len());
    }
}

/// What one end writes, in pieces and flushed now and then, the other end reads.
fn through_the_socket(bytes: &[u8], chunk: usize) {
    // Room for one message per byte, so that nothing blocks.
    let (near, far) = tokio::io::duplex(1024 + 16 * bytes.len());
    let [near, far] = [(near, Role::Server), (far, Role::Client)].map(|(io, role)| async move {
        let socket = WebSocketStream::from_raw_socket(io, role, Some(websocket_config())).await;
        ByteStream::new(socket)
    });
    let passed = async {
        let (mut near, mut far) = (near.await, far.await);
        for (number, chunk) in bytes.chunks(chunk).enumerate() {
            near.write_all(chunk).await.expect("the other end is there");
            if number % 3 == 0 {
                near.flush().await.expect("the other end is there");
            }
        }
        near.flush().await.expect("the other end is there");
        drop(near);
        let mut passed = Vec::new();
        // The end comes without a goodbye, which is an error after the last byte.
        drop(far.read_to_end(&mut passed).await);
        passed
    };
    let mut passed = pin!(passed);
    // A flush may let other tasks run, once.
    let mut polls = 0..bytes.len() + 3;
    let passed = polls.find_map(|_| passed.as_mut().now_or_never());
    assert_eq!(passed.expect("nothing else is waited for"), bytes);
}
