//! What the journal throws away, and how it does that beside appends.
//!
//! A sweep is a series of steps, each a small transaction: events that are too old, by their endpoint's own setting or
//! the relay's, then events beyond an account's size, then beyond the relay's, then the space they leave. Events go
//! from the old end of an endpoint alone, so that what is left of it has no
//! gaps.

use std::time::Duration;

use ringtail_protocol::event::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::metrics::{Dropped, JournalMetrics};
use super::uuids::Uuids;
use super::{SEQ_MAX, event_key};
use crate::journal::EndpointKey;

/// How long events are kept, if there is room: a month, so that a developer's holiday loses nothing.
pub const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many bytes of events are kept on the whole relay: 10 GiB, a few million notifications.
pub const MAX_BYTES: u64 = 10 * 1024 * 1024 * 1024;

/// How many bytes of events are kept of one account: 2 GiB, about a million notifications.
pub const MAX_ACCOUNT_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes that an event counts for beside its request: its other columns and its place among the uuids.
const EVENT_BYTES: i64 = 96;

/// The most events that one step deletes: more than a transaction of appends has, with which steps take turns, so that a
/// flood does not get ahead of retention.
const STEP_EVENTS: u32 = 640;

/// The bytes of events after which a step deletes no further one: more than a transaction of appends has, as well.
const STEP_BYTES: i64 = 10 * 1024 * 1024;

/// Bytes by which a step may take the largest endpoint below the next one, unless there is much to take.
const STEP_SHARE: i64 = 64 * 1024;

/// The part of what is too much that a step may take in any case: endpoints of one size that are flooded together would
/// else lose [`STEP_SHARE`] for each transaction of appends, and fill the disk.
const STEP_PART: i64 = 8;

/// Endpoints that one step looks at for events that are too old.
const STEP_ENDPOINTS: u32 = 500;

/// Pages that one step gives back to the file system.
pub(super) const STEP_PAGES: u32 = 1024;

/// Pages that a sweep leaves free for events to come.
const SPARE_PAGES: u32 = 1024;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events older than this go.
    pub max_age: Duration,
    /// When the endpoints of one account together have more bytes of events than this, the one that has most gives up
    /// its oldest. New events are not refused for old ones: RingCentral would give the subscription up, and what went
    /// is shown as a gap.
    pub max_account_bytes: u64,
    /// When all endpoints together have more bytes of events than this, the one that has most gives up its oldest:
    /// an endpoint that is flooded pays for that itself. The file is larger than the bytes of its events by up to a
    /// third.
    pub max_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: MAX_AGE,
            max_account_bytes: MAX_ACCOUNT_BYTES,
            max_bytes: MAX_BYTES,
        }
    }
}

/// What a sweep threw away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Returns the bytes that an event counts for.
pub(super) fn event_bytes(request: usize) -> i64 {
    i64::try_from(request).unwrap_or(i64::MAX - EVENT_BYTES) + EVENT_BYTES
}

/// How far a sweep has got.
#[derive(Debug)]
pub(super) enum Progress {
    More,
    Done(Swept),
}

/// One run of retention.
#[derive(Debug)]
pub(super) struct Sweep {
    now: Timestamp,
    max_age: Duration,
    max_account_bytes: i64,
    max_bytes: i64,
    stage: Stage,
    swept: Swept,
    metrics: JournalMetrics,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Events that are too old, of the endpoints from this one.
    Age { from: i64 },
    /// Events beyond the size of an account.
    Account,
    /// Events beyond the size of the relay.
    Bytes,
    /// Space that nothing uses.
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
            swept: Swept::default(),
            metrics,
        }
    }

    /// Does a little of the work.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        uuids: &mut Uuids,
    ) -> rusqlite::Result<Progress> {
        let next = match self.stage {
            Stage::Age { from } => self.step_age(connection, uuids, from)?,
            Stage::Account => self.step_account(connection, uuids)?,
            Stage::Bytes => self.step_bytes(connection, uuids)?,
            Stage::Space => step_space(connection)?,
        };
        Ok(match next {
            Some(stage) => {
                self.stage = stage;
                Progress::More
            }
            None => Progress::Done(self.swept),
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
            // Looked for first without a transaction, which most endpoints do not need.
            if oldest(connection, endpoint, is_old)?.events > 0 {
                self.delete(connection, uuids, endpoint, is_old)?;
                // There may be more of this endpoint's than one step deletes.
                return Ok(Some(Stage::Age { from: endpoint.0 }));
            }
        }
        Ok(Some(Stage::Age { from: last.0 + 1 }))
    }

    /// Returns the time before which events of that age were received.
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

    /// Takes some of the oldest events of the largest endpoint, of one account or of all; returns whether there was
    /// one.
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
        // Not far below the next one, so that endpoints of about one size share the loss.
        let share = STEP_SHARE.max(excess / STEP_PART);
        let excess = excess.min(lead.saturating_add(share));
        let deleted = self.delete(connection, uuids, largest, |_, bytes| bytes < excess)?;
        if deleted == 0 {
            // Purged meanwhile, or the count is wrong: without this, every sweep would look here for ever.
            let corrected = connection.execute(
                "UPDATE endpoint SET bytes = 0 WHERE key = ?1 AND bytes > 0",
                [largest.0],
            )?;
            if corrected > 0 {
                tracing::error!(
                    endpoint = largest.0,
                    "an endpoint without events had a size; it is set to nothing"
                );
            }
            return Ok(true);
        }
        Ok(true)
    }

    /// Deletes the events from the endpoint's old end that go, as many as one step may, and returns how many. They are
    /// looked for within the transaction: a purge beside the relay would else take them in between, and their bytes be
    /// subtracted twice.
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
        // First, so that an event is in one table only and there to be deleted from.
        uuids.move_recent(&transaction)?;
        delete(&transaction, endpoint, &found)?;
        transaction.commit()?;
        uuids.moved();
        let why = match self.stage {
            Stage::Age { .. } => Dropped::Age,
            Stage::Account => Dropped::AccountBytes,
            Stage::Bytes | Stage::Space => Dropped::RelayBytes,
        };
        self.metrics.drop_events(why, found.events);
        self.swept.events += found.events;
        self.swept.bytes += found.bytes.unsigned_abs();
        Ok(found.events)
    }
}

/// The oldest events of an endpoint, as far as they are to go in one step.
#[derive(Debug, Default)]
pub(super) struct Oldest {
    pub(super) last_key: i64,
    pub(super) events: u64,
    pub(super) bytes: i64,
}

/// What is looked at to decide whether an event goes.
pub(super) struct Candidate {
    pub(super) key: i64,
    received_at: i64,
    bytes: i64,
}

/// Counts the events from the endpoint's old end for which `goes` holds, given the bytes of those before.
pub(super) fn oldest(
    connection: &Connection,
    endpoint: EndpointKey,
    goes: impl Fn(&Candidate, i64) -> bool,
) -> rusqlite::Result<Oldest> {
    let mut select = connection.prepare_cached(
        "SELECT key, received_at, length(request)
         FROM event WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT ?3",
    )?;
    let range = params![
        event_key(endpoint, 0),
        event_key(endpoint, SEQ_MAX),
        STEP_EVENTS
    ];
    let mut rows = select.query(range)?;
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

/// Returns the next endpoints that have events, with how long each keeps them if it has a setting of its own.
fn endpoints(
    connection: &Connection,
    from: i64,
) -> rusqlite::Result<Vec<(EndpointKey, Option<Duration>)>> {
    let mut select = connection.prepare_cached(
        "SELECT key, retention_days FROM endpoint WHERE key >= ?1 AND bytes > 0 ORDER BY key LIMIT ?2",
    )?;
    let endpoints = select.query_map(params![from, STEP_ENDPOINTS], |row| {
        let days: Option<u16> = row.get(1)?;
        let own = days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
        Ok((EndpointKey(row.get(0)?), own))
    })?;
    endpoints.collect()
}

/// Returns an account whose endpoints have more bytes than that, and how many they have.
fn overfull_account(connection: &Connection, bytes: i64) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT account, sum(bytes) FROM endpoint GROUP BY account HAVING sum(bytes) > ?1 LIMIT 1",
        )?
        .query_row([bytes], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Returns the endpoint with the most bytes, of one account or of all, and how many it has more than the next.
fn largest(
    connection: &Connection,
    account: Option<i64>,
) -> rusqlite::Result<Option<(EndpointKey, i64)>> {
    let mut select = connection.prepare_cached(
        "SELECT key, bytes FROM endpoint
         WHERE bytes > 0 AND (?1 IS NULL OR account = ?1) ORDER BY bytes DESC, key LIMIT 2",
    )?;
    let mut rows = select.query([account])?;
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

/// Deletes them; the caller's transaction is the one in which they were looked for.
pub(super) fn delete(
    transaction: &Connection,
    endpoint: EndpointKey,
    found: &Oldest,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "DELETE FROM uuid WHERE (hash, event) IN
                 (SELECT uuid_hash, key FROM event WHERE key > ?1 AND key <= ?2)",
        )?
        .execute([event_key(endpoint, 0), found.last_key])?;
    transaction
        .prepare_cached("DELETE FROM event WHERE key > ?1 AND key <= ?2")?
        .execute([event_key(endpoint, 0), found.last_key])?;
    transaction
        .prepare_cached("UPDATE endpoint SET bytes = bytes - ?2 WHERE key = ?1")?
        .execute([endpoint.0, found.bytes])?;
    Ok(())
}

/// Gives some of the free pages back to the file system, all but those that a sweep leaves.
fn step_space(connection: &Connection) -> rusqlite::Result<Option<Stage>> {
    let surplus = free_pages(connection)?.saturating_sub(SPARE_PAGES);
    let more = surplus > 0 && give_back(connection, surplus.min(STEP_PAGES))?;
    Ok(more.then_some(Stage::Space))
}

/// Gives up to so many pages back to the file system, and says whether any went. From a database that was put together
/// without `auto_vacuum`, as when damage was repaired by hand, none ever do.
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
    fn a_database_that_gives_no_pages_back_ends_a_sweep_too() {
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
            assert!(
                steps.any(|_| step_space(&connection).unwrap().is_none()),
                "{mode}"
            );
            let free = free_pages(&connection).unwrap();
            assert!((left..left + 100).contains(&free), "{mode}: {free}");
        }
    }
}
