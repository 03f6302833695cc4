//! The relay's one database file: its location, its locks and its schema.
//!
//! ```text
//! DATA/relay.db (-wal, -shm)   accounts, endpoints and the journal
//! DATA/serve.lock              held by the one process that serves
//! DATA/control.sock            where the serving process reports its status
//! DATA/open.lock               held while a process creates or migrates the database
//! ```
//!
//! Administration (`accounts add`) opens the same file while a relay serves. Everything here blocks.

pub mod copy;
mod data_dir;
mod error;
mod examine;

use ringtail_sqlite::{Database, Synchronous};
use rusqlite::Connection;

pub use self::data_dir::{DataDir, DataDirError, ServeLock};
pub use self::error::{Damage, StoreError};
pub use self::examine::examine;

/// The relay's database.
pub(crate) const DATABASE: Database = Database {
    // "rtrl"
    application_id: 0x7274_726c,
    migrations: &[include_str!("schema.sql")],
    // A notification is answered 200 after its commit.
    synchronous: Synchronous::Full,
    pragmas: &[
        // Deleted events are overwritten: they are people's messages.
        ("secure_delete", 1),
        // Pages in the write-ahead log that start a checkpoint within a commit: 64 MiB. `journal::sqlite::checkpoint` has then
        // moved most of them.
        ("wal_autocheckpoint", 16_384),
        // Page cache, in negative KiB.
        ("cache_size", -16 * 1024),
    ],
};

/// Opens a connection that writes; creates and migrates the database as needed.
///
/// # Errors
/// When the database is a newer relay's or another program's, or cannot be created or opened.
pub fn open_writer(dir: &DataDir) -> Result<Connection, StoreError> {
    let _opening = dir.lock_opening()?;
    let path = dir.create_database()?;
    DATABASE
        .open_writer(&path)
        .map_err(|source| StoreError::open(&path, source))
}

/// Opens a connection that only reads. [`open_writer`] has opened the database before.
pub fn open_reader(dir: &DataDir) -> Result<Connection, StoreError> {
    let path = dir.database();
    DATABASE
        .open_reader(&path)
        .map_err(|source| StoreError::open(&path, source.into()))
}

#[cfg(test)]
mod tests;
