//! The accept loop of the public listener, and one connection: TLS, HTTP/1.1 or HTTP/2, and its end.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use ringtail_ringcentral::validation::VALIDATION_TOKEN;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::server::TlsStream;
use tokio_util::io::{InspectReader, InspectWriter};
use tokio_util::task::TaskTracker;

use crate::budget::Owner;
use crate::edge::{self, EdgeContext};
use crate::limits::{
    CONNECTION_WINDOW, HEADER_BYTES, HEADER_LIST_BYTES, Limits, PROXY_RESETS, RESETS, SEND_BUFFER,
    STREAM_WINDOW, STREAMS,
};
use crate::metrics::{Limit, Metrics};
use crate::net::activity::ConnectionActivity;
use crate::net::admission::{Admission, ConnectionSlot};
use crate::net::head_capture::HeadCapture;
use crate::net::pace::Paced;
use crate::net::proxies::{Caller, Proxies};
use crate::net::proxy_header::{self, ProxyHeaderError};
use crate::net::socket;
use crate::net::turns::Turns;
use crate::response::{self, RelayResponse};
use crate::shutdown::{Phase, Shutdown};
use crate::tls::Acceptor;

/// How long an idle connection may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the connections of one listener share.
pub(super) struct ListenerContext {
    pub(super) edge: EdgeContext,
    pub(super) proxies: Arc<Proxies>,
    /// `None` behind a proxy, which terminates TLS.
    pub(super) tls: Option<Acceptor>,
    pub(super) admission: Admission,
    pub(super) turns: Turns,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) shutdown: Shutdown,
}

/// Accepts connections until the relay drains.
pub(super) async fn accept(listener: TcpListener, context: Arc<ListenerContext>) {
    let metrics = &context.metrics;
    while let Some((socket, peer)) = socket::accept(&listener, &context.shutdown).await {
        // A proxy's connections carry many callers, who count once they are known.
        let counted = (!context.proxies.trusts(peer.ip())).then(|| peer.ip());
        match context.admission.admit(counted) {
            Ok(slot) => {
                if slot.evicted_another() {
                    metrics.limits.hit(Limit::Connections);
                }
                let owner = context.proxies.owner(Caller::Peer(peer));
                let connection = serve(context.clone(), socket, peer, slot);
                let connection = context.turns.take(owner, connection);
                context.shutdown.connections.spawn(connection);
            }
            Err(limit) => {
                metrics.limits.hit(limit);
                tracing::debug!(limit = limit.name(), "too many connections");
            }
        }
    }
}

/// Serves a connection to its end, in its own task: a panic ends only this connection.
async fn serve(
    context: Arc<ListenerContext>,
    socket: TcpStream,
    peer: SocketAddr,
    slot: ConnectionSlot,
) {
    let establish_by = Instant::now() + context.limits.establish_timeout;
    let activity = slot.activity().clone();
    let established = tokio::select! {
        biased;
        // Connections from before the shutdown get a response; one still in its TLS handshake by now is too slow.
        () = context.shutdown.reached(Phase::Quiet) => return,
        () = activity.evicted() => return,
        established = timeout_at(establish_by, establish(&context, socket, peer, slot)) => established,
    };
    let (peer, stream) = match established {
        Ok(Ok(established)) => established,
        Ok(Err(error)) => return error.report(&context.metrics),
        Err(_elapsed) => {
            context.metrics.limits.hit(Limit::EstablishTime);
            tracing::debug!("connection took too long to begin");
            return;
        }
    };
    let connection = Connection {
        context,
        peer,
        activity,
        head: HeadCapture::default(),
        establish_by,
    };
    match stream {
        Stream::Tls(stream) => Box::pin(connection.run(*stream)).await,
        Stream::Plain(stream) => Box::pin(connection.run(stream)).await,
    }
}

/// A connection on which HTTP begins.
enum Stream<S> {
    Tls(Box<TlsStream<S>>),
    Plain(S),
}

/// Why a connection ended before HTTP.
#[derive(Debug, thiserror::Error)]
enum EstablishError {
    #[error("the proxy did not name the caller")]
    Proxy(#[from] ProxyHeaderError),
    #[error("there are too many connections from the address that the proxy names")]
    TooMany(Limit),
    #[error("it was a certificate authority, whose challenge has been answered")]
    Challenge,
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
}

impl EstablishError {
    fn report(&self, metrics: &Metrics) {
        let error = self as &dyn Error;
        match self {
            // A health check that hangs up is normal; anything else stays wrong until the operator fixes the proxy.
            Self::Proxy(ProxyHeaderError::Io(_)) | Self::Challenge => {}
            Self::Proxy(_) => {
                tracing::warn!(error, "connection of a trusted proxy refused");
                return;
            }
            Self::TooMany(limit) => metrics.limits.hit(*limit),
            Self::Tls(_) => {
                metrics.failed_tls_handshakes.inc();
            }
        }
        tracing::debug!(error, "connection refused");
    }
}

/// Reads the PROXY header, if one must come, and completes the TLS handshake.
async fn establish(
    context: &ListenerContext,
    mut socket: TcpStream,
    mut peer: SocketAddr,
    mut slot: ConnectionSlot,
) -> Result<(SocketAddr, Stream<impl Io>), EstablishError> {
    let proxies = &context.proxies;
    if proxies.proxy_protocol
        && proxies.trusts(peer.ip())
        && let Some(source) = proxy_header::read(&mut socket).await?
    {
        peer = source;
        if !proxies.trusts(peer.ip()) {
            let permit = context.admission.permit(peer.ip());
            slot.assign(permit.map_err(EstablishError::TooMany)?);
        }
    }
    let socket = tracked(socket, slot);
    let Some(tls) = &context.tls else {
        return Ok((peer, Stream::Plain(socket)));
    };
    let owner = proxies.owner(Caller::Peer(peer));
    let stream = tls.accept(socket, owner).await;
    let stream = stream.map_err(EstablishError::Tls)?;
    let stream = stream.ok_or(EstablishError::Challenge)?;
    Ok((peer, Stream::Tls(Box::new(stream))))
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for S {}

/// Records the activity of a socket, and holds its slot until it is dropped: a link takes it out of this task.
fn tracked(socket: TcpStream, slot: ConnectionSlot) -> impl Io {
    let activity = slot.activity().clone();
    let socket = InspectReader::new(socket, move |read: &[u8]| {
        if !read.is_empty() {
            activity.touch();
        }
    });
    InspectWriter::new(socket, move |_| slot.activity().touch())
}

#[derive(Clone)]
struct Connection {
    context: Arc<ListenerContext>,
    peer: SocketAddr,
    activity: ConnectionActivity,
    head: HeadCapture,
    establish_by: Instant,
}

impl Connection {
    /// Speaks HTTP/1.1 or HTTP/2, as the client's first bytes tell.
    async fn run(&self, stream: impl Io) {
        let limits = &self.context.limits;
        // All callers of a proxy share its connection; resets by one of them must not end it.
        let is_proxy = self.context.proxies.trusts(self.peer.ip());
        let resets = if is_proxy { PROXY_RESETS } else { RESETS };
        let mut builder = auto::Builder::new(Streams {
            running: self.context.shutdown.connections.clone(),
            turns: self.context.turns.clone(),
            owner: self.context.proxies.owner(Caller::Peer(self.peer)),
        });
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle_timeout)
            .max_buf_size(HEADER_BYTES)
            // A caller that has sent its request may close its side before it reads the response.
            .half_close(true);
        // No keep-alive PINGs: their replies would count as activity. TCP keep-alive finds dead peers.
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(resets)
            .max_local_error_reset_streams(resets)
            .max_header_list_size(HEADER_LIST_BYTES)
            .max_send_buf_size(SEND_BUFFER)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let (reading, written) = (self.head.clone(), self.head.clone());
        let hits = self.context.metrics.limits.clone();
        let stream = match is_proxy {
            true => Paced::proxy(stream, hits),
            false => Paced::client(stream, hits),
        };
        let stream = InspectReader::new(stream, move |read: &[u8]| reading.read(read));
        let stream = InspectWriter::new(stream, move |_| written.written());
        let this = self.clone();
        let service = service_fn(move |request| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.respond(request).await) }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        self.watch(std::pin::pin!(connection), |connection| {
            connection.graceful_shutdown();
        })
        .await;
    }

    async fn respond(&self, mut request: Request<Incoming>) -> RelayResponse {
        let Self {
            context, activity, ..
        } = self;
        activity.record_request();
        request.extensions_mut().insert(activity.clone());
        let version = request.version();
        if version > Version::HTTP_11 {
            self.head.stop();
        } else if let Some(head) = self.head.take() {
            if head.has_fragment(&request) {
                request.extensions_mut().insert(edge::TargetWithFragment);
            }
            if let Some(names) = head.names() {
                request.extensions_mut().insert(names);
            }
        }
        let caller = context.proxies.caller(self.peer, request.headers());
        // A caller named by a proxy has no connection here that counts, so its requests do.
        let permit = match caller {
            Caller::Peer(_) => None,
            Caller::Named(_) => Some(context.admission.permit(caller.address())),
        };
        let mut response = if let Some(Err(limit)) = permit {
            context.metrics.limits.hit(limit);
            let (head, body) = request.into_parts();
            edge::linger(&context.shutdown, &context.limits, &head, body);
            response::unavailable("too many requests from one address\n")
        } else {
            edge::respond(&context.edge, caller, request).await
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.head.stop();
        }
        // While draining, the next request should reach the next relay. The response to a validation is kept small, and
        // an upgrade is the last response anyway.
        if version <= Version::HTTP_11
            && context.shutdown.has_reached(Phase::Draining)
            && !response.headers().contains_key(VALIDATION_TOKEN)
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }

    /// Drives a connection, and ends it when its first request is late, when it is idle or stalled, and with the relay.
    async fn watch<C>(&self, mut connection: Pin<&mut C>, shut_down: impl Fn(Pin<&mut C>))
    where
        C: Future<Output = Result<(), Box<dyn Error + Send + Sync>>>,
    {
        let mut awaited = Phase::Quiet;
        let mut phase = Box::pin(self.context.shutdown.reached(awaited));
        let mut tick = Box::pin(sleep_until(self.establish_by));
        let mut last_byte = None;
        let mut is_closing = false;
        loop {
            tokio::select! {
                biased;
                () = self.activity.evicted() => return,
                () = phase.as_mut() => {
                    if awaited == Phase::Abort {
                        return;
                    }
                    shut_down(connection.as_mut());
                    awaited = Phase::Abort;
                    phase.set(self.context.shutdown.reached(awaited));
                }
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        self.report(&*error);
                    }
                    return;
                }
                () = tick.as_mut() => {
                    let had_request = self.activity.had_request();
                    if is_closing || !had_request {
                        let limit = if had_request { Limit::IdleTime } else { Limit::EstablishTime };
                        self.context.metrics.limits.hit(limit);
                        tracing::debug!("connection closed: idle or stalled");
                        return;
                    }
                    let mut patience = self.patience();
                    let newest = self.activity.last_byte();
                    if last_byte.replace(newest) == Some(newest) {
                        // Gracefully first: a request that is on its way to an idle connection is still answered.
                        is_closing = true;
                        shut_down(connection.as_mut());
                        patience = patience.min(CLOSE_TIMEOUT);
                    }
                    tick.as_mut().reset(Instant::now() + patience);
                }
            }
        }
    }

    /// Returns how long a connection may be silent: longer than an app may take to answer.
    fn patience(&self) -> Duration {
        let limits = &self.context.limits;
        let silent_app = limits.passthrough_deadline.max(limits.answer_idle_timeout);
        limits.idle_timeout.max(silent_app + Duration::from_secs(1))
    }

    fn report(&self, error: &(dyn Error + Send + Sync + 'static)) {
        if let Some(limit) = error.downcast_ref().and_then(broken_limit) {
            self.context.metrics.limits.hit(limit);
        }
        tracing::debug!(error = error as &dyn Error, "connection ended");
    }
}

/// Returns the limit that the client broke, unless it only disconnected.
fn broken_limit(error: &hyper::Error) -> Option<Limit> {
    if error.is_parse_too_large() {
        return Some(Limit::HeaderBytes);
    }
    if error.is_parse() {
        return Some(Limit::NotHttp);
    }
    // What is neither the socket's error nor the app's is HTTP/2's.
    let cause = error.source()?;
    (!error.is_user() && !cause.is::<io::Error>()).then_some(Limit::Http2)
}

/// Runs the streams of an HTTP/2 connection by turns, and where the shutdown waits for them.
#[derive(Debug, Clone)]
struct Streams {
    running: TaskTracker,
    turns: Turns,
    owner: Option<Owner>,
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        drop(self.running.spawn(self.turns.take(self.owner, stream)));
    }
}
