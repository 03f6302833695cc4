//! Requests to a subscription's address: the validation, and notifications (docs/RINGCENTRAL.md 1 and 2).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::answers::Refusal;
use super::subscriptions::Subscription;
use crate::caller::{Answer, Connection, Hook};
use crate::tls;

const TOKEN: &str = "7d4e9f00-validation-4c1b";

/// Most bytes of headers and body together.
const MAX_BYTES: usize = 1024;

/// What comes before them in an answer that is right so far.
const STATUS_LINE: &str = "HTTP/1.1 200 OK\r\n";

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

#[derive(Debug, Clone)]
pub(super) struct Caller {
    tls: Arc<ClientConfig>,
    /// Address of every name.
    pub(super) reach: Option<SocketAddr>,
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
        if answer.values("validation-token").first() != Some(&TOKEN.as_bytes()) {
            return refuse("SUB-520", "Validation Token is not returned");
        }
        if answer.wire_bytes - STATUS_LINE.len() > MAX_BYTES {
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
        let origin = format!("http://{}", uri.authority().map_or("", |it| it.as_str()));
        let path = uri.path_and_query().map_or("/", |it| it.as_str());
        let hook = hook.clone().below(path);
        let answer = async { Connection::over(&origin, stream).await?.post(&hook).await };
        answer.await.map_err(|error| match error.downcast_ref() {
            Some(error) if hyper::Error::is_parse(error) => NoAnswer::Invalid,
            _ => NoAnswer::Unreachable,
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
