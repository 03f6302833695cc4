//! TLS on an accepted connection.

use std::io;
use std::sync::Arc;
use std::thread::available_parallelism;

use rustls::ServerConfig;
use rustls::server::ClientHello;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::acme;
use crate::budget::Owner;
use crate::fair_pool::FairPool;

/// Performs TLS handshakes.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor {
    config: Arc<ServerConfig>,
    /// For an authority that validates the relay's name.
    challenges: Option<Arc<ServerConfig>>,
    /// Computes keys and signatures, about a millisecond for each handshake. Half of the CPUs are left to requests.
    computing: Arc<FairPool>,
}

impl Acceptor {
    pub(super) fn new(config: ServerConfig, challenges: Option<ServerConfig>) -> io::Result<Self> {
        let threads = available_parallelism().map_or(1, |cpus| cpus.get().div_ceil(2));
        Ok(Self {
            config: Arc::new(config),
            challenges: challenges.map(Arc::new),
            computing: Arc::new(FairPool::new("handshakes", threads)?),
        })
    }

    /// Returns the stream of a caller; `None` after a validation by an authority. Has no timeout.
    pub(crate) async fn accept<S>(
        &self,
        socket: S,
        owner: Option<Owner>,
    ) -> io::Result<Option<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket).await?;
        let challenges = self.challenges.as_ref();
        let challenges = challenges.filter(|_| is_challenge(&hello.client_hello()));
        let config = challenges.unwrap_or(&self.config).clone();
        let compute = move || hello.into_stream(config);
        let answered = self.computing.run(owner, compute).await;
        let answered = answered.ok_or_else(|| io::Error::other("the handshake panicked"))?;
        let mut stream = answered.await?;
        if challenges.is_none() {
            return Ok(Some(stream));
        }
        stream.shutdown().await?;
        Ok(None)
    }
}

/// Returns whether an authority connects: it offers its protocol and no other (RFC 8737, 3).
fn is_challenge(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut offered| {
        offered.next() == Some(acme::PROTOCOL) && offered.next().is_none()
    })
}
