//! Connections to the target: names, addresses, sockets, TLS.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use bytes::Bytes;
use http::Uri;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Executor, Read, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ringtail_protocol::field_names::FieldNames;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::ConfigVerifierExt;
use tower_service::Service;

use super::named_head::NamedHead;
use ringtail_model::target::TargetUrl;
use ringtail_outbound::any_certificate::AnyCertificate;

/// Maximum header fields of a response, as many as an event may have.
const MAX_ANSWER_HEADERS: usize = ringtail_protocol::event::MAX_HEADERS;

/// The body of a request to the target.
pub(super) type OutgoingBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A connection to the target.
pub(super) trait Connection: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Connection for T {}

/// Makes connections to a target, each for one request.
///
/// On a pooled connection to an app that was just stopped, a request would be recorded as a broken connection instead of
/// staying pending. On one machine a connection costs about 0.1 ms.
pub(super) struct Connector {
    url: Uri,
    socket: Option<PathBuf>,
    https: HttpsConnector<HttpConnector<Resolver>>,
}

impl Connector {
    pub(super) fn new(target: &TargetUrl, insecure: bool) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(target, insecure)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self {
            url: target.join("").unwrap_or_default(),
            socket: target.socket().map(Path::to_owned),
            https,
        })
    }

    /// Connects, TLS included.
    pub(super) async fn connect(
        &self,
    ) -> Result<Box<dyn Connection>, Box<dyn Error + Send + Sync>> {
        match &self.socket {
            Some(socket) => Ok(connect_socket(socket).await?),
            None => Ok(Box::new(self.https.clone().call(self.url.clone()).await?)),
        }
    }
}

#[cfg(unix)]
async fn connect_socket(path: &Path) -> io::Result<Box<dyn Connection>> {
    let stream = tokio::net::UnixStream::connect(path).await?;
    Ok(Box::new(TokioIo::new(stream)))
}

#[cfg(not(unix))]
async fn connect_socket(_path: &Path) -> io::Result<Box<dyn Connection>> {
    let reason = "this system's sockets have no paths; give a port";
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}

/// Sends one request over a new connection and returns the response when its head has come. HTTP/1.1, as RingCentral uses.
pub(super) async fn exchange(
    connection: Box<dyn Connection>,
    names: Option<FieldNames>,
    request: http::Request<OutgoingBody>,
) -> hyper::Result<http::Response<Incoming>> {
    let (mut send, connection) = http1::Builder::new()
        .max_headers(MAX_ANSWER_HEADERS)
        .handshake(NamedHead::new(connection, names))
        .await?;
    // It ends with the response's body, or when the response is dropped. The response reports what breaks it.
    TokioExecutor::new().execute(async move { drop(connection.await) });
    send.send_request(request).await
}

fn tls(target: &TargetUrl, insecure: bool) -> Result<ClientConfig, rustls::Error> {
    // Read the system's trust store only if needed: it takes time and may fail.
    if target.is_https() && !insecure {
        return ClientConfig::with_platform_verifier();
    }
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    // Only for the hop to the target, and only with `insecure`.
    let verifier = Arc::new(AnyCertificate::new(&provider));
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Resolves names; `localhost` always means both loopback addresses (RFC 6761, 6.3), because some development servers
/// listen only on `::1` and others only on `127.0.0.1`.
#[derive(Debug, Clone)]
pub(super) struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if is_localhost(name.as_str()) {
            // The connector sets the port.
            let both = vec![
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
            ];
            return Box::pin(async move { Ok(both.into_iter()) });
        }
        let found = self.0.call(name);
        Box::pin(async move { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_recognized_by_name() {
        for name in ["localhost", "LOCALHOST", "localhost.", "app.localhost"] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["localhost.example", "notlocalhost", ""] {
            assert!(!is_localhost(name), "{name}");
        }
    }
}
