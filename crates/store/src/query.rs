//! Reading the history: paged, bounded, and without bodies where a list does not show them.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Params, Row, named_params};

use ringtail_protocol::event::{Disposition, EventId, Header, Kind, Request, Timestamp};

use ringtail_model::{
    AttemptDetail, AttemptRow, Bookmark, EventDetail, EventRow, GapRow, NewFieldsRow, RowId,
    Watermarks,
};

use crate::incoming::IMPORT;
use crate::pending::{PendingEvent, StoredRequest};
use crate::select::Selector;
use crate::{attempts, codes, fields, headers, incoming};

/// Most rows that one query returns, whatever is asked for.
pub const MAX_PAGE: usize = 1000;

/// Most attempts that come with an event's details, the newest.
const MAX_DETAIL_ATTEMPTS: usize = 200;

/// What a query returns inside [`crate::History::read`].
pub type QueryResult<T> = rusqlite::Result<T>;

/// The queries, on a read-only connection. They block; [`crate::History::read`] runs them off the runtime.
#[derive(Debug)]
pub struct Reader<'c> {
    pub(super) connection: &'c Connection,
}

impl<'c> Reader<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection }
    }

    /// Reads events after a row, oldest first.
    pub fn events_after(&self, after: RowId, limit: usize) -> rusqlite::Result<Vec<EventRow>> {
        self.events(
            "WHERE e.row > :after ORDER BY e.row LIMIT :limit",
            named_params! {":after": after.0, ":limit": page(limit)},
        )
    }

    /// Reads events before a row, newest first. `RowId(i64::MAX)` begins with the newest.
    pub fn events_before(&self, before: RowId, limit: usize) -> rusqlite::Result<Vec<EventRow>> {
        self.events(
            "WHERE e.row < :before ORDER BY e.row DESC LIMIT :limit",
            named_params! {":before": before.0, ":limit": page(limit)},
        )
    }

    /// Reads the ids of the endpoints that have events, sorted.
    pub fn endpoints(&self) -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT DISTINCT endpoint FROM event ORDER BY endpoint";
        let mut statement = self.connection.prepare_cached(sql)?;
        let ids = statement.query_map([], |row| row.get(0))?;
        ids.collect()
    }

    /// Reads the events that a selector names, oldest first, of one endpoint or of all.
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
                "WHERE (:endpoint IS NULL OR e.endpoint = :endpoint) AND e.seq BETWEEN :first AND :last AND e.row > :after
                 ORDER BY e.row LIMIT :limit",
                named_params! {
                    ":endpoint": endpoint,
                    ":first": codes::seq(*first),
                    ":last": codes::seq(*last),
                    ":after": after.0,
                    ":limit": limit,
                },
            ),
            Selector::Id(prefix) => {
                let (low, high) = prefix.bounds();
                self.events(
                    "WHERE (:endpoint IS NULL OR e.endpoint = :endpoint) AND e.id BETWEEN :low AND :high AND e.row > :after
                     ORDER BY e.row LIMIT :limit",
                    named_params! {
                        ":endpoint": endpoint, ":low": low, ":high": high, ":after": after.0, ":limit": limit,
                    },
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
             LEFT JOIN bookmark AS b ON b.row = e.row LEFT JOIN new_fields AS n ON n.event = e.row {tail}",
            attempts::COLUMNS,
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params, read_event)?;
        rows.collect()
    }

    /// Reads the row of an event.
    pub fn row(&self, id: EventId) -> rusqlite::Result<Option<EventRow>> {
        Ok(self
            .events("WHERE e.id = :id", named_params! {":id": id.as_bytes()})?
            .pop())
    }

    /// Reads an event with all that was received and its newest attempts.
    pub fn event(&self, id: EventId) -> rusqlite::Result<Option<EventDetail>> {
        let Some(event) = self.row(id)? else {
            return Ok(None);
        };
        let Some(mut detail) = self.received(event)? else {
            return Ok(None);
        };
        let values =
            named_params! {":id": id.as_bytes(), ":limit": codes::len(MAX_DETAIL_ATTEMPTS)};
        let tail = "WHERE a.event = :id ORDER BY a.row DESC LIMIT :limit";
        detail.attempts = attempts::details(self.connection, tail, values)?;
        detail.attempts.reverse();
        if let [oldest, ..] = &detail.attempts[..]
            && detail.attempts.len() == MAX_DETAIL_ATTEMPTS
        {
            let values = named_params! {":id": id.as_bytes(), ":before": oldest.attempt.row.0};
            (detail.older_attempts, detail.older_answers) = self
                .connection
                .prepare_cached(
                    "SELECT count(*), count(status) FROM attempt WHERE event = :id AND row < :before",
                )?
                .query_row(values, |row| Ok((read_count(row, 0)?, read_count(row, 1)?)))?;
        }
        Ok(Some(detail))
    }

    /// Reads all that was received with an event, and no attempts; `None` if it was deleted meanwhile.
    pub fn received(&self, event: EventRow) -> rusqlite::Result<Option<EventDetail>> {
        let content = self
            .connection
            .prepare_cached(
                "SELECT e.peer, c.headers, c.body FROM event AS e JOIN content AS c ON c.row = e.row
                 WHERE e.row = :row",
            )?
            .query_row(named_params! {":row": event.row.0}, |row| {
                Ok((row.get(0)?, read_headers(row, 1)?, read_bytes(row, 2)?))
            })
            .optional()?;
        let Some((peer, headers, body)) = content else {
            return Ok(None);
        };
        Ok(Some(EventDetail {
            peer,
            headers,
            body,
            proof: None,
            uuid_of: self.uuid_of(event.id)?,
            attempts: Vec::new(),
            older_attempts: 0,
            older_answers: 0,
            event,
        }))
    }

    /// Reads the number of the first event of the endpoint with the same `uuid`, for an event that is not a duplicate.
    fn uuid_of(&self, id: EventId) -> rusqlite::Result<Option<u64>> {
        self.connection
            .prepare_cached(
                "SELECT e.seq FROM event AS one JOIN event AS e
                   ON e.uuid = one.uuid AND e.endpoint = one.endpoint AND e.row < one.row
                 WHERE one.id = :id AND one.duplicate_of IS NULL ORDER BY e.row LIMIT 1",
            )?
            .query_row(named_params! {":id": id.as_bytes()}, |row| {
                row.get(0).map(codes::unsigned)
            })
            .optional()
    }

    /// Reads the events of the same call or conversation, the event included: the newest `limit`, oldest first.
    pub fn course(&self, event: RowId, limit: usize) -> rusqlite::Result<Vec<EventRow>> {
        let mut events = self.events(
            "JOIN event AS one ON one.row = :row
             WHERE e.endpoint = one.endpoint AND e.ordering_key = one.ordering_key
             ORDER BY e.row DESC LIMIT :limit",
            named_params! {":row": event.0, ":limit": page(limit)},
        )?;
        events.reverse();
        Ok(events)
    }

    /// Reads the event that one is best compared with: its original if it is an edited copy, the one that it is a
    /// duplicate of, else the previous one of the same kind, in its call or conversation if there is one, else on its
    /// endpoint, among the [`MAX_PAGE`] events before it.
    pub fn previous(&self, event: RowId) -> rusqlite::Result<Option<EventRow>> {
        for origin in [
            "JOIN event AS one ON one.row = :row WHERE e.id = one.edited_from",
            "JOIN event AS one ON one.row = :row
             WHERE e.endpoint = one.endpoint AND e.journal = one.journal AND e.seq = one.duplicate_of",
        ] {
            let origin = self.events(origin, named_params! {":row": event.0})?;
            if let Some(origin) = origin.into_iter().next() {
                return Ok(Some(origin));
            }
        }
        let in_course = self.events(
            "JOIN event AS one ON one.row = :row
             WHERE e.endpoint = one.endpoint AND e.ordering_key = one.ordering_key AND e.row < one.row
               AND e.topic = one.topic
             ORDER BY e.row DESC LIMIT 1",
            named_params! {":row": event.0},
        )?;
        if let Some(previous) = in_course.into_iter().next() {
            return Ok(Some(previous));
        }
        let near = self.events(
            "JOIN event AS one ON one.row = :row
             WHERE e.endpoint = one.endpoint AND e.row < one.row AND e.row >= one.row - :near
               AND e.topic = one.topic
             ORDER BY e.row DESC LIMIT 1",
            named_params! {":row": event.0, ":near": codes::len(MAX_PAGE)},
        )?;
        Ok(near.into_iter().next())
    }

    /// Reads the position of an event.
    pub fn row_of(&self, id: EventId) -> rusqlite::Result<Option<RowId>> {
        self.connection
            .prepare_cached("SELECT row FROM event WHERE id = :id")?
            .query_row(named_params! {":id": id.as_bytes()}, |row| {
                row.get(0).map(RowId)
            })
            .optional()
    }

    /// Reads an event's request.
    pub fn stored_request(&self, row: RowId) -> rusqlite::Result<Option<StoredRequest>> {
        let stored = self
            .connection
            .prepare_cached(
                "SELECT e.id, e.forward, e.method, e.path, e.peer, c.headers, c.body, e.edited_from,
                   CASE e.journal WHEN :import THEN '' ELSE e.endpoint END, e.seq
                 FROM event AS e JOIN content AS c ON c.row = e.row WHERE e.row = :row",
            )?
            .query_row(named_params! {":row": row.0, ":import": IMPORT}, |row| {
                Ok(StoredRequest {
                    id: EventId::from_bytes(row.get(0)?),
                    endpoint: row.get(8)?,
                    seq: codes::unsigned(row.get(9)?),
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
            .optional()?;
        let Some(mut stored) = stored else {
            return Ok(None);
        };
        let mut origin = stored.edited_from;
        while let Some(id) = origin {
            (stored.endpoint, origin) = self.origin(id)?;
        }
        Ok(Some(stored))
    }

    /// Returns the endpoint to which the request of an event came, if that is known, and the event of which it is an edited copy.
    fn origin(&self, id: EventId) -> rusqlite::Result<(String, Option<EventId>)> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT CASE journal WHEN :import THEN '' ELSE endpoint END, edited_from
                 FROM event WHERE id = :id",
            )?
            .query_row(
                named_params! {":id": id.as_bytes(), ":import": IMPORT},
                |row| {
                    let origin: Option<[u8; 16]> = row.get(1)?;
                    Ok((row.get(0)?, origin.map(EventId::from_bytes)))
                },
            )
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    /// Reads attempts after a row, oldest first.
    pub fn attempts_after(&self, after: RowId, limit: usize) -> rusqlite::Result<Vec<AttemptRow>> {
        let sql = format!(
            "SELECT {} FROM attempt AS a LEFT JOIN event AS e ON e.id = a.event
             WHERE a.row > :after ORDER BY a.row LIMIT :limit",
            attempts::COLUMNS,
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let values = named_params! {":after": after.0, ":limit": page(limit)};
        let rows = statement.query_map(values, |row| attempts::read_row(row, 0))?;
        rows.filter_map(Result::transpose).collect()
    }

    /// Reads an attempt with the app's answer.
    pub fn attempt(&self, row: RowId) -> rusqlite::Result<Option<AttemptDetail>> {
        let values = named_params! {":row": row.0};
        Ok(attempts::details(self.connection, "WHERE a.row = :row", values)?.pop())
    }

    /// Reads gaps after a row, oldest first.
    pub fn gaps_after(&self, after: RowId, limit: usize) -> rusqlite::Result<Vec<GapRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT row, endpoint, first, last, noticed_at FROM gap WHERE row > :after ORDER BY row LIMIT :limit",
        )?;
        let values = named_params! {":after": after.0, ":limit": page(limit)};
        let rows = statement.query_map(values, |row| {
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

    /// Reads which events had new fields, after a row, oldest first.
    pub fn new_fields_after(
        &self,
        after: RowId,
        limit: usize,
    ) -> rusqlite::Result<Vec<NewFieldsRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT n.row, n.fields, n.noticed_at, e.id, e.endpoint, e.seq, e.topic
             FROM new_fields AS n JOIN event AS e ON e.row = n.event
             WHERE n.row > :after ORDER BY n.row LIMIT :limit",
        )?;
        let values = named_params! {":after": after.0, ":limit": page(limit)};
        let rows = statement.query_map(values, |row| {
            Ok(NewFieldsRow {
                row: RowId(row.get(0)?),
                new_fields: fields::new_fields(row, 1)?.unwrap_or_default(),
                noticed_at: Timestamp(row.get(2)?),
                event: EventId::from_bytes(row.get(3)?),
                endpoint: row.get(4)?,
                seq: codes::unsigned(row.get(5)?),
                topic: row.get(6)?,
            })
        })?;
        rows.collect()
    }

    /// Reads the pending events of an endpoint after a row, oldest first.
    pub fn pending(
        &self,
        endpoint: &str,
        after: RowId,
        limit: usize,
    ) -> rusqlite::Result<Vec<PendingEvent>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT row, ordering_key FROM event
             WHERE endpoint = :endpoint AND forward = 1 AND row > :after ORDER BY row LIMIT :limit",
        )?;
        let values = named_params! {
            ":endpoint": endpoint, ":after": after.0, ":limit": page(limit),
        };
        let rows = statement.query_map(values, |row| {
            Ok(PendingEvent {
                row: RowId(row.get(0)?),
                key: row.get(1)?,
            })
        })?;
        rows.collect()
    }

    /// Counts the pending events of an endpoint.
    pub fn count_pending(&self, endpoint: &str) -> rusqlite::Result<u64> {
        self.connection
            .prepare_cached(
                "SELECT count(*) FROM event WHERE endpoint = :endpoint AND forward = 1",
            )?
            .query_row(named_params! {":endpoint": endpoint}, |row| {
                row.get(0).map(codes::unsigned)
            })
    }

    /// Reads how far a journal has been stored; `None` when nothing of it has.
    pub fn cursor(&self, endpoint: &str, journal: &str) -> rusqlite::Result<Option<u64>> {
        incoming::cursor(self.connection, endpoint, journal)
    }

    /// Returns whether pending events have fewer bytes than `max`. Counting a long queue takes a while, so only when it
    /// matters.
    pub fn has_room(&self, max: u64) -> rusqlite::Result<bool> {
        let sum = |sql| -> rusqlite::Result<u64> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([], |row| row.get(0).map(codes::unsigned))
        };
        Ok(sum("SELECT bytes FROM total")? < max
            || sum("SELECT coalesce(sum(bytes), 0) FROM event WHERE forward = 1")? < max)
    }

    /// Returns seq and id of the newest event of a journal.
    pub fn newest(
        &self,
        endpoint: &str,
        journal: &str,
    ) -> rusqlite::Result<Option<(u64, EventId)>> {
        self.connection
            .prepare_cached(
                "SELECT seq, id FROM event WHERE endpoint = :endpoint AND journal = :journal
                 ORDER BY seq DESC LIMIT 1",
            )?
            .query_row(
                named_params! {":endpoint": endpoint, ":journal": journal},
                |row| {
                    Ok((
                        codes::unsigned(row.get(0)?),
                        EventId::from_bytes(row.get(1)?),
                    ))
                },
            )
            .optional()
    }
}

/// Reads how far the tables reach. Deleted rows count: positions are never used twice.
pub(super) fn watermarks(connection: &Connection) -> rusqlite::Result<Watermarks> {
    let mut watermarks = Watermarks::default();
    let mut statement = connection.prepare_cached(
        "SELECT name, seq FROM sqlite_sequence UNION ALL SELECT 'bookmark', count FROM bookmark_changes",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let reached = RowId(row.get(1)?);
        match row.get_ref(0)?.as_str()? {
            "event" => watermarks.events = reached,
            "attempt" => watermarks.attempts = reached,
            "gap" => watermarks.gaps = reached,
            "new_fields" => watermarks.new_fields = reached,
            "bookmark" => watermarks.bookmarks = codes::unsigned(reached.0),
            _ => {}
        }
    }
    Ok(watermarks)
}

/// Columns that [`read_event`] takes after those of the newest attempt.
const EVENT_COLUMNS: &str = "e.row, e.endpoint, e.seq, e.id, e.kind, e.disposition, e.duplicate_of, \
     e.received_at, e.method, e.path, e.topic, e.summary, e.body_len, e.forward, b.comment, e.edited_from, n.fields, \
     e.subscription, e.subscription IS NOT NULL \
       AND EXISTS (SELECT 1 FROM kept_subscription AS k WHERE k.endpoint = e.endpoint) \
       AND NOT EXISTS (SELECT 1 FROM kept_subscription AS k WHERE k.endpoint = e.endpoint AND k.id = e.subscription)";

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
        forward: codes::forward_from(row.get(at(13))?),
        bookmark: row
            .get::<_, Option<String>>(at(14))?
            .map(|comment| Bookmark { comment }),
        edited_from: row
            .get::<_, Option<[u8; 16]>>(at(15))?
            .map(EventId::from_bytes),
        new_fields: fields::new_fields(row, at(16))?,
        subscription: row.get(at(17))?,
        is_stranger: row.get(at(18))?,
        last_attempt: attempts::read_row(row, 0)?,
    })
}

pub(super) fn read_headers(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Header>> {
    row.get(column).map(headers::decode)
}

pub(super) fn read_bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    row.get::<_, Vec<u8>>(column).map(Bytes::from)
}

fn read_count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let count = codes::unsigned(row.get(column)?);
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn page(limit: usize) -> i64 {
    codes::len(limit.min(MAX_PAGE))
}

#[cfg(test)]
mod tests;
