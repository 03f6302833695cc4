//! What is really on disk, read beside the programs that own it: the relay's journal and the client's history.

use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use ringtail_protocol::event::EncodedRequest;
use rusqlite::{Connection, OpenFlags, Params};

/// An event as a store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its endpoint: a number in the journal, an id in the history.
    pub endpoint: String,
    /// Its number there.
    pub seq: u64,
    /// Its body.
    pub body: Bytes,
}

/// Reads all events of the journal in a relay's data directory, in order.
///
/// # Errors
/// When the database cannot be read.
pub fn journal(data: &Path) -> anyhow::Result<Vec<Stored>> {
    rows(
        &data.join("relay.db"),
        "SELECT CAST(endpoint AS TEXT), seq, request FROM event ORDER BY key",
        |request| Ok(EncodedRequest::from_stored(request).decode()?.body),
    )
}

/// Reads all events of the history in a client's data directory, in the order in which they were stored.
///
/// # Errors
/// When the database cannot be read.
pub fn history(data: &Path) -> anyhow::Result<Vec<Stored>> {
    rows(
        &data.join("history.db"),
        "SELECT endpoint, seq, body FROM event JOIN content USING (row) ORDER BY row",
        Ok,
    )
}

/// Reads the events of one endpoint in a history after a number, in the order of their numbers.
///
/// # Errors
/// When the database cannot be read.
pub fn history_after(data: &Path, endpoint: &str, seq: u64) -> anyhow::Result<Vec<Stored>> {
    let database = open(&data.join("history.db"))?;
    let query = "SELECT endpoint, seq, body FROM event JOIN content USING (row)
         WHERE endpoint = ?1 AND seq > ?2 ORDER BY seq";
    read(&database, query, (endpoint, i64::try_from(seq)?), Ok)
}

/// Returns the greatest number that a journal with one endpoint has given.
///
/// # Errors
/// When the database cannot be read.
pub fn journal_head(data: &Path) -> anyhow::Result<u64> {
    let database = open(&data.join("relay.db"))?;
    let head: Option<i64> =
        database.query_row("SELECT max(seq) FROM event", [], |row| row.get(0))?;
    Ok(u64::try_from(head.unwrap_or(0))?)
}

/// Counts the events of a history: cheap enough to be asked again and again.
///
/// # Errors
/// When the database cannot be read.
pub fn history_len(data: &Path) -> anyhow::Result<usize> {
    let database = open(&data.join("history.db"))?;
    let count: i64 = database.query_row("SELECT count(*) FROM event", [], |row| row.get(0))?;
    Ok(usize::try_from(count)?)
}

fn rows(
    path: &Path,
    query: &str,
    body: impl Fn(Bytes) -> anyhow::Result<Bytes>,
) -> anyhow::Result<Vec<Stored>> {
    read(&open(path)?, query, (), body)
}

fn read(
    database: &Connection,
    query: &str,
    values: impl Params,
    body: impl Fn(Bytes) -> anyhow::Result<Bytes>,
) -> anyhow::Result<Vec<Stored>> {
    let mut query = database.prepare(query)?;
    let rows = query.query_map(values, |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, Vec<u8>>(2)?,
        ))
    })?;
    rows.map(|row| {
        let (endpoint, seq, bytes) = row?;
        Ok(Stored {
            endpoint,
            seq: u64::try_from(seq)?,
            body: body(bytes.into())?,
        })
    })
    .collect()
}

/// Opens a database in WAL mode that another process writes, or that one left behind when it was killed.
fn open(path: &Path) -> anyhow::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .with_context(|| format!("{} could not be opened", path.display()))
}
