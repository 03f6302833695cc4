//! The last time that retention knew, kept from one process to the next.
//!
//! For a day, retention does not believe a system clock that is far from the known time. A relay without events that
//! restarts every day would never believe it if its newest event were all it knew.

use std::time::{Duration, Instant};

use ringtail_protocol::event::Timestamp;
use rusqlite::{Connection, named_params};

use crate::clock::SteadyClock;

/// How often the time is written: within the tolerance of `SteadyClock`, so that a killed relay starts without doubt.
const INTERVAL: Duration = Duration::from_secs(30 * 60);

/// Retention's clock. It begins with a known time, so that a system that boots with a wrong clock deletes nothing.
#[derive(Debug)]
pub(super) struct KnownTime {
    clock: SteadyClock,
    kept: Option<Instant>,
}

impl KnownTime {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let system = Timestamp::now();
        let known = latest(connection)?.map_or(system, |known| known.min(system));
        Ok(Self {
            clock: SteadyClock::since(known),
            kept: None,
        })
    }

    /// Returns the time, and writes it now and then.
    pub(super) fn now(&mut self, connection: &Connection) -> Timestamp {
        let now = self.clock.now();
        if self.kept.is_none_or(|kept| kept.elapsed() >= INTERVAL) {
            self.keep(connection, now);
        }
        now
    }

    /// Writes the time at the end of the process.
    pub(super) fn close(&mut self, connection: &Connection) {
        let now = self.clock.now();
        self.keep(connection, now);
    }

    fn keep(&mut self, connection: &Connection, now: Timestamp) {
        self.kept = Some(Instant::now());
        let kept = connection
            .prepare_cached(
                "INSERT INTO meta (name, value) VALUES ('clock', :now)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .and_then(|mut insert| insert.execute(named_params! { ":now": now.0 }));
        if let Err(error) = kept {
            tracing::debug!(%error, "could not write the known time");
        }
    }
}

/// Returns the latest known time: that of the newest event, or what an earlier process wrote.
fn latest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let latest = connection.query_row(
        "SELECT max(time) FROM (
             SELECT received_at AS time FROM event
             WHERE event.key IN (SELECT (endpoint.key << 42) | (next_seq - 1) FROM endpoint)
             UNION ALL SELECT value FROM meta WHERE name = 'clock'
         )",
        [],
        |row| row.get::<_, Option<i64>>(0),
    )?;
    Ok(latest.map(Timestamp))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::{self, DataDir};

    const HOUR: i64 = 3_600_000_000;

    fn latest_kept(connection: &Connection) -> i64 {
        latest(connection).unwrap().expect("a time").0
    }

    #[test]
    fn time_advances_though_each_process_doubts_the_system() {
        let temp = TempDir::new().unwrap();
        let connection = store::open_writer(&DataDir::open(temp.path()).unwrap()).unwrap();
        let old = Timestamp::now().0 - 40 * 24 * HOUR;
        connection
            .execute(
                "INSERT INTO account (key, name, created_at, changed_at) VALUES (1, 'anna', 0, 0)",
                [],
            )
            .unwrap();
        connection
            .execute_batch(&format!(
                "INSERT INTO endpoint (key, account, name, id, created_at, next_seq) VALUES (1, 1, 'a', 'a-1', 0, 2);
                 INSERT INTO event (key, id, received_at, kind, disposition, request)
                 VALUES ((1 << 42) | 1, randomblob(16), {old}, 1, 1, x'');"
            ))
            .unwrap();
        // It begins with the newest event, and later processes begin where it stopped.
        let mut before = old;
        for _ in 0..3 {
            let mut time = KnownTime::load(&connection).unwrap();
            let now = time.now(&connection).0;
            assert!((before..old + HOUR).contains(&now));
            time.close(&connection);
            assert!(latest_kept(&connection) >= now);
            before = latest_kept(&connection);
        }
        // As after weeks of restarts.
        let nearly = Timestamp::now().0 - HOUR / 2;
        let mut time = KnownTime::load(&connection).unwrap();
        time.keep(&connection, Timestamp(nearly));
        let mut time = KnownTime::load(&connection).unwrap();
        assert!(time.now(&connection).0 > nearly + HOUR / 3);
        // A known time in the future is ignored.
        time.keep(&connection, Timestamp(i64::MAX));
        let mut time = KnownTime::load(&connection).unwrap();
        assert!(time.now(&connection) <= Timestamp::now());
    }
}
