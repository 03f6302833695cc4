//! Checks a database for damage before a relay serves from it.
//!
//! SQLite finds damage where it reads, perhaps months later, and silently ignores a write-ahead log from its first
//! unreadable frame on. So a serving relay checks, in this order:
//!
//! 1. no transactions follow an unreadable frame of the write-ahead log;
//! 2. the log can be moved into the database, which reads the header and the schema;
//! 3. the file is as long as its header says;
//! 4. `PRAGMA quick_check` of all tables, as far as it gets within [`CHECK_TIME`], or [`CHECK_TIME_AFTER_CRASH`] when
//!    there was a log.
//!
//! Nothing finds changes inside an event's bytes: SQLite has no checksum for them.

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use ringtail_sqlite::BUSY_TIMEOUT;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Damage, DataDir, StoreError};

/// How long a check may take after an orderly shutdown. In an upgrade, callers wait this long for the next relay. It is
/// enough for a few hundred megabytes.
const CHECK_TIME: Duration = Duration::from_millis(100);

/// How long a check may take after a crash: enough for about a gigabyte from a fast disk. Callers wait meanwhile;
/// RingCentral blacklists for failures that last longer.
const CHECK_TIME_AFTER_CRASH: Duration = Duration::from_secs(2);

/// Steps of SQLite's virtual machine between two looks at the time.
const STEPS: i32 = 10_000;

/// Checks the database, if there is one. Only the process that serves from the directory may call this, before it opens
/// the database otherwise.
///
/// # Errors
/// [`StoreError::Damaged`] for damage, others when the database cannot be read.
pub fn examine(dir: &DataDir) -> Result<(), StoreError> {
    let path = dir.database();
    // A process killed while it created the database leaves an empty file.
    if !fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let _opening = dir.lock_opening()?;
    let damaged = |damage| StoreError::Damaged {
        path: path.clone(),
        damage,
    };
    let failed = |source: rusqlite::Error| match Damage::of(&source) {
        Some(damage) => damaged(damage),
        None => StoreError::open(&path, source.into()),
    };
    let orderly = fs::metadata(dir.log()).map_or(true, |log| log.len() == 0);
    let mut connection = connect(&path).map_err(failed)?;
    let transactions = unreadable_transactions(&connection, dir).map_err(failed)?;
    // A crash may cut off one transaction, which was not acknowledged.
    if transactions > 1 {
        return Err(damaged(Damage::Log { transactions }));
    }
    move_log(&connection).map_err(failed)?;
    whole(&connection, dir).map_err(failed)?.map_err(damaged)?;
    let time = match orderly {
        true => CHECK_TIME,
        false => CHECK_TIME_AFTER_CRASH,
    };
    check(&mut connection, time)
        .map_err(failed)?
        .map_err(damaged)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A damaged log stays as it is, for recovery.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// Counts the transactions in the log that SQLite ignores.
fn unreadable_transactions(connection: &Connection, dir: &DataDir) -> rusqlite::Result<u64> {
    // The first read recovers the log.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let noop = "PRAGMA wal_checkpoint(NOOP)";
    let readable = connection.query_row(noop, [], |row| row.get::<_, i64>(1))?;
    let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(transactions_behind(
        &dir.log(),
        readable.unsigned_abs(),
        page as usize,
    ))
}

/// Moves the log into the database.
fn move_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Compares the file's length with its header. SQLite notices only when it reads a missing page.
fn whole(connection: &Connection, dir: &DataDir) -> rusqlite::Result<Result<(), Damage>> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let expected = (number("page_count")? * number("page_size")?).unsigned_abs();
    // Administration may write at the same time: its pages are in the log and perhaps not in the file yet.
    let logged = fs::metadata(dir.log()).is_ok_and(|log| log.len() > 0);
    Ok(match fs::metadata(dir.database()) {
        Ok(file) if file.len() < expected && !logged => Err(Damage::Short {
            found: file.len(),
            expected,
        }),
        _ => Ok(()),
    })
}

/// Runs SQLite's own check until the time is up.
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
                "the database is large: only part of it was checked for damage"
            );
            Ok(Ok(()))
        }
        Err(error) => Err(error),
    }
}

/// Two numbers that all frames of one log share. After a checkpoint the file begins again with others.
type Salts = (u32, u32);

/// Returns how many transactions end behind the `readable` frames of the write-ahead log
/// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
///
/// SQLite reads frames up to the first whose checksum is wrong, and takes the rest for a transaction that a crash cut off. With
/// `synchronous = FULL`, each transaction is on disk before the next begins, so two or more ends of transactions behind that
/// frame mean that acknowledged events are damaged. The caller's SQLite reports a missing or unreadable file.
fn transactions_behind(log: &Path, readable: u64, page_bytes: usize) -> u64 {
    let Ok(file) = File::open(log) else {
        return 0;
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; 32];
    if file.read_exact(&mut header).is_err() {
        return 0;
    }
    let mut salts: Salts = (word(&header, 16), word(&header, 20));
    let mut frame = vec![0; 24 + page_bytes];
    let (mut number, mut transactions) = (0, 0);
    while file.read_exact(&mut frame).is_ok() {
        let of: Salts = (word(&frame, 8), word(&frame, 12));
        // If the header is damaged, the frames have other salts. So do those of the previous log, right after the file
        // began again, but the first salt then counts on from theirs.
        if number == 0 && readable == 0 && of.0.wrapping_add(1) != salts.0 {
            salts = of;
        }
        number += 1;
        let ends_transaction = word(&frame, 4) != 0;
        if number > readable && of == salts && ends_transaction {
            transactions += 1;
        }
    }
    transactions
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    u32::from_be_bytes(word.unwrap_or_default())
}

#[cfg(test)]
mod tests;
