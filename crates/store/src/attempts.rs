//! Storing attempts and reading them back with their verdicts.
//!
//! The verdict is not stored but judged when an attempt is read, from what RingCentral would have looked at: an
//! passthrough's attempt may be stored before its event, whose callback says by which rules to judge.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use ringtail_protocol::event::{EventId, Header, Timestamp, header_map};
use ringtail_ringcentral::validation::{self, Echo};
use ringtail_ringcentral::verdict::{Answer, judge, wire_size};

use super::{codes, headers};
use ringtail_model::{AttemptDetail, AttemptRow, Cause, FailureKind, Outcome, RowId};

/// An attempt that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// The event.
    pub event: EventId,
    /// Why the attempt was made.
    pub cause: Cause,
    /// URL that was asked, without credentials.
    pub target: String,
    /// When the request began.
    pub started_at: Timestamp,
    /// From the first byte sent to the last received, or to the failure.
    pub duration: Duration,
    /// Status, or what went wrong.
    pub outcome: Outcome,
    /// Header fields of the answer, as far as there was one.
    pub headers: Vec<Header>,
    /// Body of the answer, as much of it as is kept.
    pub body: Bytes,
    /// Size of the whole body in bytes.
    pub body_len: u64,
}

impl NewAttempt {
    pub(super) fn weight(&self) -> usize {
        self.body.len() + 1024
    }

    /// Bytes of headers and body as RingCentral would count them; 0 when there was no whole answer.
    fn wire_bytes(&self) -> u64 {
        let Outcome::Status(status) = self.outcome else {
            return 0;
        };
        wire_size(status, &header_map(&self.headers), self.body_len)
    }

    fn content_type(&self) -> Option<String> {
        self.headers
            .iter()
            .find(|header| header.name == "content-type")
            .map(|header| String::from_utf8_lossy(&header.value).into_owned())
    }
}

/// Stores an attempt; when it settles a pending event, that is done in the same transaction.
pub(super) fn record(
    connection: &Connection,
    attempt: &NewAttempt,
    settles: bool,
) -> rusqlite::Result<RowId> {
    let (status, failure, message) = match &attempt.outcome {
        Outcome::Status(status) => (Some(*status), None, None),
        Outcome::Error { kind, message } => (None, Some(kind.word()), Some(message)),
    };
    connection
        .prepare_cached(
            "INSERT INTO attempt (event, cause, target, started_at, duration_us, status, failure, message,
               wire_bytes, content_type, body_len)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            attempt.event.as_bytes(),
            codes::cause(attempt.cause),
            attempt.target,
            attempt.started_at.0,
            codes::len(attempt.duration.as_micros()),
            status,
            failure,
            message,
            codes::len(attempt.wire_bytes()),
            attempt.content_type(),
            codes::len(attempt.body_len),
        ])?;
    let row = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO answer (row, headers, body) VALUES (?1, ?2, ?3)")?
        .execute(params![
            row,
            headers::encode(&attempt.headers),
            &attempt.body[..]
        ])?;
    if settles {
        connection
            .prepare_cached("UPDATE event SET forward = 2 WHERE id = ?1 AND forward = 1")?
            .execute(params![attempt.event.as_bytes()])?;
    }
    Ok(RowId(row))
}

/// Columns that [`read_row`] takes, of `attempt AS a LEFT JOIN event AS e`, in its order. The headers of both sides are
/// looked up for validations alone, whose token the verdict wants.
pub(super) const COLUMNS: &str = "a.row, a.event, a.cause, a.target, a.started_at, a.duration_us, a.status, \
     a.failure, a.message, a.wire_bytes, a.content_type, e.callback, \
     CASE WHEN a.status = 200 AND e.callback = 'validation' THEN (SELECT headers FROM content WHERE content.row = e.row) END, \
     CASE WHEN a.status = 200 AND e.callback = 'validation' THEN (SELECT headers FROM answer WHERE answer.row = a.row) END";

/// How many columns [`COLUMNS`] has.
pub(super) const COLUMN_COUNT: usize = 14;

/// Reads an attempt from the columns that begin at `at`; `None` when a left join found none.
pub(super) fn read_row(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<AttemptRow>> {
    let Some(id) = row.get::<_, Option<i64>>(at)? else {
        return Ok(None);
    };
    let duration = Duration::from_micros(codes::unsigned(row.get(at + 5)?));
    let callback: Option<String> = row.get(at + 11)?;
    let callback = codes::callback_from(callback.as_deref());
    let (outcome, verdict) = match row.get::<_, Option<u16>>(at + 6)? {
        Some(status) => {
            let answer = Answer {
                status,
                duration,
                bytes: codes::unsigned(row.get(at + 9)?),
                content_type: row.get(at + 10)?,
                echo: echo(row, at + 12)?,
            };
            (Outcome::Status(status), judge(callback, Ok(&answer)))
        }
        None => {
            let kind = FailureKind::of_word(&row.get::<_, String>(at + 7)?);
            let message = row.get::<_, Option<String>>(at + 8)?.unwrap_or_default();
            let verdict = judge(callback, Err(&kind.no_answer()));
            (Outcome::Error { kind, message }, verdict)
        }
    };
    Ok(Some(AttemptRow {
        row: RowId(id),
        event: EventId::from_bytes(row.get(at + 1)?),
        cause: codes::cause_from(row.get(at + 2)?),
        target: row.get(at + 3)?,
        started_at: Timestamp(row.get(at + 4)?),
        duration,
        outcome,
        verdict,
    }))
}

/// Reads what became of the token, from the headers of the request and of the answer; other events have none.
fn echo(row: &Row<'_>, at: usize) -> rusqlite::Result<Echo> {
    let map = |blob: Vec<u8>| header_map(&headers::decode(blob));
    let asked: Option<Vec<u8>> = row.get(at)?;
    let answered: Option<Vec<u8>> = row.get(at + 1)?;
    Ok(match (asked, answered) {
        (Some(asked), Some(answered)) => validation::echo(&map(asked), &map(answered)),
        _ => Echo::Unknown,
    })
}

/// Reads the attempts of an event with what the app answered, oldest first.
pub(super) fn details(
    connection: &Connection,
    event: EventId,
    limit: usize,
) -> rusqlite::Result<Vec<AttemptDetail>> {
    let sql = format!(
        "SELECT {COLUMNS}, a.body_len, c.headers, c.body
         FROM attempt AS a JOIN answer AS c ON c.row = a.row LEFT JOIN event AS e ON e.id = a.event
         WHERE a.event = ?1 ORDER BY a.row LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![event.as_bytes(), codes::len(limit)], read_detail)?;
    rows.filter_map(Result::transpose).collect()
}

/// Reads one attempt with what the app answered.
pub(super) fn detail(
    connection: &Connection,
    row: RowId,
) -> rusqlite::Result<Option<AttemptDetail>> {
    let sql = format!(
        "SELECT {COLUMNS}, a.body_len, c.headers, c.body
         FROM attempt AS a JOIN answer AS c ON c.row = a.row LEFT JOIN event AS e ON e.id = a.event
         WHERE a.row = ?1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query_map([row.0], read_detail)?;
    rows.next().transpose().map(Option::flatten)
}

fn read_detail(row: &Row<'_>) -> rusqlite::Result<Option<AttemptDetail>> {
    let Some(attempt) = read_row(row, 0)? else {
        return Ok(None);
    };
    let body_len = codes::unsigned(row.get(COLUMN_COUNT)?);
    let body = Bytes::from(row.get::<_, Vec<u8>>(COLUMN_COUNT + 2)?);
    Ok(Some(AttemptDetail {
        attempt,
        proof: None,
        body_len,
        body_lost: body_len.saturating_sub(body.len() as u64),
        headers: headers::decode(row.get(COLUMN_COUNT + 1)?),
        body,
    }))
}
