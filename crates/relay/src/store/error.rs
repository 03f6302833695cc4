//! Why the database cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use ringtail_errors::{Code, Coded, codes};
use ringtail_sqlite::OpenError;
use rusqlite::ErrorCode;

use super::DataDirError;

/// Why the database could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A newer relay wrote it.
    #[error(
        "the database {} was written by a newer ringtail-relay: its schema is {found}, this one knows up to {known}",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest schema that this program knows.
        known: usize,
    },
    /// It is damaged.
    #[error(
        "the database {} is damaged: {damage}",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// SQLite cannot open it, or it is another program's.
    #[error(
        "the database {} cannot be opened",
        path.display()
    )]
    Database {
        /// The database.
        path: PathBuf,
        /// The reason.
        #[source]
        source: OpenError,
    },
    /// The system gave no thread to write it.
    #[error(
        "the thread that writes {} could not be started",
        path.display()
    )]
    Thread {
        /// The database.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// SQLite refused a statement.
    #[error("the database could not be read or changed")]
    Sqlite(#[from] rusqlite::Error),
    /// The database's file could not be examined.
    #[error("the database's file could not be read")]
    File(#[source] io::Error),
    /// A long read keeps the write-ahead log from being emptied.
    #[error(
        "the events are gone, but the write-ahead log, which may hold their bytes, is being read and could not be emptied"
    )]
    LogInUse,
    /// The directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

impl Coded for StoreError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Newer { .. } => &codes::RELAY_DATABASE_NEWER,
            Self::Damaged { .. } => &codes::RELAY_DATABASE_DAMAGED,
            Self::Database { .. } | Self::Sqlite(_) => &codes::RELAY_DATABASE,
            Self::Thread { .. } | Self::File(_) => &codes::FAILED,
            Self::LogInUse => &codes::RELAY_PURGE,
            Self::DataDir(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::DataDir(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

impl StoreError {
    pub(crate) fn open(path: &Path, source: OpenError) -> Self {
        let path = path.to_owned();
        match source {
            OpenError::Newer { found, known } => Self::Newer { path, found, known },
            source => Self::Database { path, source },
        }
    }
}

/// What is wrong with a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Its first bytes are not those of a database.
    #[error("its first bytes are not a database's")]
    NotADatabase,
    /// The file ends before its last page.
    #[error("the file has {found} of {expected} bytes")]
    Short {
        /// Bytes that it has.
        found: u64,
        /// Bytes that its header says it has.
        expected: u64,
    },
    /// The write-ahead log cannot be read, and transactions follow that point.
    #[error(
        "its write-ahead log cannot be read to the end, and {transactions} transactions follow"
    )]
    Log {
        /// Transactions that would be lost.
        transactions: u64,
    },
    /// SQLite's own finding.
    #[error("{0}")]
    Found(String),
}

impl Damage {
    /// Returns the damage that an error of SQLite reports, if it reports any.
    #[must_use]
    pub fn of(error: &rusqlite::Error) -> Option<Self> {
        match error.sqlite_error_code()? {
            ErrorCode::NotADatabase => Some(Self::NotADatabase),
            ErrorCode::DatabaseCorrupt => Some(Self::Found(error.to_string())),
            _ => None,
        }
    }
}
