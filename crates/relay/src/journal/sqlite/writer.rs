//! The thread that writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringtail_protocol::event::Timestamp;
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension as _, params};
use tokio::sync::oneshot;

use super::heads::Heads;
use super::known_time::KnownTime;
use super::metrics::JournalMetrics;
use super::queue::{Append, Group, Queue, Taken, Work};
use super::retention::{self, Retention, Sweep, Swept};
use super::uuids::{Added, Lookup, Uuids};
use super::{event_key, seq_of};
use crate::journal::{AppendError, Appended, EndpointKey};

/// How often retention runs.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How often the log is told that transactions fail; the counter has each.
const FAILURE_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of new events after which it runs before its time, so that no flood fills the disk between two sweeps.
const SWEEP_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    queue: Arc<Queue>,
    heads: Arc<Heads>,
    uuids: Uuids,
    retention: Retention,
    sweep: Option<Running>,
    next_sweep: Instant,
    time: KnownTime,
    metrics: JournalMetrics,
    /// Bytes written since the last sweep began.
    unswept: usize,
    /// When the log was last told that a transaction failed.
    failure_told: Option<Instant>,
    /// Changes when another connection has written: a purge takes uuids away.
    data_version: Option<i64>,
}

/// A sweep that is under way, and who asked for it.
#[derive(Debug)]
struct Running {
    sweep: Sweep,
    answers: Vec<oneshot::Sender<Result<Swept, AppendError>>>,
}

type Answer = (
    oneshot::Sender<Result<Appended, AppendError>>,
    Result<Appended, AppendError>,
);

impl Writer {
    pub(super) fn new(
        connection: Connection,
        queue: Arc<Queue>,
        heads: Arc<Heads>,
        retention: Retention,
        metrics: JournalMetrics,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            uuids: Uuids::load(&connection)?,
            time: KnownTime::load(&connection)?,
            connection,
            queue,
            heads,
            retention,
            sweep: None,
            next_sweep: Instant::now() + SWEEP_INTERVAL,
            metrics,
            unswept: 0,
            failure_told: None,
            data_version: None,
        })
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _abandon = AbandonOnExit(Arc::clone(&self.queue));
        loop {
            // While a sweep is under way its steps and the groups take turns, so that neither waits for the other.
            let deadline = match self.sweep {
                Some(_) => Instant::now(),
                None => self.next_sweep,
            };
            match self.queue.take(deadline) {
                Taken::Group(group) => self.write(group),
                Taken::Idle => {}
                Taken::Closed => break,
            }
            let due = self.unswept >= SWEEP_BYTES || Instant::now() >= self.next_sweep;
            if self.sweep.is_none() && due {
                self.begin_sweep(None, None);
            }
            self.step_sweep();
        }
        self.time.close(&self.connection);
        self.checkpoint();
    }

    /// Moves the write-ahead log into the database, so that the next start finds nothing to recover.
    fn checkpoint(&self) {
        let moved = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "the journal could not be checkpointed; the next start does it");
        }
    }

    fn write(&mut self, group: Group) {
        let (operations, bytes) = group.size();
        self.unswept = self.unswept.saturating_add(bytes);
        let mut appends = Vec::with_capacity(operations);
        let mut sweeps = Vec::new();
        let mut probes = Vec::new();
        for work in group.work {
            match work {
                Work::Append(append) => appends.push(append),
                Work::Sweep { now, answer } => sweeps.push((now, answer)),
                Work::Probe { answer } => probes.push(answer),
            }
        }
        let answers = self.commit(appends);
        self.queue.done(operations, bytes);
        for (answer, result) in answers {
            // Whoever only notes an event does not wait for the answer.
            drop(answer.send(result));
        }
        // After the answers, so that nobody waits for it who need not.
        if let Err(error) = self.uuids.settle(&mut self.connection) {
            tracing::warn!(%error, "the journal could not sort its uuids and tries again");
        }
        for (now, answer) in sweeps {
            self.begin_sweep(now, Some(answer));
        }
        if !probes.is_empty() {
            let probed = self.probe().map_err(Arc::new);
            for answer in probes {
                drop(answer.send(probed.clone().map_err(AppendError::Commit)));
            }
        }
    }

    /// Stores the entries in one transaction and returns what to tell each. When the transaction fails, that is
    /// the same error for every one.
    fn commit(&mut self, appends: Vec<Append>) -> Vec<Answer> {
        if appends.is_empty() {
            return Vec::new();
        }
        self.notice_changes();
        let began = Instant::now();
        let stored = store(&self.connection, &self.uuids, &appends);
        self.metrics.commit.observe(began.elapsed());
        let error = match stored {
            Ok(stored) => {
                self.uuids.commit(stored.uuids);
                self.heads.advance(stored.heads.into_iter());
                let kept = stored.results.iter().filter(|result| result.is_ok());
                let kept = u64::try_from(kept.count()).unwrap_or(u64::MAX);
                self.metrics.stored.inc_by(kept);
                return appends
                    .into_iter()
                    .map(|append| append.answer)
                    .zip(stored.results)
                    .collect();
            }
            Err(error) => error,
        };
        self.roll_back();
        self.metrics.failed_commits.inc();
        let error = Arc::new(error);
        let entries = appends.len();
        // On a full disk every request of whoever has an address would be a line, in a log that may be on the same disk.
        let now = Instant::now();
        if self
            .failure_told
            .is_none_or(|told| now - told >= FAILURE_INTERVAL)
        {
            self.failure_told = Some(now);
            tracing::error!(%error, entries, "the journal could not commit");
        } else {
            tracing::debug!(%error, entries, "the journal could not commit");
        }
        appends
            .into_iter()
            .map(|append| {
                let refused = AppendError::Commit(Arc::clone(&error));
                (append.answer, Err(refused))
            })
            .collect()
    }

    /// Reads the uuids again when somebody else wrote since the last transaction. A purge between this and the
    /// transaction costs no more than a duplicate that is told of an event which is gone.
    fn notice_changes(&mut self) {
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut select| select.query_row([], |row| row.get(0)));
        let noticed = version.and_then(|version| {
            if self.data_version != Some(version) {
                self.uuids = Uuids::load(&self.connection)?;
                self.data_version = Some(version);
            }
            Ok(())
        });
        if let Err(error) = noticed {
            tracing::warn!(%error, "the journal could not look for changes beside it");
        }
    }

    /// Writes as an append does, without an event.
    fn probe(&self) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO meta (name, value) VALUES ('probe', ?1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )?
            .execute([Timestamp::now().0])?;
        Ok(())
    }

    /// Leaves the transaction that failed, if SQLite has not done that by itself.
    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the journal's transaction could not be rolled back");
        }
    }

    fn begin_sweep(
        &mut self,
        now: Option<Timestamp>,
        answer: Option<oneshot::Sender<Result<Swept, AppendError>>>,
    ) {
        self.next_sweep = Instant::now() + SWEEP_INTERVAL;
        self.unswept = 0;
        let running = self.sweep.get_or_insert_with(|| Running {
            sweep: Sweep::new(
                self.retention,
                now.unwrap_or_else(|| self.time.now(&self.connection)),
                self.metrics.clone(),
            ),
            answers: Vec::new(),
        });
        running.answers.extend(answer);
    }

    fn step_sweep(&mut self) {
        let Some(running) = &mut self.sweep else {
            return;
        };
        let result = match running.sweep.step(&mut self.connection, &mut self.uuids) {
            Ok(retention::Progress::More) => return,
            Ok(retention::Progress::Done(swept)) => {
                if swept.events > 0 {
                    tracing::info!(
                        events = swept.events,
                        bytes = swept.bytes,
                        "retention threw events away"
                    );
                }
                Ok(swept)
            }
            Err(error) => {
                tracing::warn!(%error, "retention failed and is tried again in a minute");
                Err(Arc::new(error))
            }
        };
        for answer in self.sweep.take().into_iter().flat_map(|run| run.answers) {
            drop(answer.send(result.clone().map_err(AppendError::Commit)));
        }
    }
}

/// Answers those who still wait when the thread ends, also when it panics.
#[derive(Debug)]
struct AbandonOnExit(Arc<Queue>);

impl Drop for AbandonOnExit {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// What a transaction stored.
struct Stored {
    /// For each entry, in order.
    results: Vec<Result<Appended, AppendError>>,
    /// The newest `seq` of each endpoint that has a new one.
    heads: Vec<(EndpointKey, u64)>,
    uuids: Added,
}

/// Stores the entries in one transaction. An entry that cannot be stored fails alone, unless the reason is the
/// database's and not the entry's.
fn store(connection: &Connection, uuids: &Uuids, appends: &[Append]) -> rusqlite::Result<Stored> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut statements = Statements::prepare(connection, uuids)?;
    let mut numbers = HashMap::new();
    let mut results = Vec::with_capacity(appends.len());
    for append in appends {
        let endpoint = append.entry.endpoint;
        let number = match numbers.get_mut(&endpoint) {
            Some(known) => known,
            None => {
                let next = statements.next_seq(endpoint)?;
                numbers.entry(endpoint).or_insert(next)
            }
        };
        results.push(match number {
            None => Err(AppendError::NoEndpoint),
            Some(numbering) => match statements.store(append, numbering.next) {
                Ok(appended) => {
                    statements.note_uuid(append, appended.seq)?;
                    numbering.next += 1;
                    numbering.bytes +=
                        retention::event_bytes(append.entry.request.as_bytes().len());
                    Ok(appended)
                }
                Err(error) if is_about_the_entry(&error) => {
                    tracing::error!(%error, endpoint = endpoint.0, "an event could not be stored");
                    Err(AppendError::Commit(Arc::new(error)))
                }
                Err(error) => return Err(error),
            },
        });
    }
    let mut heads = Vec::with_capacity(numbers.len());
    for (endpoint, numbering) in numbers {
        if let Some(numbering) = numbering.filter(|numbering| numbering.bytes > 0) {
            statements.advance(endpoint, &numbering)?;
            heads.push((endpoint, numbering.next - 1));
        }
    }
    let uuids = statements.lookup.into_added();
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(Stored {
        results,
        heads,
        uuids,
    })
}

/// Returns whether the error leaves the transaction as it was before the statement.
fn is_about_the_entry(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch
        ),
        _ => false,
    }
}

/// An endpoint's numbers within one transaction. They are taken from the row once and put back once: no other
/// connection can write between, and an update for each event costs as much as its insertion.
struct Numbering {
    next: u64,
    /// Bytes that the transaction adds.
    bytes: i64,
}

struct Statements<'c> {
    next_seq: CachedStatement<'c>,
    advance: CachedStatement<'c>,
    lookup: Lookup<'c>,
    insert: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection, uuids: &'c Uuids) -> rusqlite::Result<Self> {
        Ok(Self {
            next_seq: connection.prepare_cached("SELECT next_seq FROM endpoint WHERE key = ?1")?,
            advance: connection.prepare_cached(
                "UPDATE endpoint SET next_seq = ?2, bytes = bytes + ?3 WHERE key = ?1",
            )?,
            lookup: Lookup::prepare(connection, uuids)?,
            insert: connection.prepare_cached(
                "INSERT INTO event
                     (key, id, received_at, kind, disposition, duplicate_of, uuid_hash, request)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
        })
    }

    /// Returns where the endpoint's numbers stand, `None` when there is no such endpoint.
    fn next_seq(&mut self, endpoint: EndpointKey) -> rusqlite::Result<Option<Numbering>> {
        self.next_seq
            .query_row([endpoint.0], |row| row.get::<_, i64>(0))
            .optional()
            .map(|next| {
                next.map(|next| Numbering {
                    next: next.unsigned_abs(),
                    bytes: 0,
                })
            })
    }

    fn advance(&mut self, endpoint: EndpointKey, numbering: &Numbering) -> rusqlite::Result<()> {
        let next = i64::try_from(numbering.next).unwrap_or(i64::MAX);
        self.advance
            .execute(params![endpoint.0, next, numbering.bytes])?;
        Ok(())
    }

    fn store(&mut self, append: &Append, seq: u64) -> rusqlite::Result<Appended> {
        let entry = &append.entry;
        let duplicate_of = match append.uuid_hash {
            Some(hash) => self.lookup.first(hash)?.map(seq_of),
            None => None,
        };
        self.insert.execute(params![
            event_key(entry.endpoint, seq),
            entry.id.as_bytes(),
            entry.received_at.0,
            entry.kind.code(),
            entry.disposition.code(),
            duplicate_of.and_then(|seq| i64::try_from(seq).ok()),
            append.uuid_hash,
            entry.request.as_bytes().as_ref(),
        ])?;
        Ok(Appended { seq, duplicate_of })
    }

    /// Makes a stored event's uuid known. Apart from [`Statements::store`], because the event is in the table when
    /// this fails: then the whole transaction has to.
    fn note_uuid(&mut self, append: &Append, seq: u64) -> rusqlite::Result<()> {
        match append.uuid_hash {
            Some(hash) => self.lookup.add(hash, event_key(append.entry.endpoint, seq)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::journal::sqlite::queue::QueueLimits;
    use crate::journal::suite::entry;
    use crate::recent::RecentLog;
    use crate::store::{self, DataDir};

    #[test]
    fn transactions_that_go_on_failing_do_not_fill_the_log() {
        let temp = TempDir::new().unwrap();
        let dir = DataDir::open(temp.path()).unwrap();
        store::open_writer(&dir)
            .unwrap()
            .execute_batch(
                "INSERT INTO account (name, created_at, changed_at) VALUES ('anna', 0, 0);
                 INSERT INTO endpoint (account, name, id, created_at) VALUES (1, 'a', 'a-1', 0);",
            )
            .unwrap();
        // As if its disk had become read-only.
        let mut writer = Writer::new(
            store::open_reader(&dir).unwrap(),
            Arc::new(Queue::new(QueueLimits::default())),
            Arc::default(),
            Retention::default(),
            JournalMetrics::default(),
        )
        .unwrap();
        let recent = RecentLog::default();
        let log = tracing_subscriber::registry().with(recent.clone());
        tracing::subscriber::with_default(log, || {
            for number in 0..10 {
                let (answer, _answered) = oneshot::channel();
                let append = Append {
                    entry: entry(EndpointKey(1), b"", number),
                    uuid_hash: None,
                    answer,
                };
                let [(_, refused)] = &writer.commit(vec![append])[..] else {
                    panic!("one answer");
                };
                assert!(refused.is_err());
            }
        });
        assert_eq!(writer.metrics.failed_commits.get(), 10);
        assert!((1..10).contains(&recent.lines().len()));
    }
}
