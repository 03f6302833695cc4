//! One request to the API, bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use ringtail_outbound::failure::SendFailure;
use ringtail_outbound::proxy::{Connector, Proxies};
use ringtail_outbound::trust::Trust;

use crate::server::Server;

/// Longest time of a request. Creating a subscription includes the validation of its address.
const TIME: Duration = Duration::from_secs(30);

/// Longest time of a connection to be made.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Maximum bytes of a response; 30 subscriptions need a few kilobytes each.
const MAX_BYTES: usize = 1024 * 1024;

const USER_AGENT: &str = concat!("ringtail/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
}

/// Why there was no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoResponse {
    /// The request could not be sent, or its connection broke.
    #[error(transparent)]
    Send(#[from] SendFailure),
    /// A timeout.
    #[error("no answer within {} s", TIME.as_secs())]
    Late,
    /// The response could not be read.
    #[error("the answer is longer than {MAX_BYTES} bytes or breaks off")]
    Body,
}

impl Transport {
    pub(crate) fn new(trust: &Trust, proxies: Proxies) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.client_config())
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector::new(proxies).with_timeout(CONNECT_TIME));
        // An idle connection may be dead when the next call comes, minutes later.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Self { client }
    }

    pub(crate) async fn send(
        &self,
        server: &Server,
        method: Method,
        path: &str,
        authorization: HeaderValue,
        body: Option<(&'static str, String)>,
    ) -> Result<Response<Bytes>, NoResponse> {
        let mut request = Request::builder()
            .method(method)
            .uri(server.join(path))
            .header(header::AUTHORIZATION, authorization)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, USER_AGENT);
        let content = match body {
            Some((kind, content)) => {
                request = request.header(header::CONTENT_TYPE, kind);
                content
            }
            None => String::new(),
        };
        let request = request
            .body(Full::new(Bytes::from(content)))
            .expect("server and path are a URL by their types");
        let exchange = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| SendFailure::of(&error, server.url()))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_BYTES).collect().await;
            let body = body.map_err(|_| NoResponse::Body)?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        let timed = tokio::time::timeout(TIME, exchange).await;
        timed.unwrap_or(Err(NoResponse::Late))
    }
}
