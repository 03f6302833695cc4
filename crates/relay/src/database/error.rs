//! Why a database cannot be used.

use ringtail_errors::{Code, Coded};

use crate::accounts::AccountsError;
use crate::postgres::PostgresError;
use crate::store::StoreError;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// SQLite or the data directory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Accounts or endpoints cannot be read or changed.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl Coded for DatabaseError {
    fn code(&self) -> &'static Code {
        self.inner().code()
    }

    fn hint(&self) -> Option<String> {
        self.inner().hint()
    }
}

impl DatabaseError {
    fn inner(&self) -> &dyn Coded {
        match self {
            Self::Store(error) => error,
            Self::Accounts(error) => error,
            Self::Postgres(error) => error,
        }
    }
}
