//! The body of an app's response, on its way from a link to a caller.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::budget::{Share, tie};
use crate::metrics::{Limit, LimitHits};

/// Body of an app's response. It breaks off when the app is silent for too long.
///
/// One that comes with its head, as most do, goes to the caller in the same write. For another, a separate task reads it from the
/// link and holds the passthrough permit. So a caller that stops reading, and over HTTP/2 keeps its connection alive, occupies
/// neither link nor permit.
#[derive(Debug)]
pub(crate) struct AppBody {
    rest: Rest,
    /// The size that the app announced.
    size: SizeHint,
}

/// What the caller has not been given yet.
#[derive(Debug)]
enum Rest {
    /// At most one frame, which came with the head.
    Whole(Option<Frame<Bytes>>),
    Streamed(mpsc::Receiver<Message>),
}

/// A frame, an error, or `None` at the end. A channel that closes without `None` was cut off.
type Message = Option<Result<Frame<Bytes>, AppBodyError>>;

/// Why an app's response broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppBodyError {
    #[error("the app was silent for too long inside its response")]
    Silent,
    #[error("the app's response broke off")]
    Broken(#[source] hyper::Error),
    #[error("the caller did not read the app's response")]
    Unread,
}

impl AppBody {
    /// Starts to read `incoming`; `idle` bounds how long the app may be silent, and the caller not read. The memory is
    /// returned once the caller has the last byte. Another relay has the permit of a link of its own.
    pub(crate) fn new(
        mut incoming: Incoming,
        permit: Option<Share>,
        memory: Share,
        idle: Duration,
        tasks: &TaskTracker,
        limits: LimitHits,
    ) -> Self {
        let size = incoming.size_hint();
        let memory = Arc::new(memory);
        let first = match incoming.is_end_stream() {
            true => Some(None),
            false => incoming.frame().now_or_never(),
        };
        let first = first.map(|frame| message(frame, &memory));
        let rest = match first {
            Some(None) => Rest::Whole(None),
            Some(Some(Ok(frame))) if incoming.is_end_stream() => Rest::Whole(Some(frame)),
            first => {
                let (out, frames) = mpsc::channel(1);
                tasks.spawn(async move {
                    let _permit = permit;
                    if let Err(Unread) = pump(first, incoming, &out, idle, &memory).await {
                        limits.hit(Limit::IdleTime);
                    }
                });
                Rest::Streamed(frames)
            }
        };
        Self { rest, size }
    }
}

/// Counts the bytes of a frame until the caller has them.
fn message(frame: Option<hyper::Result<Frame<Bytes>>>, memory: &Arc<Share>) -> Message {
    frame.map(|frame| {
        let counted = |bytes| tie(bytes, Arc::clone(memory));
        let frame = frame.map(|frame| frame.map_data(counted));
        frame.map_err(AppBodyError::Broken)
    })
}

/// The caller did not take a frame in time.
struct Unread;

/// Passes the body on until the app ends it or the caller leaves.
async fn pump(
    mut first: Option<Message>,
    mut incoming: Incoming,
    out: &mpsc::Sender<Message>,
    idle: Duration,
    memory: &Arc<Share>,
) -> Result<(), Unread> {
    loop {
        let message = match first.take() {
            Some(first) => first,
            None => tokio::select! {
                biased;
                () = out.closed() => return Ok(()),
                frame = timeout(idle, incoming.frame()) => match frame {
                    Err(_elapsed) => Some(Err(AppBodyError::Silent)),
                    Ok(frame) => message(frame, memory),
                },
            },
        };
        let is_last = !matches!(message, Some(Ok(_)));
        let sent = timeout(idle, out.send(message)).await;
        if sent.map_err(|_elapsed| Unread)?.is_err() || is_last {
            return Ok(());
        }
    }
}

impl Body for AppBody {
    type Data = Bytes;
    type Error = AppBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AppBodyError>>> {
        let message = match &mut self.rest {
            Rest::Whole(frame) => frame.take().map(Ok),
            Rest::Streamed(frames) => {
                ready!(frames.poll_recv(cx)).unwrap_or(Some(Err(AppBodyError::Unread)))
            }
        };
        if !matches!(message, Some(Ok(_))) {
            self.rest = Rest::Whole(None);
        }
        // Only read before the first frame.
        self.size = SizeHint::default();
        Poll::Ready(message)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.rest, Rest::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
