//! Why a relay did not start.

use std::net::SocketAddr;

use ringtail_errors::{Code, Coded, codes};

use crate::cluster::IdentityError;
use crate::database::DatabaseError;
use crate::store::DataDirError;
use crate::tls::TlsError;

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The address of the metrics cannot be listened on.
    #[error("{address} cannot be listened on for metrics")]
    BindMetrics {
        /// The address.
        address: SocketAddr,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The address for other relays cannot be listened on.
    #[error("{address} cannot be listened on for other relays")]
    BindCluster {
        /// HOST:PORT.
        address: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The relay has no key pair for other relays.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The address of the plain listener cannot be listened on.
    #[error("{address} cannot be listened on for plain HTTP")]
    BindPlain {
        /// The address.
        address: SocketAddr,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No certificate is for the endpoints' names.
    #[error("no certificate is for {star}")]
    NoWildcard {
        /// The name that is missing.
        star: String,
    },
    /// The runtime stopped.
    #[error("the relay was stopped while it started")]
    Interrupted,
}

impl Coded for SpawnError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Bind { .. } | Self::BindMetrics { .. } | Self::BindPlain { .. } => {
                &codes::RELAY_BIND
            }
            Self::DataDir(error) => error.code(),
            Self::Database(error) => error.code(),
            Self::Tls(error) => error.code(),
            Self::NoWildcard { .. } => &codes::RELAY_CERTIFICATE,
            Self::BindCluster { .. } => &codes::RELAY_BIND,
            Self::Identity(_) => &codes::FAILED,
            Self::Interrupted => &codes::FAILED,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Bind { .. } => {
                "name another address with --listen; port 0 takes any that is free"
            }
            Self::BindMetrics { .. } => {
                "name another address with --metrics; port 0 takes any that is free"
            }
            Self::BindPlain { .. } => {
                "name another address with --http-listen; port 80 must lead there"
            }
            Self::DataDir(error) => return error.hint(),
            Self::Database(error) => return error.hint(),
            Self::Tls(error) => return error.hint(),
            Self::NoWildcard { .. } => {
                "--wildcard needs one that is, in PEM files or at a proxy; name it with another --cert and --key"
            }
            Self::BindCluster { .. } => {
                "--cluster needs an address of this machine that the other relays reach"
            }
            Self::Identity(_) => return None,
            Self::Interrupted => return None,
        };
        Some(hint.to_owned())
    }
}
