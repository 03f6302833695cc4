//! Retention: deletes old events between appends.
//!
//! A sweep is a series of steps, each a small transaction: first events that are too old, by their endpoint's own
//! setting or the relay's, then events beyond an account's size, then beyond the relay's, then it returns free pages to
//! the file system. Events are deleted from the old end of an endpoint only, so that the rest has no gap.

use std::time::Duration;

use ringtail_protocol::event::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, named_params};

use super::uuids::Uuids;
use super::{SEQ_MAX, event_key};
use crate::journal::{Deleted, EVENT_BYTES, EndpointKey, Retention, STEP_BYTES, step_bytes};
use crate::metrics::{JournalMetrics, RetentionLimit};

/// Events that one step deletes, at most: more than a transaction of appends has. The two take turns, so that a flood
/// does not outrun retention.
const STEP_EVENTS: u32 = 640;

/// Endpoints that one step searches for old events.
const STEP_ENDPOINTS: u32 = 500;

/// Pages that one step returns to the file system.
pub(super) const STEP_PAGES: u32 = 1024;

/// Free pages that are left for new events.
const SPARE_PAGES: u32 = 1024;

/// One run of retention.
#[derive(Debug)]
pub(super) struct Sweep {
    now: Timestamp,
    max_age: Duration,
    max_account_bytes: i64,
    max_bytes: i64,
    stage: Stage,
    deleted: Deleted,
    metrics: JournalMetrics,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Old events, of the endpoints from this key on.
    Age { from: i64 },
    /// Events beyond an account's size.
    Account,
    /// Events beyond the relay's size.
    Bytes,
    /// Free pages.
    Space,
}

impl Sweep {
    pub(super) fn new(retention: Retention, now: Timestamp, metrics: JournalMetrics) -> Self {
        Self {
            now,
            max_age: retention.max_age,
            max_account_bytes: i64::try_from(retention.max_account_bytes).unwrap_or(i64::MAX),
            max_bytes: i64::try_from(retention.max_bytes).unwrap_or(i64::MAX),
            stage: Stage::Age { from: 0 },
            deleted: Deleted::default(),
            metrics,
        }
    }

    /// Runs one step, and returns what the sweep has deleted if that was the last.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        uuids: &mut Uuids,
    ) -> rusqlite::Result<Option<Deleted>> {
        let next = match self.stage {
            Stage::Age { from } => self.step_age(connection, uuids, from)?,
            Stage::Account => self.step_account(connection, uuids)?,
            Stage::Bytes => self.step_bytes(connection, uuids)?,
            Stage::Space => step_space(connection)?.then_some(Stage::Space),
        };
        Ok(match next {
            Some(stage) => {
                self.stage = stage;
                None
            }
            None => Some(self.deleted),
        })
    }

    fn step_age(
        &mut self,
        connection: &mut Connection,
        uuids: &mut Uuids,
        from: i64,
    ) -> rusqlite::Result<Option<Stage>> {
        let candidates = endpoints(connection, from)?;
        let Some((last, _)) = candidates.last().copied() else {
            return Ok(Some(Stage::Account));
        };
        for (endpoint, own) in candidates {
            let cutoff = self.cutoff(own.unwrap_or(self.max_age));
            let is_old = |event: &Candidate, _| event.received_at < cutoff;
            // First without a transaction: most endpoints have nothing to delete.
            if oldest(connection, endpoint, is_old)?.events > 0 {
                self.delete(connection, uuids, endpoint, is_old)?;
                // This endpoint may have more.
                return Ok(Some(Stage::Age { from: endpoint.0 }));
            }
        }
        Ok(Some(Stage::Age { from: last.0 + 1 }))
    }

    /// Returns the time before which events of this age were received.
    fn cutoff(&self, age: Duration) -> i64 {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        self.now.0.saturating_sub(age)
    }

    fn step_account(
        &mut self,
        connection: &mut Connection,
        uuids: &mut Uuids,
    ) -> rusqlite::Result<Option<Stage>> {
        let Some((account, bytes)) = overfull_account(connection, self.max_account_bytes)? else {
            return Ok(Some(Stage::Bytes));
        };
        let excess = bytes - self.max_account_bytes;
        let shrunk = self.shrink(connection, uuids, Some(account), excess)?;
        Ok(Some(if shrunk { Stage::Account } else { Stage::Bytes }))
    }

    fn step_bytes(
        &mut self,
        connection: &mut Connection,
        uuids: &mut Uuids,
    ) -> rusqlite::Result<Option<Stage>> {
        let total: i64 = connection
            .prepare_cached("SELECT coalesce(sum(bytes), 0) FROM endpoint")?
            .query_row([], |row| row.get(0))?;
        if total <= self.max_bytes {
            return Ok(Some(Stage::Space));
        }
        let shrunk = self.shrink(connection, uuids, None, total - self.max_bytes)?;
        Ok(Some(if shrunk { Stage::Bytes } else { Stage::Space }))
    }

    /// Deletes some of the oldest events of the largest endpoint, of one account or of all; returns whether there is one.
    fn shrink(
        &mut self,
        connection: &mut Connection,
        uuids: &mut Uuids,
        account: Option<i64>,
        excess: i64,
    ) -> rusqlite::Result<bool> {
        let Some((largest, lead)) = largest(connection, account)? else {
            return Ok(false);
        };
        let step = step_bytes(excess, lead);
        let deleted = self.delete(connection, uuids, largest, |_, bytes| bytes < step)?;
        if deleted == 0 {
            // Purged meanwhile, or the size is wrong: without this, every sweep would try it again.
            let corrected = connection.execute(
                "UPDATE endpoint SET bytes = 0 WHERE key = :endpoint AND bytes > 0",
                named_params! { ":endpoint": largest.0 },
            )?;
            if corrected > 0 {
                let endpoint = largest.0;
                tracing::error!(endpoint, "reset the size of an endpoint without events");
            }
        }
        Ok(true)
    }

    /// Deletes events from the endpoint's old end while `goes` holds, as many as one step may, and returns how many. The
    /// transaction covers the search: a purge in between would subtract the same bytes, too.
    fn delete(
        &mut self,
        connection: &mut Connection,
        uuids: &mut Uuids,
        endpoint: EndpointKey,
        goes: impl Fn(&Candidate, i64) -> bool,
    ) -> rusqlite::Result<u64> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = oldest(&transaction, endpoint, goes)?;
        if found.events == 0 {
            return Ok(0);
        }
        // First, so that each uuid is in one table only.
        uuids.move_recent(&transaction)?;
        delete(&transaction, endpoint, &found)?;
        transaction.commit()?;
        uuids.moved();
        let limit = match self.stage {
            Stage::Age { .. } => RetentionLimit::Age,
            Stage::Account => RetentionLimit::AccountBytes,
            Stage::Bytes | Stage::Space => RetentionLimit::RelayBytes,
        };
        self.metrics.deleted(limit, found.events);
        self.deleted.events += found.events;
        self.deleted.bytes += found.bytes.unsigned_abs();
        Ok(found.events)
    }
}

/// The oldest events of an endpoint, as many as one step deletes.
#[derive(Debug, Default)]
pub(super) struct Oldest {
    pub(super) last_key: i64,
    pub(super) events: u64,
    pub(super) bytes: i64,
}

/// An event that may be deleted.
pub(super) struct Candidate {
    pub(super) key: i64,
    received_at: i64,
    bytes: i64,
}

/// Finds the events at the endpoint's old end for which `goes` holds, given the bytes of those before.
pub(super) fn oldest(
    connection: &Connection,
    endpoint: EndpointKey,
    goes: impl Fn(&Candidate, i64) -> bool,
) -> rusqlite::Result<Oldest> {
    let mut select = connection.prepare_cached(
        "SELECT key, received_at, length(request)
         FROM event WHERE key > :before AND key <= :last ORDER BY key LIMIT :limit",
    )?;
    let mut rows = select.query(named_params! {
        ":before": event_key(endpoint, 0),
        ":last": event_key(endpoint, SEQ_MAX),
        ":limit": STEP_EVENTS,
    })?;
    let mut found = Oldest::default();
    while let Some(row) = rows.next()? {
        let candidate = Candidate {
            key: row.get(0)?,
            received_at: row.get(1)?,
            bytes: row.get::<_, i64>(2)? + EVENT_BYTES,
        };
        if found.bytes >= STEP_BYTES || !goes(&candidate, found.bytes) {
            break;
        }
        found.last_key = candidate.key;
        found.events += 1;
        found.bytes += candidate.bytes;
    }
    Ok(found)
}

/// Returns the next endpoints that have events, each with its own retention time if it has one.
fn endpoints(
    connection: &Connection,
    from: i64,
) -> rusqlite::Result<Vec<(EndpointKey, Option<Duration>)>> {
    let mut select = connection.prepare_cached(
        "SELECT key, retention_days FROM endpoint WHERE key >= :from AND bytes > 0 ORDER BY key LIMIT :limit",
    )?;
    let range = named_params! { ":from": from, ":limit": STEP_ENDPOINTS };
    let endpoints = select.query_map(range, |row| {
        let days: Option<u16> = row.get(1)?;
        let own = days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
        Ok((EndpointKey(row.get(0)?), own))
    })?;
    endpoints.collect()
}

/// Returns an account whose endpoints have more than `bytes`, and their bytes.
fn overfull_account(connection: &Connection, bytes: i64) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT account, sum(bytes) FROM endpoint GROUP BY account HAVING sum(bytes) > :bytes LIMIT 1",
        )?
        .query_row(named_params! { ":bytes": bytes }, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Returns the endpoint with the most bytes, of one account or of all, and how many more it has than the next.
fn largest(
    connection: &Connection,
    account: Option<i64>,
) -> rusqlite::Result<Option<(EndpointKey, i64)>> {
    let mut select = connection.prepare_cached(
        "SELECT key, bytes FROM endpoint
         WHERE bytes > 0 AND (:account IS NULL OR account = :account) ORDER BY bytes DESC, key LIMIT 2",
    )?;
    let mut rows = select.query(named_params! { ":account": account })?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (largest, bytes) = (EndpointKey(row.get(0)?), row.get::<_, i64>(1)?);
    let next = match rows.next()? {
        Some(row) => row.get(1)?,
        None => 0,
    };
    Ok(Some((largest, bytes - next)))
}

/// Deletes the events, in the transaction that found them.
pub(super) fn delete(
    transaction: &Connection,
    endpoint: EndpointKey,
    found: &Oldest,
) -> rusqlite::Result<()> {
    let range = named_params! { ":before": event_key(endpoint, 0), ":last": found.last_key };
    transaction
        .prepare_cached(
            "DELETE FROM uuid WHERE (hash, event) IN
                 (SELECT uuid_hash, key FROM event WHERE key > :before AND key <= :last)",
        )?
        .execute(range)?;
    transaction
        .prepare_cached("DELETE FROM event WHERE key > :before AND key <= :last")?
        .execute(range)?;
    transaction
        .prepare_cached("UPDATE endpoint SET bytes = bytes - :bytes WHERE key = :endpoint")?
        .execute(named_params! { ":endpoint": endpoint.0, ":bytes": found.bytes })?;
    Ok(())
}

/// Returns some of the free pages beyond [`SPARE_PAGES`] to the file system, and whether any went.
pub(in crate::journal) fn step_space(connection: &Connection) -> rusqlite::Result<bool> {
    let surplus = free_pages(connection)?.saturating_sub(SPARE_PAGES);
    Ok(surplus > 0 && give_back(connection, surplus.min(STEP_PAGES))?)
}

/// Returns up to `pages` free pages to the file system, and whether any went. None ever do from a file without
/// `auto_vacuum`, such as one recovered by hand.
pub(super) fn give_back(connection: &Connection, pages: u32) -> rusqlite::Result<bool> {
    let before = free_pages(connection)?;
    // Each step of the statement frees one page, and `execute_batch` would take one step.
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(free_pages(connection)? < before)
}

fn free_pages(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "freelist_count", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::{self, DataDir};

    #[test]
    fn a_sweep_ends_on_a_file_that_cannot_shrink() {
        for (mode, left) in [("INCREMENTAL", SPARE_PAGES), ("NONE", 5000)] {
            let temp = TempDir::new().unwrap();
            let connection = store::open_writer(&DataDir::open(temp.path()).unwrap()).unwrap();
            connection
                .execute_batch(&format!(
                    "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = {mode}; VACUUM; PRAGMA journal_mode = WAL;
                     CREATE TABLE much (bytes BLOB);
                     INSERT INTO much VALUES (zeroblob(5000 * 4096));
                     DROP TABLE much;"
                ))
                .unwrap();
            let mut steps = 0..100;
            assert!(steps.any(|_| !step_space(&connection).unwrap()), "{mode}");
            let free = free_pages(&connection).unwrap();
            assert!((left..left + 100).contains(&free), "{mode}: {free}");
        }
    }
}
