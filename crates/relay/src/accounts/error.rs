//! Why accounts and endpoints are not read or changed.

use std::error::Error;

use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::name::Name;

/// Endpoints that an account may have, so that a leaked token cannot fill the table.
pub const MAX_ENDPOINTS: usize = 256;

/// Why accounts or endpoints could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// The database failed.
    #[error("the accounts could not be read or written")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The name of a new account is taken.
    #[error("there is an account {0} already")]
    Exists(Name),
    /// No account has the name.
    #[error("there is no account {0}")]
    NoAccount(Name),
    /// The account has [`MAX_ENDPOINTS`].
    #[error("the account has {MAX_ENDPOINTS} endpoints, which is the limit; use one of them")]
    TooManyEndpoints,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] getrandom::Error),
    /// The relay is shutting down.
    #[error("the relay is shutting down")]
    ShuttingDown,
}

impl From<rusqlite::Error> for AccountsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl Coded for AccountsError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Database(_) => &codes::RELAY_DATABASE,
            Self::Exists(_) => &codes::RELAY_ACCOUNT_EXISTS,
            Self::NoAccount(_) => &codes::RELAY_NO_ACCOUNT,
            Self::TooManyEndpoints | Self::Random(_) | Self::ShuttingDown => &codes::FAILED,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(name) => Some(format!("run `accounts rotate {name}` for a new token")),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}
