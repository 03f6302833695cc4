//! HTTP connections to the target, and those that are kept for the next request.

use std::error::Error;
use std::pin::{Pin, pin};
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
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::connect::Connection;
use super::named_head::{NamedHead, Progress};

/// How long a connection is kept. Development servers close theirs after two seconds or later; one that serves a connection at
/// a time waits this long for the next.
const IDLE: Duration = Duration::from_secs(1);

/// Most connections that are kept: as many as there are forwards in flight.
const MAX_IDLE: usize = 16;

/// How late the body of a response may be on a kept connection. An app that writes head and body separately, without TCP_NODELAY,
/// writes the body when the head is acknowledged. Systems delay that by 40 ms or more, but not on a new connection.
const BODY_AFTER_HEAD: Duration = Duration::from_millis(30);

/// Late bodies in a row after which connections to the app are no longer kept.
const LATE_BODIES: u32 = 3;

/// Maximum header fields of a response, as many as an event may have.
const MAX_ANSWER_HEADERS: usize = ringtail_protocol::event::MAX_HEADERS;

/// The body of a request to the target.
pub(super) type OutgoingBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// An HTTP/1.1 connection, as RingCentral uses.
#[derive(Debug)]
pub(super) struct HttpConnection {
    send: http1::SendRequest<OutgoingBody>,
    /// Its other half is dropped when the connection has ended.
    ended: oneshot::Receiver<()>,
    progress: Arc<Progress>,
    was_kept: bool,
}

/// Why a request has no response.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) error: hyper::Error,
    /// Whether a byte of the response has come.
    pub(super) is_answered: bool,
}

impl HttpConnection {
    pub(super) async fn over(connection: Box<dyn Connection>) -> hyper::Result<Self> {
        let progress = Arc::new(Progress::default());
        let connection = NamedHead::new(connection, Arc::clone(&progress));
        let (send, connection) = http1::Builder::new()
            .max_headers(MAX_ANSWER_HEADERS)
            .handshake(TokioIo::new(connection))
            .await?;
        let (end, ended) = oneshot::channel();
        // It ends when `send` and the response are dropped. The response reports what breaks it.
        TokioExecutor::new().execute(async move {
            drop(connection.await);
            drop(end);
        });
        Ok(Self {
            send,
            ended,
            progress,
            was_kept: false,
        })
    }

    /// Sends a request and returns the response when its head has come. The connection is kept in `pool` after its body.
    pub(super) async fn exchange(
        mut self,
        names: Option<FieldNames>,
        request: http::Request<OutgoingBody>,
        pool: &Pool,
    ) -> Result<http::Response<AnswerBody>, Broken> {
        self.progress.begin(names);
        let progress = Arc::clone(&self.progress);
        let mut answer = pin!(self.send.send_request(request));
        let (answer, connection) = tokio::select! {
            biased;
            answer = &mut answer => (answer, Some((self, pool.clone()))),
            // Tokio's channel, through which hyper gets the request, may keep one that was sent while the connection ended, until
            // all senders are dropped: tokio-rs/tokio#7714.
            _ = &mut self.ended => {
                drop(self);
                (answer.await, None)
            }
        };
        let is_answered = progress.is_answered();
        answer
            .map(|answer| answer.map(|body| AnswerBody::new(body, connection)))
            .map_err(|error| Broken { error, is_answered })
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
    /// Bodies in a row that were late.
    late: u32,
}

impl Pool {
    /// Takes the connection that was used last.
    pub(super) fn take(&self) -> Option<HttpConnection> {
        let mut kept = self.lock();
        kept.sweep();
        let is_ready = |(_, connection): &(_, HttpConnection)| connection.send.is_ready();
        let at = kept.idle.iter().rposition(is_ready)?;
        let (_, connection) = kept.idle.remove(at);
        Some(HttpConnection {
            was_kept: true,
            ..connection
        })
    }

    /// Keeps a connection whose response has ended, so long after its head.
    fn put(&self, connection: HttpConnection, after_head: Duration) {
        let mut kept = self.lock();
        if connection.was_kept {
            let is_late = after_head >= BODY_AFTER_HEAD;
            kept.late = if is_late { kept.late + 1 } else { 0 };
        }
        // The app may have answered before it had the whole request.
        let is_whole = connection.progress.is_flushed();
        if !is_whole || kept.late >= LATE_BODIES || kept.idle.len() >= MAX_IDLE {
            return;
        }
        kept.idle.push((Instant::now(), connection));
        if !std::mem::replace(&mut kept.sweeping, true) {
            TokioExecutor::new().execute(sweep(Arc::downgrade(&self.0)));
        }
    }

    /// Closes all connections that wait: the app went away, and may come back as another.
    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        kept.idle.clear();
        kept.late = 0;
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

/// Closes each connection once it was idle too long, until none is left.
async fn sweep(pool: Weak<Mutex<Kept>>) {
    let mut due = Instant::now() + IDLE;
    loop {
        tokio::time::sleep_until(due).await;
        let Some(pool) = pool.upgrade().map(Pool) else {
            return;
        };
        let mut kept = pool.lock();
        kept.sweep();
        let Some((since, _)) = kept.idle.first() else {
            kept.sweeping = false;
            return;
        };
        due = *since + IDLE;
    }
}

/// The body of a response. The connection is kept when it has been read to its end.
#[derive(Debug)]
pub(super) struct AnswerBody {
    incoming: Incoming,
    head_at: Instant,
    connection: Option<(HttpConnection, Pool)>,
}

impl AnswerBody {
    fn new(incoming: Incoming, connection: Option<(HttpConnection, Pool)>) -> Self {
        Self {
            incoming,
            head_at: Instant::now(),
            connection,
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
            pool.put(connection, self.head_at.elapsed());
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

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Empty};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio::task::JoinSet;

    use super::*;

    /// Answers each request with a head, and with the body after a while.
    async fn answer(mut app: DuplexStream, body_after: Duration) {
        while app.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
            app.write_all(head).await.unwrap();
            tokio::time::sleep(body_after).await;
            app.write_all(b"ok").await.unwrap();
        }
    }

    async fn connection(apps: &mut JoinSet<()>, body_after: Duration) -> HttpConnection {
        let (client, app) = tokio::io::duplex(4096);
        apps.spawn(answer(app, body_after));
        HttpConnection::over(Box::new(client)).await.unwrap()
    }

    /// Sends a request and reads the whole response, after which the connection is in the pool.
    async fn round_trip(connection: HttpConnection, pool: &Pool) {
        let answer = connection.exchange(None, empty(), pool).await;
        let body = answer.unwrap().into_body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "ok");
    }

    fn empty() -> http::Request<OutgoingBody> {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        http::Request::new(body)
    }

    /// So many, because few requests meet the moment at which the channel keeps them.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_request_to_a_connection_that_is_ending_fails() {
        let mut callers = JoinSet::new();
        for _ in 0..2 {
            callers.spawn(async {
                for _ in 0..20_000 {
                    a_request_while_the_app_ends().await;
                }
            });
        }
        callers.join_all().await;
    }

    async fn a_request_while_the_app_ends() {
        let (client, app) = tokio::io::duplex(64);
        let mut connection = HttpConnection::over(Box::new(client)).await.unwrap();
        connection.send.ready().await.unwrap();
        let mut ends = JoinSet::new();
        ends.spawn(async move { drop(app) });
        let pool = Pool::default();
        let answer = connection.exchange(None, empty(), &pool);
        let answer = tokio::time::timeout(Duration::from_secs(20), answer).await;
        assert!(!answer.expect("an error in time").unwrap_err().is_answered);
        ends.join_all().await;
    }

    #[tokio::test(start_paused = true)]
    async fn each_connection_is_closed_after_a_second() {
        let pool = Pool::default();
        let (mut first, mut second) = (JoinSet::new(), JoinSet::new());
        let began = Instant::now();
        round_trip(connection(&mut first, Duration::ZERO).await, &pool).await;
        let kept = connection(&mut second, Duration::from_millis(900)).await;
        round_trip(kept, &pool).await;
        first.join_next().await.unwrap().unwrap();
        assert_eq!(began.elapsed(), IDLE);
        second.join_next().await.unwrap().unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(900) + IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_that_is_slower_on_kept_connections_gets_new_ones() {
        for (body_after, expected) in [(0, 1), (29, 1), (30, 6)] {
            let pool = Pool::default();
            let mut apps = JoinSet::new();
            let mut made = 0;
            for _ in 0..9 {
                let connection = match pool.take() {
                    Some(connection) => connection,
                    None => {
                        made += 1;
                        connection(&mut apps, Duration::from_millis(body_after)).await
                    }
                };
                round_trip(connection, &pool).await;
            }
            assert_eq!(made, expected, "{body_after} ms");
        }
    }
}
