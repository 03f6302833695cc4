//! TLS on an accepted connection.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::available_parallelism;

use futures_util::FutureExt as _;
use rustls::server::ClientHello;
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
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
        let ready = Arc::new(Ready(Notify::new()));
        let waker = Waker::from(ready.clone());
        let begin = move || {
            let mut computes_more = false;
            let mut handshake = hello.into_stream_with(config, |connection| {
                computes_more = self::computes_more(connection);
            });
            let polled = handshake.poll_unpin(&mut Context::from_waker(&waker));
            (handshake, polled, computes_more)
        };
        let (mut handshake, mut polled, computes_more) = self.compute(owner, begin).await?;
        let mut stream = loop {
            match polled {
                Poll::Ready(stream) => break stream?,
                Poll::Pending if !computes_more => break handshake.await?,
                Poll::Pending => ready.0.notified().await,
            }
            let waker = Waker::from(ready.clone());
            let go_on = move || {
                let polled = handshake.poll_unpin(&mut Context::from_waker(&waker));
                (handshake, polled)
            };
            (handshake, polled) = self.compute(owner, go_on).await?;
        };
        if challenges.is_none() {
            return Ok(Some(stream));
        }
        stream.shutdown().await?;
        Ok(None)
    }

    async fn compute<T: Send + 'static>(
        &self,
        owner: Option<Owner>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let computed = self.computing.run(owner, job).await;
        computed.ok_or_else(|| io::Error::other("the handshake panicked"))
    }
}

/// Tells that a socket is ready for the next step of a handshake.
struct Ready(Notify);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Returns whether the caller's next message takes a CPU: TLS 1.2 computes keys then, and TLS 1.3 everything if the caller sent
/// no key that fits, which it may do on purpose.
fn computes_more(connection: &ServerConnection) -> bool {
    connection.protocol_version() != Some(ProtocolVersion::TLSv1_3)
        || connection.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest)
}

/// Returns whether an authority connects: it offers its protocol and no other (RFC 8737, 3).
fn is_challenge(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut offered| {
        offered.next() == Some(acme::PROTOCOL) && offered.next().is_none()
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use parking_lot::Mutex;
    use ringtail_kit::tls::Identity;
    use rustls::crypto::aws_lc_rs::{self, kx_group};
    use rustls::pki_types::ServerName;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::ResolvesServerCert;
    use rustls::sign::CertifiedKey;
    use tokio_rustls::TlsConnector;

    use super::*;

    /// Remembers which threads looked for a certificate: those that compute.
    #[derive(Debug)]
    struct Threads(Arc<CertifiedKey>, Mutex<Vec<Option<String>>>);

    impl ResolvesServerCert for Threads {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            let name = thread::current().name().map(str::to_owned);
            self.1.lock().push(name);
            Some(self.0.clone())
        }
    }

    #[tokio::test]
    async fn a_caller_without_a_fitting_key_takes_turns_like_the_others() {
        let files = Identity::new().unwrap();
        let file = |name| files.directory().join(name);
        let certificate = CertificateDer::from_pem_file(file("cert.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
        let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
        let key = Arc::new(CertifiedKey::new(vec![certificate], key));
        let threads = Arc::new(Threads(key, Mutex::default()));
        let mut provider = aws_lc_rs::default_provider();
        // No caller sends a key of this group at once.
        provider.kx_groups = vec![kx_group::SECP384R1];
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(threads.clone());
        let acceptor = Acceptor::new(config, None).unwrap();
        let caller = ringtail_kit::tls::caller(&file("cert.pem"), "http/1.1").unwrap();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from("localhost").unwrap();
        let (accepted, connected) = tokio::join!(
            acceptor.accept(far, None),
            TlsConnector::from(caller).connect(name, near)
        );
        let connected = connected.unwrap();
        assert_eq!(
            connected.get_ref().1.handshake_kind(),
            Some(HandshakeKind::FullWithHelloRetryRequest)
        );
        assert!(accepted.unwrap().is_some());
        let computing = || Some("handshakes".to_owned());
        assert_eq!(*threads.1.lock(), [computing(), computing()]);
    }
}
