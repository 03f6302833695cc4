//! The doors to [`Ops`]: a loopback address and a socket in the data directory.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{Caller, Ops};
use crate::shutdown::{Phase, Shutdown};
#[cfg(unix)]
use crate::store::DataDir;

/// Connections at once at each door; more are closed. Whoever fills the one of `--metrics` keeps nobody from the socket.
const CONNECTIONS: usize = 16;

/// How long a connection may be silent, or take for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection lives: whoever asks more comes again.
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// Bytes of a request's head.
const HEAD_BYTES: usize = 8 * 1024;

/// How long to wait after an accept that failed for lack of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Doors that are bound and not yet open. They stay open while the relay drains, so that it can be asked how that goes.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    tcp: Option<TcpListener>,
    #[cfg(unix)]
    unix: Option<UnixListener>,
}

impl Doors {
    /// Binds the address of `--metrics`.
    pub(crate) fn at(metrics: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            tcp: Some(crate::net::socket::bind(metrics)?),
            ..Self::default()
        })
    }

    /// Returns the address that was bound.
    pub(crate) fn metrics_addr(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Makes the socket in the data directory. Whoever has the directory locked may do this.
    #[cfg(unix)]
    #[must_use]
    pub(crate) fn with_socket(mut self, dir: &DataDir) -> Self {
        match socket(dir) {
            Ok(listener) => self.unix = Some(listener),
            // The relay serves without: a long path is the usual reason, and no reason to turn RingCentral away.
            Err(error) => tracing::warn!(
                %error,
                path = %dir.control_socket().display(),
                "no socket for `ringtail-relay status`"
            ),
        }
        self
    }

    /// Answers until the relay has stopped.
    pub(crate) fn open(self, ops: Ops, tasks: &TaskTracker) {
        let open = Open {
            shutdown: ops.shutdown.clone(),
            ops: Arc::new(ops),
            tasks: tasks.clone(),
        };
        if let Some(listener) = self.tcp {
            let open = open.clone();
            tasks.spawn(async move { open.accept(listener, Caller::Anybody).await });
        }
        #[cfg(unix)]
        if let Some(listener) = self.unix {
            tasks.spawn(async move { open.accept(listener, Caller::Owner).await });
        }
    }
}

/// Binds the socket; one that a relay left behind when it was killed makes room.
#[cfg(unix)]
fn socket(dir: &DataDir) -> io::Result<UnixListener> {
    let path = dir.control_socket();
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(&path)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, mode)?;
    Ok(listener)
}

/// What connections come from.
trait Listen: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

#[cfg(unix)]
impl Listen for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

#[derive(Debug, Clone)]
struct Open {
    ops: Arc<Ops>,
    tasks: TaskTracker,
    shutdown: Shutdown,
}

impl Open {
    async fn accept(self, listener: impl Listen, caller: Caller) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.reached(Phase::Stopped) => return,
                accepted = listener.next() => accepted,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(%error, "no operator's connection accepted, pausing");
                    tokio::select! {
                        biased;
                        () = self.shutdown.reached(Phase::Stopped) => return,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                    }
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                continue;
            };
            let (ops, shutdown) = (self.ops.clone(), self.shutdown.clone());
            self.tasks.spawn(async move {
                let _place = place;
                let served = serve(&ops, caller, stream);
                tokio::select! {
                    biased;
                    () = shutdown.reached(Phase::Stopped) => {}
                    _elapsed_or_over = tokio::time::timeout(CONNECTION_LIFE, served) => {}
                }
            });
        }
    }
}

async fn serve<S>(ops: &Ops, caller: Caller, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_BYTES)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| ops.answer(caller, request)),
        );
    if let Err(error) = pin!(connection).await {
        tracing::debug!(%error, "an operator's connection ended");
    }
}
