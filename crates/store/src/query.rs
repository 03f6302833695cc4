//! Reading the history: paged, bounded, and without bodies where a list does not show them.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use ringtail_protocol::event::{Disposition, EventId, Header, Kind, Request, Timestamp};

use super::select::Selector;
use super::{attempts, codes, headers, learn, store};
use ringtail_model::{
    AttemptDetail, AttemptRow, Bookmark, EventDetail, EventRow, ForwardState, GapRow, RowId,
    Watermarks,
};

/// The most rows that one query returns, whatever is asked for.
pub const MAX_PAGE: usize = 1000;

/// The most attempts that come with an event's details, oldest first.
pub const MAX_DETAIL_ATTEMPTS: usize = 200;

/// An event that is owed to the target, without its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEvent {
    /// Position in the history.
    pub row: RowId,
    /// Events with the same key are forwarded one after the other.
    pub key: String,
}

/// An event with what is needed to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// The event.
    pub id: EventId,
    /// Where forwarding stands.
    pub forward: ForwardState,
    /// The event that it is an edited copy of.
    pub edited_from: Option<EventId>,
    /// The request as received.
    pub request: Request,
}

/// How much the history holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Attempts.
    pub attempts: u64,
    /// Gaps.
    pub gaps: u64,
    /// Events that are owed to a target, of all endpoints.
    pub pending: u64,
}

/// A read-only connection. Its calls block: outside of [`super::History`]'s own methods, call them where blocking
/// is allowed.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
}

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Reads events after a row, oldest first.
    pub fn events_after(&self, after: RowId, limit: usize) -> rusqlite::Result<Vec<EventRow>> {
        self.events(
            "WHERE e.row > ?1 ORDER BY e.row LIMIT ?2",
            params![after.0, page(limit)],
        )
    }

    /// Reads events before a row, newest first. `RowId(i64::MAX)` begins with the newest.
    pub fn events_before(&self, before: RowId, limit: usize) -> rusqlite::Result<Vec<EventRow>> {
        self.events(
            "WHERE e.row < ?1 ORDER BY e.row DESC LIMIT ?2",
            params![before.0, page(limit)],
        )
    }

    /// Reads the ids of the endpoints that have events, in their order.
    pub fn endpoints(&self) -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT DISTINCT endpoint FROM event ORDER BY endpoint";
        let mut statement = self.connection.prepare_cached(sql)?;
        let ids = statement.query_map([], |row| row.get(0))?;
        ids.collect()
    }

    /// Reads the events that a selector names, oldest first. An endpoint narrows the search; without one, all
    /// endpoints are searched.
    pub fn find(
        &self,
        endpoint: Option<&str>,
        selector: &Selector,
        after: RowId,
        limit: usize,
    ) -> rusqlite::Result<Vec<EventRow>> {
        let limit = page(limit);
        match selector {
            Selector::Seq { first, last } => self.events(
                "WHERE (?1 IS NULL OR e.endpoint = ?1) AND e.seq BETWEEN ?2 AND ?3 AND e.row > ?4
                 ORDER BY e.row LIMIT ?5",
                params![
                    endpoint,
                    codes::seq(*first),
                    codes::seq(*last),
                    after.0,
                    limit
                ],
            ),
            Selector::Id(prefix) => {
                let (low, high) = prefix.bounds();
                self.events(
                    "WHERE (?1 IS NULL OR e.endpoint = ?1) AND e.id BETWEEN ?2 AND ?3 AND e.row > ?4
                     ORDER BY e.row LIMIT ?5",
                    params![endpoint, low, high, after.0, limit],
                )
            }
        }
    }

    pub(super) fn events(
        &self,
        tail: &str,
        params: impl Params,
    ) -> rusqlite::Result<Vec<EventRow>> {
        let sql = format!(
            "SELECT {}, {EVENT_COLUMNS} FROM event AS e LEFT JOIN attempt AS a
               ON a.row = (SELECT max(row) FROM attempt WHERE event = e.id)
             LEFT JOIN mark AS m ON m.row = e.row LEFT JOIN novelty AS n ON n.event = e.row {tail}",
            attempts::COLUMNS,
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params, read_event)?;
        rows.collect()
    }

    /// Reads the row of an event.
    pub fn row(&self, id: EventId) -> rusqlite::Result<Option<EventRow>> {
        Ok(self
            .events("WHERE e.id = ?1", params![id.as_bytes()])?
            .pop())
    }

    /// Reads an event with all that was received and every attempt.
    pub fn event(&self, id: EventId) -> rusqlite::Result<Option<EventDetail>> {
        let Some(event) = self.row(id)? else {
            return Ok(None);
        };
        let content = self
            .connection
            .prepare_cached(
                "SELECT e.peer, c.headers, c.body FROM event AS e JOIN content AS c ON c.row = e.row
                 WHERE e.id = ?1",
            )?
            .query_row(params![id.as_bytes()], |row| {
                Ok((row.get(0)?, read_headers(row, 1)?, read_bytes(row, 2)?))
            })
            .optional()?;
        let Some((peer, headers, body)) = content else {
            return Ok(None);
        };
        Ok(Some(EventDetail {
            event,
            peer,
            headers,
            body,
            proof: None,
            attempts: attempts::details(&self.connection, id, MAX_DETAIL_ATTEMPTS)?,
        }))
    }

    /// Reads the events of the same call or conversation, the event included: the newest `limit`, oldest first.
    pub fn course(&self, event: RowId, limit: usize) -> rusqlite::Result<Vec<EventRow>> {
        let mut events = self.events(
            "JOIN event AS one ON one.row = ?1
             WHERE e.endpoint = one.endpoint AND e.ordering_key = one.ordering_key
             ORDER BY e.row DESC LIMIT ?2",
            params![event.0, page(limit)],
        )?;
        events.reverse();
        Ok(events)
    }

    /// Reads the event before another one that is of the same kind: in its call or conversation if there is one,
    /// else on its endpoint, among the [`MAX_PAGE`] before it.
    pub fn previous(&self, event: RowId) -> rusqlite::Result<Option<EventRow>> {
        let in_course = self.events(
            "JOIN event AS one ON one.row = ?1
             WHERE e.endpoint = one.endpoint AND e.ordering_key = one.ordering_key AND e.row < one.row
               AND e.topic = one.topic
             ORDER BY e.row DESC LIMIT 1",
            params![event.0],
        )?;
        if let Some(previous) = in_course.into_iter().next() {
            return Ok(Some(previous));
        }
        let near = self.events(
            "JOIN event AS one ON one.row = ?1
             WHERE e.endpoint = one.endpoint AND e.row < one.row AND e.row >= one.row - ?2
               AND e.topic = one.topic
             ORDER BY e.row DESC LIMIT 1",
            params![event.0, codes::len(MAX_PAGE)],
        )?;
        Ok(near.into_iter().next())
    }

    /// Reads where an event stands.
    pub fn row_of(&self, id: EventId) -> rusqlite::Result<Option<RowId>> {
        self.connection
            .prepare_cached("SELECT row FROM event WHERE id = ?1")?
            .query_row([id.as_bytes()], |row| row.get(0).map(RowId))
            .optional()
    }

    /// Reads what is needed to send an event.
    pub fn stored_request(&self, row: RowId) -> rusqlite::Result<Option<StoredRequest>> {
        self.connection
            .prepare_cached(
                "SELECT e.id, e.forward, e.method, e.path, e.peer, c.headers, c.body, e.edited_from
                 FROM event AS e JOIN content AS c ON c.row = e.row WHERE e.row = ?1",
            )?
            .query_row([row.0], |row| {
                Ok(StoredRequest {
                    id: EventId::from_bytes(row.get(0)?),
                    forward: codes::forward_from(row.get(1)?),
                    edited_from: row.get::<_, Option<[u8; 16]>>(7)?.map(EventId::from_bytes),
                    request: Request {
                        method: row.get(2)?,
                        path: row.get(3)?,
                        peer: row.get(4)?,
                        headers: read_headers(row, 5)?,
                        body: read_bytes(row, 6)?,
                    },
                })
            })
            .optional()
    }

    /// Reads attempts after a row, oldest first.
    pub fn attempts_after(&self, after: RowId, limit: usize) -> rusqlite::Result<Vec<AttemptRow>> {
        let sql = format!(
            "SELECT {} FROM attempt AS a LEFT JOIN event AS e ON e.id = a.event
             WHERE a.row > ?1 ORDER BY a.row LIMIT ?2",
            attempts::COLUMNS,
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![after.0, page(limit)], |row| {
            attempts::read_row(row, 0)
        })?;
        rows.filter_map(Result::transpose).collect()
    }

    /// Reads an attempt with what the app answered.
    pub fn attempt(&self, row: RowId) -> rusqlite::Result<Option<AttemptDetail>> {
        attempts::detail(&self.connection, row)
    }

    /// Reads gaps after a row, oldest first.
    pub fn gaps_after(&self, after: RowId, limit: usize) -> rusqlite::Result<Vec<GapRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT row, endpoint, first, last, noticed_at FROM gap WHERE row > ?1 ORDER BY row LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after.0, page(limit)], |row| {
            Ok(GapRow {
                row: RowId(row.get(0)?),
                endpoint: row.get(1)?,
                first: codes::unsigned(row.get(2)?),
                last: codes::unsigned(row.get(3)?),
                noticed_at: Timestamp(row.get(4)?),
            })
        })?;
        rows.collect()
    }

    /// Reads which events of an endpoint are owed to the target, oldest first, after a row.
    pub fn pending(
        &self,
        endpoint: &str,
        after: RowId,
        limit: usize,
    ) -> rusqlite::Result<Vec<PendingEvent>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT row, ordering_key FROM event
             WHERE endpoint = ?1 AND forward = 1 AND row > ?2 ORDER BY row LIMIT ?3",
        )?;
        let rows = statement.query_map(params![endpoint, after.0, page(limit)], |row| {
            Ok(PendingEvent {
                row: RowId(row.get(0)?),
                key: row.get(1)?,
            })
        })?;
        rows.collect()
    }

    /// Counts the events of an endpoint that are owed to the target.
    pub fn held(&self, endpoint: &str) -> rusqlite::Result<u64> {
        self.connection
            .prepare_cached("SELECT count(*) FROM event WHERE endpoint = ?1 AND forward = 1")?
            .query_row([endpoint], |row| row.get(0).map(codes::unsigned))
    }

    /// Counts what the history holds.
    pub fn counts(&self) -> rusqlite::Result<Counts> {
        self.connection
            .prepare_cached(
                "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM attempt),
                   (SELECT count(*) FROM gap), (SELECT count(*) FROM event WHERE forward = 1)",
            )?
            .query_row([], |row| {
                Ok(Counts {
                    events: codes::unsigned(row.get(0)?),
                    attempts: codes::unsigned(row.get(1)?),
                    gaps: codes::unsigned(row.get(2)?),
                    pending: codes::unsigned(row.get(3)?),
                })
            })
    }

    /// Reads how far a journal has been stored; `None` when nothing of it has.
    pub fn cursor(&self, endpoint: &str, journal: &str) -> rusqlite::Result<Option<u64>> {
        store::cursor(&self.connection, endpoint, journal)
    }
}

/// Reads how far the tables reach. Deleted rows count: positions are never used twice.
pub(super) fn marks(connection: &Connection) -> rusqlite::Result<Watermarks> {
    let mut marks = Watermarks::default();
    let mut statement = connection.prepare_cached(
        "SELECT name, seq FROM sqlite_sequence UNION ALL SELECT 'mark', count FROM mark_changes",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let reach = RowId(row.get(1)?);
        match row.get_ref(0)?.as_str()? {
            "event" => marks.events = reach,
            "attempt" => marks.attempts = reach,
            "gap" => marks.gaps = reach,
            "novelty" => marks.new_fields = reach,
            "mark" => marks.bookmarks = codes::unsigned(reach.0),
            _ => {}
        }
    }
    Ok(marks)
}

/// Columns that [`read_event`] takes after those of the newest attempt.
const EVENT_COLUMNS: &str = "e.row, e.endpoint, e.seq, e.id, e.kind, e.disposition, e.duplicate_of, \
     e.received_at, e.method, e.path, e.topic, e.summary, e.body_len, e.forward, e.rejected, m.comment, e.edited_from, n.novelty";

fn read_event(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    let at = |column: usize| attempts::COLUMN_COUNT + column;
    Ok(EventRow {
        row: RowId(row.get(at(0))?),
        endpoint: row.get(at(1))?,
        seq: codes::unsigned(row.get(at(2))?),
        id: EventId::from_bytes(row.get(at(3))?),
        kind: Kind::from_code(row.get(at(4))?),
        disposition: Disposition::from_code(row.get(at(5))?),
        duplicate_of: row.get::<_, Option<i64>>(at(6))?.map(codes::unsigned),
        received_at: Timestamp(row.get(at(7))?),
        method: row.get(at(8))?,
        path: row.get(at(9))?,
        topic: row.get(at(10))?,
        summary: row.get(at(11))?,
        body_len: codes::unsigned(row.get(at(12))?),
        forward: codes::forward_or_rejected(row.get(at(13))?, row.get(at(14))?),
        bookmark: row
            .get::<_, Option<String>>(at(15))?
            .map(|comment| Bookmark { comment }),
        edited_from: row
            .get::<_, Option<[u8; 16]>>(at(16))?
            .map(EventId::from_bytes),
        new_fields: learn::novelty(row, at(17))?,
        last_attempt: attempts::read_row(row, 0)?,
    })
}

pub(super) fn read_headers(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Header>> {
    row.get(column).map(headers::decode)
}

pub(super) fn read_bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    row.get::<_, Vec<u8>>(column).map(Bytes::from)
}

fn page(limit: usize) -> i64 {
    codes::len(limit.min(MAX_PAGE))
}

#[cfg(test)]
mod tests;
