//! HTTP connections to the target, and those that are kept for the next request.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::Executor as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ringtail_protocol::field_names::FieldNames;
use tokio::time::Instant;

use super::connect::Connection;
use super::named_head::{NamedHead, Progress};

/// How long a connection is kept. Development servers close theirs after two seconds or later; one that serves a connection at
/// a time waits this long for the next.
const IDLE: Duration = Duration::from_secs(1);

/// Most connections that are kept: as many as there are forwards in flight.
const MAX_IDLE: usize = 16;

/// Maximum header fields of a response, as many as an event may have.
const MAX_ANSWER_HEADERS: usize = ringtail_protocol::event::MAX_HEADERS;

/// The body of a request to the target.
pub(super) type OutgoingBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// An HTTP/1.1 connection, as RingCentral uses.
#[derive(Debug)]
pub(super) struct HttpConnection {
    send: http1::SendRequest<OutgoingBody>,
    progress: Arc<Progress>,
}

impl HttpConnection {
    pub(super) async fn over(connection: Box<dyn Connection>) -> hyper::Result<Self> {
        let progress = Arc::new(Progress::default());
        let connection = NamedHead::new(connection, Arc::clone(&progress));
        let (send, connection) = http1::Builder::new()
            .max_headers(MAX_ANSWER_HEADERS)
            .handshake(TokioIo::new(connection))
            .await?;
        // It ends when `send` and the response are dropped. The response reports what breaks it.
        TokioExecutor::new().execute(async move { drop(connection.await) });
        Ok(Self { send, progress })
    }

    /// Sends a request and returns the response when its head has come.
    pub(super) async fn exchange(
        &mut self,
        names: Option<FieldNames>,
        request: http::Request<OutgoingBody>,
    ) -> hyper::Result<http::Response<Incoming>> {
        self.progress.begin(names);
        self.send.send_request(request).await
    }

    /// Returns whether a byte of the response has come.
    pub(super) fn is_answered(&self) -> bool {
        self.progress.is_answered()
    }
}

/// The connections that wait for a request; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// With the time since when they are idle, oldest first.
    idle: Vec<(Instant, HttpConnection)>,
    /// Whether a task closes those that were idle too long.
    sweeping: bool,
}

impl Pool {
    /// Takes the connection that was used last.
    pub(super) fn take(&self) -> Option<HttpConnection> {
        let mut kept = self.lock();
        kept.sweep();
        let is_ready = |(_, connection): &(_, HttpConnection)| connection.send.is_ready();
        let at = kept.idle.iter().rposition(is_ready)?;
        Some(kept.idle.remove(at).1)
    }

    /// Keeps a connection whose response has ended.
    fn put(&self, connection: HttpConnection) {
        // The app may have answered before it had the whole request.
        if !connection.progress.is_flushed() {
            return;
        }
        let mut kept = self.lock();
        if kept.idle.len() >= MAX_IDLE {
            return;
        }
        kept.idle.push((Instant::now(), connection));
        if !std::mem::replace(&mut kept.sweeping, true) {
            TokioExecutor::new().execute(sweep(Arc::downgrade(&self.0)));
        }
    }

    /// Closes all connections that wait.
    pub(super) fn clear(&self) {
        self.lock().idle.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn sweep(&mut self) {
        self.idle
            .retain(|(since, it)| since.elapsed() < IDLE && !it.send.is_closed());
    }
}

/// Closes what is idle too long, as long as there is something.
async fn sweep(pool: Weak<Mutex<Kept>>) {
    loop {
        tokio::time::sleep(IDLE).await;
        let Some(pool) = pool.upgrade().map(Pool) else {
            return;
        };
        let mut kept = pool.lock();
        kept.sweep();
        if kept.idle.is_empty() {
            kept.sweeping = false;
            return;
        }
    }
}

/// The body of a response. The connection is kept when it has been read to its end.
#[derive(Debug)]
pub(super) struct AnswerBody {
    incoming: Incoming,
    connection: Option<(HttpConnection, Pool)>,
}

impl AnswerBody {
    pub(super) fn new(incoming: Incoming, connection: HttpConnection, pool: Pool) -> Self {
        Self {
            incoming,
            connection: Some((connection, pool)),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if frame.is_none()
            && let Some((connection, pool)) = self.connection.take()
        {
            pool.put(connection);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
