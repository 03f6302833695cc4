//! Opening a database file.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

/// Bytes of its write-ahead log that SQLite leaves on the disk after a checkpoint.
const WAL_FILE_BYTES: i64 = 64 * 1024 * 1024;

/// How long a connection waits for a lock that another process holds.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a writer tries again meanwhile. SQLite's own handler waits up to 100 ms between two tries, so that a busy
/// process starves the other.
const BUSY_POLL: Duration = Duration::from_millis(2);

/// One kind of database file: its owner, its schema and how it is opened.
#[derive(Debug)]
pub struct Database {
    /// SQLite's `application_id`: tells this kind of file from the files of other programs.
    pub application_id: i32,
    /// Steps from an empty file to the current schema. `user_version` counts those that ran. Released steps never change.
    pub migrations: &'static [&'static str],
    /// What a commit survives.
    pub synchronous: Synchronous,
    /// Further pragmas of the writing connection.
    pub pragmas: &'static [(&'static str, i64)],
}

/// What a commit survives, with a write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// The end of the process. After a power loss the newest commits may be missing, each as a whole.
    Normal,
    /// The loss of power.
    Full,
}

/// Why a database was not opened for writing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer version of the program wrote the file.
    #[error("the file has schema {found}, and this version knows schemas up to {known}")]
    Newer {
        /// Schema of the file.
        found: usize,
        /// The newest schema that this version knows.
        known: usize,
    },
    /// The file is another program's database.
    #[error("the file is the database of another program")]
    Foreign,
    /// SQLite failed.
    #[error("SQLite cannot open the file")]
    Sqlite(#[from] rusqlite::Error),
}

impl Database {
    /// Opens the file for writing and migrates it. The file must exist, and may be empty. Blocks.
    ///
    /// Only one process at a time may call this for a file: turning a file to WAL does not wait for locks.
    ///
    /// # Errors
    /// When the file is newer, foreign or unusable. A newer or foreign file stays unchanged.
    pub fn open_writer(&self, path: &Path) -> Result<Connection, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_handler(Some(wait_for_lock))?;
        self.version(&connection)?;
        self.configure_writer(&connection)?;
        self.migrate(&mut connection)?;
        Ok(connection)
    }

    /// Opens the file for reading. [`Database::open_writer`] has opened it before.
    pub fn open_reader(&self, path: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        keep_plans(&connection)?;
        Ok(connection)
    }

    /// Returns the schema of the file, 0 when it is empty.
    ///
    /// # Errors
    /// When the file is newer or foreign.
    pub fn version(&self, connection: &Connection) -> Result<usize, OpenError> {
        let empty = "SELECT count(*) = 0 FROM sqlite_schema";
        if connection.query_row(empty, [], |row| row.get(0))? {
            return Ok(0);
        }
        let owner: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if owner != self.application_id {
            return Err(OpenError::Foreign);
        }
        let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let (found, known) = (found as usize, self.migrations.len());
        if found > known {
            return Err(OpenError::Newer { found, known });
        }
        Ok(found)
    }

    fn configure_writer(&self, connection: &Connection) -> rusqlite::Result<()> {
        // Takes effect only before the first table exists.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match self.synchronous {
            Synchronous::Normal => "NORMAL",
            Synchronous::Full => "FULL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "journal_size_limit", WAL_FILE_BYTES)?;
        for (pragma, value) in self.pragmas {
            connection.pragma_update(None, pragma, value)?;
        }
        keep_plans(connection)
    }

    fn migrate(&self, connection: &mut Connection) -> Result<(), OpenError> {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = self.version(&step)?;
        if let Some(missing) = self.migrations.get(found..)
            && !missing.is_empty()
        {
            for migration in missing {
                step.execute_batch(migration)?;
            }
            step.pragma_update(None, "application_id", self.application_id)?;
            let version = u32::try_from(self.migrations.len()).unwrap_or(u32::MAX);
            step.pragma_update(None, "user_version", version)?;
        }
        step.commit()?;
        Ok(())
    }
}

/// Keeps SQLite from planning a cached statement again whenever another `LIMIT` is bound.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "SQLite has no condition to wait for"
)]
fn wait_for_lock(tries: i32) -> bool {
    let waited = BUSY_POLL.saturating_mul(u32::try_from(tries).unwrap_or(0));
    if waited < BUSY_TIMEOUT {
        std::thread::sleep(BUSY_POLL);
    }
    waited < BUSY_TIMEOUT
}

#[cfg(test)]
mod tests {
    use tempfile::NamedTempFile;

    use super::*;

    const V1: &str = "CREATE TABLE one (x INTEGER) STRICT; INSERT INTO one VALUES (1);";
    const V2: &str = "ALTER TABLE one ADD COLUMN y INTEGER;";

    fn database(migrations: &'static [&'static str]) -> Database {
        Database {
            application_id: 7,
            migrations,
            synchronous: Synchronous::Full,
            pragmas: &[("secure_delete", 1)],
        }
    }

    #[test]
    fn a_new_file_is_set_up_and_an_older_one_is_migrated_once() {
        let file = NamedTempFile::new().unwrap();
        drop(database(&[V1]).open_writer(file.path()).unwrap());
        for _ in 0..2 {
            let connection = database(&[V1, V2]).open_writer(file.path()).unwrap();
            for (pragma, expected) in [
                ("auto_vacuum", 2),
                ("synchronous", 2),
                ("foreign_keys", 1),
                ("secure_delete", 1),
                ("user_version", 2),
            ] {
                let found: i64 = connection
                    .pragma_query_value(None, pragma, |row| row.get(0))
                    .unwrap();
                assert_eq!(found, expected, "{pragma}");
            }
            let rows = "SELECT count(x) - count(y) FROM one";
            let rows: i64 = connection.query_row(rows, [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 1);
        }
    }

    #[test]
    fn a_newer_file_and_a_foreign_file_are_refused_and_stay_as_they_are() {
        let newer = NamedTempFile::new().unwrap();
        drop(database(&[V1, V2]).open_writer(newer.path()).unwrap());
        let foreign = NamedTempFile::new().unwrap();
        let other = Connection::open(foreign.path()).unwrap();
        other.execute_batch(V1).unwrap();
        drop(other);
        let text = NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "not a database ".repeat(100)).unwrap();
        for (file, expected) in [
            (
                newer,
                "the file has schema 2, and this version knows schemas up to 1",
            ),
            (foreign, "the file is the database of another program"),
            (text, "SQLite cannot open the file"),
        ] {
            let before = std::fs::read(file.path()).unwrap();
            let error = database(&[V1]).open_writer(file.path()).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(std::fs::read(file.path()).unwrap(), before, "{expected}");
        }
    }

    #[test]
    fn a_writer_waits_for_another() {
        let file = NamedTempFile::new().unwrap();
        let open = || database(&[V1]).open_writer(file.path()).unwrap();
        let (one, other) = (open(), open());
        let change = "UPDATE one SET x = x + 1";
        one.execute_batch("BEGIN IMMEDIATE").unwrap();
        let waiting = std::thread::spawn(move || other.execute(change, []));
        one.execute_batch(change).unwrap();
        one.execute_batch("COMMIT").unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(1));
        assert!(wait_for_lock(0) && wait_for_lock(4_999));
        assert!(!wait_for_lock(5_000), "ten seconds are over");
    }
}
