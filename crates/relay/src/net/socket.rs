//! Listening sockets.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::limits;
use crate::shutdown::{Phase, Shutdown};

/// How long a peer may be silent before the kernel checks it, and how often it does; it gives up after
/// [`limits::TCP_USER_TIMEOUT`].
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Binds a socket that a restarted relay can bind again at once.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes over a socket that a service manager listens on. It keeps listening when this one is closed.
pub(crate) fn adopt(socket: &std::net::TcpListener) -> io::Result<TcpListener> {
    let socket = socket.try_clone()?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Accepts one connection, or returns `None` once the relay is draining. After an error that is not about one
/// connection, such as a lack of file descriptors, it waits for [`limits::ACCEPT_PAUSE`].
pub(crate) async fn accept(
    listener: &TcpListener,
    shutdown: &Shutdown,
) -> Option<(TcpStream, SocketAddr)> {
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => match configure(&socket) {
                    Ok(()) => return (socket, peer),
                    Err(error) => tracing::debug!(%error, "connection lost before it began"),
                },
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection; pausing");
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        // `biased`: under a flood of connections the relay must still stop.
        biased;
        () = shutdown.reached(Phase::Draining) => None,
        accepted = accept => Some(accepted),
    }
}

/// The peer left the queue before it was accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Sets what every connection of the relay has.
pub(crate) fn configure(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE),
    )?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(limits::TCP_USER_TIMEOUT))?;
    Ok(())
}
