//! The file, its tables and how it is opened.
//!
//! `synchronous = NORMAL` with WAL: after a loss of power the last commits may be missing, but never a part of
//! one. Events and the cursor move in one commit, so both fall back together and the relay sends again what is
//! missing; paying for a sync with each commit would buy nothing. An attempt of the last moment may be forgotten,
//! and its event is then forwarded again.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringtail_errors::{self as errors, Code, Coded};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use ringtail_protocol::event::Timestamp;

use super::codes;
use super::index::Turn;

/// Name of the history's file in the data directory.
pub const FILE_NAME: &str = "history.db";

/// How long a connection waits for another process that writes.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How often it looks meanwhile.
const BUSY_POLL: Duration = Duration::from_millis(2);

/// `ring` as a big-endian number: tells `file` and [`open_writer`] whose database it is.
const APPLICATION_ID: i32 = 0x7269_6e67;

/// Steps from an empty file to the schema of this version. A step that was released is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
    include_str!("migrations/8.sql"),
];

/// Why the history could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory or the file could not be made.
    #[error("cannot make {path}; check the directory's owner or choose another with RINGTAIL_DATA")]
    Files {
        /// What could not be made.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// SQLite refused.
    #[error("cannot open the history {path}")]
    Database {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer ringtail wrote the file.
    #[error(
        "the history {path} is of a newer ringtail (schema {found}, this one knows {known}); install that version or choose another directory with RINGTAIL_DATA"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest schema that this version knows.
        known: usize,
    },
    /// The file is a database of another program.
    #[error(
        "{path} is not a history of ringtail; move it away or choose another directory with RINGTAIL_DATA"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes or no thread.
    #[error("the system refused what the history needs")]
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
}

/// The writing connection and what the file says of itself.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) client_id: String,
    pub(super) turn: Turn,
}

/// Opens the file in `dir` for writing; makes and migrates it when needed.
pub(super) fn open_writer(dir: &Path) -> Result<Opened, OpenError> {
    let path = dir.join(FILE_NAME);
    make_files(dir, &path)?;
    // One process at a time sets the file up: switching to WAL does not always wait for others.
    let lock_path = dir.join("history.lock");
    let lock = private_file(&lock_path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|source| OpenError::Files {
            path: lock_path,
            source,
        })?;
    let database = |source| OpenError::Database {
        path: path.clone(),
        source,
    };
    let mut connection = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(database)?;
    set_up(&connection).map_err(database)?;
    connection
        .busy_handler(Some(wait_for_others))
        .map_err(database)?;
    migrate(&mut connection, &path)?;
    let client_id = client_id(&connection, &path)?;
    drop(lock);
    let turn_path = dir.join("index.lock");
    let turn = private_file(&turn_path).map_err(|source| OpenError::Files {
        path: turn_path,
        source,
    })?;
    Ok(Opened {
        connection,
        path,
        client_id,
        turn: Turn::new(turn),
    })
}

/// Opens the file for reading.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    every_connection(&connection)?;
    Ok(connection)
}

fn every_connection(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Else SQLite looks into a bound `LIMIT` when it plans, and plans again whenever the next one is bound: most of
    // what a query of one row costs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Waits a little for another process that writes. SQLite's own way is to wait longer each time, up to a tenth of a
/// second, so that who has much to write is in again and again before who waits looks.
#[expect(
    clippy::disallowed_methods,
    reason = "SQLite has no condition to wait for"
)]
fn wait_for_others(tries: i32) -> bool {
    let waited = BUSY_POLL.saturating_mul(u32::try_from(tries).unwrap_or(0));
    if waited < BUSY_TIMEOUT {
        std::thread::sleep(BUSY_POLL);
    }
    waited < BUSY_TIMEOUT
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    every_connection(connection)?;
    // Takes effect only before the first table exists; retention gives the space back in steps.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A catch-up leaves a large WAL behind; this is what of it stays on the disk.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let database = |source| OpenError::Database {
        path: path.to_owned(),
        source,
    };
    let read = |connection: &Connection| -> rusqlite::Result<(usize, i32)> {
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let owner = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        Ok((version as usize, owner))
    };
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(database)?;
    let (version, owner) = read(&transaction).map_err(database)?;
    if owner != APPLICATION_ID && !is_empty(&transaction).map_err(database)? {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    let Some(steps) = MIGRATIONS.get(version..) else {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: version,
            known: MIGRATIONS.len(),
        });
    };
    if !steps.is_empty() {
        let known = codes::len(MIGRATIONS.len());
        for step in steps {
            transaction.execute_batch(step).map_err(database)?;
        }
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .and_then(|()| transaction.pragma_update(None, "user_version", known))
            .map_err(database)?;
    }
    transaction.commit().map_err(database)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

/// Reads the client's id, made when the file was.
fn client_id(connection: &Connection, path: &Path) -> Result<String, OpenError> {
    let mut fresh = [0_u8; 16];
    getrandom::fill(&mut fresh).map_err(|error| OpenError::System(io::Error::other(error)))?;
    let fresh: String = fresh.iter().map(|byte| format!("{byte:02x}")).collect();
    connection
        .execute(
            "INSERT INTO client (only, id, made_at) VALUES (1, ?1, ?2) ON CONFLICT DO NOTHING",
            params![fresh, Timestamp::now().0],
        )
        .and_then(|_| connection.query_row("SELECT id FROM client", [], |row| row.get(0)))
        .map_err(|source| OpenError::Database {
            path: path.to_owned(),
            source,
        })
}

/// Makes the directory and the file, both their owner's alone. SQLite gives its side files the file's mode.
fn make_files(dir: &Path, file: &Path) -> Result<(), OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Files { path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    restrict(dir, 0o700).map_err(failed(dir))?;
    private_file(file).map_err(failed(file))?;
    restrict(file, 0o600).map_err(failed(file))
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Elsewhere the profile directory's own rights protect it.
#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
