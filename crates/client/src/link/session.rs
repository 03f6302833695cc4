//! One link: HTTP/2 over the WebSocket, with the relay as the HTTP client.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ringtail_protocol::http2;
use ringtail_protocol::path::{EVENTS, PASSTHROUGH, RESPONSE};
use ringtail_protocol::stream::ByteStream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::answer::{Body, status};
use super::clock;
use super::events::{EventSink, ReceiveError, cursors};
use super::passthrough;
use crate::forward::Passthrough;

/// Timeout for the relay to begin the event stream.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for passthrough requests to end on shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Time for the connection to report why the event stream ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a link ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The relay closed it.
    #[error("the relay closed the link")]
    Closed,
    /// The connection broke or timed out.
    #[error("the link broke")]
    Broken(#[source] hyper::Error),
    /// The relay did not begin the event stream.
    #[error("the relay did not begin within {} s", BEGIN_TIMEOUT.as_secs())]
    NotBegun,
    /// The event stream failed.
    #[error(transparent)]
    Events(#[from] ReceiveError),
    /// The machine slept.
    #[error("this machine slept")]
    Slept,
    /// A canary did not come although the link seems to be up.
    #[error("the link brought nothing")]
    Silent,
    /// The client is stopping.
    #[error("the client stops")]
    Stopped,
}

/// State shared by the requests of one link.
struct Session {
    sink: EventSink,
    passthrough: Option<Passthrough>,
    begun: AtomicBool,
    begin: watch::Sender<bool>,
    ended: mpsc::Sender<Result<(), ReceiveError>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// Serves a link until it ends, or is given up. `on_begin` is called when events flow.
pub(super) async fn serve<S>(
    stream: ByteStream<S>,
    sink: EventSink,
    passthrough: Option<Passthrough>,
    cancel: &CancellationToken,
    give_up: &Notify,
    on_begin: impl FnOnce(),
) -> SessionEnd
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (begin, begun) = watch::channel(false);
    let (ended, events) = mpsc::channel(1);
    let session = Arc::new(Session {
        sink,
        passthrough,
        begun: AtomicBool::new(false),
        begin,
        ended,
        tasks: TaskTracker::new(),
        cancel: CancellationToken::new(),
    });
    let end = drive(stream, &session, begun, events, cancel, give_up, on_begin).await;
    // The next link starts at the cursor, so store this one's events first.
    session.cancel.cancel();
    session.tasks.close();
    session.tasks.wait().await;
    end
}

async fn drive<S>(
    stream: ByteStream<S>,
    session: &Arc<Session>,
    mut begun: watch::Receiver<bool>,
    mut events: mpsc::Receiver<Result<(), ReceiveError>>,
    cancel: &CancellationToken,
    give_up: &Notify,
    on_begin: impl FnOnce(),
) -> SessionEnd
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let session = Arc::clone(session);
        async move { Ok::<_, Infallible>(session.answer(request).await) }
    });
    let mut connection = pin!(http2::server().serve_connection(TokioIo::new(stream), service));
    let mut slept = pin!(clock::slept());
    let mut given_up = pin!(give_up.notified());
    let mut on_begin = Some(on_begin);
    let begin_by = Instant::now() + BEGIN_TIMEOUT;
    loop {
        // `biased`: shutdown first; the event stream before the connection, because it has the more precise reason.
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            () = &mut slept => return SessionEnd::Slept,
            () = &mut given_up => return SessionEnd::Silent,
            Some(ended) = events.recv() => return stream_ended(ended, connection).await,
            Ok(()) = begun.changed(), if on_begin.is_some() => {
                if let Some(on_begin) = on_begin.take() {
                    on_begin();
                }
            }
            () = tokio::time::sleep_until(begin_by), if on_begin.is_some() => {
                return SessionEnd::NotBegun;
            }
            result = connection.as_mut() => return match result {
                Ok(()) => SessionEnd::Closed,
                Err(error) => SessionEnd::Broken(error),
            },
        }
    }
    session.cancel.cancel();
    connection.as_mut().graceful_shutdown();
    match tokio::time::timeout(DRAIN_TIMEOUT, connection).await {
        Ok(_) => tracing::debug!("drained the link"),
        Err(_) => tracing::info!("closed the link with passthrough requests in flight"),
    }
    SessionEnd::Stopped
}

/// Returns how the link ended, given how its event stream ended.
///
/// A stream that ends or breaks with the link has no reason; the connection may report one shortly after.
async fn stream_ended(
    stream: Result<(), ReceiveError>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> SessionEnd {
    let stream = match stream {
        Ok(()) => None,
        Err(ReceiveError::Broken(error)) => Some(error),
        Err(error) => return error.into(),
    };
    match (tokio::time::timeout(LAST_WORDS, connection).await, stream) {
        (Ok(Ok(())), _) | (Err(_), None) => SessionEnd::Closed,
        (Ok(Err(error)), _) | (Err(_), Some(error)) => SessionEnd::Broken(error),
    }
}

impl Session {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        if path == EVENTS && request.method() == Method::POST {
            return self.events(request);
        }
        if path == RESPONSE {
            let status = self.sink.status.subscribe();
            return passthrough::respond(self.passthrough.as_ref(), status, &request).await;
        }
        match path.strip_prefix(PASSTHROUGH) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let endpoint = &self.sink.endpoint;
                passthrough::answer(self.passthrough.as_ref(), endpoint, request).await
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    /// Starts the event stream: the response body carries the cursors, and a task reads the frames.
    fn events(&self, request: Request<Incoming>) -> Response<Body> {
        if self.begun.swap(true, Ordering::Relaxed) {
            return status(StatusCode::CONFLICT);
        }
        let (cursor, stored) = watch::channel(0);
        let receive = self.sink.clone().receive(
            request.into_body(),
            self.begin.clone(),
            cursor,
            self.cancel.clone(),
        );
        let ended = self.ended.clone();
        self.tasks.spawn(
            async move {
                // Fails if the link ended first.
                drop(ended.send(receive.await).await);
            }
            .in_current_span(),
        );
        Response::new(
            StreamBody::new(cursors(stored))
                .map_err(Into::into)
                .boxed_unsync(),
        )
    }
}
