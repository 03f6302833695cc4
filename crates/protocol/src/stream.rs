//! A WebSocket's binary messages as one byte stream.
//!
//! Writes are gathered until they are flushed or fill a message, so that a burst of small HTTP/2 frames costs one
//! message. A flush of little waits until the tasks that are ready have run: HTTP/2 flushes the head of a request before the
//! task that has its body can write, and what other streams are about to write goes along. That saves each end a write and a read
//! of a passthrough request.

use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The largest WebSocket message in bytes that either end accepts. Both send at most 64 KiB at once.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// Written bytes that make a message without waiting for a flush.
const GATHER_BYTES: usize = 64 * 1024;

/// Written bytes that are sent at their flush. Less waits for company.
const SMALL_BYTES: usize = 4 * 1024;

/// Returns the WebSocket settings of a link. The buffers are small because an idle link should cost little.
#[must_use]
pub fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * GATHER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
}

/// A WebSocket read and written as bytes.
pub struct ByteStream<S> {
    socket: WebSocketStream<S>,
    unread: Bytes,
    gathered: BytesMut,
    /// Whether the flush of what is gathered has waited.
    has_waited: bool,
}

impl<S> ByteStream<S> {
    /// Wraps a WebSocket whose handshake is done.
    #[must_use]
    pub fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            socket,
            unread: Bytes::new(),
            gathered: BytesMut::new(),
            has_waited: false,
        }
    }
}

impl<S> fmt::Debug for ByteStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream")
            .field("unread", &self.unread.len())
            .field("gathered", &self.gathered.len())
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                // The WebSocket layer answers pings and closes by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the peer sent a text message on a link",
                    )));
                }
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return end_or(error),
            }
        }
        let len = self.unread.len().min(out.remaining());
        out.put_slice(&self.unread.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream<S> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.is_empty() {
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(io_error)?;
        self.has_waited = false;
        let message = Message::Binary(self.gathered.split().freeze());
        Poll::Ready(
            Pin::new(&mut self.socket)
                .start_send(message)
                .map_err(io_error),
        )
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.gathered.len() >= GATHER_BYTES {
            ready!(self.poll_send(cx))?;
        }
        let mut room = GATHER_BYTES - self.gathered.len();
        let mut written = 0;
        for slice in slices {
            let part = slice.get(..slice.len().min(room)).unwrap_or_default();
            self.gathered.extend_from_slice(part);
            written += part.len();
            room -= part.len();
            if room == 0 {
                break;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_small = (1..SMALL_BYTES).contains(&self.gathered.len());
        if is_small && !std::mem::replace(&mut self.has_waited, true) {
            // Wakes this task after those that are ready.
            return pin!(tokio::task::yield_now()).poll(cx).map(Ok);
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx).map_err(io_error)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_send(cx)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                return Poll::Ready(Ok(()));
            }
            Err(error) => return Poll::Ready(Err(error)),
        }
        match ready!(Pin::new(&mut self.socket).poll_close(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => end_or(error),
        }
    }
}

/// A peer that is gone is the end of the stream, anything else is an error.
fn end_or(error: Error) -> Poll<io::Result<()>> {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Poll::Ready(Ok(())),
        error => Poll::Ready(Err(io_error(error))),
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => {
            io::Error::new(io::ErrorKind::NotConnected, error)
        }
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    async fn pair() -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (a, b) = tokio::io::duplex(1 << 20);
        let config = Some(websocket_config());
        (
            WebSocketStream::from_raw_socket(a, Role::Client, config).await,
            WebSocketStream::from_raw_socket(b, Role::Server, config).await,
        )
    }

    #[tokio::test]
    async fn small_writes_travel_as_one_message() {
        let (client, mut server) = pair().await;
        let mut stream = ByteStream::new(client);
        for part in [b"one ".as_slice(), b"two ", b"three"] {
            stream.write_all(part).await.unwrap();
        }
        stream.flush().await.unwrap();
        let message = server.next().await.unwrap().unwrap();
        assert_eq!(message, Message::binary(b"one two three".as_slice()));
    }

    #[tokio::test]
    async fn a_flush_takes_along_what_is_written_before_it_is_polled_again() {
        let (client, mut server) = pair().await;
        let mut stream = ByteStream::new(client);
        stream.write_all(b"head ").await.unwrap();
        assert!(stream.flush().now_or_never().is_none());
        stream.write_all(b"body").await.unwrap();
        stream.flush().await.unwrap();
        let message = server.next().await.unwrap().unwrap();
        assert_eq!(message, Message::binary(b"head body".as_slice()));
        let large = vec![0; SMALL_BYTES];
        stream.write_all(&large).await.unwrap();
        assert!(stream.flush().now_or_never().is_some(), "it waits in vain");
    }

    #[tokio::test]
    async fn bytes_arrive_whatever_their_number() {
        let (client, server) = pair().await;
        let (mut client, mut server) = (ByteStream::new(client), ByteStream::new(server));
        let sent: Vec<u8> = (0..700_000u32).map(|i| (i % 251) as u8).collect();
        let send = async {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
        };
        let receive = async {
            let mut received = Vec::new();
            server.read_to_end(&mut received).await.unwrap();
            received
        };
        let ((), received) = tokio::join!(send, receive);
        assert_eq!(received, sent);
    }

    #[tokio::test]
    async fn text_is_refused() {
        let (mut client, server) = pair().await;
        let mut stream = ByteStream::new(server);
        client.send(Message::text("hello")).await.unwrap();
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn a_message_over_the_limit_is_refused() {
        let (a, b) = tokio::io::duplex(4 << 20);
        let mut client = WebSocketStream::from_raw_socket(a, Role::Client, None).await;
        let server =
            WebSocketStream::from_raw_socket(b, Role::Server, Some(websocket_config())).await;
        let mut stream = ByteStream::new(server);
        client
            .send(Message::binary(vec![0; MAX_MESSAGE_BYTES + 1]))
            .await
            .unwrap();
        assert!(stream.read_u8().await.is_err());
    }
}
