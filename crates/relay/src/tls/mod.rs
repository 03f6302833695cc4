//! TLS towards the world: the relay's certificate, from files or from an authority of its own, and the settings.

mod acceptor;
mod dev;
mod disk;
mod files;
mod inspect;
mod resolver;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::sync::watch;

pub(crate) use self::acceptor::Acceptor;
pub use self::dev::DevError;
pub use self::files::{CertificateError, FilesError};
use self::resolver::Certificates;
use self::state::StateSender;
pub use self::state::{CertificateState, Failure, Orders, Shown, Source};
use crate::config::{Certificate, Host};

/// The TLS of a relay.
#[derive(Debug)]
pub(crate) struct Tls {
    /// For accepting; none behind a proxy, which has it.
    pub(crate) acceptor: Option<Acceptor>,
    /// The authority that clients must be told to trust, if the relay has its own.
    pub(crate) ca: Option<PathBuf>,
    /// What is known of the certificates.
    pub(crate) state: watch::Receiver<CertificateState>,
}

impl Tls {
    /// Loads or makes the certificate for `host`; none is needed when a proxy has one.
    pub(crate) fn load(
        certificate: &Certificate,
        data: &Path,
        host: &Host,
    ) -> Result<Self, TlsError> {
        let certificates = Arc::new(Certificates::default());
        let (source, keys, ca) = match certificate {
            Certificate::Dev => {
                let dev = dev::load_or_make(data, host)?;
                (Source::Dev, vec![dev.key], Some(dev.ca))
            }
            Certificate::Files(pairs) => {
                let keys = files::load(pairs, host, SystemTime::now())?;
                (Source::Files, keys, None)
            }
            Certificate::Proxy => (Source::Proxy, Vec::new(), None),
        };
        let mut state = CertificateState::new(source);
        state.shown = certificates.show(keys);
        let (_sender, state) = StateSender::new(state);
        let acceptor = match certificate {
            Certificate::Proxy => None,
            _ => Some(Acceptor::new(server_config(certificates)?)),
        };
        Ok(Self {
            acceptor,
            ca,
            state,
        })
    }
}

fn server_config(certificates: Arc<Certificates>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Settings)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Tickets let RingCentral's next connection skip the costly half of the handshake; one is enough, and none is kept
    // in memory here.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Settings)?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// Why a relay has no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate's files are not right.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The relay could not make its own certificate.
    #[error("the relay's own certificate could not be made")]
    Dev(#[from] DevError),
    /// The library refuses the settings.
    #[error("TLS could not be set up")]
    Settings(#[source] rustls::Error),
}
