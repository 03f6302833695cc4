//! The history's file: its tables and how it is opened.
//!
//! A commit survives the end of the process, and not always a power loss (`synchronous = NORMAL`). Events and the cursor
//! move in one commit, so both fall back together and the relay sends the missing events again; syncing each commit
//! would gain nothing. The newest attempt may be lost, and its event is then forwarded again.

use std::io;
use std::path::{Path, PathBuf};

use ringtail_errors::{self as errors, Code, Coded};
use rusqlite::{Connection, named_params};

use ringtail_files::{Lock, create_private_dir, private_options};
use ringtail_protocol::event::Timestamp;
use ringtail_sqlite::{self as sqlite, Database, Synchronous};

/// Name of the history's file in the data directory.
pub const FILE_NAME: &str = "history.db";

/// The history: `ring` as a big-endian number.
pub(crate) const HISTORY: Database = Database {
    application_id: 0x7269_6e67,
    migrations: &[include_str!("schema.sql")],
    synchronous: Synchronous::Normal,
    pragmas: &[],
};

/// Why the history could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory or the file could not be made.
    #[error("cannot create or open {path}")]
    Files {
        /// What could not be created or opened.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// SQLite failed.
    #[error("cannot open the history {path}")]
    Database {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer ringtail wrote the file.
    #[error("the history {path} is of a newer ringtail (schema {found}, this one knows {known})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest schema that this version knows.
        known: usize,
    },
    /// The file is a database of another program.
    #[error("{path} is not a history of ringtail")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes or no thread.
    #[error("the system gave the history no thread or no random bytes")]
    System(#[source] io::Error),
}

impl Coded for OpenError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Files { .. } => &errors::codes::HISTORY_FILES,
            Self::Newer { .. } => &errors::codes::HISTORY_NEWER,
            Self::Foreign { .. } => &errors::codes::HISTORY_FOREIGN,
            Self::Database { .. } | Self::System(_) => &errors::codes::HISTORY_OPEN,
        }
    }

    fn hint(&self) -> Option<String> {
        let code = match self {
            Self::Database { source, .. }
                if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) =>
            {
                &errors::codes::HISTORY_WRITE
            }
            _ => self.code(),
        };
        code.hint.map(str::to_owned)
    }
}

/// The writing connection.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

/// Opens the file in `dir` for writing; makes it when there is none.
pub(super) fn open_writer(dir: &Path) -> Result<Opened, OpenError> {
    let path = dir.join(FILE_NAME);
    create_files(dir, &path)?;
    let lock_path = dir.join("history.lock");
    let lock = Lock::acquire(&lock_path).map_err(|source| OpenError::Files {
        path: lock_path,
        source,
    })?;
    let database = |source| OpenError::Database {
        path: path.clone(),
        source,
    };
    let connection = HISTORY.open_writer(&path).map_err(|error| match error {
        sqlite::OpenError::Newer { found, known } => OpenError::Newer {
            path: path.clone(),
            found,
            known,
        },
        sqlite::OpenError::Foreign => OpenError::Foreign { path: path.clone() },
        sqlite::OpenError::Sqlite(source) => database(source),
        error => OpenError::System(io::Error::other(error)),
    })?;
    let mut fresh = [0_u8; 16];
    getrandom::fill(&mut fresh).map_err(|error| OpenError::System(io::Error::other(error)))?;
    connection
        .execute(
            "INSERT INTO identity (only, id, created_at) VALUES (1, :fresh, :now) ON CONFLICT DO NOTHING",
            named_params! {":fresh": fresh, ":now": Timestamp::now().0},
        )
        .map_err(database)?;
    drop(lock);
    Ok(Opened { connection, path })
}

/// Makes the directory and the file, both their owner's alone. SQLite gives its side files the file's mode.
fn create_files(dir: &Path, file: &Path) -> Result<(), OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Files { path, source }
    };
    let made = create_private_dir(dir).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
        _ => error,
    });
    made.map_err(failed(dir))?;
    restrict(dir, 0o700).map_err(failed(dir))?;
    let mut options = private_options();
    options.create(true).truncate(false);
    options.open(file).map_err(failed(file))?;
    restrict(file, 0o600).map_err(failed(file))
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Elsewhere the profile directory's own rights protect it.
#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
