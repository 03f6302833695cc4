//! The body of an app's response, on its way from a link to a caller.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
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
/// A separate task reads it from the link and holds the passthrough permit. So a caller that stops reading, and over HTTP/2
/// keeps its connection alive, occupies neither link nor permit.
#[derive(Debug)]
pub(crate) struct AppBody {
    /// `None` when the body is empty or has ended.
    frames: Option<mpsc::Receiver<Message>>,
    /// The size that the app announced.
    size: SizeHint,
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
    /// returned once the caller has the last byte.
    pub(crate) fn new(
        incoming: Incoming,
        permit: Share,
        memory: Share,
        idle: Duration,
        tasks: &TaskTracker,
        limits: LimitHits,
    ) -> Self {
        let size = incoming.size_hint();
        if incoming.is_end_stream() {
            return Self { frames: None, size };
        }
        let (out, frames) = mpsc::channel(1);
        tasks.spawn(async move {
            let _permit = permit;
            if let Err(Unread) = pump(incoming, &out, idle, &Arc::new(memory)).await {
                limits.hit(Limit::IdleTime);
            }
        });
        Self {
            frames: Some(frames),
            size,
        }
    }
}

/// The caller did not take a frame in time.
struct Unread;

/// Passes the body on until the app ends it or the caller leaves.
async fn pump(
    mut incoming: Incoming,
    out: &mpsc::Sender<Message>,
    idle: Duration,
    memory: &Arc<Share>,
) -> Result<(), Unread> {
    loop {
        let frame = tokio::select! {
            biased;
            () = out.closed() => return Ok(()),
            frame = timeout(idle, incoming.frame()) => frame,
        };
        let message = match frame {
            Err(_elapsed) => Some(Err(AppBodyError::Silent)),
            Ok(frame) => frame.map(|frame| {
                let counted = |bytes| tie(bytes, Arc::clone(memory));
                let frame = frame.map(|frame| frame.map_data(counted));
                frame.map_err(AppBodyError::Broken)
            }),
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
        let Some(frames) = &mut self.frames else {
            return Poll::Ready(None);
        };
        let message = ready!(frames.poll_recv(cx)).unwrap_or(Some(Err(AppBodyError::Unread)));
        if !matches!(message, Some(Ok(_))) {
            self.frames = None;
        }
        // Only read before the first frame.
        self.size = SizeHint::default();
        Poll::Ready(message)
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
