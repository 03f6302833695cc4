//! Purges an endpoint's events while a relay serves.
//!
//! Rows are deleted in small transactions, so that the relay's own wait for milliseconds. SQLite overwrites them with
//! zeros (`secure_delete`, set on every writing connection), free pages leave the file, and the write-ahead log, which
//! holds older versions of the pages, is emptied.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, named_params};

use super::{event_keys, retention};
use crate::journal::{Deleted, EndpointKey};
use crate::store::{self, DataDir, StoreError};

/// How long to try to empty the write-ahead log while others read it.
const EMPTYING: Duration = Duration::from_secs(10);

/// How long one try blocks the relay's writer, at most.
const TRY: Duration = Duration::from_millis(100);

/// Deletes the events that the endpoint has now. Their numbers are not used again; clients report a gap. Blocks.
///
/// # Errors
/// When the database fails. What was deleted until then stays deleted.
pub fn purge(dir: &DataDir, endpoint: EndpointKey) -> Result<Deleted, StoreError> {
    let mut connection = store::open_writer(dir)?;
    let purged = remove(&mut connection, endpoint)?;
    empty_free_space(&connection)?;
    Ok(purged)
}

/// Deletes the endpoint with its events: from now on its URL answers 404. Blocks.
///
/// # Errors
/// When the database fails. What was deleted until then stays deleted.
pub fn delete(dir: &DataDir, endpoint: EndpointKey) -> Result<Deleted, StoreError> {
    let mut connection = store::open_writer(dir)?;
    let mut purged = remove(&mut connection, endpoint)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Events that arrived meanwhile are few enough for one transaction.
    while remove_step(&transaction, endpoint, i64::MAX, &mut purged)? {}
    transaction.execute(
        "DELETE FROM endpoint WHERE key = :endpoint",
        named_params! { ":endpoint": endpoint.0 },
    )?;
    transaction.commit()?;
    empty_free_space(&connection)?;
    Ok(purged)
}

fn remove(connection: &mut Connection, endpoint: EndpointKey) -> rusqlite::Result<Deleted> {
    // Only events up to now: on a busy endpoint this would never end.
    let (before, last) = event_keys(endpoint);
    let newest = connection.query_row(
        "SELECT coalesce(max(key), 0) FROM event WHERE key > :before AND key <= :last",
        named_params! { ":before": before, ":last": last },
        |row| row.get(0),
    )?;
    let mut purged = Deleted::default();
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let more = remove_step(&transaction, endpoint, newest, &mut purged)?;
        transaction.commit()?;
        if !more {
            return Ok(purged);
        }
    }
}

/// Deletes some of the endpoint's events up to `newest`, oldest first; returns whether there were any.
fn remove_step(
    transaction: &Transaction<'_>,
    endpoint: EndpointKey,
    newest: i64,
    purged: &mut Deleted,
) -> rusqlite::Result<bool> {
    let found = retention::oldest(transaction, endpoint, |event, _| event.key <= newest)?;
    if found.events == 0 {
        return Ok(false);
    }
    transaction.execute(
        "DELETE FROM uuid_recent WHERE event > :before AND event <= :last",
        named_params! { ":before": event_keys(endpoint).0, ":last": found.last_key },
    )?;
    retention::delete(transaction, endpoint, &found)?;
    purged.events += found.events;
    purged.bytes += found.bytes.unsigned_abs();
    Ok(true)
}

/// Returns free pages to the file system and empties the write-ahead log.
fn empty_free_space(connection: &Connection) -> Result<(), StoreError> {
    while retention::give_back(connection, retention::STEP_PAGES)? {}
    // A checkpoint that waits for readers blocks the writer, so each try is short.
    connection.busy_timeout(TRY)?;
    let until = Instant::now() + EMPTYING;
    while !empty_log(connection)? {
        if Instant::now() >= until {
            return Err(StoreError::LogInUse);
        }
        thread::park_timeout(TRY);
    }
    Ok(())
}

/// Moves the log into the database and truncates it, unless another connection is in the way.
fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, bool>(0)
    });
    match busy {
        Ok(busy) => Ok(!busy),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
