//! Sends one request as RingCentral would and reads the answer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::inspect::Received;
use super::request::SimRequest;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use ringtail_errors::{Code, Coded, codes};
use ringtail_ringcentral::limits::ANSWER_MAX_MS;
use ringtail_ringcentral::verdict::NoAnswer;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};

use ringtail_model::target::TargetUrl;
use ringtail_outbound::failure::{SendFailure, is_of_certificate};
use ringtail_outbound::proxy::{Connector, Proxies};
use ringtail_outbound::trust::{Trust, TrustError};

/// Time limit of an answer for which RingCentral documents none.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// The most bytes of an answer's body that are read, far above RingCentral's limit.
const MAX_READ_BYTES: usize = 4 * 1024 * 1024;

/// Sends requests to one address.
#[derive(Debug, Clone)]
pub struct SimSender {
    to: TargetUrl,
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
}

/// An answer, or why there is none.
pub type Answered = Result<Received, NoAnswerError>;

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoAnswerError {
    /// The reason, as RingCentral classifies it.
    pub reason: NoAnswer,
    /// Whether the address's certificate is not trusted.
    pub is_of_certificate: bool,
    /// Description with the address's host.
    pub message: String,
}

/// Why a sender cannot be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewSenderError {
    /// The trusted certificates cannot be loaded.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The address is a Unix socket.
    #[error("RingCentral posts to URLs; give http:// or https:// instead of a Unix socket")]
    Socket,
}

impl Coded for NewSenderError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Socket => &codes::TARGET,
            _ => &codes::CERTIFICATES,
        }
    }
}

impl SimSender {
    /// Creates a sender that trusts the platform's authorities and those in `ca`. An https address is reached through the
    /// environment's proxy, as a relay's is.
    ///
    /// # Errors
    /// When TLS cannot be set up, or the address is a Unix socket.
    pub fn new(to: TargetUrl, ca: Option<&Path>, proxies: Proxies) -> Result<Self, NewSenderError> {
        if to.socket().is_some() {
            return Err(NewSenderError::Socket);
        }
        let tls = match to.is_https() {
            true => Trust::load(ca)?.client_config(),
            false => no_trust().map_err(NewSenderError::Tls)?,
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector::new(proxies));
        // A pooled connection may close while a request is being sent, which would lose or repeat the request.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            // As RingCentral documents its headers: `Validation-Token`.
            .http1_title_case_headers(true)
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self { to, client })
    }

    /// Sends a request and reads the answer within RingCentral's time limit.
    pub async fn send(&self, request: &SimRequest) -> Answered {
        let limit = match request.callback.expectation().limited {
            true => Duration::from_millis(ANSWER_MAX_MS),
            false => DEFAULT_LIMIT,
        };
        let outgoing = self.outgoing(request)?;
        let began = Instant::now();
        match tokio::time::timeout(limit, self.receive(outgoing, began)).await {
            Ok(answered) => answered,
            Err(_) => Err(NoAnswerError {
                reason: NoAnswer::TimedOut,
                is_of_certificate: false,
                message: format!(
                    "no complete answer from {} within {} ms",
                    self.to.host(),
                    limit.as_millis()
                ),
            }),
        }
    }

    fn outgoing(&self, request: &SimRequest) -> Result<http::Request<Full<Bytes>>, NoAnswerError> {
        let uri = self.to.join(&request.below).map_err(|_| NoAnswerError {
            reason: NoAnswer::NotFound,
            is_of_certificate: false,
            message: "path and query do not form a URL below the address".to_owned(),
        })?;
        let mut outgoing = http::Request::new(Full::new(Bytes::from(request.body.clone())));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = request.headers.clone();
        // hyper omits Content-Length for an empty body; RingCentral sends it.
        if request.body.is_empty() && request.method == http::Method::POST {
            let none = http::HeaderValue::from_static("0");
            outgoing
                .headers_mut()
                .insert(http::header::CONTENT_LENGTH, none);
        }
        Ok(outgoing)
    }

    async fn receive(&self, outgoing: http::Request<Full<Bytes>>, began: Instant) -> Answered {
        let answer = self.client.request(outgoing).await;
        let answer = answer.map_err(|error| NoAnswerError {
            is_of_certificate: is_of_certificate(&error),
            ..Self::failed(SendFailure::of(&error, &self.to))
        })?;
        let (head, mut incoming) = answer.into_parts();
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let frame =
                frame.map_err(|error| Self::failed(SendFailure::answering(&error, &self.to)))?;
            if let Some(data) = frame.data_ref() {
                let room = MAX_READ_BYTES - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            }
            if body.len() == MAX_READ_BYTES {
                break;
            }
        }
        Ok(Received {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            duration: began.elapsed(),
        })
    }

    fn failed(failure: SendFailure) -> NoAnswerError {
        NoAnswerError {
            reason: failure.kind.no_answer(),
            is_of_certificate: false,
            message: failure.message,
        }
    }
}

/// Returns TLS settings for a plain address: the connector needs some, and loading the platform's store is slow.
fn no_trust() -> Result<ClientConfig, rustls::Error> {
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}
