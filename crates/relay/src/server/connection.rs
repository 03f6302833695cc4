//! One connection: TLS, HTTP/1.1 or HTTP/2 as agreed in it, and its end.

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ringtail_ringcentral::validation::VALIDATION_TOKEN;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;

use super::admission::{Admission, Admitted};
use super::plain::{self, Replay};
use super::progress::{Progress, Watched};
use crate::answer::{self, Answer};
use crate::edge;
use crate::limits::{
    CONNECTION_WINDOW, HEADER_BYTES, HEADER_LIST_BYTES, PROXY_RESETS, RESETS, STREAM_WINDOW,
    STREAMS,
};
use crate::metrics::Limit;
use crate::proxies::header::HeaderError;
use crate::proxies::{self, Caller};
use crate::relay::Relay;
use crate::tls::Acceptor;

/// What hyper buffers of a request that it has not handed out; at least one head must fit.
const READ_BUFFER: usize = 64 * 1024;

/// How long an idle connection may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the connections of one listener share.
pub(super) struct Door {
    pub(super) relay: Arc<Relay>,
    /// None behind a proxy, which has it.
    pub(super) tls: Option<Acceptor>,
    pub(super) admission: Admission,
}

/// Serves a connection to its end. A panic in it ends it alone, since it has a task of its own.
pub(super) async fn serve(
    door: Arc<Door>,
    socket: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
) {
    let relay = &door.relay;
    let established_by = Instant::now() + relay.limits.establish_timeout;
    let progress = admitted.progress().clone();
    let established = tokio::select! {
        // Whoever connected before the relay stopped is answered; who is not through the handshake by now is too slow.
        biased;
        () = relay.quiet.cancelled() => return,
        () = progress.lost() => return,
        established = timeout_at(established_by, establish(&door, socket, peer, admitted)) => established,
    };
    let (peer, stream) = match established {
        Ok(Ok(established)) => established,
        Ok(Err(error)) => {
            error.tell(relay);
            return;
        }
        Err(_elapsed) => {
            relay.metrics.limits.hit(Limit::EstablishTime);
            tracing::debug!("connection took too long to begin");
            return;
        }
    };
    let connection = Connection {
        door,
        peer,
        progress,
        established_by,
    };
    match stream {
        Stream::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            Box::pin(connection.http2(TokioIo::new(stream))).await;
        }
        Stream::Tls(stream) => connection.http1(TokioIo::new(stream)).await,
        Stream::Plain(true, stream) => {
            Box::pin(connection.http2(TokioIo::new(stream))).await;
        }
        Stream::Plain(false, stream) => Box::pin(connection.http1(TokioIo::new(stream))).await,
    }
}

/// What hyper reads and writes.
trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for S {}

/// A connection on which HTTP can be spoken.
#[expect(clippy::large_enum_variant, reason = "the large one is the common one")]
enum Stream {
    Tls(TlsStream<Watched<TcpStream>>),
    /// Whether it is HTTP/2.
    Plain(bool, Replay<Watched<TcpStream>>),
}

/// Why a connection did not come so far.
#[derive(Debug, thiserror::Error)]
enum NotEstablished {
    #[error("the proxy did not say who calls")]
    Proxy(#[from] HeaderError),
    #[error("there are too many connections from the address that the proxy names")]
    TooMany(Limit),
    #[error("it was an authority, which has seen its challenge answered")]
    Challenge,
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("nothing was said")]
    Plain(#[source] io::Error),
}

impl NotEstablished {
    fn tell(&self, relay: &Relay) {
        let error = self as &dyn std::error::Error;
        match self {
            // The operator's own proxy, which goes on like that until it is set right.
            Self::Proxy(HeaderError::Io(_)) => {}
            Self::Proxy(_) => {
                tracing::warn!(error, "connection of a trusted proxy refused");
                return;
            }
            Self::TooMany(limit) => relay.metrics.limits.hit(*limit),
            Self::Tls(_) => {
                relay.metrics.failed_tls_handshakes.inc();
            }
            Self::Plain(_) | Self::Challenge => {}
        }
        tracing::debug!(error, "connection refused");
    }
}

/// Hears who calls, and which HTTP.
async fn establish(
    door: &Door,
    mut socket: TcpStream,
    mut peer: SocketAddr,
    mut admitted: Admitted,
) -> Result<(SocketAddr, Stream), NotEstablished> {
    let proxies = &door.relay.proxies;
    if proxies.proxy_protocol
        && proxies.trusts(peer.ip())
        && let Some(source) = proxies::header::read(&mut socket).await?
    {
        peer = source;
        if !proxies.trusts(peer.ip()) {
            let share = door.admission.share(peer.ip());
            admitted.assign(share.map_err(NotEstablished::TooMany)?);
        }
    }
    let socket = Watched::new(socket, admitted);
    let stream = match &door.tls {
        Some(tls) => match tls.accept(socket).await.map_err(NotEstablished::Tls)? {
            Some(stream) => Stream::Tls(stream),
            None => return Err(NotEstablished::Challenge),
        },
        None => {
            let (http2, socket) = plain::tell(socket).await.map_err(NotEstablished::Plain)?;
            Stream::Plain(http2, socket)
        }
    };
    Ok((peer, stream))
}

struct Connection {
    door: Arc<Door>,
    peer: SocketAddr,
    progress: Progress,
    established_by: Instant,
}

impl Door {
    /// Answers a request of a connection from `peer`.
    async fn answer(
        &self,
        peer: SocketAddr,
        progress: &Progress,
        mut request: Request<Incoming>,
    ) -> Answer {
        progress.ask();
        request.extensions_mut().insert(progress.clone());
        let caller = self.relay.proxies.caller(peer, request.headers());
        // The caller of a proxy has no connection that counts here, so its requests do.
        let share = match caller {
            Caller::Seen(_) => None,
            Caller::Told(_) => Some(self.admission.share(caller.address())),
        };
        if let Some(Err(limit)) = share {
            self.relay.metrics.limits.hit(limit);
            let (head, body) = request.into_parts();
            edge::linger(&self.relay, &head, body);
            return answer::unavailable("too many requests from one address\n");
        };
        edge::answer(&self.relay, caller, request).await
    }
}

impl Connection {
    async fn http1<S: Io>(self, io: TokioIo<S>) {
        let service = service_fn(|request| self.answer(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.door.relay.limits.idle_timeout)
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

    async fn http2<S: Io>(self, io: TokioIo<S>) {
        let tasks = Streams(self.door.relay.connection_tasks.clone());
        // The callers of a proxy share its connection, and one who resets must not end the others'.
        let resets = if self.door.relay.proxies.trusts(self.peer.ip()) {
            PROXY_RESETS
        } else {
            RESETS
        };
        let this = &self;
        let (door, peer, progress) = (this.door.clone(), this.peer, this.progress.clone());
        let service = service_fn(move |request| {
            let (door, progress) = (door.clone(), progress.clone());
            async move { Ok::<_, Infallible>(door.answer(peer, &progress, request).await) }
        });
        // Without PINGs of the relay's own: their answers would be what moves on a connection that nobody uses, and TCP asks
        // whether the caller is there.
        let connection = http2::Builder::new(tasks)
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(resets)
            .max_local_error_reset_streams(resets)
            .max_header_list_size(HEADER_LIST_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .serve_connection(io, service);
        self.watch(pin!(connection), |connection| {
            connection.graceful_shutdown()
        })
        .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let answer = self.door.answer(self.peer, &self.progress, request);
        let mut answer = answer.await;
        // The next request comes on a new connection, to the next relay. A validation's answer, which every byte counts
        // for, is not made longer, nor a link's, which is the last on its connection.
        if self.door.relay.drain.is_cancelled()
            && !answer.headers().contains_key(VALIDATION_TOKEN)
            && answer.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        Ok(answer)
    }

    /// Drives a connection, and ends it when its first request is late, when nothing moves on it, or with the relay.
    async fn watch<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        shut: impl Fn(Pin<&mut C>),
    ) {
        // Of its own, since connections that poll one token take turns at its lock.
        let (quiet, abort) = (
            self.door.relay.quiet.child_token(),
            self.door.relay.abort.child_token(),
        );
        let mut quieting = false;
        let mut closing = false;
        let mut mark = None;
        let mut tick = pin!(sleep_until(self.established_by));
        loop {
            tokio::select! {
                biased;
                () = abort.cancelled() => return,
                () = self.progress.lost() => return,
                () = quiet.cancelled(), if !quieting => {
                    quieting = true;
                    shut(connection.as_mut());
                }
                ended = connection.as_mut() => return self.tell(ended),
                () = tick.as_mut() => {
                    let now = self.progress.mark();
                    let still = mark == Some(now);
                    if closing || !self.progress.asked() {
                        let limit = if self.progress.asked() {
                            Limit::IdleTime
                        } else {
                            Limit::EstablishTime
                        };
                        self.door.relay.metrics.limits.hit(limit);
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
        let limits = &self.door.relay.limits;
        let thinking = limits.passthrough_deadline.max(limits.answer_idle_timeout);
        limits.idle_timeout.max(thinking + Duration::from_secs(1))
    }

    /// A caller that leaves is its own affair.
    fn tell(&self, ended: hyper::Result<()>) {
        if let Err(error) = ended {
            let limit = if error.is_parse_too_large() {
                Some(Limit::HeaderBytes)
            } else if error.is_parse() {
                Some(Limit::NotHttp)
            } else if is_about_http2(&error) {
                Some(Limit::Http2)
            } else {
                None
            };
            if let Some(limit) = limit {
                self.door.relay.metrics.limits.hit(limit);
            }
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "connection ended");
        }
    }
}

/// Says whether the caller broke HTTP/2's rules or limits: what is left when the socket and the app are not to blame.
fn is_about_http2(error: &hyper::Error) -> bool {
    let cause = error.source();
    !error.is_user() && cause.is_some_and(|cause| !cause.is::<std::io::Error>())
}

/// Runs the streams of HTTP/2 connections where the relay waits for them when it stops. They end with their connection.
#[derive(Debug, Clone)]
struct Streams(TaskTracker);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        drop(self.0.spawn(stream));
    }
}
