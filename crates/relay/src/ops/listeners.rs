//! The listeners of [`Ops`]: the address of `--metrics` and a socket in the data directory.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::net::Listener;
use tokio_util::task::TaskTracker;

use super::{Ops, Origin};
use crate::limits;
use crate::shutdown::Phase;
use crate::store::DataDir;

/// Connections at once at each listener; more are closed. A flood of `--metrics` does not block the socket.
const CONNECTIONS: usize = 16;

/// How long a connection may be idle, or take for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection lives.
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// Bytes of a request's head.
const HEAD_BYTES: usize = 8 * 1024;

/// Bound listeners that do not serve yet. They serve until the relay has drained, so that its progress can be watched.
#[derive(Debug, Default)]
pub(crate) struct AdminListeners {
    tcp: Option<TcpListener>,
    unix: Option<UnixListener>,
}

impl AdminListeners {
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

    /// Binds the socket in the data directory, which this process has locked.
    #[must_use]
    pub(crate) fn with_socket(mut self, dir: &DataDir) -> Self {
        match socket(dir) {
            Ok(listener) => self.unix = Some(listener),
            // The usual reason is a long path. RingCentral is served all the same.
            Err(error) => tracing::warn!(
                %error,
                path = %dir.control_socket().display(),
                "could not bind the socket for `ringtail-relay status`"
            ),
        }
        self
    }

    /// Answers until the relay has stopped.
    pub(crate) fn open(self, ops: Ops, tasks: &TaskTracker) {
        let ops = Arc::new(ops);
        if let Some(listener) = self.tcp {
            let origin = match listener.local_addr() {
                Ok(address) if address.ip().is_loopback() => Origin::LocalMetrics,
                _ => Origin::Metrics,
            };
            tasks.spawn(accept(ops.clone(), tasks.clone(), listener, origin));
        }
        if let Some(listener) = self.unix {
            tasks.spawn(accept(ops, tasks.clone(), listener, Origin::Socket));
        }
    }
}

/// Binds the socket, in place of one that a killed relay left.
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

async fn accept<L>(ops: Arc<Ops>, tasks: TaskTracker, mut listener: L, caller: Origin)
where
    L: Listener + Send + 'static,
    L::Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    L::Addr: Send,
{
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = ops.shutdown.reached(Phase::Stopped) => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "could not accept an operator's connection, pausing");
                tokio::select! {
                    biased;
                    () = ops.shutdown.reached(Phase::Stopped) => return,
                    () = tokio::time::sleep(limits::ACCEPT_PAUSE) => continue,
                }
            }
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            continue;
        };
        let ops = ops.clone();
        tasks.spawn(async move {
            let _permit = permit;
            let served = serve(&ops, caller, stream);
            tokio::select! {
                biased;
                () = ops.shutdown.reached(Phase::Stopped) => {}
                _elapsed_or_over = tokio::time::timeout(CONNECTION_LIFE, served) => {}
            }
        });
    }
}

async fn serve<S>(ops: &Ops, caller: Origin, stream: S)
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
        tracing::debug!(%error, "operator's connection failed");
    }
}
