//! Servers that answer as a script says, at the level of bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringtail_kit::app::App;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Longest request that is read.
const REQUEST_MAX_BYTES: usize = 64 * 1024;

/// A request.
#[derive(Debug)]
pub struct Request {
    /// Request line and header fields.
    pub head: String,
    /// Body.
    pub body: Vec<u8>,
    /// Requests to this server before.
    pub before: usize,
}

impl Request {
    /// Returns a header field; its name is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut fields = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        fields.next().map(|(_, value)| value.trim())
    }

    /// Returns the validation token.
    #[must_use]
    pub fn token(&self) -> &str {
        self.header("validation-token").unwrap_or_default()
    }
}

/// What a server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Sends bytes after a delay.
    Bytes(Vec<u8>, Duration),
    /// Sends bytes and closes the connection.
    Last(Vec<u8>),
    /// Resets the connection.
    Reset,
    /// Keeps the connection and sends nothing.
    Silence,
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes, Duration::ZERO)
    }
}

/// Returns an answer with `Content-Length`.
#[must_use]
pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    [out.as_bytes(), body].concat()
}

/// Returns a right answer to a validation request, with more header fields and a body.
#[must_use]
pub fn validation(request: &Request, status: &str, more: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let right = [
        ("Validation-Token", request.token()),
        ("Content-Type", "application/json"),
    ];
    answer(status, &[&right, more].concat(), body)
}

type Script = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// Starts a server; without a configuration for TLS it speaks plain HTTP.
pub fn scripted_server(
    config: Option<Arc<ServerConfig>>,
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> App {
    let tls = config.map(TlsAcceptor::from);
    let script: Script = Arc::new(script);
    let count = Arc::new(AtomicUsize::new(0));
    App::on_connect(move |mut stream| {
        let (tls, script, count) = (tls.clone(), Arc::clone(&script), Arc::clone(&count));
        async move {
            match tls {
                // Callers that inspect TLS only close during it.
                Some(tls) => {
                    if let Ok(mut stream) = tls.accept(stream).await {
                        talk(&mut stream, &script, &count, |stream| stream.get_ref().0).await;
                    }
                }
                None => talk(&mut stream, &script, &count, |stream| stream).await,
            }
        }
    })
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    script: &Script,
    count: &AtomicUsize,
    socket: impl Fn(&S) -> &TcpStream,
) {
    let mut buffer = Vec::new();
    while let Some(mut request) = read(stream, &mut buffer).await {
        request.before = count.fetch_add(1, Ordering::Relaxed);
        match script(&request) {
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
            Reply::Reset => {
                socket(stream).set_zero_linger().ok();
                return;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let mut request = Request {
                head: String::from_utf8_lossy(&buffer[..end]).into_owned(),
                body: Vec::new(),
                before: 0,
            };
            let length = request.header("content-length").unwrap_or("0");
            let whole = end + 4 + length.parse::<usize>().ok()?;
            if buffer.len() >= whole {
                request.body = buffer[end + 4..whole].to_vec();
                buffer.drain(..whole);
                return Some(request);
            }
        }
        let read = stream.read_buf(buffer).await.ok()?;
        if read == 0 || buffer.len() > REQUEST_MAX_BYTES {
            return None;
        }
    }
}

/// Answer to a ClientHello of a server without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// A ServerHello of TLS 1.1 to callers that offer it, and an alert to those that offer older versions only.
    Tls11,
    /// The alert `handshake_failure`.
    HandshakeFailure,
    /// The end of the connection.
    Close,
    /// Nothing.
    Silence,
    /// A line of another protocol.
    Ssh,
}

/// Starts a server without TLS.
#[must_use]
pub fn greeting_server(greeting: Greeting) -> App {
    App::on_connect(move |stream| greet(stream, greeting))
}

async fn greet(mut stream: TcpStream, greeting: Greeting) {
    // Record header, message header, and the greatest version before 1.3.
    let mut hello = [0; 11];
    if stream.read_exact(&mut hello).await.is_err() {
        return;
    }
    let alert = |number: u8| vec![21, 3, 1, 0, 2, 2, number];
    let bytes = match greeting {
        Greeting::Tls11 if hello[9..11] >= [3, 2][..] => server_hello(),
        Greeting::Tls11 => alert(70),
        Greeting::HandshakeFailure => alert(40),
        Greeting::Close => Vec::new(),
        Greeting::Silence => std::future::pending().await,
        Greeting::Ssh => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    };
    stream.write_all(&bytes).await.ok();
    stream.shutdown().await.ok();
    // Unread bytes would turn the end into a reset.
    stream.read_to_end(&mut Vec::new()).await.ok();
}

/// A ServerHello: TLS 1.1, no session, `TLS_RSA_WITH_AES_128_CBC_SHA`, no compression.
fn server_hello() -> Vec<u8> {
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend_from_slice(&[9; 32]);
    hello.extend_from_slice(&[0, 0x00, 0x2f, 0]);
    hello
}
