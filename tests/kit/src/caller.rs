//! RingCentral's side: validation requests and notifications as it sends them (docs/RINGCENTRAL.md).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::io::InspectReader;

use crate::tls;

/// A caller waits this long for an answer: longer than RingCentral does, so that a slow answer is seen as slow.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Method.
    pub method: Method,
    /// What follows the endpoint's URL: empty, or a path, or a query.
    pub below: String,
    /// Header fields without `Host` and `Content-Length`.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Hook {
    /// A notification with the documented header fields.
    pub fn notification(body: impl Into<Bytes>) -> Self {
        Self::new("POST", body)
            .header("accept", "application/json")
            .header("accept-encoding", "UTF-8")
            .header("content-type", "application/json; charset=UTF-8")
            .header("user-agent", "RingCentral-Webhook/8.3")
            .header("verification-token", "example-verification-token")
    }

    /// A validation request with its token.
    #[must_use]
    pub fn validation(token: &str) -> Self {
        Self::new("POST", Bytes::new())
            .header("validation-token", token)
            .header("content-type", "application/json")
            .header("user-agent", "RingCentral-Webhook/8.3")
    }

    /// A request without header fields.
    pub fn new(method: &str, body: impl Into<Bytes>) -> Self {
        Self {
            method: method.parse().unwrap(),
            below: String::new(),
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    /// Adds a header field; a repeated one is sent repeatedly.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, value);
        self
    }

    /// Sets what follows the endpoint's URL.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        path.clone_into(&mut self.below);
        self
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body after transfer decoding.
    pub body: Bytes,
    /// Bytes read from the connection while this answer was awaited, as TLS carries them: over HTTP/2 with every frame that came.
    pub wire_bytes: usize,
}

impl Answer {
    /// Returns the only value of a field; `None` when it is missing or repeated.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        match self.values(name)[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    /// Returns every value of a field.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let values = self.headers.get_all(name).into_iter();
        values.map(HeaderValue::as_bytes).collect()
    }
}

/// A caller from the internet that trusts the relay's CA.
#[derive(Debug, Clone)]
pub struct FakeRingCentral {
    address: SocketAddr,
    from: IpAddr,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl FakeRingCentral {
    /// Makes a caller that reaches every URL at `address`, whatever its name resolves to.
    ///
    /// # Errors
    /// When the CA cannot be read.
    pub fn new(address: SocketAddr, ca: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            from: Ipv4Addr::UNSPECIFIED.into(),
            http1: tls::caller(ca, tls::HTTP1)?,
            http2: tls::caller(ca, tls::HTTP2)?,
        })
    }

    /// Calls from another address of this machine.
    #[must_use]
    pub fn from(mut self, address: IpAddr) -> Self {
        self.from = address;
        self
    }

    /// Sends one request on its own connection, as RingCentral validates.
    ///
    /// # Errors
    /// When the answer is incomplete.
    pub async fn post(&self, url: &str, hook: &Hook) -> anyhow::Result<Answer> {
        self.connect(url).await?.post(hook).await
    }

    /// Opens an HTTP/1.1 connection for many requests to one endpoint.
    ///
    /// # Errors
    /// When TCP or TLS fails.
    pub async fn connect(&self, url: &str) -> anyhow::Result<Connection> {
        Connection::over(url, self.dial(url, &self.http1).await?).await
    }

    /// Opens an HTTP/2 connection for many requests to one endpoint.
    ///
    /// # Errors
    /// When TCP, TLS or the HTTP/2 preface fails.
    pub async fn connect_http2(&self, url: &str) -> anyhow::Result<Connection> {
        let read = Arc::default();
        let stream = counted(self.dial(url, &self.http2).await?, &read);
        let (sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        Connection::new(url, Sender::Http2(sender), read, driver)
    }

    /// Opens TLS and nothing more, for callers that misbehave.
    ///
    /// # Errors
    /// When TCP or TLS fails.
    pub async fn connect_raw(&self, url: &str) -> anyhow::Result<TlsStream<TcpStream>> {
        self.dial(url, &self.http1).await
    }

    async fn dial(
        &self,
        url: &str,
        config: &Arc<ClientConfig>,
    ) -> anyhow::Result<TlsStream<TcpStream>> {
        let host = endpoint(url)?.host().context("no host")?.to_owned();
        let dial = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((self.from, 0).into())?;
            let tcp = socket.connect(self.address).await?;
            tcp.set_nodelay(true)?;
            let name = ServerName::try_from(host)?;
            let tls = TlsConnector::from(Arc::clone(config));
            anyhow::Ok(tls.connect(name, tcp).await?)
        };
        timeout(ANSWER_TIME, dial)
            .await
            .context("no TLS connection in time")?
    }
}

/// Counts the bytes that are read from a stream.
fn counted<S: AsyncRead>(
    stream: S,
    read: &Arc<AtomicUsize>,
) -> InspectReader<S, impl FnMut(&[u8]) + use<S>> {
    let read = Arc::clone(read);
    InspectReader::new(stream, move |bytes: &[u8]| {
        read.fetch_add(bytes.len(), Ordering::Relaxed);
    })
}

/// Parses an endpoint's URL.
///
/// # Errors
/// When it is no URL.
pub fn endpoint(url: &str) -> anyhow::Result<Uri> {
    url.parse().with_context(|| format!("not a URL: {url}"))
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection that is kept alive.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    endpoint: Uri,
    read: Arc<AtomicUsize>,
    _driver: JoinSet<()>,
}

impl Connection {
    /// Speaks HTTP/1.1 over a stream.
    pub(crate) async fn over(
        url: &str,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> anyhow::Result<Self> {
        let read = Arc::default();
        let stream = counted(stream, &read);
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        Self::new(url, Sender::Http1(sender), read, driver)
    }

    fn new(
        url: &str,
        sender: Sender,
        read: Arc<AtomicUsize>,
        driver: impl Future<Output = hyper::Result<()>> + Send + 'static,
    ) -> anyhow::Result<Self> {
        let mut tasks = JoinSet::new();
        // Its error is the error of the request that it breaks.
        tasks.spawn(async move { drop(driver.await) });
        Ok(Self {
            sender,
            endpoint: endpoint(url)?,
            read,
            _driver: tasks,
        })
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// When the answer is incomplete; the connection cannot be used again.
    pub async fn post(&mut self, hook: &Hook) -> anyhow::Result<Answer> {
        let request = self.request(hook)?;
        let before = self.read.load(Ordering::Relaxed);
        let answer = timeout(ANSWER_TIME, async {
            let answer = match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await?
                }
                Sender::Http2(sender) => sender.send_request(request).await?,
            };
            let (head, body) = answer.into_parts();
            Ok::<_, hyper::Error>((head, body.collect().await?.to_bytes()))
        });
        let (head, body) = answer.await.context("no answer in time")??;
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            wire_bytes: self.read.load(Ordering::Relaxed) - before,
        })
    }

    fn request(&self, hook: &Hook) -> anyhow::Result<Request<Full<Bytes>>> {
        let path = self.endpoint.path().trim_end_matches('/');
        let path = match format!("{path}{}", hook.below) {
            path if path.starts_with('/') => path,
            path => format!("/{path}"),
        };
        let authority = self.endpoint.authority().context("no authority")?;
        let mut request = Request::new(Full::new(hook.body.clone()));
        *request.method_mut() = hook.method.clone();
        *request.headers_mut() = hook.headers.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, hook.body.len().into());
        *request.uri_mut() = match self.sender {
            Sender::Http1(_) => {
                headers.insert(HOST, authority.as_str().parse()?);
                path.parse()?
            }
            Sender::Http2(_) => format!("https://{authority}{path}").parse()?,
        };
        Ok(request)
    }
}
