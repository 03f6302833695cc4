//! Callers on the internet.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::{TestRelay, soon};

/// The body of a notification.
pub(crate) const EVENT: &str = r#"{"uuid":"u","event":"/e","body":{}}"#;

/// Returns the head of an HTTP/1.1 POST. Each of `fields` ends with CRLF.
pub(crate) fn post_head(path: &str, fields: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

/// A byte stream: TLS, or plain to a relay behind a proxy.
pub(crate) trait Stream: AsyncRead + AsyncWrite + std::fmt::Debug + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Unpin + Send> Stream for S {}

/// A connection for raw bytes.
pub(crate) struct Conn {
    pub(crate) stream: Box<dyn Stream>,
}

impl Conn {
    pub(crate) async fn open(relay: &TestRelay, alpn: &[&str]) -> Self {
        Self::try_open(relay, alpn).await.unwrap()
    }

    pub(crate) async fn try_open(relay: &TestRelay, alpn: &[&str]) -> std::io::Result<Self> {
        Self::dial(relay, alpn, [127, 0, 0, 1], b"").await
    }

    /// Sends a PROXY header ahead of TLS.
    pub(crate) async fn introduced(relay: &TestRelay, header: &[u8]) -> Self {
        Self::dial(relay, &["http/1.1"], [127, 0, 0, 1], header)
            .await
            .unwrap()
    }

    async fn dial(
        relay: &TestRelay,
        alpn: &[&str],
        from: [u8; 4],
        first: &[u8],
    ) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let mut socket = socket
            .connect(([127, 0, 0, 1], relay.port()).into())
            .await?;
        socket.set_nodelay(true)?;
        socket.write_all(first).await?;
        if relay.is_plain() {
            let stream = Box::new(socket);
            return Ok(Self { stream });
        }
        let name = ServerName::try_from("localhost").unwrap();
        let connect = TlsConnector::from(relay.tls(alpn)).connect(name, socket);
        let stream = Box::new(Box::pin(connect).await?);
        Ok(Self { stream })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads until the empty line that ends an answer's head.
    pub(crate) async fn read_head(&mut self) -> Vec<u8> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("an answer", self.stream.read_u8()).await.unwrap());
        }
        head
    }

    /// Reads until the relay closes, however it does.
    pub(crate) async fn read_to_end(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        drop(soon("the end", self.stream.read_to_end(&mut all)).await);
        all
    }
}

/// A caller with one connection.
pub(crate) enum Caller {
    Http1(
        http1::SendRequest<Full<Bytes>>,
        #[expect(dead_code, reason = "drives it")] JoinSet<()>,
    ),
    Http2(http2::SendRequest<Full<Bytes>>, JoinSet<()>),
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answered {
    async fn read(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body: soon("the body", body.collect()).await.unwrap().to_bytes(),
        }
    }
}

impl Caller {
    pub(crate) async fn http1(relay: &TestRelay) -> Self {
        Self::http1_from(relay, [127, 0, 0, 1]).await
    }

    /// Calls from another address of this machine.
    pub(crate) async fn http1_from(relay: &TestRelay, from: [u8; 4]) -> Self {
        let conn = Conn::dial(relay, &["http/1.1"], from, b"").await.unwrap();
        let io = TokioIo::new(conn.stream);
        let (send, connection) = http1::handshake(io).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        Self::Http1(send, driver)
    }

    pub(crate) async fn http2(relay: &TestRelay) -> Self {
        let io = TokioIo::new(Conn::open(relay, &["h2"]).await.stream);
        let (send, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        Self::Http2(send, driver)
    }

    /// Sends a request and returns the answer as it begins.
    pub(crate) async fn begin(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(send, _) => {
                request
                    .headers_mut()
                    .entry("host")
                    .or_insert("relay.test".parse().unwrap());
                soon("an answer", send.send_request(request)).await
            }
            Self::Http2(send, _) => {
                if request.uri().authority().is_none() {
                    let uri = format!("https://relay.test{}", request.uri());
                    *request.uri_mut() = uri.parse().unwrap();
                }
                soon("an answer", send.send_request(request)).await
            }
        }
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Answered {
        Answered::read(self.begin(request).await.unwrap()).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answered {
        self.send(Request::get(path).body(Full::default()).unwrap())
            .await
    }

    pub(crate) async fn post(&mut self, path: &str, body: impl Into<Bytes>) -> Answered {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap();
        self.send(request).await
    }
}
