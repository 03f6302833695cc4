//! Requests to a subscription's address: the validation, and notifications (docs/RINGCENTRAL.md 1 and 2).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::io::InspectReader;

use super::answers::Refusal;
use super::subscriptions::Subscription;
use crate::caller::Hook;
use crate::tls;

const TOKEN: &str = "7d4e9f00-validation-4c1b";

/// Most bytes of headers and body together.
const MAX_BYTES: usize = 1024;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

#[derive(Debug, Clone)]
pub(super) struct Caller {
    tls: Arc<ClientConfig>,
    /// Address of every name.
    pub(super) reach: Option<SocketAddr>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    /// Headers and body, without the status line.
    bytes: usize,
}

/// Why there is no answer.
enum NoAnswer {
    Unreachable,
    Certificate,
    /// What came is not HTTP.
    Invalid,
}

impl Caller {
    pub(super) fn trusting(pem: &[u8]) -> anyhow::Result<Self> {
        Ok(Self {
            tls: tls::trusting(pem, &[tls::HTTP1])?,
            reach: None,
        })
    }

    /// Validates an address.
    pub(super) async fn validate(
        &self,
        address: &str,
        verification_token: Option<&str>,
        limit: Duration,
    ) -> Result<(), Refusal> {
        let refuse = |code: &str, message: &str| Err(Refusal::new(400, code, message));
        let mut hook = Hook::validation(TOKEN);
        if let Some(token) = verification_token {
            hook = hook.header("verification-token", token);
        }
        let answer = timeout(limit, self.post(address, &hook)).await;
        let answer = match answer.unwrap_or(Err(NoAnswer::Unreachable)) {
            Ok(answer) => answer,
            Err(NoAnswer::Unreachable) => return refuse("SUB-521", "WebHook is not reachable"),
            Err(NoAnswer::Certificate) => {
                return refuse("SUB-524", "HTTPS certificate is not valid");
            }
            Err(NoAnswer::Invalid) => {
                return refuse("SUB-525", "WebHook server response is invalid");
            }
        };
        if answer.status != 200 {
            let message = format!(
                "WebHook responds with incorrect HTTP status. HTTP status is {}",
                answer.status
            );
            return refuse("SUB-522", &message);
        }
        let token = answer.headers.get("validation-token");
        if token.is_none_or(|it| it.as_bytes() != TOKEN.as_bytes()) {
            return refuse("SUB-520", "Validation Token is not returned");
        }
        if answer.bytes > MAX_BYTES {
            return refuse("SUB-525", "WebHook server response is invalid");
        }
        Ok(())
    }

    /// Sends a notification of a subscription.
    pub(super) async fn notify(
        &self,
        subscription: &Subscription,
        body: &Value,
    ) -> anyhow::Result<u16> {
        let mut hook = Hook::notification(body.to_string());
        hook.headers.remove("verification-token");
        if let Some(token) = &subscription.token {
            hook = hook.header("verification-token", token);
        }
        let answer = timeout(
            crate::wait::PATIENCE,
            self.post(&subscription.address, &hook),
        );
        match answer.await.context("no answer in time")? {
            Ok(answer) => Ok(answer.status),
            Err(_) => anyhow::bail!("{} does not answer", subscription.address),
        }
    }

    async fn post(&self, url: &str, hook: &Hook) -> Result<Answer, NoAnswer> {
        let uri: Uri = url.parse().map_err(|_| NoAnswer::Unreachable)?;
        let stream = self.dial(&uri).await?;
        let read = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&read);
        let counted = InspectReader::new(stream, move |bytes: &[u8]| {
            count.fetch_add(bytes.len(), Ordering::Relaxed);
        });
        let handshake = http1::handshake(TokioIo::new(counted)).await;
        let (mut sender, driver) = handshake.map_err(|_| NoAnswer::Unreachable)?;
        let mut request = Request::new(Full::new(hook.body.clone()));
        *request.method_mut() = hook.method.clone();
        *request.uri_mut() = (uri.path_and_query().map_or("/", |it| it.as_str()))
            .parse()
            .map_err(|_| NoAnswer::Unreachable)?;
        *request.headers_mut() = hook.headers.clone();
        let host = uri.authority().map_or("", |it| it.as_str());
        let host = host.parse().map_err(|_| NoAnswer::Unreachable)?;
        request.headers_mut().insert(HOST, host);
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, hook.body.len().into());
        // The sender ends with the exchange, and the connection with the sender.
        let exchange = async move {
            let answer = sender.send_request(request).await?;
            let (head, body) = answer.into_parts();
            let body: Bytes = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>((head, body))
        };
        let (answered, _) = tokio::join!(exchange, driver);
        let (head, _) = answered.map_err(|error| match error.is_parse() {
            true => NoAnswer::Invalid,
            false => NoAnswer::Unreachable,
        })?;
        let reason = head.status.canonical_reason().unwrap_or_default();
        let status_line = "HTTP/1.1 200 \r\n".len() + reason.len();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            bytes: read.load(Ordering::Relaxed).saturating_sub(status_line),
        })
    }

    async fn dial(&self, uri: &Uri) -> Result<Box<dyn Stream>, NoAnswer> {
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let peer = match self.reach {
            Some(peer) => peer,
            None => lookup_host((host, port))
                .await
                .ok()
                .and_then(|mut found| found.find(|it| it.ip().is_loopback()))
                .ok_or(NoAnswer::Unreachable)?,
        };
        let tcp = TcpStream::connect(peer).await;
        let tcp = tcp.map_err(|_| NoAnswer::Unreachable)?;
        if !is_secure {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| NoAnswer::Unreachable)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp);
        match tls.await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(match error.get_ref().and_then(|it| it.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(_)) => NoAnswer::Certificate,
                _ => NoAnswer::Unreachable,
            }),
        }
    }
}
