//! Events that wait on this relay's disk while PostgreSQL takes none: `DATA/spool.db`.
//!
//! Events are in the order of their arrival, without numbers; those are given when the spool drains. An event leaves after
//! the commit in PostgreSQL, so a relay that ends in between finds it again, and the drain leaves out stored ones. An event
//! that cannot be deleted, on a full disk for instance, does not wait any more, and is deleted later.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use ringtail_sqlite::{
    Database, OpenError, QueueLimits, ReadError, Readers, Submitted, Synchronous, WriteError,
    Writer, WriterState,
};
use rusqlite::{Connection, OptionalExtension as _, named_params};
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
         CREATE TABLE probe (at INTEGER PRIMARY KEY) STRICT;
         -- The one that the events are for.
         CREATE TABLE journal (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL) STRICT;"],
    // An event is answered 200 after its commit.
    synchronous: Synchronous::Full,
    pragmas: &[("secure_delete", 1)],
};

/// A spool. Only the journal's writer adds to it and takes from it.
#[derive(Debug)]
pub(super) struct Spool {
    writer: Writer<SpoolState>,
    readers: Readers,
    /// What was committed and not drained.
    waiting: Arc<Mutex<Queued>>,
    /// Number of the last event that PostgreSQL has.
    drained: Arc<AtomicI64>,
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
    /// Opens the spool for a journal. It may have events of an earlier process; those for another journal are put aside.
    /// Blocks.
    pub(super) fn open(
        dir: &DataDir,
        journal: &str,
        max_bytes: u64,
        metrics: JournalMetrics,
    ) -> Result<Self, StoreError> {
        let path = dir.create_spool()?;
        let failed = |source| StoreError::open(&path, source);
        if let Some(aside) = put_aside(&path, journal).map_err(failed)? {
            tracing::error!(
                file = %aside.display(),
                "the spool has events for another journal than the database's; they are kept in this file"
            );
            dir.create_spool()?;
        }
        let connection = DATABASE.open_writer(&path).map_err(failed)?;
        let waiting = keep(&connection, journal).map_err(|error| failed(error.into()))?;
        let waiting = Arc::new(Mutex::new(waiting));
        let drained = Arc::new(AtomicI64::new(0));
        let state = SpoolState {
            added: Queued::default(),
            waiting: waiting.clone(),
            drained: drained.clone(),
            metrics,
        };
        let file = path.clone();
        let readers = Readers::open(1, move || DATABASE.open_reader(&file));
        let readers = readers.map_err(|error| failed(error.into()))?;
        // None gives way: events drain in the order of their arrival, and none comes after the spool was found empty.
        let limits = QueueLimits {
            large: None,
            ..QUEUE
        };
        let writer = Writer::spawn("spool", connection, state, limits);
        Ok(Self {
            writer: writer.map_err(|source| StoreError::Thread { path, source })?,
            readers,
            waiting,
            drained,
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
            state.added.events += 1;
            state.added.bytes += bytes;
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
        let drained = self.drained.load(Ordering::Acquire);
        let page = self
            .readers
            .read(move |connection| read(connection, drained));
        page.await
    }

    /// Removes the events of a page, at least from what waits.
    pub(super) async fn remove(&self, page: &SpoolPage) {
        self.drained.store(page.last, Ordering::Release);
        let delete = |state: &mut SpoolState, connection: &Connection| state.delete(connection);
        // An error is counted, and the upkeep tries again.
        drop(self.writer.write(0, Duration::ZERO, delete).await);
        // Behind the transactions that added the events: a page may be read before its last one is counted.
        let mut waiting = self.waiting.lock();
        waiting.events -= page.events.len();
        waiting.bytes -= page.bytes;
    }
}

/// Renames a spool with events for another journal, and returns its new path.
fn put_aside(path: &Path, journal: &str) -> Result<Option<PathBuf>, OpenError> {
    let connection = DATABASE.open_writer(path)?;
    let other = "SELECT id FROM journal WHERE id <> :journal AND EXISTS (SELECT 1 FROM spooled)";
    let other: Option<String> = connection
        .query_row(other, named_params! { ":journal": journal }, |row| {
            row.get(0)
        })
        .optional()?;
    let Some(other) = other else { return Ok(None) };
    // The write-ahead log stays behind.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    drop(connection);
    let aside = path.with_file_name(format!("spool-of-{other}.db"));
    std::fs::rename(path, &aside)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(Some(aside))
}

/// Notes the journal that events are for, and returns what waits.
fn keep(connection: &Connection, journal: &str) -> rusqlite::Result<Queued> {
    connection.execute(
        "INSERT OR REPLACE INTO journal (only, id) VALUES (1, :journal)",
        named_params! { ":journal": journal },
    )?;
    let waiting = "SELECT count(*), coalesce(sum(length(request)), 0) FROM spooled";
    connection.query_row(waiting, [], |row| {
        Ok(Queued {
            events: usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default(),
            bytes: usize::try_from(row.get::<_, i64>(1)?).unwrap_or_default(),
        })
    })
}

fn read(connection: &Connection, drained: i64) -> rusqlite::Result<SpoolPage> {
    let mut select = connection.prepare_cached(
        "SELECT number, endpoint, id, received_at, kind, disposition, uuid_hash, request
         FROM spooled WHERE number > :drained ORDER BY number",
    )?;
    let mut rows = select.query(named_params! { ":drained": drained })?;
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
    /// What waits, too, once the transaction is committed.
    added: Queued,
    waiting: Arc<Mutex<Queued>>,
    drained: Arc<AtomicI64>,
    metrics: JournalMetrics,
}

impl SpoolState {
    /// Deletes what PostgreSQL has.
    fn delete(&self, connection: &Connection) -> rusqlite::Result<()> {
        let drained = self.drained.load(Ordering::Acquire);
        connection
            .prepare_cached("DELETE FROM spooled WHERE number <= :drained")?
            .execute(named_params! { ":drained": drained })?;
        Ok(())
    }
}

impl WriterState for SpoolState {
    fn settle(&mut self, result: Result<(), &rusqlite::Error>, operations: usize, _: Duration) {
        let added = std::mem::take(&mut self.added);
        match result {
            Ok(()) => {
                let mut waiting = self.waiting.lock();
                waiting.events += added.events;
                waiting.bytes += added.bytes;
            }
            Err(error) => self.metrics.failed("spool", error, operations),
        }
    }

    /// Returns free pages to the file system.
    fn upkeep(&mut self, connection: &mut Connection) -> Instant {
        let cleared = self.delete(connection);
        if let Err(error) = cleared.and_then(|()| step_space(connection)) {
            tracing::debug!(%error, "the spool could not be shrunk");
        }
        Instant::now() + Duration::from_secs(60)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::recent_log::RecentLog;

    #[tokio::test]
    async fn a_large_event_is_not_overtaken() {
        let temp = TempDir::new().expect("a directory");
        let dir = DataDir::open(temp.path()).expect("a data directory");
        let spool = Spool::open(&dir, "id", u64::MAX, JournalMetrics::default()).expect("it opens");
        let add = |bytes: usize| {
            let event = NewEvent {
                endpoint: 1,
                id: Uuid::now_v7(),
                received_at: 0,
                kind: 1,
                disposition: 1,
                uuid_hash: None,
                request: Bytes::from(vec![b'x'; bytes]),
            };
            spool.add(event).expect("there is room")
        };
        let large = 2 * 1024 * 1024;
        let added: Vec<_> = [1, 2, large, 3, 4].into_iter().map(add).collect();
        spool.settle().await.expect("it writes");
        assert_eq!(spool.waiting().events, added.len());
        let page = spool.page().await.expect("it reads");
        let sizes: Vec<_> = page.events.iter().map(|it| it.request.len()).collect();
        assert_eq!(sizes, [1, 2, large, 3, 4]);
    }

    #[test]
    fn transactions_that_keep_failing_are_counted_and_do_not_fill_the_log() {
        let mut state = SpoolState {
            added: Queued::default(),
            waiting: Arc::default(),
            drained: Arc::default(),
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
