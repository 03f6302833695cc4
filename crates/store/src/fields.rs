//! Learns which fields the bodies of each kind have, and stores the new fields of an event in the event's transaction.

mod known;

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use ringtail_model::new_fields::NewFields;
use ringtail_protocol::event::Timestamp;
use ringtail_text::json::is_valid;

pub use self::known::LEARN;
use self::known::{KnownFields, MAX_BODY};

/// The known fields of each kind, read when an event of the kind comes and written at the end of a transaction that
/// changed them: once a kind is known well, nothing is read or written.
#[derive(Debug, Default)]
pub(crate) struct SchemaTracker {
    kinds: HashMap<String, Kind>,
    /// SQLite's count of other connections' commits when `kinds` was what the file had.
    version: Option<i64>,
}

#[derive(Debug, Default)]
struct Kind {
    known: KnownFields,
    changed: bool,
}

impl SchemaTracker {
    /// Begins a transaction: another process may have learnt meanwhile.
    pub(crate) fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if self.version != Some(version) {
            self.kinds.clear();
        }
        self.version = Some(version);
        Ok(())
    }

    /// Learns from the body of an event and stores its new fields.
    pub(crate) fn learn(
        &mut self,
        connection: &Connection,
        event: i64,
        topic: &str,
        body: &[u8],
    ) -> rusqlite::Result<()> {
        if body.len() > MAX_BODY {
            return Ok(());
        }
        let Some(body) = str::from_utf8(body).ok().filter(|body| is_valid(body)) else {
            return Ok(());
        };
        if !self.kinds.contains_key(topic) {
            let known = read(connection, topic)?;
            let kind = self.kinds.entry(topic.to_owned()).or_default();
            kind.known = known;
        }
        let Some(kind) = self.kinds.get_mut(topic) else {
            return Ok(());
        };
        let learnt = kind.known.learn(body);
        kind.changed |= learnt.changed;
        if let Some(new) = learnt.new {
            connection
                .prepare_cached(
                    "INSERT INTO new_fields (event, noticed_at, fields) VALUES (:event, :now, :fields)",
                )?
                .execute(named_params! {
                    ":event": event, ":now": Timestamp::now().0, ":fields": json(&new),
                })?;
        }
        Ok(())
    }

    /// Writes what has changed, at the end of the transaction.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for (topic, kind) in &mut self.kinds {
            if std::mem::take(&mut kind.changed) {
                connection
                    .prepare_cached(
                        "INSERT INTO known_fields (topic, fields) VALUES (:topic, :fields)
                         ON CONFLICT DO UPDATE SET fields = excluded.fields",
                    )?
                    .execute(named_params! {":topic": topic, ":fields": json(&kind.known)})?;
            }
        }
        Ok(())
    }

    /// Drops what was read and learnt, after a write that was undone.
    pub(crate) fn forget(&mut self) {
        self.kinds.clear();
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("names and numbers are JSON")
}

/// Reads the known fields of a kind. If this version cannot read them, learning starts again.
fn read(connection: &Connection, topic: &str) -> rusqlite::Result<KnownFields> {
    let text: Option<String> = connection
        .prepare_cached("SELECT fields FROM known_fields WHERE topic = :topic")?
        .query_row(named_params! {":topic": topic}, |row| row.get(0))
        .optional()?;
    let known = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(known.unwrap_or_default())
}

/// Reads the new fields of an event; `None` where a left join found nothing.
pub(crate) fn new_fields(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<NewFields>> {
    let text: Option<String> = row.get(at)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

#[cfg(test)]
mod tests;
