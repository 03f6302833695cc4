//! Sends one request as RingCentral would and reads the answer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Received, SimRequest};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ringtail_errors::{Code, Coded, codes};
use ringtail_ringcentral::limits::ANSWER_MAX_MS;
use ringtail_ringcentral::verdict::NoAnswer;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};

use ringtail_model::target::TargetUrl;
use ringtail_outbound::failure::SendFailure;
use ringtail_outbound::trust::{Trust, TrustError};

/// How long an answer may take where RingCentral states no limit.
const UNLIMITED: Duration = Duration::from_secs(60);

/// Bytes of an answer's body that are read. RingCentral's own limit is far below.
const MAX_READ_BYTES: usize = 4 * 1024 * 1024;

/// Sends requests to one address.
#[derive(Clone)]
pub struct SimSender {
    to: TargetUrl,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer, or why there is none.
pub type Answered = Result<Received, NoAnswerError>;

/// Why no response arrived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoAnswerError {
    /// As RingCentral sees it.
    pub reason: NoAnswer,
    /// In words, with the address's host.
    pub message: String,
}

/// Why nothing can be sent to an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewSenderError {
    /// Nobody is trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No TLS can be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

impl Coded for NewSenderError {
    fn code(&self) -> &'static Code {
        &codes::CERTIFICATES
    }
}

impl SimSender {
    /// Makes a sender that trusts what the platform trusts and the authorities in `ca`.
    ///
    /// # Errors
    /// When an `https` address is given and no TLS can be set up.
    pub fn new(to: TargetUrl, ca: Option<&Path>) -> Result<Self, NewSenderError> {
        let tls = match to.is_https() {
            true => Trust::load(ca)?.client_config(),
            false => unused().map_err(NewSenderError::Tls)?,
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // A kept connection may close just when it is used, and a request on it would be lost or sent again.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self { to, client })
    }

    /// Returns the address.
    #[must_use]
    pub fn to(&self) -> &TargetUrl {
        &self.to
    }

    /// Sends a request and reads the answer within RingCentral's time.
    pub async fn send(&self, request: &SimRequest) -> Answered {
        let limit = match request.callback.expectation().limited {
            true => Duration::from_millis(ANSWER_MAX_MS),
            false => UNLIMITED,
        };
        let outgoing = self.outgoing(request)?;
        let began = Instant::now();
        match tokio::time::timeout(limit, self.exchange(outgoing, began)).await {
            Ok(answered) => answered,
            Err(_) => Err(NoAnswerError {
                reason: NoAnswer::TimedOut,
                message: format!(
                    "no whole answer from {} within {} ms",
                    self.to.host(),
                    limit.as_millis()
                ),
            }),
        }
    }

    fn outgoing(&self, request: &SimRequest) -> Result<http::Request<Full<Bytes>>, NoAnswerError> {
        let uri = self.to.join(&request.below).map_err(|_| NoAnswerError {
            reason: NoAnswer::NotFound,
            message: "path and query make no URL below the address".to_owned(),
        })?;
        let mut outgoing = http::Request::new(Full::new(Bytes::from(request.body.clone())));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = request.headers.clone();
        // hyper states a length for bodies, and RingCentral states it for none as well.
        if request.body.is_empty() && request.method == http::Method::POST {
            let none = http::HeaderValue::from_static("0");
            outgoing
                .headers_mut()
                .insert(http::header::CONTENT_LENGTH, none);
        }
        Ok(outgoing)
    }

    async fn exchange(&self, outgoing: http::Request<Full<Bytes>>, began: Instant) -> Answered {
        let answer = self.client.request(outgoing).await;
        let answer = answer.map_err(|error| Self::failed(SendFailure::of(&error, &self.to)))?;
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
            body_len: body.len() as u64,
            body,
            duration: began.elapsed(),
        })
    }

    fn failed(failure: SendFailure) -> NoAnswerError {
        NoAnswerError {
            reason: failure.kind.no_answer(),
            message: failure.message,
        }
    }
}

impl std::fmt::Debug for SimSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimSender")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// TLS settings for an address without TLS: the connector wants some, and the platform's store takes time to read.
fn unused() -> Result<ClientConfig, rustls::Error> {
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}
