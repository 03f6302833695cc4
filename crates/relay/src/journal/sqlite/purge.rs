//! Removing an endpoint's events for good, beside a relay that serves.
//!
//! Rows go in small transactions, so that the relay's own wait for milliseconds. What they held is overwritten with
//! zeros (`secure_delete`, which every connection that writes has), pages that become free leave the file, and the
//! write-ahead log, in which older versions of the pages are, is emptied.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::{event_keys, retention};
use crate::journal::EndpointKey;
use crate::store::{self, DataDir, StoreError};

/// How long to go on trying to empty the write-ahead log while others read from it.
const EMPTYING: Duration = Duration::from_secs(10);

/// How long one try keeps the relay's writer waiting at the most.
const TRY: Duration = Duration::from_millis(100);

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why events were not removed, or not for good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database refused.
    #[error("the database could not be changed")]
    Database(#[from] rusqlite::Error),
    /// Somebody reads from the write-ahead log for so long that it cannot be emptied.
    #[error(
        "the events are gone, but the write-ahead log, which may hold their bytes, is being read and could not be emptied\n\
         hint: wait for a backup that is being made to end, then run the command again"
    )]
    LogInUse,
}

/// Removes the events that the endpoint has now. Numbers are not given again; clients are told of a gap. Blocks.
///
/// # Errors
/// When the database refuses. What was removed until then stays removed.
pub fn purge(dir: &DataDir, endpoint: EndpointKey) -> Result<Purged, PurgeError> {
    let mut connection = store::open_writer(dir)?;
    let purged = remove(&mut connection, endpoint)?;
    empty_free_space(&connection)?;
    Ok(purged)
}

/// Removes the endpoint with its events: its address is answered 404 from now on. Blocks.
///
/// # Errors
/// When the database refuses. What was removed until then stays removed.
pub fn delete(dir: &DataDir, endpoint: EndpointKey) -> Result<Purged, PurgeError> {
    let mut connection = store::open_writer(dir)?;
    let mut purged = remove(&mut connection, endpoint)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Those that came meanwhile, few enough for one transaction.
    while remove_step(&transaction, endpoint, i64::MAX, &mut purged)? {}
    transaction.execute("DELETE FROM endpoint WHERE key = ?1", [endpoint.0])?;
    transaction.commit()?;
    empty_free_space(&connection)?;
    Ok(purged)
}

fn remove(connection: &mut Connection, endpoint: EndpointKey) -> rusqlite::Result<Purged> {
    // What comes from now on stays, or a busy endpoint would never be through.
    let newest = connection.query_row(
        "SELECT coalesce(max(key), 0) FROM event WHERE key > ?1 AND key <= ?2",
        <[i64; 2]>::from(event_keys(endpoint)),
        |row| row.get(0),
    )?;
    let mut purged = Purged::default();
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let more = remove_step(&transaction, endpoint, newest, &mut purged)?;
        transaction.commit()?;
        if !more {
            return Ok(purged);
        }
    }
}

/// Removes some of the endpoint's oldest events, none of them newer than `newest`, and says whether there were any.
fn remove_step(
    transaction: &Transaction<'_>,
    endpoint: EndpointKey,
    newest: i64,
    purged: &mut Purged,
) -> rusqlite::Result<bool> {
    let found = retention::oldest(transaction, endpoint, |event, _| event.key <= newest)?;
    if found.events == 0 {
        return Ok(false);
    }
    transaction.execute(
        "DELETE FROM uuid_recent WHERE event > ?1 AND event <= ?2",
        [event_keys(endpoint).0, found.last_key],
    )?;
    retention::delete(transaction, endpoint, &found)?;
    purged.events += found.events;
    purged.bytes += found.bytes.unsigned_abs();
    Ok(true)
}

/// Takes free pages out of the file and old versions of pages out of the write-ahead log.
fn empty_free_space(connection: &Connection) -> Result<(), PurgeError> {
    while retention::give_back(connection, retention::STEP_PAGES)? {}
    // While it waits for readers it keeps the writer waiting, so it waits briefly and often.
    connection.busy_timeout(TRY)?;
    let until = Instant::now() + EMPTYING;
    while !empty_log(connection)? {
        if Instant::now() >= until {
            return Err(PurgeError::LogInUse);
        }
        thread::park_timeout(TRY);
    }
    Ok(())
}

/// Moves the log into the database and cuts its file to nothing, unless somebody is in the way.
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
