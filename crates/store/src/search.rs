//! Searching by a filter.
//!
//! A search goes through the history from one end to the other in spans of rows. In each span the index yields the
//! candidates, and the filter decides on each of them, with the event's body if it has to. The index only narrows the
//! candidates: rows that are not indexed are all scanned. A step looks at a bounded number of events, so memory does not
//! grow with the history, and a search that is given up ends within milliseconds.

mod index;
mod indexer;
mod plan;
mod tokens;
mod trigrams;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension, ToSql, named_params};

use ringtail_filter::{Context, Filter, More};
use ringtail_model::{EventRow, RowId};

pub use self::index::INDEX_FILE_NAME;
pub(crate) use self::indexer::{IndexThread, Notifier};
use self::plan::Plan;
use crate::query::{MAX_PAGE, Reader, read_bytes, read_headers};
use crate::{History, ReadError};

/// Rows of the first span, and of every span that no index narrows down.
const SPAN: i64 = 4096;

/// Rows of the largest span.
const MAX_SPAN: i64 = 256 * 1024;

/// Events that one step decides on.
const MAX_DECIDED: usize = 1000;

/// Bytes of bodies that one step reads.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A filter to search by.
#[derive(Debug)]
pub struct Search {
    filter: Filter,
    context: Context,
    plan: Plan,
}

/// Which way a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a row to the oldest.
    Older,
    /// From a row to the newest.
    Newer,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Events in the order in which they were found: newest first if the search goes to the oldest.
    pub rows: Vec<EventRow>,
    /// Where to continue; `None` at the end.
    pub next: Option<RowId>,
}

impl Search {
    /// Makes a search of a filter. `-3h` is relative to the time in the context.
    #[must_use]
    pub fn new(filter: Filter, context: Context) -> Self {
        let plan = Plan::of(&filter, &context);
        Self {
            filter,
            context,
            plan,
        }
    }

    /// Returns the filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns whether an event matches. `more` is called only if the row is not enough to tell.
    pub fn matches<E>(
        &self,
        event: &EventRow,
        more: impl FnOnce() -> Result<Option<More>, E>,
    ) -> Result<bool, E> {
        if let Some(known) = self.filter.matches(event, None, &self.context) {
            return Ok(known);
        }
        let more = more()?;
        let decided = more.and_then(|more| self.filter.matches(event, Some(&more), &self.context));
        // Retention may have deleted the event in between.
        Ok(decided.unwrap_or(false))
    }
}

impl History {
    /// Searches from a row on, which is excluded. Returns when `limit` events are found, at most [`MAX_PAGE`], when there
    /// are no more, or after `patience`; then `next` says where to continue.
    ///
    /// Dropping the future ends the search.
    ///
    /// # Errors
    /// When SQLite fails.
    pub async fn search(
        &self,
        search: &Arc<Search>,
        direction: Direction,
        from: RowId,
        limit: usize,
        patience: Duration,
    ) -> Result<Found, ReadError> {
        let began = Instant::now();
        let limit = limit.min(MAX_PAGE);
        let mut found = Found {
            rows: Vec::new(),
            next: Some(from),
        };
        let mut span = SPAN;
        while let Some(at) = found.next
            && found.rows.len() < limit
        {
            let (search, wanted) = (Arc::clone(search), limit - found.rows.len());
            let step = self.read(move |reader| {
                let step = reader.search(&search, direction, at, wanted, &mut span)?;
                Ok((step, span))
            });
            let ((step, index_damaged), new_span) = step.await?;
            span = new_span;
            if index_damaged {
                self.inner.index.notifier().rebuild();
            }
            found.rows.extend(step.rows);
            found.next = step.next;
            if began.elapsed() >= patience {
                break;
            }
        }
        Ok(found)
    }
}

impl Reader<'_> {
    /// Goes one step, and returns what it found and whether the index is damaged. The span grows while there is little in it.
    pub(crate) fn search(
        &self,
        search: &Search,
        direction: Direction,
        from: RowId,
        limit: usize,
        span: &mut i64,
    ) -> rusqlite::Result<(Found, bool)> {
        let needs_index = search.plan.needs_index();
        let indexed = needs_index
            .then(|| index::usable(self.connection))
            .flatten();
        let mut step = |indexed| self.search_step(search, direction, from, limit, span, indexed);
        match step(indexed.unwrap_or(0)) {
            Err(error) if indexed.is_some() => {
                tracing::warn!(%error, "the search index cannot be read; searching without it");
                index::detach(self.connection);
                Ok((step(0)?, index::is_damage_to_search(&error)))
            }
            found => Ok((found?, false)),
        }
    }

    fn search_step(
        &self,
        search: &Search,
        direction: Direction,
        from: RowId,
        limit: usize,
        span: &mut i64,
        indexed: i64,
    ) -> rusqlite::Result<Found> {
        let mut found = Found {
            rows: Vec::new(),
            next: None,
        };
        let Some(stretch) = self.stretch(search, direction, from, *span, indexed)? else {
            return Ok(found);
        };
        let candidates = self.candidates(search, direction, stretch)?;
        if candidates.len() < MAX_DECIDED / 4 && stretch.is_indexed {
            *span = (*span * 4).min(MAX_SPAN);
        } else if candidates.len() > MAX_DECIDED * 4 {
            *span = (*span / 4).max(SPAN);
        }
        let mut bytes = 0;
        for (position, row) in candidates.iter().enumerate() {
            if found.rows.len() >= limit || position >= MAX_DECIDED || bytes >= MAX_BYTES {
                // The next step begins after the one before this.
                let before = candidates.get(position.wrapping_sub(1));
                found.next = Some(before.map_or(from, |row| RowId(*row)));
                return Ok(found);
            }
            let Some(event) = self.event_at(*row)? else {
                continue;
            };
            let body_len = event.body_len;
            let matches = search.matches(&event, || {
                bytes += body_len;
                self.more(RowId(*row))
            })?;
            if matches {
                found.rows.push(event);
            }
        }
        found.next = stretch.next;
        Ok(found)
    }

    /// Returns the rows of a step; `None` if there are none left. Rows up to `indexed` can be looked up in the index.
    fn stretch(
        &self,
        search: &Search,
        direction: Direction,
        from: RowId,
        span: i64,
        indexed: i64,
    ) -> rusqlite::Result<Option<Stretch>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT (SELECT min(row) FROM event), (SELECT max(row) FROM event)")?;
        let ends = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)): (Option<i64>, Option<i64>) = ends else {
            return Ok(None);
        };
        let indexed = match search.plan.needs_index() {
            true => indexed,
            // The tables of the history are enough.
            false if search.plan.is_driven() => last,
            false => 0,
        };
        Ok(match direction {
            Direction::Older => {
                let high = last.min(from.0.saturating_sub(1));
                let is_indexed = high <= indexed;
                let span = if is_indexed { span } else { SPAN };
                let mut low = (high.saturating_sub(span)).max(first - 1);
                if high > indexed {
                    low = low.max(indexed.min(high - 1));
                }
                (high >= first).then_some(Stretch {
                    low,
                    high,
                    is_indexed,
                    next: (low >= first).then_some(RowId(low + 1)),
                })
            }
            Direction::Newer => {
                let low = from.0.max(first - 1);
                let is_indexed = low < indexed;
                let span = if is_indexed { span } else { SPAN };
                let mut high = low.saturating_add(span).min(last);
                if is_indexed {
                    high = high.min(indexed);
                }
                (low < last).then_some(Stretch {
                    low,
                    high,
                    is_indexed,
                    next: (high < last).then_some(RowId(high)),
                })
            }
        })
    }

    /// Returns the candidates of a stretch, in the order of the search.
    fn candidates(
        &self,
        search: &Search,
        direction: Direction,
        stretch: Stretch,
    ) -> rusqlite::Result<Vec<i64>> {
        let order = match direction {
            Direction::Older => "DESC",
            Direction::Newer => "ASC",
        };
        let (source, own) = search.plan.candidates(stretch.is_indexed);
        let sql = format!("SELECT row FROM ({source}) ORDER BY row {order}");
        let mut values: Vec<(&str, &dyn ToSql)> =
            vec![(":low", &stretch.low), (":high", &stretch.high)];
        values.extend(
            own.iter()
                .map(|(name, value)| (&**name, value as &dyn ToSql)),
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(&values[..], |row| row.get(0))?;
        rows.collect()
    }

    fn event_at(&self, row: i64) -> rusqlite::Result<Option<EventRow>> {
        let values = named_params! {":row": row};
        Ok(self.events("WHERE e.row = :row", values)?.pop())
    }

    /// Returns whether an event matches a search; without one it does.
    pub fn matches(&self, event: &EventRow, search: Option<&Search>) -> rusqlite::Result<bool> {
        search.map_or(Ok(true), |search| {
            search.matches(event, || self.more(event.row))
        })
    }

    /// Reads what a filter may need beyond the row.
    pub fn more(&self, row: RowId) -> rusqlite::Result<Option<More>> {
        self.connection
            .prepare_cached(
                "SELECT c.headers, c.body,
                   EXISTS (SELECT 1 FROM attempt AS a WHERE a.event = e.id AND a.cause = 3),
                   EXISTS (SELECT 1 FROM gap AS g
                     WHERE g.endpoint = e.endpoint AND g.journal = e.journal AND g.last = e.seq - 1)
                 FROM event AS e JOIN content AS c ON c.row = e.row WHERE e.row = :row",
            )?
            .query_row(named_params! {":row": row.0}, |row| {
                let (headers, body) = (read_headers(row, 0)?, read_bytes(row, 1)?);
                Ok(More::new(headers, body, row.get(2)?, row.get(3)?))
            })
            .optional()
    }
}

/// Rows above `low` up to `high`.
#[derive(Clone, Copy)]
struct Stretch {
    low: i64,
    high: i64,
    is_indexed: bool,
    next: Option<RowId>,
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.filter.fmt(f)
    }
}

#[cfg(test)]
mod tests;
