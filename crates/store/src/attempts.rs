//! Storing attempts and reading them back with their verdicts.
//!
//! The verdict is not stored but computed when an attempt is read: a passthrough request's attempt may be stored before
//! its event, whose callback says which rules apply.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, Row, ToSql, named_params};

use ringtail_protocol::event::{EventId, Header, Timestamp, header_map};
use ringtail_ringcentral::limits::ANSWER_MAX_MS;
use ringtail_ringcentral::validation::{self, Echo};
use ringtail_ringcentral::verdict::{Answer, Verdict, judge, wire_size};

use ringtail_model::{AttemptDetail, AttemptRow, Cause, FailureKind, Outcome, RowId};

use crate::{codes, headers};

/// An attempt to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// The event.
    pub event: EventId,
    /// Why the attempt was made.
    pub cause: Cause,
    /// Target URL, without credentials.
    pub target: String,
    /// When the request began.
    pub started_at: Timestamp,
    /// From the first byte sent to the last received, or to the failure.
    pub duration: Duration,
    /// Status or failure.
    pub outcome: Outcome,
    /// Header fields of the answer, if there was one.
    pub headers: Vec<Header>,
    /// Body of the answer, as much of it as is kept.
    pub body: Bytes,
    /// Size of the whole body in bytes.
    pub body_len: u64,
}

impl NewAttempt {
    pub(super) fn bytes(&self) -> usize {
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
            .find(|header| header.is("content-type"))
            .map(|header| String::from_utf8_lossy(&header.value).into_owned())
    }
}

/// Stores an attempt. If it `completes` a pending event, the event is forwarded with it. Runs inside the writer's
/// transaction.
pub(super) fn record(
    connection: &Connection,
    attempt: &NewAttempt,
    completes: bool,
) -> rusqlite::Result<RowId> {
    let (status, failure, message) = match &attempt.outcome {
        Outcome::Status(status) => (Some(*status), None, None),
        Outcome::Error { kind, message } => (None, Some(kind.word()), Some(message)),
    };
    connection
        .prepare_cached(
            "INSERT INTO attempt (event, cause, target, started_at, duration_us, status, failure, message,
               wire_bytes, content_type, body_len)
             VALUES (:event, :cause, :target, :started_at, :duration_us, :status, :failure, :message,
               :wire_bytes, :content_type, :body_len)",
        )?
        .execute(named_params! {
            ":event": attempt.event.as_bytes(),
            ":cause": codes::cause(attempt.cause),
            ":target": attempt.target,
            ":started_at": attempt.started_at.0,
            ":duration_us": codes::len(attempt.duration.as_micros()),
            ":status": status,
            ":failure": failure,
            ":message": message,
            ":wire_bytes": codes::len(attempt.wire_bytes()),
            ":content_type": attempt.content_type(),
            ":body_len": codes::len(attempt.body_len),
        })?;
    let row = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO answer (row, headers, body) VALUES (:row, :headers, :body)")?
        .execute(named_params! {
            ":row": row,
            ":headers": headers::encode(&attempt.headers),
            ":body": &attempt.body[..],
        })?;
    if completes {
        connection
            .prepare_cached("UPDATE event SET forward = 2 WHERE id = :id AND forward = 1")?
            .execute(named_params! {":id": attempt.event.as_bytes()})?;
    }
    Ok(RowId(row))
}

/// Columns that [`read_row`] takes, of `attempt AS a LEFT JOIN event AS e`. Only validations need the headers of both
/// sides: their verdict compares the token.
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
            let limit = Duration::from_millis(ANSWER_MAX_MS);
            let verdict = match kind {
                // RingCentral would have waited on.
                FailureKind::TimedOut if duration < limit => Verdict::Unjudged { failed: true },
                _ => judge(callback, Err(&kind.no_answer())),
            };
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

/// Compares the token in the headers of the request and of the answer; only validations have one.
fn echo(row: &Row<'_>, at: usize) -> rusqlite::Result<Echo> {
    let map = |blob: Vec<u8>| header_map(&headers::decode(blob));
    let asked: Option<Vec<u8>> = row.get(at)?;
    let answered: Option<Vec<u8>> = row.get(at + 1)?;
    Ok(match (asked, answered) {
        (Some(asked), Some(answered)) => validation::echo(&map(asked), &map(answered)),
        _ => Echo::Unknown,
    })
}

/// Reads attempts with the app's answers. `tail` follows the joins of `attempt AS a`.
pub(super) fn details(
    connection: &Connection,
    tail: &str,
    values: &[(&str, &dyn ToSql)],
) -> rusqlite::Result<Vec<AttemptDetail>> {
    let sql = format!(
        "SELECT {COLUMNS}, a.body_len, c.headers, c.body
         FROM attempt AS a JOIN answer AS c ON c.row = a.row LEFT JOIN event AS e ON e.id = a.event
         {tail}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values, read_detail)?;
    rows.filter_map(Result::transpose).collect()
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

#[cfg(test)]
mod tests {
    use ringtail_protocol::event::Event;

    use super::*;
    use crate::schema::open_writer;
    use crate::testing::{ENDPOINT, JOURNAL, attempt, call, store};
    use crate::{Forwarding, Incoming};

    #[test]
    fn odd_attempts_are_noted_before_and_after_their_event() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(dir.path()).unwrap().connection;
        let receives = |event: &Event| {
            let batch = vec![Incoming::Event(event.clone())];
            store(&connection, ENDPOINT, JOURNAL, batch, &Forwarding::On);
        };
        let tried = |event: &Event, change: fn(&mut NewAttempt)| {
            let mut attempt = attempt(event.id);
            change(&mut attempt);
            record(&connection, &attempt, false).unwrap();
        };
        let events: Vec<Event> = (1..=6).map(|seq| call(seq, "s")).collect();
        tried(&events[0], |early| early.outcome = Outcome::Status(503));
        tried(&events[1], |_| {});
        for event in &events {
            receives(event);
        }
        tried(&events[2], |replay| replay.cause = Cause::Replay);
        tried(&events[3], |late| late.duration = Duration::from_secs(1));
        tried(&events[4], |large| large.body_len = 2000);
        tried(&events[5], |_| {});
        let mut statement = connection.prepare("SELECT row FROM odd").unwrap();
        let odd = statement.query_map([], |row| row.get(0)).unwrap();
        let odd: Vec<i64> = odd.collect::<rusqlite::Result<_>>().unwrap();
        assert_eq!(odd, [1, 3, 4, 5]);
    }
}
