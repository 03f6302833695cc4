//! Reads frames of HTTP/2.

use ringtail_kit::http2::{GOAWAY, HEAD, RST_STREAM, head, hello};
use ringtail_relay::limits::STREAM_WINDOW;
use tokio::io::AsyncReadExt as _;

use super::{Conn, TestRelay, soon};

impl Conn {
    /// Opens a connection and sends preface and settings.
    pub(crate) async fn http2(relay: &TestRelay) -> Self {
        let mut conn = Self::open(relay, &["h2"]).await;
        conn.write(&hello()).await;
        conn
    }

    /// Reads a frame; `None` when the relay has closed.
    pub(crate) async fn frame(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut start = [0; HEAD];
        soon("a frame", self.stream.read_exact(&mut start))
            .await
            .ok()?;
        let (length, kind, stream) = head(&start)?;
        assert!(length <= usize::try_from(STREAM_WINDOW).unwrap());
        let mut payload = vec![0; length];
        soon("a payload", self.stream.read_exact(&mut payload))
            .await
            .ok()?;
        Some((kind, stream, payload))
    }

    /// Reads to the end and returns the types and error codes of `RST_STREAM` and `GOAWAY`.
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
