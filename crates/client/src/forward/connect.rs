//! Connections to the target: names, addresses, TLS.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::ConfigVerifierExt;
use tower_service::Service;

use ringtail_model::target::TargetUrl;
use ringtail_outbound::any_certificate::AnyCertificate;

/// Maximum header fields of a response, as many as an event may have.
const MAX_ANSWER_HEADERS: usize = ringtail_protocol::event::MAX_HEADERS;

/// The body of a request to the target.
pub(super) type OutgoingBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

pub(super) type TargetClient = Client<HttpsConnector<HttpConnector<Resolver>>, OutgoingBody>;

/// Creates the client of a target. HTTP/1.1 only, as RingCentral uses.
///
/// Each request uses a new connection. On a pooled connection to an app that was just stopped, a request would be
/// recorded as a broken connection instead of staying pending. On one machine a connection costs about 0.1 ms.
pub(super) fn client(
    target: &TargetUrl,
    insecure: bool,
    connect_timeout: Duration,
) -> Result<TargetClient, rustls::Error> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(target, insecure)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .http1_max_headers(MAX_ANSWER_HEADERS)
        .build(connector))
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
