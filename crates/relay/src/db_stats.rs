//! Statistics of the database for the operator: sizes, ages and numbers, but no content of events.

pub(crate) mod postgres;

use std::collections::HashMap;

use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, named_params};

use crate::journal::EndpointKey;
use crate::journal::sqlite::event_keys;
use crate::store::{self, DataDir, StoreError};

/// The database at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseStats {
    /// All endpoints, by account and name.
    pub endpoints: Vec<EndpointStats>,
    /// Size of the database's file.
    pub database_bytes: u64,
    /// Size of its write-ahead log.
    pub wal_bytes: u64,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointStats {
    /// Its key.
    pub key: EndpointKey,
    /// Name of its account.
    pub account: Name,
    /// Its name there.
    pub name: Name,
    /// Its public id, the end of its URL.
    pub id: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Days for which it keeps its events; `None` for the relay's setting.
    pub retention_days: Option<u16>,
    /// Its newest `seq`, 0 if it never had an event.
    pub head: u64,
    /// Bytes of its events.
    pub bytes: u64,
    /// When its oldest stored event was received.
    pub oldest_at: Option<Timestamp>,
    /// When its newest was.
    pub newest_at: Option<Timestamp>,
    /// The newest `seq` that a client has, if one has attached.
    pub cursor: Option<u64>,
    /// When the first event after the cursor was received.
    pub waiting_since: Option<Timestamp>,
}

impl EndpointStats {
    /// Returns how many events no client has, if one has attached.
    #[must_use]
    pub fn waiting(&self) -> Option<u64> {
        self.cursor.map(|cursor| self.head.saturating_sub(cursor))
    }
}

/// Reads the statistics. Blocks for some microseconds per endpoint.
pub fn read(
    dir: &DataDir,
    cursors: &HashMap<EndpointKey, u64>,
) -> Result<DatabaseStats, StoreError> {
    let mut connection = store::open_reader(dir)?;
    // One snapshot for all queries.
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let mut endpoints = endpoints(&snapshot)?;
    for endpoint in &mut endpoints {
        // A client may claim any number.
        let cursor = cursors.get(&endpoint.key).map(|it| *it.min(&endpoint.head));
        endpoint.cursor = cursor;
        if let Some(cursor) = cursor {
            endpoint.waiting_since = received_after(&snapshot, endpoint.key, cursor)?;
        }
    }
    Ok(DatabaseStats {
        endpoints,
        database_bytes: std::fs::metadata(dir.database())
            .map_err(StoreError::File)?
            .len(),
        wal_bytes: std::fs::metadata(dir.log()).map_or(0, |log| log.len()),
    })
}

fn endpoints(snapshot: &Connection) -> rusqlite::Result<Vec<EndpointStats>> {
    let mut select = snapshot.prepare(
        "SELECT endpoint.key, account.name, endpoint.name, next_seq - 1, bytes, id,
                endpoint.created_at, retention_days,
                (SELECT received_at FROM event WHERE event.key > endpoint.key << 42
                     AND event.key < (endpoint.key + 1) << 42 ORDER BY event.key LIMIT 1),
                (SELECT received_at FROM event WHERE event.key > endpoint.key << 42
                     AND event.key < (endpoint.key + 1) << 42 ORDER BY event.key DESC LIMIT 1)
         FROM endpoint JOIN account ON account.key = endpoint.account
         ORDER BY account.name, endpoint.name",
    )?;
    let rows = select.query_map([], |row| {
        Ok(EndpointStats {
            key: EndpointKey(row.get(0)?),
            account: Name::from_stored(row.get(1)?),
            name: Name::from_stored(row.get(2)?),
            id: row.get(5)?,
            created_at: Timestamp(row.get(6)?),
            retention_days: row.get(7)?,
            head: row.get::<_, i64>(3)?.unsigned_abs(),
            bytes: row.get::<_, i64>(4)?.unsigned_abs(),
            oldest_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
            newest_at: row.get::<_, Option<i64>>(9)?.map(Timestamp),
            cursor: None,
            waiting_since: None,
        })
    })?;
    rows.collect()
}

/// Returns when the first event after a `seq` was received.
fn received_after(
    snapshot: &Connection,
    endpoint: EndpointKey,
    seq: u64,
) -> rusqlite::Result<Option<Timestamp>> {
    let (first, last) = event_keys(endpoint);
    let after = first.saturating_add_unsigned(seq);
    snapshot
        .prepare_cached(
            "SELECT received_at FROM event WHERE key > :after AND key <= :last ORDER BY key LIMIT 1",
        )?
        .query_row(named_params! { ":after": after, ":last": last }, |row| {
            row.get(0).map(Timestamp)
        })
        .optional()
}
