//! The suite on SQLite, and tests of SQLite's own failures.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use ringtail_kit::eventually;
use ringtail_protocol::event::{Kind, Timestamp};
use rusqlite::{Connection, ErrorCode};
use tempfile::TempDir;

use super::{LARGE_BYTES, SqliteJournal};
use crate::journal::suite::{Fixture, MONTH, PLENTY, append, entry, journal_suite, read_all, seqs};
use crate::journal::{AppendError, Deleted, EndpointKey, Journal, ReadError, Retention};
use crate::metrics::JournalMetrics;
use crate::store::{self, DataDir};

/// A journal, and a second connection to its file.
struct Sqlite {
    temp: TempDir,
    dir: DataDir,
    retention: Retention,
    journal: Option<Arc<SqliteJournal>>,
    endpoints: i64,
}

journal_suite!(Sqlite);

impl Fixture for Sqlite {
    async fn start(max_age: Duration, max_bytes: u64) -> Self {
        Self::with(Retention {
            max_age,
            max_bytes,
            ..Retention::default()
        })
    }

    fn endpoint(&mut self) -> EndpointKey {
        self.endpoints += 1;
        self.sql(&format!(
            "INSERT OR IGNORE INTO account (key, name, created_at, changed_at) VALUES (1, 'anna', 0, 0);
             INSERT INTO endpoint (key, account, name, id, created_at)
             VALUES ({0}, 1, 'name-{0}', 'id-{0}', 0);",
            self.endpoints
        ));
        EndpointKey(self.endpoints)
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(self.sqlite()) as Arc<dyn Journal>
    }

    async fn reopen(&mut self) {
        let journal = self.journal.take().expect("a journal");
        journal.close().await;
        drop(journal);
        self.open();
    }

    async fn crash(&mut self) {
        // As after a kill: the files as they are, without checkpoint or close.
        let copy = TempDir::new().expect("a directory");
        for file in std::fs::read_dir(self.temp.path()).expect("a directory") {
            let file = file.expect("a file");
            let name = file.file_name();
            if !name.to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), copy.path().join(name)).expect("copied");
            }
        }
        drop(self.journal.take());
        self.dir = DataDir::open(copy.path()).expect("a directory");
        self.temp = copy;
        self.open();
    }
}

impl Sqlite {
    fn with(retention: Retention) -> Self {
        let temp = TempDir::new().expect("a directory");
        let dir = DataDir::open(temp.path()).expect("a data directory");
        let mut fixture = Self {
            temp,
            dir,
            retention,
            journal: None,
            endpoints: 0,
        };
        fixture.open();
        fixture
    }

    /// Starts on a connection that the test opens.
    fn on(prepare: impl FnOnce(&Path) -> Connection) -> Self {
        let mut fixture = Self::with(Retention::default());
        let connection = prepare(&fixture.dir.database());
        let journal = SqliteJournal::start(
            &fixture.dir,
            connection,
            fixture.retention,
            JournalMetrics::default(),
        );
        fixture.journal = Some(Arc::new(journal.expect("it starts")));
        fixture
    }

    fn open(&mut self) {
        let journal = SqliteJournal::open(&self.dir, self.retention).expect("it opens");
        self.journal = Some(Arc::new(journal));
    }

    fn sqlite(&self) -> &Arc<SqliteJournal> {
        self.journal.as_ref().expect("a journal")
    }

    fn connection(&self) -> Connection {
        store::open_writer(&self.dir).expect("a second connection")
    }

    fn sql(&self, sql: &str) {
        self.connection().execute_batch(sql).expect(sql);
    }

    fn number(&self, sql: &str) -> i64 {
        self.connection()
            .query_row(sql, [], |row| row.get(0))
            .expect(sql)
    }
}

/// Returns SQLite's code of a failed commit.
fn code(error: &AppendError) -> Option<ErrorCode> {
    match error {
        AppendError::Commit(error) => error.downcast_ref::<rusqlite::Error>()?.sqlite_error_code(),
        _ => None,
    }
}

#[tokio::test]
async fn a_link_that_keeps_up_reads_nothing_from_sqlite() {
    let mut kept = Sqlite::start(MONTH, PLENTY).await;
    let endpoint = kept.endpoint();
    let journal = kept.journal();
    append(&journal, entry(endpoint, b"before the link", 1)).await;
    let mut link = journal.head(endpoint);
    append(&journal, entry(endpoint, b"one", 2)).await;
    append(&journal, entry(endpoint, b"two", 3)).await;
    assert_eq!(*link.borrow_and_update(), 3);
    let stored = read_all(&journal, endpoint).await;
    assert_eq!(stored.len(), 3);
    let sqlite = Arc::clone(kept.sqlite());
    sqlite.readers.close();
    let page = |after| journal.read(endpoint, after, 100, 1 << 20);
    let fresh = page(1).await.unwrap();
    assert_eq!((fresh.events, fresh.head), (stored[1..].to_vec(), 3));
    let end = page(3).await.unwrap();
    assert_eq!((end.events, end.head), (Vec::new(), 3));
    let behind = page(0).await;
    assert!(matches!(behind, Err(ReadError::Closed)), "{behind:?}");
}

#[tokio::test]
async fn the_log_is_moved_beside_the_writer() {
    let mut kept = Sqlite::start(MONTH, PLENTY).await;
    let endpoint = kept.endpoint();
    let journal = kept.journal();
    // Less than what makes a commit do it.
    let body = vec![b'x'; 512 * 1024];
    let appends = (1..=10).map(|second| journal.append(entry(endpoint, &body, second)));
    for appended in join_all(appends).await {
        appended.unwrap();
    }
    let other = Connection::open(kept.dir.database()).unwrap();
    let moved = || {
        let pages = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
        let counted = other.query_row("PRAGMA wal_checkpoint(NOOP)", [], pages);
        let (pages, moved): (i64, i64) = counted.unwrap();
        assert!((1000..4096).contains(&pages), "{pages}");
        moved
    };
    eventually!(moved() > 1000, "pages in the database's file").unwrap();
}

/// What another process deletes is not sent from memory.
#[tokio::test]
async fn events_in_memory_are_gone_when_another_connection_has_written() {
    let mut kept = Sqlite::start(MONTH, PLENTY).await;
    let endpoint = kept.endpoint();
    let journal = kept.journal();
    let _link = journal.head(endpoint);
    append(&journal, entry(endpoint, b"deleted", 1)).await;
    append(&journal, entry(endpoint, b"kept", 2)).await;
    kept.sql("DELETE FROM event WHERE key & 1 = 1");
    append(&journal, entry(endpoint, b"later", 3)).await;
    assert_eq!(seqs(&journal, endpoint).await, [2, 3]);
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_journal_recovers() {
    let mut fixture = Sqlite::on(|path| {
        let connection = Connection::open(path).expect("opens");
        connection
            .pragma_update_and_check(None, "max_page_count", 100, |_| Ok(()))
            .expect("limited");
        connection
    });
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    // Together, so that those that fit share a transaction with one that does not.
    let answers =
        join_all((0..200).map(|n| journal.append(entry(endpoint, &[b'x'; 4000], n)))).await;
    let acknowledged = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(acknowledged < 200);
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(code(refused), Some(ErrorCode::DiskFull), "{refused:?}");
    }
    let stored = read_all(&journal, endpoint).await.len();
    assert_eq!(
        stored, acknowledged,
        "what was not acknowledged is not there"
    );
    let head = u64::try_from(stored).expect("fits");
    assert_eq!(*journal.head(endpoint).borrow(), head);

    fixture.sql("CREATE TABLE ballast (x BLOB); DELETE FROM event; DROP TABLE ballast;");
    assert_eq!(
        append(&journal, entry(endpoint, &[b'x'; 4000], 1))
            .await
            .seq,
        head + 1
    );
}

#[tokio::test]
async fn one_bad_entry_fails_alone() {
    let mut fixture = Sqlite::with(Retention::default());
    let endpoint = fixture.endpoint();
    fixture.sql(
        "CREATE TRIGGER picky BEFORE INSERT ON event WHEN new.kind = 99
         BEGIN SELECT RAISE(ABORT, 'not this one'); END;",
    );
    let journal = fixture.journal();
    let answers = join_all([2, 99, 2, 99, 2].map(|kind| {
        let mut entry = entry(endpoint, b"", 1);
        entry.kind = Kind::from_code(kind);
        journal.append(entry)
    }))
    .await;
    let told: Vec<Option<u64>> = answers
        .iter()
        .map(|answer| answer.as_ref().ok().map(|appended| appended.seq))
        .collect();
    assert_eq!(told, [Some(1), None, Some(2), None, Some(3)]);
    assert_eq!(seqs(&journal, endpoint).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_large_request_gives_way_to_a_small_one() {
    let mut fixture = Sqlite::with(Retention::default());
    let (endpoint, journal) = (fixture.endpoint(), fixture.sqlite());
    let paused = journal.writer.pause().await.expect("between two");
    let large = journal.append(entry(endpoint, &[b'x'; LARGE_BYTES as usize], 1));
    let small = journal.append(entry(endpoint, b"", 1));
    drop(paused);
    assert_eq!(small.await.expect("stored").seq, 1);
    assert_eq!(large.await.expect("stored").seq, 2);
}

#[tokio::test]
async fn a_closed_journal_refuses() {
    let mut fixture = Sqlite::with(Retention::default());
    let endpoint = fixture.endpoint();
    let queued = fixture.sqlite().append(entry(endpoint, b"", 1));
    // As the accounts' connection: without it, SQLite would move the log by itself.
    let _other = fixture.connection();
    tokio::join!(fixture.sqlite().close(), fixture.sqlite().close());
    assert_eq!(queued.await.expect("queued before").seq, 1);
    let refused = fixture.sqlite().append(entry(endpoint, b"", 2)).await;
    assert!(matches!(refused, Err(AppendError::Closed)), "{refused:?}");
    let refused = fixture.sqlite().read(endpoint, 0, 1, 1).await;
    assert!(matches!(refused, Err(ReadError::Closed)), "{refused:?}");
    let refused = fixture.sqlite().retain(Some(Timestamp(0))).await;
    assert!(matches!(refused, Err(AppendError::Closed)), "{refused:?}");
    let log = fixture.temp.path().join("relay.db-wal");
    let left = std::fs::metadata(log).map_or(0, |log| log.len());
    assert_eq!(left, 0, "the log was moved into the database");
}

#[tokio::test]
async fn retention_shrinks_the_file_beside_appends() {
    let mut fixture = Sqlite::start(Duration::from_secs(100), PLENTY).await;
    let (endpoint, other) = (fixture.endpoint(), fixture.endpoint());
    let journal = fixture.journal();
    for _ in 0..3 {
        // Fits the queue, and takes several steps to delete, by number and by size.
        let appends = (0..600).map(|_| journal.append(entry(endpoint, &[b'x'; 20_000], 1)));
        for answer in join_all(appends).await {
            answer.expect("stored");
        }
    }
    let before = fixture.number("PRAGMA page_count");
    let sweep = fixture.sqlite().retain(Some(Timestamp(1_000_000_000)));
    let appends = async {
        for _ in 0..20 {
            append(&journal, entry(other, b"", 1000)).await;
        }
    };
    let (swept, ()) = tokio::join!(sweep, appends);
    let request = entry(endpoint, &[b'x'; 20_000], 1).request;
    let size = u64::try_from(crate::journal::event_bytes(request.as_bytes())).expect("fits");
    assert_eq!(
        swept.expect("it works"),
        Deleted {
            events: 1800,
            bytes: 1800 * size,
        }
    );
    let after = fixture.number("PRAGMA page_count");
    assert!(after < before / 3, "{before} pages, then {after}");
    assert_eq!(seqs(&journal, other).await.len(), 20);
    assert_eq!(sizes(&fixture), actual_sizes(&fixture));
}

/// Sizes of the endpoints, as stored.
fn sizes(fixture: &Sqlite) -> Vec<i64> {
    numbers(fixture, "SELECT bytes FROM endpoint ORDER BY key")
}

/// Sizes of the endpoints, summed over their events.
fn actual_sizes(fixture: &Sqlite) -> Vec<i64> {
    numbers(
        fixture,
        "SELECT coalesce(sum(length(request) + 96), 0)
         FROM endpoint LEFT JOIN event ON event.key >> 42 = endpoint.key
         GROUP BY endpoint.key ORDER BY endpoint.key",
    )
}

fn numbers(fixture: &Sqlite, sql: &str) -> Vec<i64> {
    let connection = fixture.connection();
    let mut select = connection.prepare(sql).expect(sql);
    let numbers = select.query_map([], |row| row.get(0)).expect(sql);
    numbers.collect::<Result<_, _>>().expect(sql)
}

#[tokio::test]
async fn sizes_are_kept_in_step_with_events() {
    let mut fixture = Sqlite::start(MONTH, 1_000_000).await;
    let endpoints = [fixture.endpoint(), fixture.endpoint(), fixture.endpoint()];
    let journal = fixture.journal();
    for second in 1..=30 {
        for endpoint in &endpoints[..2] {
            append(&journal, entry(*endpoint, &[b'x'; 30_000], second)).await;
        }
    }
    assert_eq!(sizes(&fixture), actual_sizes(&fixture));
    fixture.retain(Timestamp(1)).await;
    assert_eq!(sizes(&fixture), actual_sizes(&fixture));
    let total: i64 = sizes(&fixture).iter().sum();
    assert!((960_000..=1_000_000).contains(&total), "{total}");
    // Both were equally large, so both lost about the same.
    let [one, other] = [0, 1].map(|n| sizes(&fixture)[n]);
    assert!((one - other).abs() < 100_000, "{one} and {other}");
}

#[tokio::test]
async fn an_account_over_its_size_loses_events_of_its_largest_endpoint() {
    let mut fixture = Sqlite::with(Retention {
        max_account_bytes: 500_000,
        ..Retention::default()
    });
    let (large, small, other) = (fixture.endpoint(), fixture.endpoint(), fixture.endpoint());
    fixture.sql(
        "INSERT INTO account (key, name, created_at, changed_at) VALUES (2, 'ben', 0, 0);
         UPDATE endpoint SET account = 2 WHERE key = 3;",
    );
    let journal = fixture.journal();
    for (endpoint, events) in [(large, 20), (small, 5), (other, 16)] {
        for second in 0..events {
            append(&journal, entry(endpoint, &[b'x'; 30_000], second)).await;
        }
    }
    fixture.retain(Timestamp(1)).await;
    let sizes = sizes(&fixture);
    assert_eq!(sizes, actual_sizes(&fixture));
    assert!(
        (450_000..=500_000).contains(&(sizes[0] + sizes[1])),
        "{sizes:?}"
    );
    let kept = seqs(&journal, large).await;
    assert_eq!(kept, (21 - kept.len() as u64..=20).collect::<Vec<_>>());
    assert_eq!(seqs(&journal, small).await.len(), 5);
    assert_eq!(seqs(&journal, other).await.len(), 16);
}

#[tokio::test]
async fn a_flood_starts_retention_early() {
    let mut fixture = Sqlite::start(MONTH, 1_000_000).await;
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let body = vec![b'x'; 8 * 1024 * 1024];
    for second in 0..9 {
        append(&journal, entry(endpoint, &body, second)).await;
    }
    // This append waits for a step of the sweep.
    for second in 9..20 {
        append(&journal, entry(endpoint, b"", second)).await;
    }
    assert!(seqs(&journal, endpoint).await.len() < 20);
}

#[tokio::test]
async fn retention_corrects_a_wrong_size() {
    let mut fixture = Sqlite::start(MONTH, 1000).await;
    let endpoint = fixture.endpoint();
    append(&fixture.journal(), entry(endpoint, b"", 1)).await;
    fixture.sql("UPDATE endpoint SET bytes = 1000000; DELETE FROM event;");
    fixture.retain(Timestamp(1)).await;
    assert_eq!(sizes(&fixture), [0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_progress_beside_appends() {
    let mut fixture = Sqlite::with(Retention::default());
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let readers = (0..64).map(|_| async {
        let mut head = journal.head(endpoint);
        let mut after = 0;
        while after < 200 {
            head.wait_for(|head| *head > after).await.expect("it lives");
            let page = journal
                .read(endpoint, after, 50, 1 << 20)
                .await
                .expect("page");
            for event in &page.events {
                assert_eq!(event.seq, after + 1);
                after = event.seq;
            }
        }
    });
    let writer = async {
        for second in 0..200 {
            append(&journal, entry(endpoint, b"body", second)).await;
        }
    };
    tokio::join!(writer, join_all(readers));
}

#[tokio::test]
async fn the_highest_number_is_the_last() {
    let mut fixture = Sqlite::with(Retention::default());
    let (endpoint, next) = (fixture.endpoint(), fixture.endpoint());
    let journal = fixture.journal();
    fixture.sql("UPDATE endpoint SET next_seq = 4398046511102 WHERE key = 1");
    let last = append(&journal, entry(endpoint, b"", 1)).await.seq;
    assert_eq!(last, 4_398_046_511_102);
    let page = journal.read(endpoint, last - 1, 1, 1).await.expect("page");
    assert_eq!(page.events[0].seq, last);
    // One more would be in the next endpoint's keys.
    let refused = journal.append(entry(endpoint, b"", 1)).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(seqs(&journal, next).await, [0_u64; 0]);
}

#[tokio::test]
async fn duplicates_are_found_in_both_uuid_tables() {
    let mut fixture = Sqlite::start(Duration::from_secs(100), PLENTY).await;
    let endpoint = fixture.endpoint();
    let with_uuid = |number: usize, second| {
        let mut entry = entry(endpoint, b"", second);
        entry.identity = Some(Bytes::from(number.to_string()));
        entry
    };
    // Enough to move to the sorted table.
    let appends = (1..=8192).map(|number| fixture.sqlite().append(with_uuid(number, 1)));
    for (number, answer) in (1..).zip(join_all(appends).await) {
        let appended = answer.expect("stored");
        assert_eq!((appended.seq, appended.duplicate_of), (number, None));
    }
    let recent = "SELECT count(*) FROM uuid_recent";
    let moved = "SELECT count(*) FROM uuid";
    assert_eq!([recent, moved].map(|it| fixture.number(it)), [8192, 0]);

    // Each append takes one of 16 slices along; a crash comes after four.
    for (rounds, reopened) in [(1, false), (5, true)] {
        if reopened {
            fixture.crash().await;
        }
        let journal = fixture.journal();
        for number in [1, 4096, 8191, 8192].repeat(rounds) {
            let again = append(&journal, with_uuid(number, 1000)).await;
            assert_eq!(again.duplicate_of, u64::try_from(number).ok());
        }
    }
    assert_eq!([recent, moved].map(|it| fixture.number(it)), [20, 8196]);

    // Retention deletes the uuids of its events, also recent ones.
    fixture.retain(Timestamp(1_000_000_000)).await;
    let left = [recent, moved].map(|sql| fixture.number(sql));
    assert_eq!(left, [0, 24]);
    let again = append(&fixture.journal(), with_uuid(4096, 1000)).await;
    assert_eq!(again.duplicate_of, Some(8194));
    for gone in [2, 8190] {
        let fresh = append(&fixture.journal(), with_uuid(gone, 1000)).await;
        assert_eq!(fresh.duplicate_of, None);
    }
}
