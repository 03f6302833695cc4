//! Servers that fail before anything that rustls could say.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// What a server says to a ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// A ServerHello of TLS 1.1 to callers that know it, and an alert to those that know only older ones.
    Tls11,
    /// That no algorithm is common (`handshake_failure`).
    HandshakeFailure,
    /// Nothing: it closes the connection.
    Close,
    /// Nothing, and keeps the connection.
    Silence,
    /// A line of another protocol.
    Ssh,
}

/// A server without TLS of its own.
#[derive(Debug)]
pub struct RawServer {
    address: SocketAddr,
    _running: JoinSet<()>,
}

impl RawServer {
    /// Starts a server.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start(greeting: Greeting) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            connections.spawn(greet(stream, greeting));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self {
            address,
            _running: running,
        })
    }

    /// Returns its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

async fn greet(mut stream: TcpStream, greeting: Greeting) {
    // Record header, message header, and the version that the caller knows best before 1.3.
    let mut hello = [0; 11];
    if stream.read_exact(&mut hello).await.is_err() {
        return;
    }
    let alert = |number: u8| vec![21, 3, 1, 0, 2, 2, number];
    let said = match greeting {
        Greeting::Tls11 if hello[9..11] >= [3, 2][..] => server_hello(),
        Greeting::Tls11 => alert(70),
        Greeting::HandshakeFailure => alert(40),
        Greeting::Close => Vec::new(),
        Greeting::Silence => std::future::pending().await,
        Greeting::Ssh => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    };
    stream.write_all(&said).await.ok();
    stream.shutdown().await.ok();
    // Unread bytes would turn the end into a reset.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
}

/// A ServerHello: TLS 1.1, no session, `TLS_RSA_WITH_AES_128_CBC_SHA`, no compression.
fn server_hello() -> Vec<u8> {
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend_from_slice(&[9; 32]);
    hello.extend_from_slice(&[0, 0x00, 0x2f, 0]);
    hello
}

/// Takes a port that refuses connections for as long as the socket lives.
///
/// # Errors
/// When no port is to be had.
pub fn nothing_listens() -> anyhow::Result<(TcpSocket, u16)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}
