//! Events that wait on this relay's disk while PostgreSQL takes none: `DATA/spool.db`.
//!
//! Events are in the order of their arrival, without numbers; those are given when the spool drains. An event leaves after
//! the commit in PostgreSQL, so a relay that ends in between finds it again, and the drain leaves out stored ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use ringtail_sqlite::{
    Database, ReadError, Readers, Submitted, Synchronous, WriteError, Writer, WriterState,
};
use rusqlite::{Connection, named_params};
use uuid::Uuid;

use super::commit::NewEvent;
use crate::journal::Queued;
use crate::journal::sqlite::{QUEUE, step_space};
use crate::metrics::JournalMetrics;
use crate::store::{DataDir, StoreError};

/// Events of one page, at most, and bytes after which it takes no more.
const PAGE_EVENTS: usize = 512;
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// The spool's file.
const DATABASE: Database = Database {
    // "rtsp"
    application_id: 0x7274_7370,
    migrations: &["CREATE TABLE spooled (
             number      INTEGER PRIMARY KEY AUTOINCREMENT,
             endpoint    INTEGER NOT NULL,
             id          BLOB NOT NULL CHECK (length(id) = 16),
             received_at INTEGER NOT NULL,
             kind        INTEGER NOT NULL,
             disposition INTEGER NOT NULL,
             uuid_hash   INTEGER,
             request     BLOB NOT NULL
         ) STRICT;
         CREATE TABLE probe (at INTEGER PRIMARY KEY) STRICT;"],
    // An event is answered 200 after its commit.
    synchronous: Synchronous::Full,
    pragmas: &[("secure_delete", 1)],
};

/// A spool. Only the journal's writer adds to it and takes from it.
#[derive(Debug)]
pub(super) struct Spool {
    writer: Writer<SpoolState>,
    readers: Readers,
    /// What was there after the last commit.
    waiting: Arc<Mutex<Queued>>,
    max_bytes: usize,
}

/// Events from the old end of a spool.
#[derive(Debug, Default)]
pub(super) struct SpoolPage {
    pub(super) events: Vec<NewEvent>,
    last: i64,
    bytes: usize,
}

impl Spool {
    /// Opens the spool, which may have events of an earlier process. Blocks.
    pub(super) fn open(
        dir: &DataDir,
        max_bytes: u64,
        metrics: JournalMetrics,
    ) -> Result<Self, StoreError> {
        let path = dir.create_spool()?;
        let failed = |source| StoreError::open(&path, source);
        let connection = DATABASE.open_writer(&path).map_err(failed)?;
        let waiting = "SELECT count(*), coalesce(sum(length(request)), 0) FROM spooled";
        let (events, bytes): (i64, i64) = connection
            .query_row(waiting, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|error| failed(error.into()))?;
        let next = Queued {
            events: usize::try_from(events).unwrap_or_default(),
            bytes: usize::try_from(bytes).unwrap_or_default(),
        };
        let waiting = Arc::new(Mutex::new(next));
        let state = SpoolState {
            next,
            waiting: waiting.clone(),
            metrics,
        };
        let file = path.clone();
        let readers = Readers::open(1, move || DATABASE.open_reader(&file));
        let readers = readers.map_err(|error| failed(error.into()))?;
        let writer = Writer::spawn("spool", connection, state, QUEUE);
        Ok(Self {
            writer: writer.map_err(|source| StoreError::Thread { path, source })?,
            readers,
            waiting,
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
        })
    }

    /// Returns what waits.
    pub(super) fn waiting(&self) -> Queued {
        *self.waiting.lock()
    }

    /// Returns whether one page holds everything that waits.
    pub(super) fn fits_a_page(&self) -> bool {
        let Queued { events, bytes } = self.waiting();
        events <= PAGE_EVENTS && bytes <= PAGE_BYTES
    }

    /// Adds an event at once; the result resolves when it is on the disk.
    pub(super) fn add(&self, event: NewEvent) -> Result<Submitted<()>, WriteError> {
        let bytes = event.request.len();
        if self.waiting().bytes.saturating_add(bytes) > self.max_bytes {
            return Err(WriteError::Full);
        }
        self.writer.submit(bytes, Duration::ZERO, move |state, connection| {
            connection
                .prepare_cached(
                    "INSERT INTO spooled (endpoint, id, received_at, kind, disposition, uuid_hash, request)
                     VALUES (:endpoint, :id, :received_at, :kind, :disposition, :uuid_hash, :request)",
                )?
                .execute(named_params! {
                    ":endpoint": event.endpoint,
                    ":id": event.id.as_bytes(),
                    ":received_at": event.received_at,
                    ":kind": event.kind,
                    ":disposition": event.disposition,
                    ":uuid_hash": event.uuid_hash,
                    ":request": event.request.as_ref(),
                })?;
            state.next.events += 1;
            state.next.bytes += bytes;
            Ok(())
        })
    }

    /// Returns when everything that was added is on the disk or refused.
    pub(super) async fn settle(&self) -> Result<(), WriteError> {
        self.writer.write(0, Duration::ZERO, |_, _| Ok(())).await
    }

    /// Writes as an addition does, without an event.
    pub(super) async fn probe(&self) -> Result<(), WriteError> {
        let write = |_: &mut SpoolState, connection: &Connection| {
            connection
                .prepare_cached("INSERT OR REPLACE INTO probe (at) VALUES (0)")?
                .execute([])
        };
        self.writer.write(0, Duration::ZERO, write).await.map(drop)
    }

    /// Reads the oldest events.
    pub(super) async fn page(&self) -> Result<SpoolPage, ReadError> {
        self.readers.read(|connection| read(connection)).await
    }

    /// Removes the events of a page.
    pub(super) async fn remove(&self, page: &SpoolPage) -> Result<(), WriteError> {
        let (last, events, bytes) = (page.last, page.events.len(), page.bytes);
        let remove = move |state: &mut SpoolState, connection: &Connection| {
            connection
                .prepare_cached("DELETE FROM spooled WHERE number <= :last")?
                .execute(named_params! { ":last": last })?;
            state.next.events -= events;
            state.next.bytes -= bytes;
            Ok(())
        };
        self.writer.write(0, Duration::ZERO, remove).await
    }
}

fn read(connection: &Connection) -> rusqlite::Result<SpoolPage> {
    let mut select = connection.prepare_cached(
        "SELECT number, endpoint, id, received_at, kind, disposition, uuid_hash, request
         FROM spooled ORDER BY number",
    )?;
    let mut rows = select.query([])?;
    let mut page = SpoolPage::default();
    while let Some(row) = rows.next()? {
        let request: Vec<u8> = row.get("request")?;
        page.bytes += request.len();
        page.last = row.get("number")?;
        page.events.push(NewEvent {
            endpoint: row.get("endpoint")?,
            id: Uuid::from_bytes(row.get("id")?),
            received_at: row.get("received_at")?,
            kind: row.get("kind")?,
            disposition: row.get("disposition")?,
            uuid_hash: row.get("uuid_hash")?,
            request: Bytes::from(request),
        });
        if page.events.len() >= PAGE_EVENTS || page.bytes >= PAGE_BYTES {
            break;
        }
    }
    Ok(page)
}

/// The state of the spool's thread.
#[derive(Debug)]
struct SpoolState {
    /// What waits once the transaction is committed.
    next: Queued,
    waiting: Arc<Mutex<Queued>>,
    metrics: JournalMetrics,
}

impl WriterState for SpoolState {
    fn settle(&mut self, result: Result<(), &rusqlite::Error>, operations: usize, _: Duration) {
        let mut waiting = self.waiting.lock();
        match result {
            Ok(()) => *waiting = self.next,
            Err(error) => {
                self.next = *waiting;
                self.metrics.failed("spool", error, operations);
            }
        }
    }

    /// Returns free pages to the file system.
    fn upkeep(&mut self, connection: &mut Connection) -> Instant {
        if let Err(error) = step_space(connection) {
            tracing::debug!(%error, "the spool could not be shrunk");
        }
        Instant::now() + Duration::from_secs(60)
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::recent_log::RecentLog;

    #[test]
    fn transactions_that_keep_failing_are_counted_and_do_not_fill_the_log() {
        let mut state = SpoolState {
            next: Queued::default(),
            waiting: Arc::default(),
            metrics: JournalMetrics::default(),
        };
        let recent = RecentLog::default();
        let logging = tracing_subscriber::registry().with(recent.clone());
        tracing::subscriber::with_default(logging, || {
            for _ in 0..10 {
                let error = rusqlite::Error::InvalidQuery;
                state.settle(Err(&error), 1, Duration::ZERO);
            }
        });
        assert_eq!(state.metrics.failed_commits.get(), 10);
        assert!((1..10).contains(&recent.lines().len()));
    }
}
