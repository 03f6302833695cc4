//! TLS connections to the relay.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use ringtail_errors::{Code, Coded, codes};
use ringtail_outbound::certificate;
use ringtail_outbound::failure::{io_cause, is_dns};
use ringtail_outbound::trust::Trust;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use crate::config::RelayUrl;

/// Timeout of name resolution, TCP and TLS together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the relay and checks its certificate.
pub(crate) async fn dial(
    relay: &RelayUrl,
    trust: &Trust,
) -> Result<TlsStream<TcpStream>, DialError> {
    let timed = tokio::time::timeout(CONNECT_TIMEOUT, connect(relay, trust)).await;
    timed.unwrap_or_else(|_| {
        Err(DialError::Timeout {
            relay: relay.clone(),
        })
    })
}

async fn connect(relay: &RelayUrl, trust: &Trust) -> Result<TlsStream<TcpStream>, DialError> {
    let unnamed = || DialError::Resolve {
        host: relay.host().to_owned(),
        source: io::ErrorKind::InvalidInput.into(),
    };
    let name = ServerName::try_from(relay.host().to_owned()).map_err(|_| unnamed())?;
    let uri = relay.to_string().parse().map_err(|_| unnamed())?;
    // hyper's connector tries the addresses of both families as RFC 8305 says.
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Divided among the addresses, so that one that drops packets leaves time for the next.
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connected = async {
        poll_fn(|cx| tcp.poll_ready(cx)).await?;
        tcp.call(uri).await
    };
    let stream = connected
        .await
        .map_err(|error| DialError::connecting(relay, &error))?;
    trust
        .connector()
        .connect(name, stream.into_inner())
        .await
        .map_err(|source| DialError::tls(relay, source))
}

/// Why the relay could not be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name of the relay has no address.
    #[error("the name {host} does not resolve")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// The connection was refused.
    #[error("nothing listens at {relay}")]
    Refused {
        /// The relay.
        relay: RelayUrl,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The relay is unreachable for another reason.
    #[error("cannot connect to {relay}")]
    Unreachable {
        /// The relay.
        relay: RelayUrl,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The relay's certificate is not trusted.
    #[error(
        "TLS with {relay} failed: its certificate {}",
        certificate::words(reason)
    )]
    Certificate {
        /// The relay.
        relay: RelayUrl,
        /// What is wrong with it.
        reason: CertificateError,
    },
    /// TLS failed for another reason.
    #[error("TLS with {relay} failed")]
    Tls {
        /// The relay.
        relay: RelayUrl,
        /// What rustls said.
        #[source]
        source: io::Error,
    },
    /// A timeout.
    #[error("{relay} did not answer within {} s", CONNECT_TIMEOUT.as_secs())]
    Timeout {
        /// The relay.
        relay: RelayUrl,
    },
}

impl Coded for DialError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Resolve { .. } => &codes::RELAY_NAME,
            Self::Refused { .. } => &codes::RELAY_REFUSED,
            Self::Certificate { .. } | Self::Tls { .. } => &codes::RELAY_TLS,
            Self::Unreachable { .. } | Self::Timeout { .. } => &codes::RELAY_UNREACHABLE,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Certificate { reason, .. } if is_of_unknown_authority(reason) => Some(
                "if the relay has a certificate of its own, name its authority in RINGTAIL_CA, as \
                 `ringtail-relay serve --dev` prints it"
                    .to_owned(),
            ),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

impl DialError {
    fn connecting(relay: &RelayUrl, error: &(dyn Error + 'static)) -> Self {
        let source = io_cause(error);
        let relay = relay.clone();
        match source.kind() {
            _ if is_dns(error) => Self::Resolve {
                host: relay.host().to_owned(),
                source,
            },
            io::ErrorKind::ConnectionRefused => Self::Refused { relay, source },
            io::ErrorKind::TimedOut => Self::Timeout { relay },
            _ => Self::Unreachable { relay, source },
        }
    }

    fn tls(relay: &RelayUrl, source: io::Error) -> Self {
        let relay = relay.clone();
        let inner = source.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(rustls::Error::InvalidCertificate(reason)) => Self::Certificate {
                relay,
                reason: reason.clone(),
            },
            _ => Self::Tls { relay, source },
        }
    }
}

fn is_of_unknown_authority(reason: &CertificateError) -> bool {
    matches!(
        reason,
        CertificateError::UnknownIssuer
            // An authority of the same name with another key, such as a recreated development relay's.
            | CertificateError::BadSignature
            | CertificateError::Other(_)
    )
}
