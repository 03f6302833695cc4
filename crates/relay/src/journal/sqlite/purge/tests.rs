//! Purging while the journal is open.

use std::sync::Arc;

use bytes::Bytes;
use ringtail_protocol::event::Timestamp;
use tempfile::TempDir;

use super::super::SqliteJournal;
use super::*;
use crate::journal::suite::entry;
use crate::journal::{AppendError, Deleted, Journal, Retention};
use crate::metrics::JournalMetrics;

const PLANTED: &[u8] = b"planted-message-of-somebody";

struct PurgeFixture {
    dir: DataDir,
    journal: Arc<SqliteJournal>,
    temp: TempDir,
}

impl PurgeFixture {
    fn new() -> Self {
        let temp = TempDir::new().unwrap();
        let dir = DataDir::open(temp.path()).unwrap();
        store::open_writer(&dir)
            .unwrap()
            .execute_batch(
                "INSERT INTO account (key, name, created_at, changed_at) VALUES (1, 'anna', 0, 0);
                 INSERT INTO endpoint (key, account, name, id, created_at) VALUES (1, 1, 'a', 'a-1', 0);
                 INSERT INTO endpoint (key, account, name, id, created_at) VALUES (2, 1, 'b', 'b-1', 0);",
            )
            .unwrap();
        let retention = Retention::default();
        let journal = Arc::new(SqliteJournal::open(&dir, retention).unwrap());
        Self { dir, journal, temp }
    }

    async fn append(
        &self,
        endpoint: EndpointKey,
        body: &[u8],
    ) -> Result<crate::journal::Appended, AppendError> {
        let mut entry = entry(endpoint, body, 1);
        entry.identity = Some(Bytes::copy_from_slice(&body[..body.len().min(64)]));
        self.journal.append(entry).await
    }

    /// Returns whether any file of the directory contains the text.
    fn holds(&self, text: &[u8]) -> bool {
        std::fs::read_dir(self.temp.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|it| it == text)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_of_a_purged_event_is_left_in_any_file() {
    let relay = PurgeFixture::new();
    let (purged, kept) = (EndpointKey(1), EndpointKey(2));
    for size in [0, 100, 3_000, 5_000, 200_000] {
        for number in 0..40 {
            let mut body = PLANTED.to_vec();
            body.extend(std::iter::repeat_n(b'x', size));
            body.extend(
                format!("{size}-{number}")
                    .bytes()
                    .chain(PLANTED.iter().copied()),
            );
            relay.append(purged, &body).await.unwrap();
            relay.append(kept, b"of another endpoint").await.unwrap();
        }
    }
    assert!(relay.holds(PLANTED));
    let done = purge(&relay.dir, purged).unwrap();
    assert_eq!(done.events, 200);
    assert!(!relay.holds(PLANTED), "a file still has it");
    assert!(relay.holds(b"of another endpoint"));
    let page = relay.journal.read(purged, 0, 10, 1000).await.unwrap();
    assert_eq!((page.events.len(), page.head), (0, 200));
    let others = relay.journal.read(kept, 0, 1000, 1 << 30).await.unwrap();
    assert_eq!(others.events.len(), 200);
    let bytes: i64 = store::open_reader(&relay.dir)
        .unwrap()
        .query_row("SELECT bytes FROM endpoint WHERE key = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(bytes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_event_is_not_an_original_and_its_number_is_not_reused() {
    let relay = PurgeFixture::new();
    let endpoint = EndpointKey(1);
    let first = relay.append(endpoint, b"same").await.unwrap();
    let second = relay.append(endpoint, b"same").await.unwrap();
    assert_eq!((first.seq, second.duplicate_of), (1, Some(1)));
    purge(&relay.dir, endpoint).unwrap();
    let third = relay.append(endpoint, b"same").await.unwrap();
    assert_eq!((third.seq, third.duplicate_of), (3, None));
    assert_eq!(purge(&relay.dir, endpoint).unwrap().events, 1);
    assert_eq!(purge(&relay.dir, endpoint).unwrap(), Deleted::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_endpoint_takes_no_events() {
    let relay = PurgeFixture::new();
    let endpoint = EndpointKey(1);
    relay.append(endpoint, PLANTED).await.unwrap();
    assert_eq!(delete(&relay.dir, endpoint).unwrap().events, 1);
    let refused = relay.append(endpoint, PLANTED).await.unwrap_err();
    assert!(matches!(refused, AppendError::NoEndpoint), "{refused}");
    assert!(!relay.holds(PLANTED));
    relay.append(EndpointKey(2), b"goes on").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_being_read_is_reported_and_the_events_are_gone() {
    let relay = PurgeFixture::new();
    let endpoint = EndpointKey(1);
    relay.append(endpoint, PLANTED).await.unwrap();
    let reader = store::open_reader(&relay.dir).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM event")
        .unwrap();
    let mut writer = store::open_writer(&relay.dir).unwrap();
    remove(&mut writer, endpoint).unwrap();
    writer.busy_timeout(Duration::ZERO).unwrap();
    assert!(!empty_log(&writer).unwrap(), "a reader is in the way");
    relay.append(EndpointKey(2), b"goes on").await.unwrap();
    reader.execute_batch("COMMIT").unwrap();
    // The journal's thread may be busy.
    writer.busy_timeout(ringtail_sqlite::BUSY_TIMEOUT).unwrap();
    assert!(empty_log(&writer).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_keeps_events_for_its_own_retention() {
    let relay = PurgeFixture::new();
    let set = |days: Option<u16>| {
        let accounts = crate::accounts::Accounts::open(&relay.dir).unwrap();
        accounts.set_retention(EndpointKey(1), days).unwrap();
    };
    let day = 24 * 60 * 60 * 1_000_000_i64;
    relay.append(EndpointKey(1), b"one").await.unwrap();
    relay.append(EndpointKey(2), b"two").await.unwrap();
    let left = async |days: i64| {
        relay
            .journal
            .retain(Some(Timestamp(days * day)))
            .await
            .unwrap();
        let mut left = Vec::new();
        for endpoint in [EndpointKey(1), EndpointKey(2)] {
            let page = relay.journal.read(endpoint, 0, 10, 1000).await.unwrap();
            left.push(page.events.len());
        }
        left
    };
    set(Some(60));
    assert_eq!(left(40).await, [1, 0], "longer than the relay's 30 days");
    set(Some(7));
    assert_eq!(left(8).await, [0, 0], "shorter");
    relay.append(EndpointKey(1), b"three").await.unwrap();
    set(None);
    assert_eq!(left(29).await, [1, 0], "the relay's own");
}

thread_local! {
    /// A purge inside a transaction, for which a sweep waits.
    static PURGING: std::cell::Cell<Option<Connection>> = const { std::cell::Cell::new(None) };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_beside_a_sweep_subtracts_bytes_once() {
    let relay = PurgeFixture::new();
    let endpoint = EndpointKey(1);
    for number in 0..5 {
        let body = format!("event {number}");
        relay.append(endpoint, body.as_bytes()).await.unwrap();
    }
    relay.journal.close().await;
    let mut sweeping = store::open_writer(&relay.dir).unwrap();
    let purging = store::open_writer(&relay.dir).unwrap();
    purging.execute_batch("BEGIN IMMEDIATE").unwrap();
    let found = retention::oldest(&purging, endpoint, |_, _| true).unwrap();
    retention::delete(&purging, endpoint, &found).unwrap();
    assert_eq!(found.events, 5);
    PURGING.set(Some(purging));
    // The sweep has searched for old events before it has to wait.
    let busy = |_| {
        let purging = PURGING.take();
        purging.is_some_and(|purging| purging.execute_batch("COMMIT").is_ok())
    };
    sweeping.busy_handler(Some(busy)).unwrap();
    let retention = Retention {
        max_age: std::time::Duration::ZERO,
        ..Retention::default()
    };
    let metrics = JournalMetrics::default();
    let mut sweep = retention::Sweep::new(retention, Timestamp(i64::MAX), metrics);
    let mut uuids = super::super::uuids::Uuids::load(&sweeping).unwrap();
    let swept = loop {
        if let Some(swept) = sweep.step(&mut sweeping, &mut uuids).unwrap() {
            break swept;
        }
    };
    assert_eq!(swept.events, 0);
    let bytes: i64 = sweeping
        .query_row("SELECT bytes FROM endpoint WHERE key = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(bytes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_excess_makes_larger_steps() {
    let relay = PurgeFixture::new();
    for number in 0..64 {
        let mut body = vec![b'x'; 16 * 1024];
        body.extend(number.to_string().into_bytes());
        relay.append(EndpointKey(1), &body).await.unwrap();
        relay.append(EndpointKey(2), &body).await.unwrap();
    }
    relay.journal.close().await;
    let mut connection = store::open_writer(&relay.dir).unwrap();
    let retention = Retention {
        max_account_bytes: 0,
        ..Retention::default()
    };
    let metrics = JournalMetrics::default();
    let mut sweep = retention::Sweep::new(retention, Timestamp(0), metrics);
    let mut uuids = super::super::uuids::Uuids::load(&connection).unwrap();
    let count = |connection: &Connection| -> i64 {
        let count = connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0));
        count.unwrap()
    };
    let mut most = 0;
    while count(&connection) > 0 {
        let before = count(&connection);
        sweep.step(&mut connection, &mut uuids).unwrap();
        most = most.max(before - count(&connection));
    }
    // The excess is two MiB. An eighth goes in one step, though both endpoints are equally large.
    assert!(most >= 16, "{most}");
}
