//! Retention and purging in PostgreSQL, in small transactions.
//!
//! Each relay sweeps every minute; an advisory lock lets one do so at a time. The rules are those of SQLite's journal.
//! Freed space is PostgreSQL's to reuse: its vacuum does not overwrite deleted events.

use std::time::Duration;

use ringtail_protocol::event::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval_at};

use crate::clock::SteadyClock;
use crate::journal::{
    AppendError, Deleted, EVENT_BYTES, EndpointKey, Retention, STEP_BYTES, step_bytes,
};
use crate::metrics::{JournalMetrics, RetentionLimit};
use crate::postgres::{Postgres, PostgresError, Session};

/// How often retention runs.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// One relay sweeps at a time. `rtrl` and one more, next to the lock of the migrations.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(1920234093)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(1920234093)";

/// Endpoints whose oldest event is older than their own setting or the relay's allows.
const AGED: &str = "SELECT key, $1::bigint - coalesce(retention_days * 86400000000, $2::bigint) FROM endpoint CROSS JOIN LATERAL
        (SELECT received_at FROM event WHERE event.endpoint = endpoint.key ORDER BY seq LIMIT 1) AS oldest
    WHERE received_at < $1 - coalesce(retention_days * 86400000000, $2) AND key > $3 ORDER BY key LIMIT 500";

const OVERFULL_ACCOUNT: &str = "SELECT account, sum(bytes)::bigint FROM endpoint GROUP BY account
    HAVING sum(bytes) > $1::bigint LIMIT 1";

const LARGEST: &str = "SELECT key, bytes FROM endpoint
    WHERE bytes > 0 AND ($1::bigint IS NULL OR account = $1) ORDER BY bytes DESC, key LIMIT 2";

const LOCK_ENDPOINT: &str = "SELECT 1 FROM endpoint WHERE key = $1 FOR NO KEY UPDATE";

/// Deletes from the endpoint's old end, up to 640 events: those that were received before `$2`, while those before them
/// have fewer bytes than `$3`, up to the `seq` `$4`.
const STEP: &str = "WITH candidate AS (
        SELECT seq, size, (sum(size) OVER (ORDER BY seq))::bigint AS total, bool_and(received_at < $2) OVER (ORDER BY seq) AS goes
        FROM (SELECT seq, received_at, octet_length(request) + $5::bigint AS size FROM event
              WHERE endpoint = $1 AND seq <= $4 ORDER BY seq LIMIT 640) AS oldest
    ), doomed AS (
        SELECT max(seq) AS last, count(*) AS events, coalesce(sum(size), 0)::bigint AS bytes
        FROM candidate WHERE goes AND total - size < $3
    ), deleted AS (
        DELETE FROM event WHERE endpoint = $1 AND seq <= (SELECT last FROM doomed)
    ), counted AS (
        UPDATE endpoint SET bytes = endpoint.bytes - doomed.bytes FROM doomed WHERE key = $1 AND doomed.events > 0
    )
    SELECT events, bytes FROM doomed";

/// Asks for a sweep.
pub(super) struct Request {
    /// The time, unless it is now.
    pub(super) now: Option<Timestamp>,
    pub(super) answer: Option<oneshot::Sender<Result<Deleted, AppendError>>>,
}

/// The task that sweeps.
pub(super) struct SweepKeeper {
    postgres: Postgres,
    retention: Retention,
    metrics: JournalMetrics,
    /// From the first sweep on.
    clock: Option<SteadyClock>,
}

impl SweepKeeper {
    pub(super) fn new(postgres: Postgres, retention: Retention, metrics: JournalMetrics) -> Self {
        Self {
            postgres,
            retention,
            metrics,
            clock: None,
        }
    }

    /// Sweeps every minute and when asked. Never returns while the journal lives.
    pub(super) async fn run(mut self, mut asked: mpsc::Receiver<Request>) {
        let first = tokio::time::Instant::now() + SWEEP_INTERVAL;
        let mut ticks = interval_at(first, SWEEP_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let request = tokio::select! {
                biased;
                request = asked.recv() => request,
                _ = ticks.tick() => Some(Request { now: None, answer: None }),
            };
            let Some(Request { now, answer }) = request else {
                return;
            };
            let swept = self.sweep(now).await;
            match &swept {
                Ok(Deleted { events: 0, .. }) => {}
                Ok(Deleted { events, bytes }) => {
                    tracing::info!(events, bytes, "retention deleted events");
                }
                Err(error) => {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(error, "retention failed, retrying in a minute");
                }
            }
            if let Some(answer) = answer {
                drop(answer.send(swept.map_err(AppendError::from)));
            }
        }
    }

    async fn sweep(&mut self, now: Option<Timestamp>) -> Result<Deleted, PostgresError> {
        let mut session = self.postgres.take().await?;
        let clock = match &self.clock {
            Some(clock) => clock,
            None => {
                let (known, system) = (known_time(&mut session).await?, Timestamp::now());
                // A system that boots with a wrong clock deletes nothing.
                let began = known.map_or(system, |known| known.min(system));
                self.clock.insert(SteadyClock::since(began))
            }
        };
        let now = now.unwrap_or_else(|| clock.now());
        let got = session.query(TRY_LOCK, &[]).await?;
        let is_ours = got.first().map(|row| row.try_get(0)).transpose()?;
        if is_ours != Some(true) {
            session.release();
            return Ok(Deleted::default());
        }
        keep_time(&mut session, now).await?;
        let mut sweep = SweepRun {
            session: &mut session,
            metrics: &self.metrics,
            deleted: Deleted::default(),
        };
        sweep.age(now, self.retention.max_age).await?;
        sweep.accounts(self.retention.max_account_bytes).await?;
        sweep.relay(self.retention.max_bytes).await?;
        let deleted = sweep.deleted;
        session.query(UNLOCK, &[]).await?;
        session.release();
        Ok(deleted)
    }
}

/// One run of retention.
struct SweepRun<'a> {
    session: &'a mut Session,
    metrics: &'a JournalMetrics,
    deleted: Deleted,
}

impl SweepRun<'_> {
    async fn age(&mut self, now: Timestamp, age: Duration) -> Result<(), PostgresError> {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let mut after = 0_i64;
        loop {
            let rows = self.session.query(AGED, &[&now.0, &age, &after]).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                after = row.try_get(0)?;
                let cutoff: i64 = row.try_get(1)?;
                let step = Step {
                    before: cutoff,
                    ..Step::OF_ANY
                };
                while self
                    .delete(EndpointKey(after), step, RetentionLimit::Age)
                    .await?
                    > 0
                {}
            }
        }
    }

    async fn accounts(&mut self, most: u64) -> Result<(), PostgresError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        loop {
            let rows = self.session.query(OVERFULL_ACCOUNT, &[&most]).await?;
            let Some(row) = rows.first() else {
                return Ok(());
            };
            let (account, bytes): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let limit = RetentionLimit::AccountBytes;
            if !self.shrink(Some(account), bytes - most, limit).await? {
                return Ok(());
            }
        }
    }

    async fn relay(&mut self, most: u64) -> Result<(), PostgresError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        loop {
            let total = "SELECT coalesce(sum(bytes), 0)::bigint FROM endpoint";
            let rows = self.session.query(total, &[]).await?;
            let total = rows
                .first()
                .map(|row| row.try_get::<_, i64>(0))
                .transpose()?;
            let excess = total.unwrap_or_default() - most;
            let limit = RetentionLimit::RelayBytes;
            if excess <= 0 || !self.shrink(None, excess, limit).await? {
                return Ok(());
            }
        }
    }

    /// Deletes some of the oldest events of the largest endpoint, of one account or of all; returns whether there is one.
    async fn shrink(
        &mut self,
        account: Option<i64>,
        excess: i64,
        limit: RetentionLimit,
    ) -> Result<bool, PostgresError> {
        let rows = self.session.query(LARGEST, &[&account]).await?;
        let Some(largest) = rows.first() else {
            return Ok(false);
        };
        let endpoint = EndpointKey(largest.try_get(0)?);
        let bytes: i64 = largest.try_get(1)?;
        let next: Option<i64> = rows.get(1).map(|row| row.try_get(1)).transpose()?;
        let step = Step {
            bytes: step_bytes(excess, bytes - next.unwrap_or_default()),
            ..Step::OF_ANY
        };
        // Purged meanwhile, or the size is wrong: without this, every sweep would try it again.
        if self.delete(endpoint, step, limit).await? == 0
            && reset_size(self.session, endpoint).await?
        {
            let endpoint = endpoint.0;
            tracing::error!(endpoint, "reset the size of an endpoint without events");
        }
        Ok(true)
    }

    async fn delete(
        &mut self,
        endpoint: EndpointKey,
        step: Step,
        limit: RetentionLimit,
    ) -> Result<u64, PostgresError> {
        let deleted = delete(self.session, endpoint, step).await?;
        self.metrics.deleted(limit, deleted.events);
        self.deleted.events += deleted.events;
        self.deleted.bytes += deleted.bytes;
        Ok(deleted.events)
    }
}

/// Which events of an endpoint's old end a step deletes.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Received before this.
    before: i64,
    /// While those before have fewer bytes.
    bytes: i64,
    /// Up to this `seq`.
    last: i64,
}

impl Step {
    const OF_ANY: Self = Self {
        before: i64::MAX,
        bytes: STEP_BYTES,
        last: i64::MAX,
    };
}

/// Deletes events from the endpoint's old end, in a transaction that also locks out appends to it.
async fn delete(
    session: &mut Session,
    endpoint: EndpointKey,
    step: Step,
) -> Result<Deleted, PostgresError> {
    session.batch("BEGIN").await?;
    session.query(LOCK_ENDPOINT, &[&endpoint.0]).await?;
    let deleted = delete_locked(session, endpoint, step).await?;
    session.batch("COMMIT").await?;
    Ok(deleted)
}

async fn delete_locked(
    session: &mut Session,
    endpoint: EndpointKey,
    step: Step,
) -> Result<Deleted, PostgresError> {
    let Step {
        before,
        bytes,
        last,
    } = step;
    let rows = session
        .query(STEP, &[&endpoint.0, &before, &bytes, &last, &EVENT_BYTES])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(Deleted::default());
    };
    Ok(Deleted {
        events: row.try_get::<_, i64>(0)?.unsigned_abs(),
        bytes: row.try_get::<_, i64>(1)?.unsigned_abs(),
    })
}

/// Sets the size of an endpoint without events to 0; returns whether it was another.
async fn reset_size(session: &mut Session, endpoint: EndpointKey) -> Result<bool, PostgresError> {
    session.batch("BEGIN").await?;
    // Locked first: the update then sees an event that was stored meanwhile.
    session.query(LOCK_ENDPOINT, &[&endpoint.0]).await?;
    let reset = "UPDATE endpoint SET bytes = 0 WHERE key = $1 AND bytes > 0
         AND NOT EXISTS (SELECT 1 FROM event WHERE endpoint = $1)";
    let changed = session.execute(reset, &[&endpoint.0]).await?;
    session.batch("COMMIT").await?;
    Ok(changed > 0)
}

/// Deletes the events that the endpoint has now. Their numbers are not used again; clients report a gap.
pub(super) async fn purge(
    postgres: &Postgres,
    endpoint: EndpointKey,
) -> Result<Deleted, PostgresError> {
    let mut session = postgres.take().await?;
    // Only events up to now: on a busy endpoint this would never end.
    let newest = "SELECT next_seq - 1 FROM endpoint WHERE key = $1";
    let rows = session.query(newest, &[&endpoint.0]).await?;
    let newest = rows.first().map(|row| row.try_get(0)).transpose()?;
    let step = Step {
        last: newest.unwrap_or_default(),
        ..Step::OF_ANY
    };
    let mut purged = Deleted::default();
    loop {
        let deleted = delete(&mut session, endpoint, step).await?;
        purged.events += deleted.events;
        purged.bytes += deleted.bytes;
        if deleted.events == 0 {
            session.release();
            return Ok(purged);
        }
    }
}

/// Deletes the endpoint with its events: from now on its URL answers 404.
pub(super) async fn delete_endpoint(
    postgres: &Postgres,
    endpoint: EndpointKey,
) -> Result<Deleted, PostgresError> {
    let mut purged = purge(postgres, endpoint).await?;
    let mut session = postgres.take().await?;
    session.batch("BEGIN").await?;
    session.query(LOCK_ENDPOINT, &[&endpoint.0]).await?;
    // Events that arrived meanwhile are few enough for one transaction.
    loop {
        let deleted = delete_locked(&mut session, endpoint, Step::OF_ANY).await?;
        purged.events += deleted.events;
        purged.bytes += deleted.bytes;
        if deleted.events == 0 {
            break;
        }
    }
    let remove = "DELETE FROM endpoint WHERE key = $1";
    session.execute(remove, &[&endpoint.0]).await?;
    session.batch("COMMIT").await?;
    session.release();
    Ok(purged)
}

/// Returns the latest known time: that of the newest event, or what an earlier sweep wrote.
async fn known_time(session: &mut Session) -> Result<Option<Timestamp>, PostgresError> {
    let select = "SELECT max(time) FROM (
            SELECT received_at AS time FROM endpoint JOIN event ON endpoint = key AND seq = next_seq - 1
            UNION ALL SELECT value::bigint FROM meta WHERE name = 'clock'
        ) AS known";
    let rows = session.query(select, &[]).await?;
    let latest: Option<Option<i64>> = rows.first().map(|row| row.try_get(0)).transpose()?;
    Ok(latest.flatten().map(Timestamp))
}

async fn keep_time(session: &mut Session, now: Timestamp) -> Result<(), PostgresError> {
    let upsert = "INSERT INTO meta (name, value) VALUES ('clock', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    session.execute(upsert, &[&now.0.to_string()]).await?;
    Ok(())
}
