//! Searching by a filter.
//!
//! A search goes through the history from one end to the other in spans of rows. In each span the indexes yield the
//! candidates, and the filter decides on each of them, with the event's body if it has to. Rows that are not indexed
//! yet are candidates all of them. A step looks at a bounded number of events, so memory does not grow with the
//! history, a search that is given up ends within milliseconds, and nobody who writes waits.

mod letters;
mod plan;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};

use ringtail_protocol::event::EventId;

use self::plan::Plan;
use super::query::{MAX_PAGE, Reader, read_bytes, read_headers};
use super::{History, ReadError, index};
use ringtail_filter::{Context, Filter, More};
use ringtail_model::{EventDetail, EventRow, RowId};

/// Rows of the first span, and of every span that no index narrows down.
const SPAN: i64 = 4096;

/// Rows of the largest span.
const MAX_SPAN: i64 = 256 * 1024;

/// Events that one step looks at.
const MAX_LOOKED_AT: usize = 1000;

/// Bytes of bodies that one step looks at.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A filter that is searched for.
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
    /// Where to go on; `None` when there is no more.
    pub next: Option<RowId>,
}

impl Search {
    /// Makes a search of a filter. The time in the context is the one that `-3h` is seen from.
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

    /// Says whether one event is meant. `more` is only asked for what the row does not tell.
    pub fn lets_through<E>(
        &self,
        event: &EventRow,
        more: impl FnOnce() -> Result<Option<More>, E>,
    ) -> Result<bool, E> {
        if let Some(known) = self.filter.matches(event, None, &self.context) {
            return Ok(known);
        }
        let more = more()?;
        let decided = more.and_then(|more| self.filter.matches(event, Some(&more), &self.context));
        // An event that retention took away in between is not there any more.
        Ok(decided.unwrap_or(false))
    }
}

impl History {
    /// Searches from a row on, which is not among what is found. Returns when `limit` events are found, at most
    /// [`MAX_PAGE`], when there are no more, or when `patience` is over; then `next` says where to go on.
    ///
    /// Dropping the future ends the search.
    ///
    /// # Errors
    /// When SQLite refuses.
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
            let step: (Found, i64) = step.await?;
            span = step.1;
            found.rows.extend(step.0.rows);
            found.next = step.0.next;
            if began.elapsed() >= patience {
                break;
            }
        }
        Ok(found)
    }
}

impl Reader {
    /// Goes one step. The span grows while there is little in it.
    pub(super) fn search(
        &self,
        search: &Search,
        direction: Direction,
        from: RowId,
        limit: usize,
        span: &mut i64,
    ) -> rusqlite::Result<Found> {
        let mut found = Found {
            rows: Vec::new(),
            next: None,
        };
        let Some(stretch) = self.stretch(search, direction, from, *span)? else {
            return Ok(found);
        };
        let candidates = self.candidates(search, direction, stretch)?;
        if candidates.len() < MAX_LOOKED_AT / 4 && stretch.is_indexed {
            *span = (*span * 4).min(MAX_SPAN);
        } else if candidates.len() > MAX_LOOKED_AT * 4 {
            *span = (*span / 4).max(SPAN);
        }
        let mut bytes = 0;
        for (position, row) in candidates.iter().enumerate() {
            if found.rows.len() >= limit || position >= MAX_LOOKED_AT || bytes >= MAX_BYTES {
                // Not this one yet, but the one before it.
                let before = candidates.get(position.wrapping_sub(1));
                found.next = Some(before.map_or(from, |row| RowId(*row)));
                return Ok(found);
            }
            let Some(event) = self.event_at(*row)? else {
                continue;
            };
            let body_len = event.body_len;
            let passes = search.lets_through(&event, || {
                bytes += body_len;
                self.more(RowId(*row))
            })?;
            if passes {
                found.rows.push(event);
            }
        }
        found.next = stretch.next;
        Ok(found)
    }

    /// Returns the rows of a step; `None` if there are none left.
    fn stretch(
        &self,
        search: &Search,
        direction: Direction,
        from: RowId,
        span: i64,
    ) -> rusqlite::Result<Option<Stretch>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT (SELECT min(row) FROM event), (SELECT max(row) FROM event)")?;
        let ends = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)): (Option<i64>, Option<i64>) = ends else {
            return Ok(None);
        };
        let (indexed, _) = index::indexed(&self.connection)?;
        // Without an index every row of the span is a candidate.
        let is_driven = search.plan.has_index();
        let span = if is_driven { span } else { SPAN };
        Ok(match direction {
            Direction::Older => {
                let high = last.min(from.0.saturating_sub(1));
                let is_indexed = is_driven && high <= indexed;
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
                let is_indexed = is_driven && low < indexed;
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

    /// Returns the rows of a stretch that may be meant, in the order of the search.
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
        let mut values = vec![Value::from(stretch.low), Value::from(stretch.high)];
        values.extend(own.iter().cloned());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get(0))?;
        rows.collect()
    }

    fn event_at(&self, row: i64) -> rusqlite::Result<Option<EventRow>> {
        Ok(self.events("WHERE e.row = ?1", params![row])?.pop())
    }

    /// Reads an event with all that was received, and whether a search is for it; without one it is.
    pub fn event_for(
        &self,
        id: EventId,
        search: Option<&Search>,
    ) -> rusqlite::Result<Option<(EventDetail, bool)>> {
        let Some(detail) = self.event(id)? else {
            return Ok(None);
        };
        let row = detail.event.row;
        let is_meant = match search {
            Some(search) => search.lets_through(&detail.event, || self.more(row))?,
            None => true,
        };
        Ok(Some((detail, is_meant)))
    }

    /// Reads what a filter may want to know beyond the row.
    pub fn more(&self, row: RowId) -> rusqlite::Result<Option<More>> {
        self.connection
            .prepare_cached(
                "SELECT c.headers, c.body,
                   EXISTS (SELECT 1 FROM attempt AS a WHERE a.event = e.id AND a.cause = 3),
                   EXISTS (SELECT 1 FROM gap AS g
                     WHERE g.endpoint = e.endpoint AND g.journal = e.journal AND g.last = e.seq - 1)
                 FROM event AS e JOIN content AS c ON c.row = e.row WHERE e.row = ?1",
            )?
            .query_row([row.0], |row| {
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
