//! A server whose answers are bytes, sent as they are, over TLS or without.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Longest request that is read.
const REQUEST_MAX_BYTES: usize = 64 * 1024;

/// A request as the server got it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Request line and header fields.
    pub head: String,
    /// Body.
    pub body: Vec<u8>,
    /// How many requests the server had got before.
    pub before: usize,
}

impl Asked {
    /// Returns the value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// Returns the token to be echoed; empty when there is none.
    #[must_use]
    pub fn token(&self) -> &str {
        self.header("validation-token").unwrap_or_default()
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Sends bytes, after a while.
    Bytes(Vec<u8>, Duration),
    /// Sends bytes and closes the connection.
    Last(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Resets the connection.
    Reset,
    /// Keeps it open and says nothing.
    Silence,
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes, Duration::ZERO)
    }
}

/// Puts an answer together. `Content-Length` is added.
#[must_use]
pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    [out.as_bytes(), body].concat()
}

/// Returns the answer to a validation that RingCentral accepts, with more headers and a body.
#[must_use]
pub fn validation(asked: &Asked, status: &str, more: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut headers = vec![
        ("Validation-Token", asked.token()),
        ("Content-Type", "application/json"),
    ];
    headers.extend_from_slice(more);
    answer(status, &headers, body)
}

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _running: JoinSet<()>,
}

impl Server {
    /// Starts a server; without a configuration for TLS it speaks plain HTTP.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start(
        config: Option<Arc<ServerConfig>>,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut running = JoinSet::new();
        running.spawn(serve(
            listener,
            config.map(TlsAcceptor::from),
            Arc::new(script),
        ));
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

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, script: Script) {
    let mut connections = JoinSet::new();
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                stream.set_nodelay(true).ok();
                let (tls, script, count) = (tls.clone(), Arc::clone(&script), Arc::clone(&count));
                connections.spawn(async move {
                    match tls {
                        // Callers that look at the validation alone break it off.
                        Some(tls) => if let Ok(mut stream) = tls.accept(stream).await {
                            talk(&mut stream, &script, &count, |stream| stream.get_ref().0).await;
                        },
                        None => {
                            let mut stream = stream;
                            talk(&mut stream, &script, &count, |stream| stream).await;
                        }
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    script: &Script,
    count: &AtomicUsize,
    socket: impl Fn(&S) -> &TcpStream,
) {
    let mut buffer = Vec::new();
    while let Some((head, body)) = read(stream, &mut buffer).await {
        let asked = Asked {
            head,
            body,
            before: count.fetch_add(1, Ordering::Relaxed),
        };
        match script(&asked) {
            Reply::Bytes(bytes, after) => {
                tokio::time::sleep(after).await;
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Reply::Last(bytes) => {
                stream.write_all(&bytes).await.ok();
                stream.shutdown().await.ok();
                return;
            }
            Reply::Close => {
                stream.shutdown().await.ok();
                return;
            }
            Reply::Reset => {
                socket(stream).set_zero_linger().ok();
                return;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<(String, Vec<u8>)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let asked = Asked {
                head,
                body: Vec::new(),
                before: 0,
            };
            let len: usize = asked
                .header("content-length")
                .and_then(|len| len.parse().ok())
                .unwrap_or(0);
            let whole = end + 4 + len;
            if buffer.len() >= whole {
                let body = buffer[end + 4..whole].to_vec();
                buffer.drain(..whole);
                return Some((asked.head, body));
            }
        }
        if buffer.len() > REQUEST_MAX_BYTES {
            return None;
        }
        match stream.read_buf(buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}
