//! Why a relay did not start.

use std::io;

use ringtail_errors::{Code, Coded, codes};

use crate::cluster::IdentityError;
use crate::database::DatabaseError;
use crate::store::DataDirError;
use crate::tls::TlsError;

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// An address cannot be listened on.
    #[error("{address} cannot be listened on{purpose}")]
    Bind {
        /// The address, or HOST:PORT.
        address: String,
        /// What it is for, such as ` for metrics`; empty for the relay's own.
        purpose: &'static str,
        /// The next step.
        hint: &'static str,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The relay has no key pair for other relays.
    #[error(transparent)]
    Identity(#[from] IdentityError),
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

impl SpawnError {
    /// Returns the error of an address that cannot be bound.
    pub(super) fn bind(
        address: impl ToString,
        purpose: &'static str,
        hint: &'static str,
    ) -> impl Fn(io::Error) -> Self {
        move |source| Self::Bind {
            address: address.to_string(),
            purpose,
            hint,
            source,
        }
    }
}

impl Coded for SpawnError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Bind { .. } => &codes::RELAY_BIND,
            Self::DataDir(error) => error.code(),
            Self::Database(error) => error.code(),
            Self::Tls(error) => error.code(),
            Self::NoWildcard { .. } => &codes::RELAY_CERTIFICATE,
            Self::Identity(_) | Self::Interrupted => &codes::FAILED,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Bind { hint, .. } => *hint,
            Self::DataDir(error) => return error.hint(),
            Self::Database(error) => return error.hint(),
            Self::Tls(error) => return error.hint(),
            Self::NoWildcard { .. } => {
                "--wildcard needs one that is, in PEM files or at a proxy; name it with another --cert and --key"
            }
            Self::Identity(_) | Self::Interrupted => return None,
        };
        Some(hint.to_owned())
    }
}
