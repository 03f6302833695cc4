//! Storing what the link delivered: events, gaps and the cursor, in one transaction.

use rusqlite::{Connection, OptionalExtension, named_params};

use ringtail_model::{ForwardState, RowId};
use ringtail_protocol::event::{Event, EventId, Timestamp};
use ringtail_ringcentral::ordering::removed_post;

use crate::canary;
use crate::codes;
use crate::fields::SchemaTracker;
use crate::record::Record;

/// The journal of imported events; no relay uses it.
pub const IMPORT: &str = "import";

/// Something that came down the event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming<E = Event> {
    /// An event.
    Event(E),
    /// A canary, which is noted and not stored as an event.
    Canary {
        /// Its number on the endpoint.
        seq: u64,
        /// The id that its sender gave it.
        id: EventId,
    },
    /// The endpoint has had no event yet, so every number from 1 on must come.
    Start,
    /// Events that the journal no longer has.
    Gap {
        /// First missing `seq`.
        first: u64,
        /// Last missing `seq`.
        last: u64,
    },
}

impl<E> Incoming<E> {
    pub(super) fn map<T>(self, event: impl FnOnce(E) -> T) -> Incoming<T> {
        match self {
            Self::Event(it) => Incoming::Event(event(it)),
            Self::Canary { seq, id } => Incoming::Canary { seq, id },
            Self::Start => Incoming::Start,
            Self::Gap { first, last } => Incoming::Gap { first, last },
        }
    }
}

/// What storing a batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Everything up to this `seq` is in the history; the relay may know.
    pub cursor: u64,
    /// Events that were not there before.
    pub new: usize,
    /// The newest of them that is pending.
    pub pending: Option<RowId>,
}

/// Stores a batch. Runs inside the writer's transaction. Without a tracker, nothing is learnt from the events.
pub(super) fn store(
    connection: &Connection,
    mut fields: Option<&mut SchemaTracker>,
    endpoint: &str,
    journal: &str,
    batch: &[Incoming<Record>],
) -> rusqlite::Result<Stored> {
    let known = cursor(connection, endpoint, journal)?;
    let mut cursor = known;
    let mut stored = Stored::default();
    for incoming in batch {
        match incoming {
            // Everything up to the cursor is stored already, or was and has been deleted by retention.
            Incoming::Event(Record { seq, .. }) | Incoming::Canary { seq, .. }
                if cursor.is_some_and(|cursor| *seq <= cursor) => {}
            Incoming::Canary { seq, id } => {
                jump(connection, endpoint, journal, cursor, *seq)?;
                canary::came(connection, *id)?;
                cursor = Some(*seq);
            }
            Incoming::Event(event) => {
                jump(connection, endpoint, journal, cursor, event.seq)?;
                if let Some(row) = insert_event(connection, endpoint, journal, event)? {
                    stored.new += 1;
                    if event.forward == ForwardState::Pending {
                        stored.pending = Some(RowId(row));
                    }
                    if let Some(fields) = &mut fields {
                        fields.learn(connection, row, event.topic, &event.body)?;
                    }
                }
                cursor = Some(event.seq);
            }
            Incoming::Start => {
                cursor.get_or_insert(0);
            }
            // Turned around, as no relay sends it.
            Incoming::Gap { first, last } if first > last => {}
            Incoming::Gap { first, last } => {
                // What lies between the cursor and the gap did not come either.
                let first = cursor.map_or(*first, |cursor| cursor + 1);
                if first <= *last {
                    insert_gap(connection, endpoint, journal, first, *last)?;
                    cursor = Some(*last);
                }
            }
        }
    }
    stored.cursor = cursor.unwrap_or(0);
    if let Some(cursor) = cursor
        && Some(cursor) != known
    {
        connection
            .prepare_cached(
                "INSERT INTO cursor (endpoint, journal, seq) VALUES (:endpoint, :journal, :seq)
                 ON CONFLICT DO UPDATE SET seq = excluded.seq",
            )?
            .execute(named_params! {
                ":endpoint": endpoint, ":journal": journal, ":seq": codes::seq(cursor),
            })?;
    }
    Ok(stored)
}

/// Forgets the cursor, and moves events and gaps to a journal of another name.
pub(super) fn forget(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
) -> rusqlite::Result<()> {
    let past = format!("{journal}~{}", EventId::fresh());
    for table in ["cursor", "gap", "event"] {
        let sql = format!(
            "UPDATE {table} SET journal = :past WHERE endpoint = :endpoint AND journal = :journal"
        );
        connection.execute(
            &sql,
            named_params! {":past": past, ":endpoint": endpoint, ":journal": journal},
        )?;
    }
    Ok(())
}

/// Reads how far the journal has been stored.
pub(super) fn cursor(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT seq FROM cursor WHERE endpoint = :endpoint AND journal = :journal")?
        .query_row(
            named_params! {":endpoint": endpoint, ":journal": journal},
            |row| row.get(0).map(codes::unsigned),
        )
        .optional()
}

/// Returns the row of the event; `None` if the history has it already.
fn insert_event(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
    event: &Record,
) -> rusqlite::Result<Option<i64>> {
    let ordering_key = match removed_post(&event.ordering_key) {
        Some(post) => key_of_post(connection, endpoint, post)?,
        None => None,
    };
    let ordering_key = ordering_key.as_ref().unwrap_or(&event.ordering_key);
    let inserted = connection
        .prepare_cached(
            "INSERT INTO event (endpoint, journal, seq, id, kind, disposition, duplicate_of, edited_from, received_at,
               stored_at, method, path, peer, callback, topic, summary, ordering_key, uuid, subscription, body_len, bytes, forward)
             VALUES (:endpoint, :journal, :seq, :id, :kind, :disposition, :duplicate_of, :edited_from, :received_at,
               :stored_at, :method, :path, :peer, :callback, :topic, :summary, :ordering_key, :uuid, :subscription,
               :body_len, :bytes, :forward)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":endpoint": endpoint,
            ":journal": journal,
            ":seq": codes::seq(event.seq),
            ":id": event.id.as_bytes(),
            ":kind": event.kind.code(),
            ":disposition": event.disposition.code(),
            ":duplicate_of": event.duplicate_of.map(codes::seq),
            ":edited_from": event.edited_from.as_ref().map(|id| id.as_bytes()),
            ":received_at": event.received_at.0,
            ":stored_at": stored_at(journal, event),
            ":method": event.method,
            ":path": event.path,
            ":peer": event.peer,
            ":callback": event.callback,
            ":topic": event.topic,
            ":summary": event.summary,
            ":ordering_key": ordering_key,
            ":uuid": event.uuid,
            ":subscription": event.subscription,
            ":body_len": codes::len(event.body.len()),
            ":bytes": codes::len(event.bytes()),
            ":forward": codes::forward(event.forward),
        })?;
    if inserted == 0 {
        return Ok(None);
    }
    let row = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO content (row, headers, body) VALUES (:row, :headers, :body)")?
        .execute(named_params! {
            ":row": row, ":headers": event.headers, ":body": &event.body[..],
        })?;
    Ok(Some(row))
}

/// Returns the time from which retention counts an event's age.
fn stored_at(journal: &str, event: &Record) -> i64 {
    let now = Timestamp::now().0;
    match journal {
        // A recording may have any time.
        IMPORT => now,
        // Not by a clock that is behind: once it is corrected, the event would be old.
        _ => now.max(event.received_at.0),
    }
}

/// Notes a gap if a number does not follow the cursor. Numbers are assigned without gaps, so a jump is a gap even if the
/// relay reports none.
fn jump(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
    cursor: Option<u64>,
    seq: u64,
) -> rusqlite::Result<()> {
    match cursor {
        Some(cursor) if seq > cursor + 1 => {
            insert_gap(connection, endpoint, journal, cursor + 1, seq - 1)
        }
        _ => Ok(()),
    }
}

/// How many of the newest events are searched for the post that was removed.
const POSTS_SEARCHED: i64 = 256;

/// Returns the ordering key of the newest event of a post: what removes it names no chat, and must not overtake it.
fn key_of_post(
    connection: &Connection,
    endpoint: &str,
    post: &str,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "SELECT e.ordering_key FROM event AS e JOIN content AS c ON c.row = e.row
             WHERE e.row > (SELECT max(row) FROM event) - :searched AND e.endpoint = :endpoint
               AND e.topic = 'post' AND instr(c.body, :id) > 0
             ORDER BY e.row DESC LIMIT 1",
        )?
        .query_row(
            named_params! {
                ":searched": POSTS_SEARCHED, ":endpoint": endpoint, ":id": format!("\"{post}\"").as_bytes(),
            },
            |row| row.get(0),
        )
        .optional()
}

/// Stores a gap as one with the gap that it continues: a relay must not fill a history with gaps.
fn insert_gap(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
    first: u64,
    last: u64,
) -> rusqlite::Result<()> {
    let continued: Option<i64> = connection
        .prepare_cached(
            "DELETE FROM gap WHERE endpoint = :endpoint AND journal = :journal AND last = :before RETURNING first",
        )?
        .query_row(
            named_params! {
                ":endpoint": endpoint, ":journal": journal, ":before": codes::seq(first.saturating_sub(1)),
            },
            |row| row.get(0),
        )
        .optional()?;
    connection
        .prepare_cached(
            "INSERT INTO gap (endpoint, journal, first, last, noticed_at)
             VALUES (:endpoint, :journal, :first, :last,
               max(:now, coalesce((SELECT stored_at FROM event ORDER BY row DESC LIMIT 1), 0)))",
        )?
        .execute(named_params! {
            ":endpoint": endpoint,
            ":journal": journal,
            ":first": continued.unwrap_or(codes::seq(first)),
            ":last": codes::seq(last),
            ":now": Timestamp::now().0,
        })?;
    Ok(())
}

#[cfg(test)]
mod tests;
