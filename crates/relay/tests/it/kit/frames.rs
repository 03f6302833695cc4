//! HTTP/2 by the frame, for what no library sends.

use ringtail_relay::limits::STREAM_WINDOW;
use tokio::io::AsyncReadExt as _;

use super::{Conn, TestRelay, soon};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Stream errors: `REFUSED_STREAM` of RFC 9113, 7.
pub(crate) const REFUSED: u8 = 7;

const HEAD: usize = 9;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns the header block of a POST: literals without indexing, names from HPACK's static table.
pub(crate) fn post(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x87, 1, 4];
    block.extend(b"test");
    block.extend([4, u8::try_from(path.len()).unwrap()]);
    block.extend(path.as_bytes());
    block
}

impl Conn {
    /// Opens a connection and says the preface and empty settings.
    pub(crate) async fn http2(relay: &TestRelay) -> Self {
        let mut conn = Self::open(relay, &["h2"]).await;
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend(frame(SETTINGS, 0, 0, b""));
        conn.write(&hello).await;
        conn
    }

    /// Reads a frame; nothing when the relay has closed.
    pub(crate) async fn frame(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; HEAD];
        soon("a frame", self.stream.read_exact(&mut head))
            .await
            .ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        assert!(length <= STREAM_WINDOW);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        soon("a payload", self.stream.read_exact(&mut payload))
            .await
            .ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], stream, payload))
    }

    /// Reads to the end and returns the kinds of frames and the error codes of resets and of the goodbye.
    pub(crate) async fn errors(&mut self) -> Vec<(u8, u8)> {
        let mut errors = Vec::new();
        while let Some((kind, _, payload)) = self.frame().await {
            let code = match kind {
                RST_STREAM => payload.get(3),
                GOAWAY => payload.get(7),
                _ => None,
            };
            errors.extend(code.map(|code| (kind, *code)));
        }
        errors
    }
}
