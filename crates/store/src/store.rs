//! Storing what the link brought: events, gaps and the cursor, in one transaction.

use rusqlite::{Connection, OptionalExtension, params};

use ringtail_protocol::event::{Event, Timestamp};

use super::record::Record;
use super::{Forwarding, codes};

/// Something that came down the event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// An event.
    Event(Event),
    /// The endpoint has had no event yet, so that none of those to come may be missing.
    Start,
    /// Events that the journal no longer has.
    Gap {
        /// First missing `seq`.
        first: u64,
        /// Last missing `seq`.
        last: u64,
    },
}

impl Incoming {
    /// Bytes that storing it takes, roughly.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Event(event) => event.encoded_len(),
            Self::Start | Self::Gap { .. } => 16,
        }
    }
}

/// What storing a batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Everything up to this `seq` is in the history: what the relay may be told.
    pub cursor: u64,
    /// Events that were not there before.
    pub new: usize,
    /// Among the new ones, those that are now owed to the target.
    pub pending: usize,
    /// Among the new ones, those whose request cannot be read.
    pub undecodable: usize,
    /// Gaps that were not known before, told by the relay or seen by a jump of the numbers.
    pub gaps: usize,
}

/// Stores a batch. Runs inside the writer's transaction.
pub(super) fn store(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
    batch: &[Incoming],
    forwarding: &Forwarding,
) -> rusqlite::Result<Stored> {
    let known = cursor(connection, endpoint, journal)?;
    let mut cursor = known;
    let mut stored = Stored::default();
    for incoming in batch {
        match incoming {
            // Everything up to the cursor is here already, or was and is beyond retention.
            Incoming::Event(event) if cursor.is_some_and(|cursor| event.seq <= cursor) => {}
            Incoming::Event(event) => {
                // Numbers have no gaps when they are given, so a jump is a gap even if the relay is silent.
                if let Some(cursor) = cursor
                    && event.seq > cursor + 1
                {
                    insert_gap(connection, endpoint, journal, cursor + 1, event.seq - 1)?;
                    stored.gaps += 1;
                }
                insert_event(
                    connection,
                    endpoint,
                    journal,
                    event,
                    forwarding,
                    &mut stored,
                )?;
                cursor = Some(event.seq);
            }
            Incoming::Start => {
                cursor.get_or_insert(0);
            }
            // Turned around, as no relay sends it: it says nothing.
            Incoming::Gap { first, last } if first > last => {}
            Incoming::Gap { first, last } => {
                // What lies between the cursor and the gap did not come either.
                let first = cursor.map_or(*first, |cursor| cursor + 1);
                if first <= *last {
                    insert_gap(connection, endpoint, journal, first, *last)?;
                    stored.gaps += 1;
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
                "INSERT INTO cursor (endpoint, journal, seq) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET seq = excluded.seq",
            )?
            .execute(params![endpoint, journal, codes::seq(cursor)])?;
    }
    Ok(stored)
}

/// Reads how far the journal has been stored.
pub(super) fn cursor(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT seq FROM cursor WHERE endpoint = ?1 AND journal = ?2")?
        .query_row(params![endpoint, journal], |row| {
            row.get(0).map(codes::unsigned)
        })
        .optional()
}

fn insert_event(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
    event: &Event,
    forwarding: &Forwarding,
    stored: &mut Stored,
) -> rusqlite::Result<()> {
    let record = Record::of(event, forwarding);
    let inserted = connection
        .prepare_cached(
            "INSERT INTO event (endpoint, journal, seq, id, kind, disposition, duplicate_of, received_at,
               stored_at, method, path, peer, callback, topic, summary, ordering_key, uuid, body_len, forward, rejected, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            endpoint,
            journal,
            codes::seq(event.seq),
            event.id.as_bytes(),
            event.kind.code(),
            event.disposition.code(),
            event.duplicate_of.map(codes::seq),
            event.received_at.0,
            Timestamp::now().0,
            record.method,
            record.path,
            record.peer,
            record.callback,
            record.topic,
            record.summary,
            record.ordering_key,
            record.uuid,
            codes::len(record.body.len()),
            codes::forward(record.forward),
            record.forward == ringtail_model::ForwardState::Rejected,
            codes::len(record.headers.len() + record.body.len()),
        ])?;
    if inserted == 0 {
        return Ok(());
    }
    connection
        .prepare_cached("INSERT INTO content (row, headers, body) VALUES (?1, ?2, ?3)")?
        .execute(params![
            connection.last_insert_rowid(),
            record.headers,
            &record.body[..],
        ])?;
    stored.new += 1;
    stored.pending += usize::from(record.forward == ringtail_model::ForwardState::Pending);
    stored.undecodable += usize::from(record.topic == ringtail_model::UNDECODABLE);
    Ok(())
}

fn insert_gap(
    connection: &Connection,
    endpoint: &str,
    journal: &str,
    first: u64,
    last: u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO gap (endpoint, journal, first, last, noticed_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            endpoint,
            journal,
            codes::seq(first),
            codes::seq(last),
            Timestamp::now().0,
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
