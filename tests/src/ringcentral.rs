//! RingCentral's side: posts validations and notifications as it does (RINGCENTRAL.md 1.2 and 2.2).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::http1::{self, Answer};
use crate::tls;

/// A caller waits this long for an answer: longer than RingCentral does, so that a slow answer is seen as slow.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// One request in the making.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Method.
    pub method: String,
    /// What follows the endpoint's URL: empty, or a path, or a query.
    pub below: String,
    /// Header fields beside `Host` and `Content-Length`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Bytes,
}

impl Hook {
    /// A notification with the documented header set.
    pub fn notification(body: impl Into<Bytes>) -> Self {
        Self::new("POST", body)
            .header("accept", "application/json")
            .header("accept-encoding", "UTF-8")
            .header("content-type", "application/json; charset=UTF-8")
            .header("user-agent", "RingCentral-Webhook/8.3")
            .header("verification-token", "example-verification-token")
    }

    /// A validation with its token.
    #[must_use]
    pub fn validation(token: &str) -> Self {
        Self::new("POST", Bytes::new())
            .header("validation-token", token)
            .header("content-type", "application/json")
            .header("user-agent", "RingCentral-Webhook/8.3")
    }

    /// A request without any header of its own.
    pub fn new(method: &str, body: impl Into<Bytes>) -> Self {
        Self {
            method: method.to_owned(),
            below: String::new(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Adds a header field; a repeated one is sent repeatedly.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Says what follows the endpoint's URL.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        path.clone_into(&mut self.below);
        self
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

    /// Calls from an address of this machine.
    #[must_use]
    pub fn from(mut self, address: IpAddr) -> Self {
        self.from = address;
        self
    }

    /// Posts one request on a connection of its own, as RingCentral's validation comes.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn post(&self, url: &str, hook: &Hook) -> anyhow::Result<Answer> {
        self.connect(url).await?.post(hook).await
    }

    /// Opens a connection for many requests to one endpoint, HTTP/1.1.
    ///
    /// # Errors
    /// When TCP or TLS fail.
    pub async fn connect(&self, url: &str) -> anyhow::Result<Connection> {
        let place = Place::of(url)?;
        let stream = self.dial(&place, &self.http1).await?;
        Ok(Connection {
            stream,
            place,
            buffer: BytesMut::new(),
        })
    }

    /// Opens a connection for many requests to one endpoint, HTTP/2.
    ///
    /// # Errors
    /// When TCP, TLS or the HTTP/2 preface fail.
    pub async fn connect_http2(&self, url: &str) -> anyhow::Result<Http2Connection> {
        let place = Place::of(url)?;
        let stream = self.dial(&place, &self.http2).await?;
        let (sender, driver) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await?;
        let mut drivers = JoinSet::new();
        drivers.spawn(async move {
            // Its error is the error of the request that it breaks.
            driver.await.ok();
        });
        Ok(Http2Connection {
            sender,
            place,
            _driver: drivers,
        })
    }

    /// Opens TLS and nothing more, for callers that misbehave.
    ///
    /// # Errors
    /// When TCP or TLS fail.
    pub async fn connect_raw(&self, url: &str) -> anyhow::Result<TlsStream<TcpStream>> {
        self.dial(&Place::of(url)?, &self.http1).await
    }

    async fn dial(
        &self,
        place: &Place,
        config: &Arc<ClientConfig>,
    ) -> anyhow::Result<TlsStream<TcpStream>> {
        let dial = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((self.from, 0).into())?;
            let tcp = socket.connect(self.address).await?;
            tcp.set_nodelay(true)?;
            let name = ServerName::try_from(place.host.clone())?;
            Ok::<_, anyhow::Error>(
                TlsConnector::from(Arc::clone(config))
                    .connect(name, tcp)
                    .await?,
            )
        };
        timeout(ANSWER_TIME, dial)
            .await
            .context("no TLS connection in time")?
    }
}

/// Where an endpoint is, taken from its URL.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Place {
    pub(crate) fn of(url: &str) -> anyhow::Result<Self> {
        let uri: http::Uri = url.parse().with_context(|| format!("not a URL: {url}"))?;
        let Some(authority) = uri.authority() else {
            bail!("{url} names no host");
        };
        Ok(Self {
            host: authority.host().to_owned(),
            authority: authority.to_string(),
            // What follows an endpoint's URL is added, and a host alone is asked for as `/`.
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// A connection kept alive, HTTP/1.1.
#[derive(Debug)]
pub struct Connection {
    stream: TlsStream<TcpStream>,
    place: Place,
    buffer: BytesMut,
}

impl Connection {
    /// Posts one request and reads its answer.
    ///
    /// # Errors
    /// When there is no whole answer; the connection is then of no more use.
    pub async fn post(&mut self, hook: &Hook) -> anyhow::Result<Answer> {
        let headers: Vec<(&str, &[u8])> = hook
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let path = match format!("{}{}", self.place.path, hook.below) {
            path if path.starts_with('/') => path,
            path => format!("/{path}"),
        };
        let wire = http1::request(
            &hook.method,
            &path,
            &self.place.authority,
            &headers,
            &hook.body,
        );
        timeout(ANSWER_TIME, async {
            // A relay that refuses a request early answers, and hangs up while the rest is being written.
            let sent = async {
                self.stream.write_all(&wire).await?;
                self.stream.flush().await
            };
            let sent = sent.await;
            let answer = http1::read_answer(&mut self.stream, &mut self.buffer).await;
            match (sent, answer) {
                (_, Ok(answer)) => Ok(answer),
                (Err(error), Err(_)) => Err(error.into()),
                (Ok(()), Err(error)) => Err(error),
            }
        })
        .await
        .context("no answer in time")?
    }
}

/// A connection kept alive, HTTP/2.
#[derive(Debug)]
pub struct Http2Connection {
    sender: SendRequest<Full<Bytes>>,
    place: Place,
    _driver: JoinSet<()>,
}

impl Http2Connection {
    /// Posts one request; several may be under way at once. `wire_bytes` is not known here and stays 0.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn post(&self, hook: &Hook) -> anyhow::Result<Answer> {
        let mut request = http::Request::builder()
            .method(hook.method.as_str())
            .uri(format!(
                "https://{}{}{}",
                self.place.authority, self.place.path, hook.below
            ));
        for (name, value) in &hook.headers {
            request = request.header(name, value.as_slice());
        }
        let request = request.body(Full::new(hook.body.clone()))?;
        let mut sender = self.sender.clone();
        let answer = timeout(ANSWER_TIME, async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            Ok::<_, hyper::Error>((head, body.collect().await?.to_bytes()))
        });
        let (head, body) = answer.await.context("no answer in time")??;
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
            body: body.to_vec(),
            wire_bytes: 0,
        })
    }
}
