//! TLS on an accepted connection.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ClientHello;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::acme;

/// Performs TLS handshakes.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor {
    config: Arc<ServerConfig>,
    /// For an authority that validates the relay's name.
    challenges: Option<Arc<ServerConfig>>,
}

impl Acceptor {
    pub(super) fn new(config: ServerConfig, challenges: Option<ServerConfig>) -> Self {
        Self {
            config: Arc::new(config),
            challenges: challenges.map(Arc::new),
        }
    }

    /// Returns the stream of a caller; `None` after a validation by an authority. Has no timeout.
    pub(crate) async fn accept<S>(&self, socket: S) -> io::Result<Option<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket).await?;
        match &self.challenges {
            Some(challenges) if is_challenge(&hello.client_hello()) => {
                let mut stream = hello.into_stream(challenges.clone()).await?;
                stream.shutdown().await?;
                Ok(None)
            }
            _ => hello.into_stream(self.config.clone()).await.map(Some),
        }
    }
}

/// Returns whether an authority connects: it offers its protocol and no other (RFC 8737, 3).
fn is_challenge(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut offered| {
        offered.next() == Some(acme::PROTOCOL) && offered.next().is_none()
    })
}
