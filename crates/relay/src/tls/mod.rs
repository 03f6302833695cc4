//! TLS of the public listener, and the relay's certificates.
//!
//! A certificate comes from a local authority (`dev`), from files that another program renews (`reload`), or from an ACME
//! authority (`acme`). The resolver holds the certificates in use; a keeper replaces them after checking the new ones.

mod acceptor;
pub(crate) mod acme;
mod clock;
mod dev;
mod files;
mod inspect;
mod reload;
mod resolver;
mod settings;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringtail_errors::{Code, Coded, codes};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::sync::{Notify, watch};

pub(crate) use self::acceptor::Acceptor;
pub use self::acme::{AcmeClientError, AcmeFileError};
pub use self::clock::Clock;
pub use self::dev::DevError;
pub use self::files::FilesError;
pub use self::inspect::CertificateError;
use self::resolver::Certificates;
pub use self::settings::{
    Acme, Certificate, Domain, DomainError, HttpListen, LETS_ENCRYPT, MAX_DOMAINS, PemPair,
};
use self::state::StateSender;
pub use self::state::{CertificateInfo, CertificateState, OrderCounts, Source};
use crate::public_url::Host;

/// TLS of a relay.
#[derive(Debug)]
pub(crate) struct Tls {
    /// Accepts connections; `None` behind a proxy, which terminates TLS.
    pub(crate) acceptor: Option<Acceptor>,
    /// The relay's own authority, which clients must trust.
    pub(crate) ca: Option<PathBuf>,
    /// State of the certificates.
    pub(crate) state: watch::Receiver<CertificateState>,
    /// Has the keeper read the files again.
    pub(crate) asked: Arc<Notify>,
    /// Renews certificates while the relay runs.
    pub(crate) keeper: Keeper,
    /// Answers of the plain listener to an authority.
    pub(crate) challenges: Option<Arc<acme::Challenges>>,
}

impl Tls {
    /// Loads the certificates for `host`, creates them, or prepares to order them. Behind a proxy there are none. Only a local
    /// authority issues for the hosts of endpoints below a domain.
    pub(crate) fn load(
        certificate: &Certificate,
        data: &Path,
        host: &Host,
        endpoints: Option<&Domain>,
        clock: &Clock,
    ) -> Result<Self, TlsError> {
        let certificates = Arc::new(Certificates::default());
        let (sender, state) = StateSender::new(CertificateState::new(source(certificate)));
        let asked = Arc::new(Notify::new());
        let context = KeeperContext {
            certificates: certificates.clone(),
            state: sender,
            clock: clock.clone(),
        };
        let mut ca = None;
        let mut challenges = None;
        let keeper = match certificate {
            Certificate::Dev => {
                let dev = dev::load_or_create(data, host, endpoints, clock.now())?;
                if let Some(issuer) = dev.issuer {
                    certificates.issue_by(issuer);
                }
                let shown = certificates.show(vec![Arc::new(dev.key)]);
                context.state.change(|state| state.shown = shown);
                ca = Some(dev.ca);
                Keeper::None
            }
            Certificate::Files(pairs) => Keeper::Files(reload::FilesKeeper::load(
                pairs.clone(),
                host.clone(),
                context,
                asked.clone(),
            )?),
            Certificate::Acme(settings) => {
                let keeper = acme::AcmeKeeper::load(settings.clone(), data, context)?;
                challenges = Some(keeper.challenges());
                Keeper::Acme(Box::new(keeper))
            }
            Certificate::Proxy => Keeper::None,
        };
        let acceptor = match certificate {
            Certificate::Proxy => None,
            _ => {
                let for_authority = challenges.clone().map(acme::server_config);
                let acceptor = Acceptor::new(server_config(certificates)?, for_authority);
                Some(acceptor.map_err(TlsError::Thread)?)
            }
        };
        Ok(Self {
            acceptor,
            ca,
            state,
            asked,
            keeper,
            challenges,
        })
    }
}

fn source(certificate: &Certificate) -> Source {
    match certificate {
        Certificate::Dev => Source::Dev,
        Certificate::Files(_) => Source::Files,
        Certificate::Proxy => Source::Proxy,
        Certificate::Acme(_) => Source::Acme,
    }
}

/// What every keeper needs.
#[derive(Debug)]
struct KeeperContext {
    certificates: Arc<Certificates>,
    state: StateSender,
    clock: Clock,
}

/// Renews certificates while the relay runs.
#[derive(Debug)]
pub(crate) enum Keeper {
    /// Nothing to do: they are renewed at the start.
    None,
    /// Reads changed files.
    Files(reload::FilesKeeper),
    /// Orders certificates.
    Acme(Box<acme::AcmeKeeper>),
}

impl Keeper {
    /// Sets whether a plain listener answers HTTP-01.
    pub(crate) fn answers_http(&mut self, plain: bool) {
        if let Self::Acme(keeper) = self {
            keeper.answers_http(plain);
        }
    }

    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        match self {
            Self::None => {}
            Self::Files(keeper) => keeper.run().await,
            Self::Acme(keeper) => Box::pin(keeper.run()).await,
        }
    }
}

fn server_config(certificates: Arc<Certificates>) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A ticket lets RingCentral's next connection skip the expensive half of the handshake, without state here.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Settings)?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// Why a relay has no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate's files cannot be used.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The relay could not create its own certificate.
    #[error("the relay could not create its own certificate")]
    Dev(#[from] DevError),
    /// The files for orders of certificates cannot be written.
    #[error(transparent)]
    AcmeFiles(#[from] AcmeFileError),
    /// The authority for certificates cannot be called.
    #[error(transparent)]
    AcmeClient(#[from] AcmeClientError),
    /// The system gives no thread.
    #[error("cannot start a thread for TLS handshakes")]
    Thread(#[source] std::io::Error),
    /// rustls rejects the settings.
    #[error("cannot set up TLS")]
    Settings(#[source] rustls::Error),
}

impl Coded for TlsError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Files(error) => error.code(),
            Self::Dev(error) => error.code(),
            Self::Settings(_) => &codes::RELAY_CERTIFICATE,
            Self::Thread(_) => &codes::FAILED,
            Self::AcmeFiles(_) | Self::AcmeClient(_) => &codes::RELAY_ACME,
        }
    }
}
