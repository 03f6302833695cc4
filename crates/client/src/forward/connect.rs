//! Connections to the target: names, addresses, sockets, TLS.

use std::error::Error;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use ringtail_model::target::TargetUrl;
use ringtail_outbound::any_certificate::AnyCertificate;
use ringtail_outbound::localhost::{LOOPBACK, Resolver, is_localhost};

/// A connection to the target.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Makes connections to a target.
#[derive(Debug)]
pub(super) struct Connector {
    url: Uri,
    socket: Option<PathBuf>,
    /// The ways to the target, tried in turn.
    https: Vec<HttpsConnector<HttpConnector<Resolver>>>,
    /// The way that led there last, tried first: Windows retries a refused connection to itself for two seconds, which an app
    /// that listens only on `::1` would cost each connection.
    last: AtomicUsize,
}

impl Connector {
    pub(super) fn new(target: &TargetUrl, insecure: bool) -> Result<Self, rustls::Error> {
        let tls = tls(target, insecure)?;
        let url = target.join("").unwrap_or_default();
        // The addresses of `localhost` in turn, because of two failures the first one tells more: `::1` may not exist.
        let resolvers = match url.host().is_some_and(is_localhost) {
            true => LOOPBACK.map(|ip| Resolver::with_localhost(&[ip])).to_vec(),
            false => vec![Resolver::new()],
        };
        let connector = |resolver| {
            let mut tcp = HttpConnector::new_with_resolver(resolver);
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp)
        };
        Ok(Self {
            url,
            socket: target.socket().map(Path::to_owned),
            https: resolvers.into_iter().map(connector).collect(),
            last: AtomicUsize::new(0),
        })
    }

    /// Connects, TLS included.
    pub(super) async fn connect(
        &self,
    ) -> Result<Box<dyn Connection>, Box<dyn Error + Send + Sync>> {
        if let Some(socket) = &self.socket {
            return Ok(connect_socket(socket).await?);
        }
        let last = self.last.load(Ordering::Relaxed);
        let others = (0..self.https.len()).filter(|way| *way != last);
        let mut failed = None;
        for way in iter::once(last).chain(others) {
            match self.https[way].clone().call(self.url.clone()).await {
                Ok(stream) => {
                    self.last.store(way, Ordering::Relaxed);
                    return Ok(Box::new(TokioIo::new(stream)));
                }
                Err(error) if way == 0 => failed = Some(error),
                Err(error) => _ = failed.get_or_insert(error),
            }
        }
        Err(failed.unwrap_or_else(|| io::Error::from(io::ErrorKind::NotFound).into()))
    }
}

#[cfg(unix)]
async fn connect_socket(path: &Path) -> io::Result<Box<dyn Connection>> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

#[cfg(not(unix))]
async fn connect_socket(_path: &Path) -> io::Result<Box<dyn Connection>> {
    let reason = "this system's sockets have no paths; give a port";
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
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

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[tokio::test]
    async fn the_address_that_answered_last_is_tried_first() {
        // Bound and not yet listening, it refuses connections.
        let v4 = TcpSocket::new_v4().unwrap();
        v4.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = v4.local_addr().unwrap().port();
        let Ok(v6) = TcpListener::bind(("::1", port)).await else {
            return; // This machine has no IPv6.
        };
        let target = TargetUrl::parse(&format!("localhost:{port}")).unwrap();
        let connector = Connector::new(&target, false).unwrap();
        drop(connector.connect().await.unwrap());
        v6.accept().await.unwrap();

        let v4 = v4.listen(8).unwrap();
        drop(connector.connect().await.unwrap());
        tokio::select! {
            accepted = v6.accept() => accepted.unwrap(),
            _ = v4.accept() => panic!("127.0.0.1 was tried first"),
        };

        drop(v6);
        drop(connector.connect().await.unwrap());
        v4.accept().await.unwrap();
    }
}
