//! What moves on a connection: how idle and stalled ones are known, and which may go when another needs the place.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::admission::Admitted;

/// What is known of a connection's progress. Shared by the socket, which writes it, a timer and the count of all
/// connections, which read it, and each request that comes on it, as one of its extensions.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Arc<State>);

#[derive(Debug)]
struct State {
    /// When bytes moved last, in nanoseconds of [`now`].
    moved: AtomicU64,
    asked: AtomicBool,
    /// Requests that are being answered.
    held: AtomicUsize,
    /// Whether the connection has become a link.
    kept: AtomicBool,
    lost: CancellationToken,
}

impl Progress {
    /// Begins with a connection.
    pub(super) fn new() -> Self {
        Self(Arc::new(State {
            moved: AtomicU64::new(now()),
            asked: AtomicBool::default(),
            held: AtomicUsize::default(),
            kept: AtomicBool::default(),
            lost: CancellationToken::new(),
        }))
    }

    /// Returns a number that changes when bytes move, and is smaller the longer ago that was.
    pub(super) fn mark(&self) -> u64 {
        self.0.moved.load(Ordering::Relaxed)
    }

    /// Remembers that a request came.
    pub(super) fn ask(&self) {
        self.0.asked.store(true, Ordering::Relaxed);
    }

    /// Says whether a request ever came.
    pub(super) fn asked(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// Has other connections ended before this one, while a request is answered that has come whole.
    pub(crate) fn hold(&self) -> Held {
        self.0.held.fetch_add(1, Ordering::Relaxed);
        Held(self.clone())
    }

    /// Says whether other connections are to be ended before this one.
    pub(super) fn is_held(&self) -> bool {
        self.0.held.load(Ordering::Relaxed) > 0
    }

    /// Keeps the connection from being ended for another, for good.
    pub(crate) fn keep(&self) {
        self.0.kept.store(true, Ordering::Relaxed);
    }

    /// Says whether the connection may not be ended for another.
    pub(super) fn is_kept(&self) -> bool {
        self.0.kept.load(Ordering::Relaxed)
    }

    /// Ends the connection: another has its place.
    pub(super) fn lose(&self) {
        self.0.lost.cancel();
    }

    #[cfg(test)]
    pub(super) fn is_lost(&self) -> bool {
        self.0.lost.is_cancelled()
    }

    /// Waits until another connection has the place of this one.
    pub(super) fn lost(&self) -> WaitForCancellationFuture<'_> {
        self.0.lost.cancelled()
    }

    fn moved(&self) {
        self.0.moved.store(now(), Ordering::Relaxed);
    }
}

/// A hold on a connection, see [`Progress::hold`].
#[derive(Debug)]
pub(crate) struct Held(Progress);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the nanoseconds since a moment that is the same for all connections.
fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// A socket that keeps its [`Progress`], and counts among the open ones wherever it is: a link takes it out of the task
/// that accepted it.
#[derive(Debug)]
pub(super) struct Watched<S> {
    socket: S,
    admitted: Admitted,
}

impl<S> Watched<S> {
    pub(super) fn new(socket: S, admitted: Admitted) -> Self {
        Self { socket, admitted }
    }

    fn moved(&self) {
        self.admitted.progress().moved();
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
