//! One connection: TLS, HTTP/1.1 or HTTP/2 as agreed in it, and its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;

use super::admission::Admitted;
use super::progress::{Progress, Watched};
use crate::edge;
use crate::limits::{
    CONNECTION_WINDOW, HEADER_BYTES, HEADER_LIST_BYTES, RESETS, STREAM_WINDOW, STREAMS,
};
use crate::metrics::Limit;
use crate::relay::Relay;
use crate::tls::Acceptor;

/// Silence after which an HTTP/2 caller is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long it may take to say so.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What hyper buffers of a request that it has not handed out; at least one head must fit.
const READ_BUFFER: usize = 64 * 1024;

/// How long an idle connection may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type Socket = TokioIo<TlsStream<Watched<TcpStream>>>;

/// Serves a connection to its end. A panic in it ends it alone, since it has a task of its own.
pub(super) async fn serve(
    relay: Arc<Relay>,
    tls: Acceptor,
    socket: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
) {
    let established_by = Instant::now() + relay.limits.establish_timeout;
    let progress = Progress::default();
    let socket = Watched::new(socket, progress.clone(), admitted);
    let accepted = tokio::select! {
        // Whoever is not through the handshake when the relay stops has asked for nothing yet.
        biased;
        () = relay.drain.cancelled() => return,
        accepted = timeout_at(established_by, tls.accept(socket)) => accepted,
    };
    let stream = match accepted {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            relay.metrics.failed_tls_handshakes.inc();
            tracing::debug!(%error, "TLS handshake failed");
            return;
        }
        Err(_elapsed) => {
            relay.metrics.limits.hit(Limit::EstablishTime);
            tracing::debug!("TLS handshake took too long");
            return;
        }
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let connection = Connection {
        relay,
        peer,
        progress,
        established_by,
    };
    let io = TokioIo::new(stream);
    if http2 {
        Box::pin(connection.http2(io)).await;
    } else {
        connection.http1(io).await;
    }
}

struct Connection {
    relay: Arc<Relay>,
    peer: SocketAddr,
    progress: Progress,
    established_by: Instant,
}

impl Connection {
    async fn http1(self, io: Socket) {
        let service = service_fn(|request| self.answer(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.relay.limits.idle_timeout)
            .max_header_size(HEADER_BYTES)
            .max_buf_size(READ_BUFFER)
            .half_close(false)
            .serve_connection(io, service)
            .with_upgrades();
        self.watch(pin!(connection), |connection| {
            connection.graceful_shutdown()
        })
        .await;
    }

    async fn http2(self, io: Socket) {
        let tasks = Streams(self.relay.connection_tasks.clone());
        let this = &self;
        let (relay, peer, progress) = (this.relay.clone(), this.peer, this.progress.clone());
        let service = service_fn(move |request| {
            progress.ask();
            let relay = relay.clone();
            async move { Ok::<_, Infallible>(edge::answer(&relay, peer, request).await) }
        });
        let connection = http2::Builder::new(tasks)
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .max_header_list_size(HEADER_LIST_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .serve_connection(io, service);
        self.watch(pin!(connection), |connection| {
            connection.graceful_shutdown()
        })
        .await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<crate::answer::Answer, Infallible> {
        self.progress.ask();
        Ok(edge::answer(&self.relay, self.peer, request).await)
    }

    /// Drives a connection, and ends it when its first request is late, when nothing moves on it, or with the relay.
    async fn watch<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        shut: impl Fn(Pin<&mut C>),
    ) {
        // Of its own, since connections that poll one token take turns at its lock.
        let (drain, abort) = (
            self.relay.drain.child_token(),
            self.relay.abort.child_token(),
        );
        let mut draining = false;
        let mut closing = false;
        let mut mark = None;
        let mut tick = pin!(sleep_until(self.established_by));
        loop {
            tokio::select! {
                biased;
                () = abort.cancelled() => return,
                () = drain.cancelled(), if !draining => {
                    draining = true;
                    shut(connection.as_mut());
                }
                ended = connection.as_mut() => return self.tell(ended),
                () = tick.as_mut() => {
                    let now = self.progress.mark();
                    let still = mark == Some(now);
                    if closing || !self.progress.asked() {
                        if !self.progress.asked() {
                            self.relay.metrics.limits.hit(Limit::EstablishTime);
                        }
                        tracing::debug!("connection closed: silent or stalled");
                        return;
                    }
                    let mut patience = self.patience();
                    if still {
                        // Politely first: a request that is on its way to an idle connection is still answered.
                        closing = true;
                        shut(connection.as_mut());
                        patience = patience.min(CLOSE_TIMEOUT);
                    }
                    mark = Some(now);
                    tick.as_mut().reset(Instant::now() + patience);
                }
            }
        }
    }

    /// While an app thinks, nothing moves on its caller's connection.
    fn patience(&self) -> Duration {
        let limits = &self.relay.limits;
        let thinking = limits.exchange_deadline.max(limits.answer_idle_timeout);
        limits.idle_timeout.max(thinking + Duration::from_secs(1))
    }

    /// A caller that leaves is its own affair.
    fn tell(&self, ended: hyper::Result<()>) {
        if let Err(error) = ended {
            if error.is_parse_too_large() {
                self.relay.metrics.limits.hit(Limit::HeaderBytes);
            }
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "connection ended");
        }
    }
}

/// Runs the streams of HTTP/2 connections where the relay waits for them when it stops. They end with their connection.
#[derive(Debug, Clone)]
struct Streams(TaskTracker);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        drop(self.0.spawn(stream));
    }
}
