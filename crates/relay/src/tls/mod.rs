//! TLS towards the world: the relay's certificates, and the settings.
//!
//! A certificate comes from an authority of the relay's own (`dev`), from files that somebody else renews (`reload`),
//! or from an authority that speaks ACME (`acme`). The resolver has what is shown; a keeper changes it, after it has
//! proven what it puts there.

mod acceptor;
pub(crate) mod acme;
mod clock;
mod dev;
mod disk;
mod files;
mod inspect;
mod reload;
mod resolver;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringtail_errors::{Code, Coded, codes};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::sync::{Notify, watch};

pub(crate) use self::acceptor::Acceptor;
pub use self::acme::{AcmeClientError, AcmeError, StoreError as AcmeStoreError};
pub use self::clock::Clock;
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
    /// Makes the keeper look at the files again, or order.
    pub(crate) asked: Arc<Notify>,
    /// Runs beside the relay.
    pub(crate) keeper: Keeper,
    /// What the plain listener answers an authority.
    pub(crate) challenges: Option<Arc<acme::Challenges>>,
}

/// What a keeper works with.
#[derive(Debug)]
struct Surroundings {
    certificates: Arc<Certificates>,
    state: StateSender,
    clock: Clock,
    asked: Arc<Notify>,
}

impl Tls {
    /// Loads the certificates for `host`, or makes them, or prepares to order them; none is needed when a proxy has one.
    pub(crate) fn load(
        certificate: &Certificate,
        data: &Path,
        host: &Host,
        clock: &Clock,
    ) -> Result<Self, TlsError> {
        let certificates = Arc::new(Certificates::default());
        let (sender, state) = StateSender::new(CertificateState::new(source(certificate)));
        let asked = Arc::new(Notify::new());
        let around = Surroundings {
            certificates: certificates.clone(),
            state: sender,
            clock: clock.clone(),
            asked: asked.clone(),
        };
        let mut ca = None;
        let mut challenges = None;
        let keeper = match certificate {
            Certificate::Dev => {
                let dev = dev::load_or_make(data, host)?;
                let shown = certificates.show(vec![Arc::new(dev.key)]);
                around.state.change(|state| state.shown = shown);
                ca = Some(dev.ca);
                Keeper::None
            }
            Certificate::Files(pairs) => {
                Keeper::Files(reload::Keeper::load(pairs.clone(), host.clone(), around)?)
            }
            Certificate::Acme(settings) => {
                let keeper = acme::Keeper::load(settings.clone(), data, around)?;
                challenges = Some(keeper.challenges());
                Keeper::Acme(Box::new(keeper))
            }
            Certificate::Proxy => Keeper::None,
        };
        let acceptor = match certificate {
            Certificate::Proxy => None,
            _ => {
                let for_authority = challenges.clone().map(acme::server_config).transpose();
                Some(Acceptor::new(
                    server_config(certificates)?,
                    for_authority.map_err(TlsError::Settings)?,
                ))
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
        Certificate::Acme(settings) => Source::Acme {
            directory: settings.directory.clone(),
        },
    }
}

/// Who looks after the certificates while the relay runs.
#[derive(Debug)]
pub(crate) enum Keeper {
    /// Nobody: they are renewed at the start.
    None,
    /// Reads files that change.
    Files(reload::Keeper),
    /// Orders.
    Acme(Box<acme::Keeper>),
}

impl Keeper {
    /// Notes whether HTTP-01 is answered.
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
    /// The relay cannot get certificates by itself.
    #[error(transparent)]
    Acme(#[from] AcmeError),
    /// The library refuses the settings.
    #[error("TLS could not be set up")]
    Settings(#[source] rustls::Error),
}

impl Coded for TlsError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Files(error) => error.code(),
            Self::Dev(error) => error.code(),
            Self::Settings(_) => &codes::RELAY_CERTIFICATE,
            Self::Acme(error) => error.code(),
        }
    }
}
