//! What is deleted from the history, and when.

mod clock;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use rusqlite::{
    Connection, OptionalExtension as _, Transaction, TransactionBehavior, named_params,
};

use ringtail_protocol::event::Timestamp;

use self::clock::BelievedTime;
use super::codes;

/// How much is kept. Pending and bookmarked events are always kept, and do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long an event is kept.
    pub max_age: Duration,
    /// How many events are kept.
    pub max_events: u64,
    /// How many bytes of requests and answers are kept. Together with the search index, the files are about three times
    /// as large.
    pub max_bytes: u64,
}

/// A month covers "what happened before the holidays"; 100,000 events of 2 KiB are 200 MB; a GiB is what large bodies may
/// take of a laptop's disk.
impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
            max_events: 100_000,
            max_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// Rows that one step looks at: few enough that deleting all of them delays no write noticeably.
const CHUNK: usize = 100;

/// Time between two rounds when there is nothing to delete.
pub(super) const INTERVAL: Duration = Duration::from_secs(60);

/// Enforces the limits, a step at a time.
#[derive(Debug)]
pub(super) struct Cleaner {
    retention: Retention,
    passed: Passed,
    time: Option<BelievedTime>,
}

impl Cleaner {
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            retention,
            passed: Passed::default(),
            time: None,
        }
    }

    /// Deletes some events beyond the limits, in one transaction. Returns whether there is more to do.
    pub(super) fn step(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let now = self.now(connection)?;
        let found = find(connection, self.retention, now, self.passed)?;
        let removed = remove(connection, &found)?;
        let more = shrink(connection)?;
        let is_over = found.next == Passed::ALL;
        self.passed = if is_over {
            Passed::default()
        } else {
            found.next
        };
        Ok(removed > 0 || !is_over || more)
    }

    fn now(&mut self, connection: &Connection) -> rusqlite::Result<Timestamp> {
        let newest = connection
            .prepare_cached(
                "SELECT received_at FROM event WHERE edited_from IS NULL ORDER BY row DESC LIMIT 1",
            )?
            .query_row([], |row| row.get(0).map(Timestamp))
            .optional()?;
        let (system, at) = (Timestamp::now(), Instant::now());
        let time = self
            .time
            .get_or_insert_with(|| BelievedTime::new(newest, system, at));
        Ok(time.now(newest, system, at))
    }
}

/// The last rows that a round has seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Passed {
    events: i64,
    attempts: i64,
}

impl Passed {
    /// At the end of a round.
    const ALL: Self = Self {
        events: i64::MAX,
        attempts: i64::MAX,
    };
}

/// What one step deletes.
#[derive(Debug)]
struct Deletable {
    events: Vec<[u8; 16]>,
    attempts: Vec<i64>,
    gaps: Vec<i64>,
    /// The last rows that were seen; all if there is nothing to delete after them.
    next: Passed,
}

/// Looks for the oldest events beyond the limits, old gaps, and old attempts whose event never came. Only reads.
///
/// Rows are written in the order of time, so looking at the oldest ones is enough and costs the same however much the
/// history holds. Rows of a time to come, written by a clock that was ahead, are passed.
fn find(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
    passed: Passed,
) -> rusqlite::Result<Deletable> {
    let max_age = i64::try_from(retention.max_age.as_micros()).unwrap_or(i64::MAX);
    let oldest = now.0.saturating_sub(max_age);
    // While the system's clock is doubted, new rows have its time all the same.
    let young = oldest..=now.max(Timestamp::now()).0;
    let (attempts, next_attempts) = attempts_to_remove(connection, &young, passed.attempts)?;
    let gaps = gaps_to_remove(connection, retention, oldest)?;
    let (events, next_events) = events_to_remove(connection, retention, &young, passed.events)?;
    Ok(Deletable {
        events,
        attempts,
        gaps,
        next: Passed {
            events: next_events.unwrap_or(i64::MAX),
            attempts: next_attempts.unwrap_or(i64::MAX),
        },
    })
}

/// Finds old attempts whose event never came, among a chunk of them; and the last of the chunk, if there may be more behind it.
fn attempts_to_remove(
    connection: &Connection,
    young: &RangeInclusive<i64>,
    passed: i64,
) -> rusqlite::Result<(Vec<i64>, Option<i64>)> {
    let mut statement = connection.prepare_cached(
        "SELECT a.row, a.started_at, EXISTS (SELECT 1 FROM event WHERE id = a.event)
         FROM attempt AS a WHERE a.row > :passed ORDER BY a.row LIMIT :limit",
    )?;
    let mut rows =
        statement.query(named_params! {":passed": passed, ":limit": codes::len(CHUNK)})?;
    let (mut found, mut last, mut looked_at) = (Vec::new(), (passed, 0), 0);
    while let Some(row) = rows.next()? {
        (last, looked_at) = ((row.get(0)?, row.get(1)?), looked_at + 1);
        let has_event: bool = row.get(2)?;
        if last.1 < *young.start() && !has_event {
            found.push(last.0);
        }
    }
    let (row, started_at) = last;
    let may_be_more = looked_at == CHUNK && !young.contains(&started_at);
    Ok((found, may_be_more.then_some(row)))
}

/// Finds gaps that are too old, or too many: as many are kept as events.
fn gaps_to_remove(
    connection: &Connection,
    retention: Retention,
    oldest: i64,
) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT row FROM (SELECT row, noticed_at FROM gap ORDER BY row LIMIT :limit)
         WHERE noticed_at < :oldest OR row <= (SELECT max(row) FROM gap) - :kept",
    )?;
    let kept = i64::try_from(retention.max_events).unwrap_or(i64::MAX);
    let values = named_params! {":limit": codes::len(CHUNK), ":oldest": oldest, ":kept": kept};
    statement.query_map(values, |row| row.get(0))?.collect()
}

/// Events without a bookmark, and the bytes of their requests and answers. What is bookmarked and pending counts as
/// pending. The order of a CROSS JOIN is as written: bookmarks are few, and SQLite, which does not know that, would go
/// through all events.
const NOT_BOOKMARKED: &str = "SELECT events
       - (SELECT count(*) FROM bookmark AS b CROSS JOIN event AS e ON e.row = b.row WHERE e.forward <> 1),
     bytes - (SELECT coalesce(sum(e.bytes), 0)
       FROM bookmark AS b CROSS JOIN event AS e ON e.row = b.row WHERE e.forward <> 1)
     - (SELECT coalesce(sum(length(w.headers) + length(w.body)), 0)
       FROM bookmark AS b CROSS JOIN event AS e ON e.row = b.row CROSS JOIN attempt AS a ON a.event = e.id
       CROSS JOIN answer AS w ON w.row = a.row)
   FROM total";

/// Pending events, and the bytes of their requests, from the forwarder's queue alone.
const PENDING: &str = "SELECT count(*), coalesce(sum(bytes), 0) FROM event WHERE forward = 1";

/// Bytes of answers to pending events, which are replays as a rule: those stand in `odd`.
const PENDING_ANSWERS: &str = "SELECT 0, coalesce(sum(length(w.headers) + length(w.body)), 0)
   FROM event AS e INDEXED BY event_pending CROSS JOIN odd AS o ON o.row = e.row
   CROSS JOIN attempt AS a ON a.event = e.id CROSS JOIN answer AS w ON w.row = a.row WHERE e.forward = 1";

/// Finds the oldest events that are too many, too large together or too old, among a chunk of them; and the last of the
/// chunk, if there may be more behind it.
fn events_to_remove(
    connection: &Connection,
    retention: Retention,
    young: &RangeInclusive<i64>,
    passed: i64,
) -> rusqlite::Result<(Vec<[u8; 16]>, Option<i64>)> {
    // Otherwise many bookmarks, or an app that is down for long, would push out every new event.
    let two = |sql| -> rusqlite::Result<(u64, u64)> {
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_row([], |row| {
            Ok((codes::unsigned(row.get(0)?), codes::unsigned(row.get(1)?)))
        })
    };
    let (mut count, mut bytes) = two(NOT_BOOKMARKED)?;
    // Counting a long queue takes a while, so only when it matters.
    if count > retention.max_events || bytes > retention.max_bytes {
        let (pending, pending_bytes) = two(PENDING)?;
        count = count.saturating_sub(pending);
        bytes = bytes.saturating_sub(pending_bytes);
        if bytes > retention.max_bytes {
            bytes = bytes.saturating_sub(two(PENDING_ANSWERS)?.1);
        }
    }
    let mut too_many = count.saturating_sub(retention.max_events);
    let mut too_large = bytes.saturating_sub(retention.max_bytes);
    let mut statement = connection.prepare_cached(
        "SELECT e.row, e.id, e.stored_at, e.forward = 1 OR EXISTS (SELECT 1 FROM bookmark AS b WHERE b.row = e.row),
           e.bytes + coalesce((
             SELECT sum(length(w.headers) + length(w.body)) FROM attempt AS a JOIN answer AS w ON w.row = a.row
             WHERE a.event = e.id), 0)
         FROM event AS e WHERE e.row > :passed ORDER BY e.row LIMIT :limit",
    )?;
    let mut rows =
        statement.query(named_params! {":passed": passed, ":limit": codes::len(CHUNK)})?;
    let (mut ids, mut last, mut looked_at) = (Vec::new(), passed, 0);
    while let Some(row) = rows.next()? {
        let stored_at: i64 = row.get(2)?;
        let is_beyond = too_many > 0 || too_large > 0 || stored_at < *young.start();
        if !is_beyond && young.contains(&stored_at) {
            return Ok((ids, None));
        }
        (last, looked_at) = (row.get(0)?, looked_at + 1);
        let stays: bool = row.get(3)?;
        if is_beyond && !stays {
            too_many = too_many.saturating_sub(1);
            too_large = too_large.saturating_sub(codes::unsigned(row.get(4)?));
            ids.push(row.get(1)?);
        }
    }
    Ok((ids, (looked_at == CHUNK).then_some(last)))
}

/// Deletes what was found, events with their attempts. Returns how many rows went.
fn remove(connection: &Connection, found: &Deletable) -> rusqlite::Result<usize> {
    if found.events.is_empty() && found.attempts.is_empty() && found.gaps.is_empty() {
        return Ok(0);
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut removed = 0;
    for id in &found.events {
        // Another process may have bookmarked it meanwhile.
        let gone = transaction
            .prepare_cached(
                "DELETE FROM event WHERE id = :id AND forward <> 1
                   AND NOT EXISTS (SELECT 1 FROM bookmark AS b WHERE b.row = event.row)",
            )?
            .execute(named_params! {":id": id})?;
        if gone > 0 {
            removed += gone;
            removed += transaction
                .prepare_cached("DELETE FROM attempt WHERE event = :id")?
                .execute(named_params! {":id": id})?;
        }
    }
    for (sql, rows) in [
        ("DELETE FROM attempt WHERE row = :row", &found.attempts),
        ("DELETE FROM gap WHERE row = :row", &found.gaps),
    ] {
        for row in rows {
            removed += transaction
                .prepare_cached(sql)?
                .execute(named_params! {":row": row})?;
        }
    }
    transaction.commit()?;
    Ok(removed)
}

/// Free pages that stay in the file for what comes next.
const SPARE_PAGES: i64 = 1024;

/// Pages that one step gives back: few enough that no write is delayed noticeably.
const PAGES: i64 = 256;

/// Gives some free pages back to the file system; returns whether there is more to give.
fn shrink(connection: &Connection) -> rusqlite::Result<bool> {
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
    // Stop if the file gives nothing back.
    Ok(after < before && after > SPARE_PAGES)
}

#[cfg(test)]
mod tests;
