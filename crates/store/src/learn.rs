//! Learns what bodies of each kind have in them, as a part of indexing, and notes what is new in an event.
//!
//! What is known is one row a kind, which is read when the kind comes and written at the end of a step that changed it:
//! once a kind is known well, nothing is read or written. A history of an older version begins to learn with the next
//! event of each kind.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use ringtail_protocol::event::{EventId, Timestamp};

use super::codes;
use super::query::{MAX_PAGE, Reader};
use crate::known::{Known, MAX_BODY};
use ringtail_model::new_fields::NewFields;
use ringtail_model::{NewFieldsRow, RowId};

/// What is known of each kind, as the file has it or will have it at the end of the step.
#[derive(Debug, Default)]
pub(super) struct Learner {
    kinds: HashMap<String, Kind>,
    /// The last event that was indexed when this was what the file had.
    at: Option<i64>,
}

#[derive(Debug, Default)]
struct Kind {
    known: Known,
    changed: bool,
}

impl Learner {
    /// Begins a step that indexes events after one.
    pub(super) fn begin(&mut self, after: i64) {
        // Another process has indexed meanwhile, or the step before was undone.
        if self.at != Some(after) {
            self.kinds.clear();
        }
        self.at = None;
    }

    /// Learns from an event; returns the row of what is new in it.
    pub(super) fn event(
        &mut self,
        connection: &Connection,
        event: i64,
        topic: &str,
        body: &[u8],
    ) -> rusqlite::Result<Option<RowId>> {
        if body.len() > MAX_BODY {
            return Ok(None);
        }
        let Ok(body) = serde_json::from_slice(body) else {
            return Ok(None);
        };
        let kind = match self.kinds.get_mut(topic) {
            Some(kind) => kind,
            None => {
                let known = read(connection, topic)?;
                let kind = self.kinds.entry(topic.to_owned()).or_default();
                kind.known = known;
                kind
            }
        };
        let learnt = kind.known.learn(&body);
        kind.changed |= learnt.changed;
        let Some(novelty) = learnt.novelty else {
            return Ok(None);
        };
        connection
            .prepare_cached("INSERT INTO novelty (event, noticed_at, novelty) VALUES (?1, ?2, ?3)")?
            .execute(params![event, Timestamp::now().0, json(&novelty)])?;
        Ok(Some(RowId(connection.last_insert_rowid())))
    }

    /// Writes what has changed, within the step.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for (topic, kind) in &mut self.kinds {
            if std::mem::take(&mut kind.changed) {
                connection
                    .prepare_cached(
                        "INSERT INTO known (topic, bodies) VALUES (?1, ?2)
                         ON CONFLICT DO UPDATE SET bodies = excluded.bodies",
                    )?
                    .execute(params![topic, json(&kind.known)])?;
            }
        }
        Ok(())
    }

    /// Takes in that the step is in the file, with all events up to one.
    pub(super) fn end(&mut self, reached: i64) {
        self.at = Some(reached);
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("names and numbers are JSON")
}

/// Reads what is known of a kind. What cannot be read, since another version wrote it, is learnt anew.
fn read(connection: &Connection, topic: &str) -> rusqlite::Result<Known> {
    let text: Option<String> = connection
        .prepare_cached("SELECT bodies FROM known WHERE topic = ?1")?
        .query_row([topic], |row| row.get(0))
        .optional()?;
    let known = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(known.unwrap_or_default())
}

/// Reads what is new in an event; `None` where a left join found nothing.
pub(super) fn novelty(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<NewFields>> {
    let text: Option<String> = row.get(at)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

impl Reader {
    /// Reads what is new in events, after a row, oldest first.
    pub fn new_fields_after(
        &self,
        after: RowId,
        limit: usize,
    ) -> rusqlite::Result<Vec<NewFieldsRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT n.row, n.novelty, n.noticed_at, e.id, e.endpoint, e.seq, e.topic
             FROM novelty AS n JOIN event AS e ON e.row = n.event
             WHERE n.row > ?1 ORDER BY n.row LIMIT ?2",
        )?;
        let limit = codes::len(limit.min(MAX_PAGE));
        let rows = statement.query_map(params![after.0, limit], |row| {
            Ok(NewFieldsRow {
                row: RowId(row.get(0)?),
                new_fields: novelty(row, 1)?.unwrap_or_default(),
                noticed_at: Timestamp(row.get(2)?),
                event: EventId::from_bytes(row.get(3)?),
                endpoint: row.get(4)?,
                seq: codes::unsigned(row.get(5)?),
                topic: row.get(6)?,
            })
        })?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests;
