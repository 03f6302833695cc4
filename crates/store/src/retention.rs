//! What is removed from the history, and when.

use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use ringtail_protocol::event::Timestamp;

use super::codes;

/// How much is kept. Events that are owed to a target and events that are marked are kept whatever their age, number and
/// size, and count for none of the limits: those are for the rest.
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

/// Rows that one step looks at: few enough that removing all of them keeps no writer waiting noticeably.
const CHUNK: usize = 100;

/// How often the history is looked over when there is nothing to remove.
const INTERVAL: Duration = Duration::from_secs(60);

/// When the next step is due.
#[derive(Debug)]
pub(super) struct Schedule {
    retention: Retention,
    due: Instant,
    busy: bool,
    /// The last event that this look over the history has passed.
    passed: i64,
}

impl Schedule {
    pub(super) fn new(retention: Retention, now: Instant) -> Self {
        Self {
            retention,
            due: now,
            busy: true,
            passed: 0,
        }
    }

    /// Returns when a step is due.
    pub(super) fn due(&self, now: Instant) -> Instant {
        if self.busy { now } else { self.due }
    }

    /// Removes some of what is beyond the limits. Runs outside of other transactions.
    pub(super) fn step(&mut self, connection: &Connection, now: Instant) -> rusqlite::Result<()> {
        // First, so that a step that fails is not tried again at once.
        self.busy = false;
        self.due = now + INTERVAL;
        let found = find(connection, self.retention, Timestamp::now(), self.passed)?;
        let removed = remove(connection, &found)?;
        let more = give_back(connection)?;
        self.busy = removed > 0 || found.next.is_some() || more;
        self.passed = found.next.unwrap_or(0);
        Ok(())
    }
}

/// What one step removes.
#[derive(Debug)]
struct Found {
    events: Vec<[u8; 16]>,
    attempts: Vec<i64>,
    gaps: Vec<i64>,
    /// The last event that was looked at, if there may be more behind it.
    next: Option<i64>,
}

/// Looks for the oldest events beyond the limits, old gaps, and old attempts whose event never came. Nobody has to wait
/// meanwhile, and the next step goes on after `passed`.
///
/// Rows are written in the order of time, so looking at the oldest ones is enough and costs the same however
/// much the history holds.
fn find(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
    passed: i64,
) -> rusqlite::Result<Found> {
    let max_age = i64::try_from(retention.max_age.as_micros()).unwrap_or(i64::MAX);
    let oldest = now.0.saturating_sub(max_age);
    let rows = |sql: &str| -> rusqlite::Result<Vec<i64>> {
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![oldest, codes::len(CHUNK)], |row| row.get(0))?;
        rows.collect()
    };
    let attempts = rows(
        "SELECT row FROM (SELECT row, event, started_at FROM attempt ORDER BY row LIMIT ?2) AS a
         WHERE a.started_at < ?1 AND NOT EXISTS (SELECT 1 FROM event WHERE id = a.event)",
    )?;
    let gaps = rows(
        "SELECT row FROM (SELECT row, noticed_at FROM gap ORDER BY row LIMIT ?2) WHERE noticed_at < ?1",
    )?;
    let (events, next) = events_to_remove(connection, retention, oldest, passed)?;
    Ok(Found {
        events,
        attempts,
        gaps,
        next,
    })
}

/// How many events there are that are not marked, and the bytes of their requests and answers. What is marked and owed counts
/// as owed. The order of a CROSS JOIN is as written: marks are few, and SQLite, which does not know that, would go through
/// all events instead.
const TAKEN: &str = "SELECT events
       - (SELECT count(*) FROM mark AS m CROSS JOIN event AS e ON e.row = m.row WHERE e.forward <> 1),
     bytes - (SELECT coalesce(sum(length(c.headers) + length(c.body)), 0)
       FROM mark AS m CROSS JOIN event AS e ON e.row = m.row CROSS JOIN content AS c ON c.row = m.row WHERE e.forward <> 1)
     - (SELECT coalesce(sum(length(w.headers) + length(w.body)), 0)
       FROM mark AS m CROSS JOIN event AS e ON e.row = m.row CROSS JOIN attempt AS a ON a.event = e.id
       CROSS JOIN answer AS w ON w.row = a.row)
   FROM kept";

/// How many events are owed, and the bytes of their requests: from the forwarder's queue alone.
const OWED: &str = "SELECT count(*), coalesce(sum(bytes), 0) FROM event WHERE forward = 1";

/// Finds the oldest events that are too many, too large together or too old, among a chunk of them; and the last of the
/// chunk, if there may be more behind it.
fn events_to_remove(
    connection: &Connection,
    retention: Retention,
    oldest: i64,
    passed: i64,
) -> rusqlite::Result<(Vec<[u8; 16]>, Option<i64>)> {
    // What is marked or owed takes no place of others: else many marks, or an app that is down for long, would push out
    // everything else as soon as it came.
    let two = |sql| -> rusqlite::Result<(u64, u64)> {
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_row([], |row| {
            Ok((codes::unsigned(row.get(0)?), codes::unsigned(row.get(1)?)))
        })
    };
    let (mut count, mut bytes) = two(TAKEN)?;
    // Of a long queue this takes a while, so it is asked for when it matters.
    if count > retention.max_events || bytes > retention.max_bytes {
        let (owed, owed_bytes) = two(OWED)?;
        count = count.saturating_sub(owed);
        bytes = bytes.saturating_sub(owed_bytes);
    }
    let mut too_many = count.saturating_sub(retention.max_events);
    let mut too_large = bytes.saturating_sub(retention.max_bytes);
    let mut statement = connection.prepare_cached(
        "SELECT e.row, e.id, e.stored_at, e.forward = 1 OR EXISTS (SELECT 1 FROM mark WHERE mark.row = e.row),
           length(c.headers) + length(c.body) + coalesce((
             SELECT sum(length(w.headers) + length(w.body)) FROM attempt AS a JOIN answer AS w ON w.row = a.row
             WHERE a.event = e.id), 0)
         FROM event AS e JOIN content AS c ON c.row = e.row
         WHERE e.row > ?1 ORDER BY e.row LIMIT ?2",
    )?;
    let mut rows = statement.query([passed, codes::len(CHUNK)])?;
    let (mut ids, mut last, mut looked_at) = (Vec::new(), passed, 0);
    while let Some(row) = rows.next()? {
        let is_old = row.get::<_, i64>(2)? < oldest;
        if too_many == 0 && too_large == 0 && !is_old {
            return Ok((ids, None));
        }
        (last, looked_at) = (row.get(0)?, looked_at + 1);
        let stays: bool = row.get(3)?;
        if !stays {
            too_many = too_many.saturating_sub(1);
            too_large = too_large.saturating_sub(codes::unsigned(row.get(4)?));
            ids.push(row.get(1)?);
        }
    }
    Ok((ids, (looked_at == CHUNK).then_some(last)))
}

/// Removes what was found, events with their attempts. Returns how many rows went.
fn remove(connection: &Connection, found: &Found) -> rusqlite::Result<usize> {
    if found.events.is_empty() && found.attempts.is_empty() && found.gaps.is_empty() {
        return Ok(0);
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut removed = 0;
    for id in &found.events {
        // Another process may have marked it meanwhile.
        let gone = transaction
            .prepare_cached(
                "DELETE FROM event WHERE id = ?1 AND forward <> 1
                   AND NOT EXISTS (SELECT 1 FROM mark WHERE mark.row = event.row)",
            )?
            .execute([id])?;
        if gone > 0 {
            removed += gone;
            removed += transaction
                .prepare_cached("DELETE FROM attempt WHERE event = ?1")?
                .execute([id])?;
        }
    }
    for (sql, rows) in [
        ("DELETE FROM attempt WHERE row = ?1", &found.attempts),
        ("DELETE FROM gap WHERE row = ?1", &found.gaps),
    ] {
        for row in rows {
            removed += transaction.prepare_cached(sql)?.execute([row])?;
        }
    }
    transaction.commit()?;
    Ok(removed)
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
