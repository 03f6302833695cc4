//! Pages of events, read beside the writer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};
use tokio::sync::Semaphore;

use super::{OpenError, SEQ_MAX, event_key, seq_of};
use crate::journal::{EndpointKey, Page, ReadError};
use crate::store::{self, DataDir, StoreError};

/// Connections that read at once. A page is read from memory or takes a disk's time; more readers than this would
/// only wait for the same disk.
const CONNECTIONS: usize = 4;

/// Read-only connections; one whose page could not be read is opened anew. Who comes first is served first.
#[derive(Debug)]
pub(super) struct Readers {
    dir: DataDir,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens all that there will be, since a relay that has run out of file descriptors goes on reading with those it has.
    pub(super) fn open(dir: DataDir) -> Result<Self, OpenError> {
        let mut idle = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let connection = store::open_reader(&dir)?;
            // SQLite opens the write-ahead log when it first reads.
            connection.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
            idle.push(connection);
        }
        Ok(Self {
            dir,
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Mutex::new(idle),
        })
    }

    pub(super) async fn read(
        self: Arc<Self>,
        endpoint: EndpointKey,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> Result<Page, ReadError> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| ReadError::Closed)?;
        let read = tokio::task::spawn_blocking(move || {
            let mut connection = self.connection()?;
            let page = page(&mut connection, endpoint, after, max_events, max_bytes)?;
            self.put_back(connection);
            // Given back here and not when the caller returns, who may have gone.
            drop(turn);
            Ok(page)
        });
        // A runtime that shuts down starts no more blocking calls.
        read.await.unwrap_or(Err(ReadError::Closed))
    }

    /// Reads no more, and closes the connections that nobody reads from.
    pub(super) fn close(&self) {
        self.turns.close();
        self.idle().clear();
    }

    fn connection(&self) -> Result<Connection, ReadError> {
        if let Some(idle) = self.idle().pop() {
            return Ok(idle);
        }
        store::open_reader(&self.dir).map_err(|error| match error {
            StoreError::Database { source, .. } => ReadError::Database(source),
            _ => ReadError::Closed,
        })
    }

    fn put_back(&self, connection: Connection) {
        if !self.turns.is_closed() {
            self.idle().push(connection);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn page(
    connection: &mut Connection,
    endpoint: EndpointKey,
    after: u64,
    max_events: usize,
    max_bytes: usize,
) -> rusqlite::Result<Page> {
    // One transaction, so that the head is that of the same moment as the events.
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let head = snapshot
        .prepare_cached("SELECT next_seq - 1 FROM endpoint WHERE key = ?1")?
        .query_row([endpoint.0], |row| row.get::<_, i64>(0))
        .optional()?
        .map_or(0, i64::unsigned_abs);
    let events = if after < head {
        events(&snapshot, endpoint, after, max_events, max_bytes)?
    } else {
        Vec::new()
    };
    Ok(Page { events, head })
}

fn events(
    snapshot: &Connection,
    endpoint: EndpointKey,
    after: u64,
    max_events: usize,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Event>> {
    let mut select = snapshot.prepare_cached(
        "SELECT key, id, received_at, kind, disposition, duplicate_of, request
         FROM event WHERE key > ?1 AND key <= ?2 ORDER BY key",
    )?;
    let mut rows = select.query([event_key(endpoint, after), event_key(endpoint, SEQ_MAX)])?;
    let mut events = Vec::new();
    let mut bytes = 0_usize;
    while let Some(row) = rows.next()? {
        let event = event(row)?;
        bytes = bytes.saturating_add(event.encoded_len());
        if !events.is_empty() && bytes > max_bytes {
            break;
        }
        events.push(event);
        if events.len() >= max_events {
            break;
        }
    }
    Ok(events)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let request = row.get_ref(6)?.as_blob()?;
    Ok(Event {
        seq: seq_of(row.get(0)?),
        id: EventId::from_bytes(row.get(1)?),
        received_at: Timestamp(row.get(2)?),
        kind: Kind::from_code(row.get(3)?),
        disposition: Disposition::from_code(row.get(4)?),
        duplicate_of: row.get::<_, Option<i64>>(5)?.map(i64::unsigned_abs),
        request: EncodedRequest::from_stored(Bytes::copy_from_slice(request)),
    })
}
