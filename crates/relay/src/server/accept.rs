//! Listening and accepting.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

use super::admission::Admission;
use super::connection::{self, Door};
use crate::limits::{BACKLOG, TCP_USER_TIMEOUT};
use crate::metrics::Limit;
use crate::relay::Relay;
use crate::tls::Acceptor;

/// When the kernel begins to ask whether a silent peer is there, and how often; it gives up after
/// [`TCP_USER_TIMEOUT`].
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Binds a socket that a relay which restarts can have at once.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // On Windows the option lets two programs listen on one port, and the wait that it avoids does not exist.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes over a socket that listens already. It goes on listening when this one is closed.
pub(super) fn adopt(socket: &std::net::TcpListener) -> io::Result<TcpListener> {
    let socket = socket.try_clone()?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Accepts connections until the relay drains.
/// Without `tls`, a proxy in front has it.
pub(super) async fn accept(listener: TcpListener, relay: Arc<Relay>, tls: Option<Acceptor>) {
    let admission = Admission::new(
        relay.limits.connections,
        relay.limits.connections_per_address,
        relay.metrics.connections.clone(),
    );
    let door = Arc::new(Door {
        relay: relay.clone(),
        tls,
        admission: admission.clone(),
    });
    loop {
        let accepted = tokio::select! {
            // First, or a flood of connections would keep the relay from stopping.
            biased;
            () = relay.drain.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if concerns_one_connection(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, "no connection accepted, pausing");
                tokio::select! {
                    biased;
                    () = relay.drain.cancelled() => return,
                    () = tokio::time::sleep(relay.limits.accept_pause) => continue,
                }
            }
        };
        // Through a proxy come many, each of whom counts once it is known who that is.
        let counted = (!relay.proxies.trusts(peer.ip())).then(|| peer.ip());
        let admitted = match admission.admit(counted) {
            Ok(admitted) => {
                if admitted.is_instead() {
                    relay.metrics.limits.hit(Limit::Connections);
                }
                admitted
            }
            Err(limit) => {
                relay.metrics.limits.hit(limit);
                tracing::debug!(limit = limit.name(), "too many connections");
                continue;
            }
        };
        if let Err(error) = configure(&socket) {
            tracing::debug!(%error, "connection lost before it began");
            continue;
        }
        relay
            .connection_tasks
            .spawn(connection::serve(door.clone(), socket, peer, admitted));
    }
}

/// A peer that left the queue before it was its turn says nothing about the next one.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

fn configure(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE),
    )?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    Ok(())
}
