//! A connection that counts what comes, and remembers the beginning of what goes each way.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::limits::MAX_SHOWN_BYTES;
use super::tls::tls_error;

/// What went over the wire, for people who want to see it.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    /// The beginning of the request as sent.
    pub sent: Vec<u8>,
    /// The beginning of the answer as received.
    pub received: Vec<u8>,
    /// How many bytes were received.
    pub received_bytes: u64,
}

/// What passed since the last exchange began.
#[derive(Debug, Default)]
struct Passed {
    wire: Wire,
    /// Why nothing more comes.
    broken: Option<Broken>,
}

/// How a connection broke. It may break before a request is sent, when no caller waits for the error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// The server reset it.
    Reset,
    /// TLS broke it off.
    Tls {
        /// The alert, or what was wrong.
        reason: String,
    },
}

impl Broken {
    fn of(error: &io::Error) -> Option<Self> {
        if let Some(tls) = tls_error(error) {
            return Some(Self::Tls {
                reason: tls.to_string(),
            });
        }
        let is_reset = matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        );
        is_reset.then_some(Self::Reset)
    }
}

/// Reads what passed through the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Passed>>);

impl Meter {
    /// Returns what passed since the last call, and resets.
    pub(super) fn take(&self) -> Wire {
        std::mem::take(&mut *self.locked()).wire
    }

    /// Resets, but remembers that the connection is broken.
    pub(super) fn restart(&self) {
        self.locked().wire = Wire::default();
    }

    /// Returns how many bytes came since the last [`Meter::take`].
    pub(super) fn received_bytes(&self) -> u64 {
        self.locked().wire.received_bytes
    }

    /// Returns the beginning of what came since the last [`Meter::take`].
    pub(super) fn received(&self) -> Vec<u8> {
        self.locked().wire.received.clone()
    }

    /// Returns how the connection broke, if it did.
    pub(super) fn broken(&self) -> Option<Broken> {
        self.locked().broken.clone()
    }

    fn locked(&self) -> MutexGuard<'_, Passed> {
        // Counters cannot be left half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection with a meter.
#[derive(Debug)]
pub(super) struct Tap<T> {
    inner: T,
    meter: Meter,
}

impl<T> Tap<T> {
    pub(super) fn new(inner: T) -> (Self, Meter) {
        let meter = Meter::default();
        let tap = Self {
            inner,
            meter: meter.clone(),
        };
        (tap, meter)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Tap<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.inner).poll_read(context, buffer));
        let fresh = &buffer.filled()[before..];
        let mut passed = self.meter.locked();
        passed.wire.received_bytes += fresh.len() as u64;
        keep(&mut passed.wire.received, fresh);
        Poll::Ready(match result {
            // A server that closes TLS without saying so: the end, which may be the end of a body.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => {
                passed.broken = Broken::of(&error);
                Err(error)
            }
            Ok(()) => Ok(()),
        })
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tap<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        keep(&mut self.meter.locked().wire.sent, &bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_SHOWN_BYTES.saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}
