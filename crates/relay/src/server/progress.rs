//! A socket that tells whether bytes move, which is how idle and stalled connections are known.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::admission::Admitted;

/// What is known of a connection's progress. Shared by the socket, which writes it, and a timer, which reads it.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    moved: Arc<AtomicU64>,
    asked: Arc<AtomicBool>,
}

impl Progress {
    /// Returns a number that changes when bytes move.
    pub(super) fn mark(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Remembers that a request came.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Says whether a request ever came.
    pub(super) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

/// A socket that keeps its [`Progress`], and counts among the open ones wherever it is: a link takes it out of the task
/// that accepted it.
#[derive(Debug)]
pub(super) struct Watched<S> {
    socket: S,
    progress: Progress,
    _admitted: Admitted,
}

impl<S> Watched<S> {
    pub(super) fn new(socket: S, progress: Progress, admitted: Admitted) -> Self {
        Self {
            socket,
            progress,
            _admitted: admitted,
        }
    }

    fn moved(&self) {
        self.progress.moved.fetch_add(1, Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, out);
        if out.filled().len() > before {
            self.moved();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.moved();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.moved();
        }
        written
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
