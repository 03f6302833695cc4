//! TLS connections to the relay.

use std::error::Error;
use std::io;
use std::time::Duration;

use ringtail_errors::{Code, Coded, codes};
use ringtail_outbound::certificate;
use ringtail_outbound::failure::{io_cause, is_dns};
use ringtail_outbound::proxy::{ConnectError, Connector, ProxyError};
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::config::{Account, RelayUrl};

/// Timeout of name resolution, TCP and TLS together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to a relay, with the trust and the proxy of an account, and checks its certificate.
pub(crate) async fn dial(
    relay: &RelayUrl,
    account: &Account,
) -> Result<TlsStream<TcpStream>, DialError> {
    let timed = tokio::time::timeout(CONNECT_TIMEOUT, connect(relay, account)).await;
    timed.unwrap_or_else(|_| {
        Err(DialError::Timeout {
            relay: relay.clone(),
        })
    })
}

async fn connect(relay: &RelayUrl, account: &Account) -> Result<TlsStream<TcpStream>, DialError> {
    let unnamed = || DialError::Resolve {
        host: relay.host().to_owned(),
        source: io::ErrorKind::InvalidInput.into(),
    };
    let name = ServerName::try_from(relay.host().to_owned()).map_err(|_| unnamed())?;
    let uri = relay.to_string().parse().map_err(|_| unnamed())?;
    let connector = Connector::new(account.proxies.clone()).with_timeout(CONNECT_TIMEOUT);
    let stream = connector.connect(uri).await.map_err(|error| match error {
        ConnectError::Proxy(error) => DialError::Proxy(error),
        error => DialError::connecting(relay, &error),
    })?;
    (account.trust.connector())
        .connect(name, stream)
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
    /// The proxy on the way gave no connection.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
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
            Self::Proxy(error) => error.code(),
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
            Self::Certificate {
                reason:
                    CertificateError::ExpiredContext { time, .. }
                    | CertificateError::NotValidYetContext { time, .. },
                ..
            } => {
                let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
                let today = certificate::day(seconds);
                Some(format!(
                    "this machine's clock says {today}: set it by the network if that is wrong; otherwise the relay needs another certificate"
                ))
            }
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

#[cfg(test)]
mod tests {
    use rustls::pki_types::UnixTime;

    use super::*;

    #[test]
    fn a_certificate_of_another_time_may_be_a_wrong_clock() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let error = DialError::Certificate {
            relay: "https://relay.example.com".parse().unwrap(),
            reason: CertificateError::NotValidYetContext {
                time: at(1_577_836_800),
                not_before: at(1_795_000_000),
            },
        };
        let hint = error.hint().unwrap();
        assert!(
            hint.starts_with("this machine's clock says 2020-01-01"),
            "{hint}"
        );
    }
}
