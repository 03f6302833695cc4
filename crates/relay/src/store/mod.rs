//! The relay's one database file: where it lies, who may open it and what is in it.
//!
//! ```text
//! DATA/relay.db (-wal, -shm)   accounts, endpoints and the journal
//! DATA/serve.lock              held by the one process that serves
//! DATA/control.sock            where the process that serves is asked how it is
//! DATA/open.lock               held for the moment in which a process creates or migrates the database
//! ```
//!
//! Administration (`accounts add`) opens the same file beside a relay that serves, so every connection waits for
//! another's write lock up to [`BUSY_TIMEOUT`]. Everything here blocks.

pub mod copy;
mod data_dir;
mod examine;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub use self::data_dir::{DataDir, DataDirError, ServeLock};
pub use self::examine::{Damage, examine};

/// How long a connection waits for the lock that another one holds. Administration writes for milliseconds; a
/// journal that waits longer than this answers 503.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages in the write-ahead log after which a commit also moves them into the database: 16 MiB. SQLite's default
/// of 4 MiB has a journal under load move every third commit's pages at once.
const CHECKPOINT_PAGES: u32 = 4096;

/// Bytes that the write-ahead log's file keeps after it was moved into the database.
const WAL_FILE_BYTES: u32 = 64 * 1024 * 1024;

/// Page cache of a connection that writes, in KiB.
const WRITER_CACHE_KIB: i32 = 16 * 1024;

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A newer relay has been here.
    #[error(
        "the database {} was written by a newer ringtail-relay: its schema is {found}, this one knows up to {known}\n\
         hint: run the newer ringtail-relay again, or name another directory with --data",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// It is not as it was written.
    #[error(
        "the database {} is damaged: {damage}\n\
         hint: keep a copy of the directory, then restore a backup or recover what is left: \
         docs/OPERATING.md, \"A damaged database\"",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// SQLite refused.
    #[error(
        "the database {} cannot be opened\n\
         hint: it must be a database of ringtail-relay that this user may read and write",
        path.display()
    )]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// Opens a connection that writes; creates and migrates the database as needed.
///
/// # Errors
/// When the database is a newer relay's, or cannot be created, opened or migrated.
pub fn open_writer(dir: &DataDir) -> Result<Connection, StoreError> {
    // Two processes may start on an empty directory at once, and turning a database to WAL does not wait for locks.
    let opening = dir.lock_opening()?;
    let path = dir.create_database()?;
    let opened = prepare_writer(&path);
    drop(opening);
    opened
}

fn prepare_writer(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Database {
        path: path.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    // Looked at before anything is written: a newer relay's database stays as it is.
    let found = schema::version(&connection).map_err(failed)?;
    if found > schema::VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: schema::VERSION,
        });
    }
    configure_writer(&connection).map_err(failed)?;
    schema::migrate(&mut connection, found).map_err(failed)?;
    Ok(connection)
}

fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    // Only an empty database takes this, hence before WAL and the first table.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten, in its row and in pages that become free: it is people's messages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_FILE_BYTES)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
}

/// Opens a connection that only reads a database which [`open_writer`] has opened before.
///
/// # Errors
/// When the database cannot be opened.
pub fn open_reader(dir: &DataDir) -> Result<Connection, StoreError> {
    let path = dir.database();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(&path, flags)
        .and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(connection)
        })
        .map_err(|source| StoreError::Database { path, source })
}

#[cfg(test)]
mod tests;
