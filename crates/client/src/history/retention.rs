//! What is removed from the history, and when.

use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use ringtail_protocol::event::Timestamp;

use super::codes;

/// How much is kept. Events that are owed to a target and events that are marked are kept whatever their age and
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long an event is kept.
    pub max_age: Duration,
    /// How many events are kept.
    pub max_events: u64,
    /// How many bytes of requests and answers are kept. With what finds them the file is about three times as large.
    pub max_bytes: u64,
}

/// A month covers "what happened before the holidays"; 100,000 events of 2 KiB are 200 MB; a GiB is what large bodies may
/// take of a laptop before somebody asks where its disk went.
impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
            max_events: 100_000,
            max_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// Rows that one step removes: few enough that no writer waits noticeably.
const CHUNK: usize = 200;

/// How often the history is looked over when there is nothing to remove.
const INTERVAL: Duration = Duration::from_secs(60);

/// When the next step is due.
#[derive(Debug)]
pub(super) struct Schedule {
    retention: Retention,
    due: Instant,
    busy: bool,
}

impl Schedule {
    pub(super) fn new(retention: Retention, now: Instant) -> Self {
        Self {
            retention,
            due: now,
            busy: true,
        }
    }

    /// Says whether a step is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.busy || now >= self.due
    }

    /// Removes one chunk. Runs outside of other transactions.
    pub(super) fn step(&mut self, connection: &Connection, now: Instant) -> rusqlite::Result<()> {
        // Set first, so that a step that fails is not tried again at once.
        self.busy = false;
        self.due = now + INTERVAL;
        let removed = remove_chunk(connection, self.retention, Timestamp::now())?;
        let more = give_back(connection)?;
        self.busy = removed > 0 || more;
        Ok(())
    }
}

/// Removes the oldest events beyond the limits with their attempts, then old gaps and attempts whose event never
/// came. Returns how many rows went.
///
/// Rows are written in the order of time, so looking at the oldest ones is enough and costs the same however
/// much the history holds.
fn remove_chunk(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let max_age = i64::try_from(retention.max_age.as_micros()).unwrap_or(i64::MAX);
    let oldest = now.0.saturating_sub(max_age);
    // Immediate: a read that turns into a write fails when another process wrote in between.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut removed = 0;
    for id in events_to_remove(&transaction, retention, oldest)? {
        removed += transaction
            .prepare_cached("DELETE FROM attempt WHERE event = ?1")?
            .execute([&id])?;
        removed += transaction
            .prepare_cached("DELETE FROM event WHERE id = ?1")?
            .execute([&id])?;
    }
    removed += transaction
        .prepare_cached(
            "DELETE FROM attempt WHERE row IN (
               SELECT row FROM (SELECT row, event, started_at FROM attempt ORDER BY row LIMIT ?2) AS a
               WHERE a.started_at < ?1 AND NOT EXISTS (SELECT 1 FROM event WHERE id = a.event))",
        )?
        .execute(params![oldest, codes::len(CHUNK)])?;
    removed += transaction
        .prepare_cached(
            "DELETE FROM gap WHERE row IN (
               SELECT row FROM (SELECT row, noticed_at FROM gap ORDER BY row LIMIT ?2)
               WHERE noticed_at < ?1)",
        )?
        .execute(params![oldest, codes::len(CHUNK)])?;
    transaction.commit()?;
    Ok(removed)
}

/// Reads the ids of the oldest events that are too many, too large together or too old, a chunk of them.
fn events_to_remove(
    connection: &Connection,
    retention: Retention,
    oldest: i64,
) -> rusqlite::Result<Vec<[u8; 16]>> {
    // What is marked takes no place of others: else many marks would push out everything that has none.
    let (count, bytes): (i64, i64) = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM event) - (SELECT count(*) FROM mark),
               (SELECT bytes FROM kept) - (SELECT coalesce(sum(length(c.headers) + length(c.body)), 0)
                 FROM mark AS m JOIN content AS c ON c.row = m.row)",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let too_many = codes::unsigned(count).saturating_sub(retention.max_events);
    let too_large = codes::unsigned(bytes).saturating_sub(retention.max_bytes);
    let mut statement = connection.prepare_cached(
        "SELECT e.id, e.stored_at, length(c.headers) + length(c.body) + coalesce((
             SELECT sum(length(w.headers) + length(w.body)) FROM attempt AS a JOIN answer AS w ON w.row = a.row
             WHERE a.event = e.id), 0)
         FROM event AS e JOIN content AS c ON c.row = e.row
         WHERE forward <> 1 AND NOT EXISTS (SELECT 1 FROM mark WHERE mark.row = e.row) ORDER BY e.row LIMIT ?1",
    )?;
    let candidates = statement.query_map([codes::len(CHUNK)], |row| {
        let bytes = row.get(2).map(codes::unsigned)?;
        Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?, bytes))
    })?;
    let mut ids = Vec::new();
    let mut gone = 0_u64;
    for (position, candidate) in (0_u64..).zip(candidates) {
        let (id, stored_at, bytes) = candidate?;
        if position < too_many || gone < too_large || stored_at < oldest {
            gone = gone.saturating_add(bytes);
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Free pages that stay in the file for what comes next.
const SPARE_PAGES: i64 = 1024;

/// Pages that one step gives back: few enough that no writer waits noticeably.
const PAGES: i64 = 256;

/// Gives some free pages back to the file system; returns whether there is more to give. The indexes free theirs later
/// than the rows that they were of, so this goes on after the last removal.
fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    let free = || -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, "freelist_count", |row| row.get(0))
    };
    let before = free()?;
    if before <= SPARE_PAGES {
        return Ok(false);
    }
    let pages = PAGES.min(before - SPARE_PAGES);
    let mut statement =
        connection.prepare_cached(&format!("PRAGMA incremental_vacuum({pages})"))?;
    // Each row that the pragma yields is a page.
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    let after = free()?;
    // A file that gives nothing back must not be asked for ever.
    Ok(after < before && after > SPARE_PAGES)
}

#[cfg(test)]
mod tests;
