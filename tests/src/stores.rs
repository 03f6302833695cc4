//! The relay's journal and the client's history, read while their programs run.

use std::path::Path;

use anyhow::Context;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use ringtail_kit::postgres::PostgresServer;
use ringtail_protocol::event::EncodedRequest;
use rusqlite::{Connection, OpenFlags, Params, named_params};

use crate::hooks;
use crate::relay::TestRelay;

/// An event as a store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub seq: u64,
    /// Its body.
    pub body: Bytes,
}

impl Stored {
    /// Returns the number that [`hooks::numbered`] gave it.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        hooks::number_of(&self.body)
    }
}

/// Reads all events of a relay's journal, each endpoint's in order.
///
/// # Errors
/// When the database cannot be read.
pub fn journal(relay: &TestRelay) -> anyhow::Result<Vec<Stored>> {
    let mut events = match relay.database() {
        Some(url) => in_postgres(url)?,
        None => {
            let query = "SELECT key & 4398046511103 AS seq, request FROM event ORDER BY key";
            read(&open(&relay.data().join("relay.db"))?, query, ())?
        }
    };
    for event in &mut events {
        event.body = EncodedRequest::from_stored(event.body.clone())
            .decode()?
            .body;
    }
    Ok(events)
}

/// Reads all events of the history in a client's data directory, in the order in which they were stored.
///
/// # Errors
/// When the database cannot be read.
pub fn history(data: &Path) -> anyhow::Result<Vec<Stored>> {
    let query = "SELECT seq, body FROM event JOIN content USING (row) ORDER BY row";
    read(&open(&data.join("history.db"))?, query, ())
}

/// Reads number and id of all events of the history in a client's data directory, in the order in which they were stored.
///
/// # Errors
/// When the database cannot be read.
pub fn reading(data: &Path) -> anyhow::Result<Vec<(u64, String)>> {
    let database = open(&data.join("history.db"))?;
    let mut query = database.prepare("SELECT seq, lower(hex(id)) FROM event ORDER BY row")?;
    let rows = query.query_map((), |row| {
        Ok((
            u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default(),
            row.get(1)?,
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the events of one endpoint in a history after a number, ordered by number.
///
/// # Errors
/// When the database cannot be read.
pub fn history_after(data: &Path, endpoint: &str, seq: u64) -> anyhow::Result<Vec<Stored>> {
    let query = "SELECT seq, body FROM event JOIN content USING (row)
         WHERE endpoint = :endpoint AND seq > :seq ORDER BY seq";
    let seq = i64::try_from(seq)?;
    let values = named_params! { ":endpoint": endpoint, ":seq": seq };
    read(&open(&data.join("history.db"))?, query, values)
}

/// Returns the greatest number in a journal with one endpoint.
///
/// # Errors
/// When the database cannot be read.
pub fn journal_head(relay: &TestRelay) -> anyhow::Result<u64> {
    let head = "SELECT coalesce(max(seq), 0) FROM ringtail.event";
    match relay.database() {
        Some(url) => Ok(PostgresServer::shared().sql(url, head).parse()?),
        None => number(
            &relay.data().join("relay.db"),
            "SELECT coalesce(max(key & 4398046511103), 0) FROM event",
        ),
    }
}

/// Counts the events of a history.
///
/// # Errors
/// When the database cannot be read.
pub fn history_len(data: &Path) -> anyhow::Result<usize> {
    let count = number(&data.join("history.db"), "SELECT count(*) FROM event")?;
    Ok(usize::try_from(count)?)
}

fn number(path: &Path, query: &str) -> anyhow::Result<u64> {
    let number: i64 = open(path)?.query_row(query, [], |row| row.get(0))?;
    Ok(u64::try_from(number)?)
}

/// Reads all events of a journal in PostgreSQL, each endpoint's in order.
fn in_postgres(url: &str) -> anyhow::Result<Vec<Stored>> {
    let query = "SELECT seq, translate(encode(request, 'base64'), E'\\n', '')
         FROM ringtail.event ORDER BY endpoint, seq";
    let rows = PostgresServer::shared().sql(url, query);
    let event = |row: &str| {
        let (seq, request) = row.split_once('|').context("a row of one column")?;
        Ok(Stored {
            seq: seq.parse()?,
            body: BASE64_STANDARD.decode(request)?.into(),
        })
    };
    rows.lines().map(event).collect()
}

fn read(database: &Connection, query: &str, values: impl Params) -> anyhow::Result<Vec<Stored>> {
    let mut query = database.prepare(query)?;
    let rows = query.query_map(values, |row| {
        Ok(Stored {
            seq: u64::try_from(row.get::<_, i64>("seq")?).unwrap_or_default(),
            body: row.get::<_, Vec<u8>>(1)?.into(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Opens a database in WAL mode that another process writes, or left behind when it was killed.
fn open(path: &Path) -> anyhow::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .with_context(|| format!("{} could not be opened", path.display()))
}
