//! Looks for damage before a relay serves from a database.
//!
//! SQLite finds damage where it reads, which may be months later, and passes over a write-ahead log that it cannot
//! read as if nothing had been in it. So, in this order, before the first connection of a relay that serves:
//!
//! 1. the write-ahead log: are there transactions behind a place that cannot be read?
//! 2. the log is moved into the database, which finds pages of the schema and of the file's head that are no pages;
//! 3. the file is as long as its head says;
//! 4. `PRAGMA quick_check` of all tables, as far as it gets within [`CHECK_TIME`], or [`CHECK_TIME_AFTER_CRASH`] when
//!    there was a log to move.
//!
//! What changed inside an event's bytes is seen by none of this: SQLite has no checksum for it.

mod wal;

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{BUSY_TIMEOUT, DataDir, StoreError};

/// How long a check may take after an orderly end: the next relay of an upgrade answers validations meanwhile only after
/// this, and a few hundred megabytes are checked whole in it.
const CHECK_TIME: Duration = Duration::from_millis(100);

/// How long a check may take when the last relay was killed or the machine went down: about a gigabyte from a fast disk.
/// RingCentral, which waits for an answer all this time, blacklists for failures that go on for longer.
const CHECK_TIME_AFTER_CRASH: Duration = Duration::from_secs(2);

/// Steps of SQLite's machine between two looks at the time.
const STEPS: i32 = 10_000;

/// What is wrong with a database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// Its first bytes are not those of a database.
    NotADatabase,
    /// The file ends before its last page.
    Short {
        /// Bytes that it has.
        found: u64,
        /// Bytes that its head says it has.
        expected: u64,
    },
    /// The write-ahead log cannot be read, and transactions follow that place.
    Log {
        /// Transactions that would be lost.
        transactions: u64,
    },
    /// What SQLite found.
    Found(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotADatabase => f.write_str("its first bytes are not a database's"),
            Self::Short { found, expected } => {
                write!(f, "the file has {found} bytes of {expected}")
            }
            Self::Log { transactions } => write!(
                f,
                "its write-ahead log cannot be read to the end, and {transactions} transactions follow"
            ),
            Self::Found(found) => f.write_str(found),
        }
    }
}

impl Damage {
    /// Returns the damage that an error of SQLite is about, if it is about any.
    #[must_use]
    pub fn of(error: &rusqlite::Error) -> Option<Self> {
        match error.sqlite_error_code()? {
            ErrorCode::NotADatabase => Some(Self::NotADatabase),
            ErrorCode::DatabaseCorrupt => Some(Self::Found(error.to_string())),
            _ => None,
        }
    }
}

/// Examines the database, if there is one. Only the process that serves from the directory may ask, before it opens
/// the database in another way.
///
/// # Errors
/// [`StoreError::Damaged`] when there is damage, others when the database cannot be looked at.
pub fn examine(dir: &DataDir) -> Result<(), StoreError> {
    let path = dir.database();
    // A file without anything in it is what a process leaves that was killed while it made the database.
    if !fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let opening = dir.lock_opening()?;
    let damaged = |damage| StoreError::Damaged {
        path: path.clone(),
        damage,
    };
    let failed = |source: rusqlite::Error| match Damage::of(&source) {
        Some(damage) => damaged(damage),
        None => StoreError::Database {
            path: path.clone(),
            source,
        },
    };
    let log = wal::read(&dir.log());
    if log.beyond > 1 {
        return Err(damaged(Damage::Log {
            transactions: log.beyond,
        }));
    }
    let mut connection = connect(&path).map_err(failed)?;
    move_log(&connection).map_err(failed)?;
    whole(&connection, dir).map_err(failed)?.map_err(damaged)?;
    let time = if log.is_empty {
        CHECK_TIME
    } else {
        CHECK_TIME_AFTER_CRASH
    };
    check(&mut connection, time)
        .map_err(failed)?
        .map_err(damaged)?;
    drop(connection);
    drop(opening);
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Moves the log into the database, so that the file alone is to be looked at.
fn move_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Compares the file's length with what its head says. SQLite notices only when it comes to a page that is not there.
fn whole(connection: &Connection, dir: &DataDir) -> rusqlite::Result<Result<(), Damage>> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let expected = (number("page_count")? * number("page_size")?).unsigned_abs();
    // Administration may be at work beside this: what it has written is in the log and may not be in the file yet.
    let logged = fs::metadata(dir.log()).is_ok_and(|log| log.len() > 0);
    Ok(match fs::metadata(dir.database()) {
        Ok(file) if file.len() < expected && !logged => Err(Damage::Short {
            found: file.len(),
            expected,
        }),
        _ => Ok(()),
    })
}

/// Runs SQLite's own check for as long as there is time.
fn check(connection: &mut Connection, time: Duration) -> rusqlite::Result<Result<(), Damage>> {
    let began = Instant::now();
    connection.progress_handler(STEPS, Some(move || began.elapsed() > time))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(found) if found == "ok" => Ok(Ok(())),
        Ok(found) => Ok(Err(Damage::Found(found.replace('\n', " ")))),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::info!(
                seconds = time.as_secs_f64(),
                "the database is large and was checked for damage in part"
            );
            Ok(Ok(()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
