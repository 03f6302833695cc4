//! Connections without TLS: which HTTP they speak is known from their first bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// What an HTTP/2 connection begins with, and no request of HTTP/1.1 (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is known whether the caller speaks HTTP/2. What was read is read again.
pub(super) async fn tell<S: AsyncRead + Unpin>(mut socket: S) -> io::Result<(bool, Replay<S>)> {
    let mut first = BytesMut::with_capacity(PREFACE.len());
    while first.len() < PREFACE.len() && PREFACE.starts_with(&first) {
        if socket.read_buf(&mut first).await? == 0 {
            break;
        }
    }
    let http2 = first.starts_with(PREFACE);
    Ok((http2, Replay { first, socket }))
}

/// A socket some of whose bytes were read ahead.
#[derive(Debug)]
pub(super) struct Replay<S> {
    first: BytesMut,
    socket: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.socket).poll_read(cx, out);
        }
        let count = self.first.len().min(out.remaining());
        if let Some(bytes) = self.first.get(..count) {
            out.put_slice(bytes);
        }
        self.first.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn the_preface_is_told_from_requests_and_nothing_is_lost() {
        let http2 = [PREFACE, b"more"].concat();
        for (sent, expected) in [
            (&http2[..], true),
            (PREFACE, true),
            (b"POST /e HTTP/1.1\r\n\r\n", false),
            (b"PRI * HTTP/1.1\r\nhost: x\r\n\r\n", false),
            (&PREFACE[..20], false),
            (b"G", false),
            (b"", false),
        ] {
            // As slowly as a network may be: byte by byte.
            for chunk in [1, 1024] {
                let (mut theirs, ours) = tokio::io::duplex(chunk);
                let read = async {
                    let (http2, mut replay) = tell(ours).await.unwrap();
                    let mut all = Vec::new();
                    replay.read_to_end(&mut all).await.unwrap();
                    (http2, all)
                };
                let write = async move {
                    theirs.write_all(sent).await.unwrap();
                };
                let ((http2, all), ()) = tokio::join!(read, write);
                assert_eq!((http2, all.as_slice()), (expected, sent), "{chunk}");
            }
        }
    }
}
