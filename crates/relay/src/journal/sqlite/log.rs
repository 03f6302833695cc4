//! What the writer thread does within a transaction and between two.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtail_protocol::event::Timestamp;
use ringtail_sqlite::WriterState;
use rusqlite::{Connection, OptionalExtension as _, named_params};
use tokio::sync::oneshot;

use super::checkpoint::Checkpointer;
use super::fresh::{Fresh, Uncommitted};
use super::known_time::KnownTime;
use super::retention::Sweep;
use super::uuids::Uuids;
use super::{event_key, seq_of};
use crate::journal::heads::Heads;
use crate::journal::{AppendError, Appended, Deleted, EndpointKey, Entry, Retention, event_bytes};
use crate::metrics::JournalMetrics;

/// How often retention runs.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Bytes of new events after which retention runs early, so that no flood fills the disk between two sweeps.
const SWEEP_BYTES: i64 = 64 * 1024 * 1024;

/// The writer thread's state.
#[derive(Debug)]
pub(super) struct Log {
    heads: Arc<Heads>,
    fresh: Arc<Fresh>,
    /// Events of the current transaction for links to take from memory.
    uncommitted: Uncommitted,
    uuids: Uuids,
    metrics: JournalMetrics,
    /// What the current transaction appends to each endpoint; `None` for an endpoint that does not exist.
    appending: HashMap<EndpointKey, Option<Numbering>>,
    retention: Retention,
    time: KnownTime,
    sweep: Option<RunningSweep>,
    next_sweep: Instant,
    /// Bytes written since the last sweep began.
    unswept: i64,
    pub(super) checkpointer: Option<Checkpointer>,
    /// Changes when another connection has written: a purge deletes uuids.
    data_version: Option<i64>,
}

/// An endpoint's numbers within one transaction. They are read from its row once and written once: an update for each
/// event costs as much as its insertion.
#[derive(Debug)]
struct Numbering {
    next: u64,
    events: u64,
    bytes: i64,
    /// Whether a link waits for the endpoint's events.
    is_watched: bool,
}

/// A sweep under way, and its callers.
#[derive(Debug)]
struct RunningSweep {
    sweep: Sweep,
    answers: Vec<oneshot::Sender<Result<Deleted, AppendError>>>,
}

impl Log {
    pub(super) fn load(
        connection: &Connection,
        heads: Arc<Heads>,
        fresh: Arc<Fresh>,
        retention: Retention,
        metrics: JournalMetrics,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            heads,
            fresh,
            uncommitted: Uncommitted::default(),
            uuids: Uuids::load(connection)?,
            metrics,
            appending: HashMap::new(),
            retention,
            time: KnownTime::load(connection)?,
            sweep: None,
            next_sweep: Instant::now() + SWEEP_INTERVAL,
            unswept: 0,
            checkpointer: None,
            data_version: None,
        })
    }

    /// Inserts an event within the transaction; `None` when its endpoint does not exist.
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        entry: &Entry,
        uuid_hash: Option<i64>,
    ) -> rusqlite::Result<Option<Appended>> {
        let numbering = match self.appending.get_mut(&entry.endpoint) {
            Some(known) => known,
            None => {
                let read = numbering(connection, entry.endpoint, &self.heads)?;
                self.appending.entry(entry.endpoint).or_insert(read)
            }
        };
        let Some(numbering) = numbering else {
            return Ok(None);
        };
        let seq = numbering.next;
        let duplicate_of = match uuid_hash {
            Some(hash) => self.uuids.first(connection, hash)?.map(seq_of),
            None => None,
        };
        connection
            .prepare_cached(
                "INSERT INTO event
                     (key, id, received_at, kind, disposition, duplicate_of, uuid_hash, request)
                 VALUES (:key, :id, :received_at, :kind, :disposition, :duplicate_of, :uuid_hash, :request)",
            )?
            .execute(named_params! {
                ":key": event_key(entry.endpoint, seq),
                ":id": entry.id.as_bytes(),
                ":received_at": entry.received_at.0,
                ":kind": entry.kind.code(),
                ":disposition": entry.disposition.code(),
                ":duplicate_of": duplicate_of.and_then(|seq| i64::try_from(seq).ok()),
                ":uuid_hash": uuid_hash,
                ":request": entry.request.as_bytes().as_ref(),
            })?;
        // Only now: an event that cannot be inserted takes no number.
        numbering.next += 1;
        numbering.events += 1;
        numbering.bytes += event_bytes(entry.request.as_bytes());
        if let Some(hash) = uuid_hash {
            self.uuids.add(hash, event_key(entry.endpoint, seq));
        }
        if numbering.is_watched {
            self.uncommitted.add(entry, seq, duplicate_of);
        }
        Ok(Some(Appended { seq, duplicate_of }))
    }

    /// Begins a sweep, or joins the one under way.
    pub(super) fn begin_sweep(
        &mut self,
        connection: &Connection,
        now: Option<Timestamp>,
        answer: Option<oneshot::Sender<Result<Deleted, AppendError>>>,
    ) {
        self.next_sweep = Instant::now() + SWEEP_INTERVAL;
        self.unswept = 0;
        let running = self.sweep.get_or_insert_with(|| RunningSweep {
            sweep: Sweep::new(
                self.retention,
                now.unwrap_or_else(|| self.time.now(connection)),
                self.metrics.clone(),
            ),
            answers: Vec::new(),
        });
        running.answers.extend(answer);
    }

    fn step_sweep(&mut self, connection: &mut Connection) {
        let Some(running) = &mut self.sweep else {
            return;
        };
        let result = match running.sweep.step(connection, &mut self.uuids) {
            Ok(None) => return,
            Ok(Some(deleted)) => {
                if deleted.events > 0 {
                    let Deleted { events, bytes } = deleted;
                    tracing::info!(events, bytes, "retention deleted events");
                }
                Ok(deleted)
            }
            Err(error) => {
                tracing::warn!(%error, "retention failed, retrying in a minute");
                Err(AppendError::Commit(Arc::new(error)))
            }
        };
        for answer in self.sweep.take().into_iter().flat_map(|run| run.answers) {
            drop(answer.send(result.clone()));
        }
    }
}

impl WriterState for Log {
    /// Loads the uuids again when another connection has written, and keeps no event in memory that it may have deleted.
    fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if self.data_version != Some(version) {
            self.uuids = Uuids::load(connection)?;
            self.fresh.clear();
            self.data_version = Some(version);
        }
        Ok(())
    }

    fn finish(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.uuids.store(connection)?;
        let mut advance = connection.prepare_cached(
            "UPDATE endpoint SET next_seq = :next, bytes = bytes + :bytes WHERE key = :endpoint",
        )?;
        for (endpoint, numbering) in &self.appending {
            if let Some(numbering) = numbering.as_ref().filter(|it| it.events > 0) {
                advance.execute(named_params! {
                    ":endpoint": endpoint.0,
                    ":next": i64::try_from(numbering.next).unwrap_or(i64::MAX),
                    ":bytes": numbering.bytes,
                })?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, result: Result<(), &rusqlite::Error>, operations: usize, took: Duration) {
        let appended = self.appending.drain().filter_map(|(endpoint, numbering)| {
            let numbering = numbering.filter(|it| it.events > 0)?;
            Some((endpoint, numbering))
        });
        match result {
            Ok(()) => {
                self.uuids.commit();
                let (mut events, mut bytes, mut heads) = (0, 0, Vec::new());
                for (endpoint, numbering) in appended {
                    events += numbering.events;
                    bytes += numbering.bytes;
                    heads.push((endpoint, numbering.next - 1));
                }
                self.unswept += bytes;
                if events > 0 {
                    if let Some(checkpointer) = &mut self.checkpointer {
                        checkpointer.committed(bytes);
                    }
                    self.fresh.add(&mut self.uncommitted, Instant::now());
                    self.heads.advance(heads);
                    self.metrics.committed(events, took);
                }
            }
            Err(error) => {
                drop(appended);
                self.uncommitted.clear();
                self.uuids.roll_back();
                self.metrics.failed("journal", error, operations);
            }
        }
    }

    /// Steps of a sweep and transactions of appends take turns, so that neither waits for the other.
    fn upkeep(&mut self, connection: &mut Connection) -> Instant {
        let due = self.unswept >= SWEEP_BYTES || Instant::now() >= self.next_sweep;
        if self.sweep.is_none() && due {
            self.begin_sweep(connection, None, None);
        }
        self.step_sweep(connection);
        let now = Instant::now();
        let expires = self.fresh.expire(now);
        match self.sweep {
            Some(_) => now,
            None => expires.map_or(self.next_sweep, |at| at.min(self.next_sweep)),
        }
    }

    fn close(&mut self, connection: &Connection) {
        self.time.close(connection);
        self.checkpointer = None;
        // The next start then has nothing to recover.
        let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "the journal could not be checkpointed; the next start does it");
        }
    }
}

/// Reads an endpoint's next number; `None` when it does not exist.
fn numbering(
    connection: &Connection,
    endpoint: EndpointKey,
    heads: &Heads,
) -> rusqlite::Result<Option<Numbering>> {
    connection
        .prepare_cached("SELECT next_seq FROM endpoint WHERE key = :endpoint")?
        .query_row(named_params! { ":endpoint": endpoint.0 }, |row| {
            Ok(Numbering {
                next: row.get::<_, i64>(0)?.unsigned_abs(),
                events: 0,
                bytes: 0,
                is_watched: heads.is_watched(endpoint),
            })
        })
        .optional()
}

/// Writes as an append does, without an event.
pub(super) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES ('probe', :now)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute(named_params! { ":now": Timestamp::now().0 })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::recent_log::RecentLog;
    use crate::store::{self, DataDir};

    #[test]
    fn transactions_that_keep_failing_do_not_fill_the_log() {
        let temp = TempDir::new().unwrap();
        let connection = store::open_writer(&DataDir::open(temp.path()).unwrap()).unwrap();
        let metrics = JournalMetrics::default();
        let retention = Retention::default();
        let mut log = Log::load(
            &connection,
            Arc::default(),
            Arc::default(),
            retention,
            metrics,
        )
        .unwrap();
        let recent = RecentLog::default();
        let logging = tracing_subscriber::registry().with(recent.clone());
        tracing::subscriber::with_default(logging, || {
            for _ in 0..10 {
                let error = rusqlite::Error::InvalidQuery;
                log.settle(Err(&error), 1, Duration::ZERO);
            }
        });
        assert_eq!(log.metrics.failed_commits.get(), 10);
        assert!((1..10).contains(&recent.lines().len()));
    }
}
