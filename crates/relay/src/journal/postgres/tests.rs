//! The suite on PostgreSQL, and tests of several relays and of the server's end.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use ringtail_kit::wait::soon;
use ringtail_protocol::event::Timestamp;
use tempfile::TempDir;

use super::{COMMANDS, PostgresJournal};
use crate::journal::suite::{Fixture, MONTH, PLENTY, append, entry, journal_suite, read_all, seqs};
use crate::journal::{AppendError, EndpointKey, Journal, Queued, Retention};
use crate::metrics::JournalMetrics;
use crate::postgres::{self, DatabaseUrl, PostgresError};
use crate::store::DataDir;

/// A journal in a new database.
struct Postgres {
    server: &'static PostgresServer,
    url: String,
    retention: Retention,
    /// Has a spool, for a test of it.
    dir: Option<DataDir>,
    journal: Option<Arc<PostgresJournal>>,
    endpoints: i64,
}

journal_suite!(Postgres);

impl Fixture for Postgres {
    async fn start(max_age: Duration, max_bytes: u64) -> Self {
        let retention = Retention {
            max_age,
            max_bytes,
            ..Retention::default()
        };
        Self::on(PostgresServer::shared(), retention)
    }

    fn endpoint(&mut self) -> EndpointKey {
        self.endpoints += 1;
        self.sql(&format!(
            "INSERT INTO ringtail.account (key, name, created_at, changed_at) VALUES (1, 'anna', 0, 0)
             ON CONFLICT DO NOTHING;
             INSERT INTO ringtail.endpoint (key, account, name, id, created_at)
             VALUES ({0}, 1, 'name-{0}', 'id-{0}', 0)",
            self.endpoints
        ));
        EndpointKey(self.endpoints)
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(self.postgres()) as Arc<dyn Journal>
    }

    async fn reopen(&mut self) {
        let journal = self.journal.take().expect("a journal");
        journal.close().await;
        drop(journal);
        self.open();
    }

    /// The relay's end; [`a_crash_of_the_server_loses_nothing`] has that of the server.
    async fn crash(&mut self) {
        drop(self.journal.take());
        self.open();
    }
}

impl Postgres {
    fn on(server: &'static PostgresServer, retention: Retention) -> Self {
        ringtail_kit::tls::install();
        let mut fixture = Self {
            url: server.database(),
            server,
            retention,
            dir: None,
            journal: None,
            endpoints: 0,
        };
        fixture.open();
        fixture
    }

    /// Opens the journal as another relay does.
    fn other(&self) -> Arc<dyn Journal> {
        let url = DatabaseUrl::parse(&self.url).expect("a URL");
        let postgres = postgres::open(&url).expect("it connects");
        Arc::new(
            PostgresJournal::open(&postgres, None, self.retention, JournalMetrics::default())
                .expect("it opens"),
        )
    }

    fn open(&mut self) {
        let url = DatabaseUrl::parse(&self.url).expect("a URL");
        let postgres = postgres::open(&url).expect("it connects");
        let journal = PostgresJournal::open(
            &postgres,
            self.dir.as_ref(),
            self.retention,
            JournalMetrics::default(),
        );
        self.journal = Some(Arc::new(journal.expect("it opens")));
    }

    fn postgres(&self) -> &Arc<PostgresJournal> {
        self.journal.as_ref().expect("a journal")
    }

    fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.url, sql)
    }
}

fn own_server() -> &'static PostgresServer {
    // It ends with the process.
    Box::leak(Box::new(PostgresServer::start("").expect("it starts")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_number_one_endpoint_without_gaps() {
    let mut fixture = Postgres::start(MONTH, PLENTY).await;
    let (endpoint, other_endpoint) = (fixture.endpoint(), fixture.endpoint());
    let journals = [fixture.journal(), fixture.other()];
    let appends = (0..200).map(|n| {
        let journal = &journals[n % 2];
        // In both orders, so that two relays that locked them as they come would wait for each other.
        let endpoint = if n % 4 < 2 { endpoint } else { other_endpoint };
        journal.append(entry(endpoint, b"", 1))
    });
    for answer in futures_util::future::join_all(appends).await {
        answer.expect("stored");
    }
    for endpoint in [endpoint, other_endpoint] {
        for journal in &journals {
            assert!(seqs(journal, endpoint).await.into_iter().eq(1..=100));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_moves_when_another_relay_stores() {
    let mut fixture = Postgres::start(MONTH, PLENTY).await;
    let endpoint = fixture.endpoint();
    let (here, there) = (fixture.journal(), fixture.other());
    let mut head = here.head(endpoint);
    for seq in 1..=20 {
        assert_eq!(append(&there, entry(endpoint, b"", 1)).await.seq, seq);
        let moved = soon("the head", head.wait_for(|head| *head >= seq)).await;
        assert_eq!(*moved.expect("the journal lives"), seq);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_that_another_relay_stored_is_marked() {
    let mut fixture = Postgres::start(MONTH, PLENTY).await;
    let endpoint = fixture.endpoint();
    let journals = [fixture.journal(), fixture.other()];
    let same = || {
        let mut entry = entry(endpoint, b"", 1);
        entry.identity = Some("uuid".into());
        entry
    };
    let both = journals.iter().map(|journal| journal.append(same()));
    let both = futures_util::future::join_all(both).await;
    let marks: Vec<_> = both
        .into_iter()
        .map(|it| it.expect("stored").duplicate_of)
        .collect();
    assert!(
        marks == [None, Some(1)] || marks == [Some(1), None],
        "{marks:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_the_server_loses_nothing() {
    let server = own_server();
    let mut fixture = Postgres::on(server, Retention::default());
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let appends = (1..=50).map(|n| journal.append(entry(endpoint, &[b'x'; 2000], n)));
    for answer in futures_util::future::join_all(appends).await {
        answer.expect("stored");
    }
    server.crash().expect("it stops");
    let refused = journal.append(entry(endpoint, b"", 51)).await;
    assert!(
        matches!(refused, Err(AppendError::Commit(_))),
        "{refused:?}"
    );
    server.resume().expect("it starts");
    // The journal connects again by itself.
    let appended = append(&journal, entry(endpoint, b"", 52)).await;
    assert_eq!(appended.seq, 51);
    assert_eq!(read_all(&journal, endpoint).await.len(), 51);
    let mut head = journal.head(endpoint);
    let other = fixture.other();
    append(&other, entry(endpoint, b"", 53)).await;
    let moved = soon("the notification", head.wait_for(|head| *head == 52)).await;
    moved.expect("the journal lives");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused() {
    let fixture = Postgres::start(MONTH, PLENTY).await;
    fixture.sql("UPDATE ringtail.meta SET value = '99' WHERE name = 'schema'");
    let url = DatabaseUrl::parse(&fixture.url).expect("a URL");
    let error = postgres::open(&url).expect_err("it is newer");
    assert!(
        matches!(error, PostgresError::Newer { found: 99, .. }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn relays_may_start_together_on_an_empty_database() {
    ringtail_kit::tls::install();
    let url = PostgresServer::shared().database();
    let url = DatabaseUrl::parse(&url).expect("a URL");
    let starts = (0..4).map(|_| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || postgres::open(&url).map(drop))
    });
    for started in futures_util::future::join_all(starts).await {
        started.expect("no panic").expect("it opens");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_size_of_an_endpoint_without_events_is_set_right() {
    let mut fixture = Postgres::start(MONTH, 1000).await;
    fixture.endpoint();
    fixture.sql("UPDATE ringtail.endpoint SET bytes = 2000");
    fixture.retain(Timestamp(0)).await;
    assert_eq!(fixture.sql("SELECT bytes FROM ringtail.endpoint"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_leaves_a_gap_and_takes_the_bytes() {
    let mut fixture = Postgres::start(MONTH, PLENTY).await;
    let (endpoint, other) = (fixture.endpoint(), fixture.endpoint());
    let journal = fixture.journal();
    for _ in 0..700 {
        drop(journal.append(entry(endpoint, b"", 1)));
    }
    append(&journal, entry(other, b"", 1)).await;
    let postgres = &fixture.postgres().postgres;
    let purged = super::retention::purge(postgres, endpoint).await;
    assert_eq!(purged.expect("purged").events, 700);
    assert_eq!(
        fixture.sql("SELECT bytes FROM ringtail.endpoint WHERE key = 1"),
        "0"
    );
    assert_eq!(append(&journal, entry(endpoint, b"", 1)).await.seq, 701);
    assert_eq!(seqs(&journal, other).await, [1]);
    let deleted = super::retention::delete_endpoint(postgres, endpoint).await;
    assert_eq!(deleted.expect("deleted").events, 1);
    let gone = journal.append(entry(endpoint, b"", 1)).await;
    assert!(matches!(gone, Err(AppendError::NoEndpoint)), "{gone:?}");
    fixture.retain(Timestamp(0)).await;
}

/// A journal with a spool, on a new server.
fn with_spool(max_bytes: u64) -> (TempDir, Postgres) {
    let temp = TempDir::new().expect("a directory");
    let retention = Retention {
        max_bytes,
        ..Retention::default()
    };
    let mut fixture = Postgres::on(own_server(), retention);
    fixture.dir = Some(DataDir::open(temp.path()).expect("a data directory"));
    fixture.open();
    (temp, fixture)
}

/// Stores events of these numbers and returns how many got a `seq` at once.
async fn store(journal: &Arc<dyn Journal>, endpoint: EndpointKey, numbers: Range<i64>) -> usize {
    let appends = numbers.map(|n| journal.append(entry(endpoint, &n.to_be_bytes(), n)));
    let answers = futures_util::future::join_all(appends).await;
    let stored = answers.into_iter().map(|it| it.expect("stored").seq);
    stored.filter(|seq| *seq > 0).count()
}

/// Waits until the spool is empty, and checks that the events came once and in order.
async fn drained(journal: &Arc<dyn Journal>, endpoint: EndpointKey, numbers: Range<i64>) {
    eventually!(journal.spooled().events == 0, "the spool is empty").expect("it drains");
    let events = read_all(journal, endpoint).await;
    assert!(events.iter().map(|it| it.seq).eq(1..=events.len() as u64));
    let times: Vec<i64> = events
        .iter()
        .map(|it| it.received_at.0 / 1_000_000)
        .collect();
    assert_eq!(times, numbers.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_answered_while_the_server_is_frozen_and_none_is_lost_or_doubled() {
    let (_temp, mut fixture) = with_spool(PLENTY);
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    store(&journal, endpoint, 1..6).await;
    fixture.server.freeze().expect("it freezes");
    // Answered while it is frozen. `cluster-test` prints how long the slowest took.
    assert_eq!(store(&journal, endpoint, 6..700).await, 0);
    assert_eq!(store(&journal, endpoint, 700..710).await, 0);
    assert!(journal.spooled().events >= 704);
    journal.probe().await.expect("it can store");
    // The transaction that was given up may be committed now.
    fixture.server.thaw().expect("it runs");
    store(&journal, endpoint, 710..711).await;
    drained(&journal, endpoint, 1..711).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_died_with_a_spool_drains_it_at_its_next_start() {
    let (_temp, mut fixture) = with_spool(PLENTY);
    let endpoint = fixture.endpoint();
    fixture.server.crash().expect("it stops");
    assert_eq!(store(&fixture.journal(), endpoint, 1..20).await, 0);
    drop(fixture.journal.take());
    fixture.server.resume().expect("it starts");
    fixture.open();
    drained(&fixture.journal(), endpoint, 1..20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_server_spools_and_events_that_come_meanwhile_keep_their_order() {
    let (_temp, mut fixture) = with_spool(PLENTY);
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let set = |value: &str| {
        fixture.sql(&format!(
            "ALTER SYSTEM SET default_transaction_read_only = {value}"
        ));
        fixture.sql("SELECT pg_reload_conf()");
    };
    set("on");
    // Until the sessions have read the setting, events are stored.
    let mut next = 1;
    while journal.spooled().events == 0 {
        store(&journal, endpoint, next..next + 1).await;
        next += 1;
    }
    store(&journal, endpoint, next..next + 600).await;
    set("off");
    // Events come all the time while it drains.
    let mut last = next + 600;
    while journal.spooled().events > 0 {
        store(&journal, endpoint, last..last + 1).await;
        last += 1;
    }
    drained(&journal, endpoint, 1..last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_could_not_commit_has_only_what_it_acknowledged() {
    let (temp, mut fixture) = with_spool(PLENTY);
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    fixture.server.crash().expect("it stops");
    // Fails the commit and not the insertion.
    let spool = rusqlite::Connection::open(temp.path().join("spool.db")).expect("it opens");
    let fail = "CREATE TABLE failing (parent REFERENCES failing DEFERRABLE INITIALLY DEFERRED, key INTEGER PRIMARY KEY);
        CREATE TRIGGER fails AFTER INSERT ON spooled BEGIN INSERT INTO failing (parent) VALUES (0); END";
    spool.execute_batch(fail).expect("created");
    let refused = journal.append(entry(endpoint, b"", 1)).await;
    assert!(
        matches!(refused, Err(AppendError::Commit(_))),
        "{refused:?}"
    );
    assert_eq!(journal.spooled(), Queued::default());
    spool.execute_batch("DROP TRIGGER fails").expect("dropped");
    assert_eq!(store(&journal, endpoint, 2..20).await, 0);
    fixture.server.resume().expect("it starts");
    drained(&journal, endpoint, 2..20).await;
    let mut next = 20;
    eventually!(
        {
            next += 1;
            store(&journal, endpoint, next - 1..next).await == 1
        },
        "an event that is not spooled"
    )
    .expect("it stores");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_deletes_nothing_keeps_no_event_from_the_server() {
    let (temp, mut fixture) = with_spool(PLENTY);
    let endpoint = fixture.endpoint();
    fixture.server.crash().expect("it stops");
    assert_eq!(store(&fixture.journal(), endpoint, 1..20).await, 0);
    // As on a full disk.
    let spool = rusqlite::Connection::open(temp.path().join("spool.db")).expect("it opens");
    let refuse =
        "CREATE TRIGGER stays BEFORE DELETE ON spooled BEGIN SELECT RAISE(ABORT, 'full'); END";
    spool.execute_batch(refuse).expect("created");
    fixture.server.resume().expect("it starts");
    drained(&fixture.journal(), endpoint, 1..20).await;
    // The next start finds them again.
    drop(fixture.journal.take());
    fixture.open();
    drained(&fixture.journal(), endpoint, 1..20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_for_another_journal_is_put_aside() {
    let (temp, mut fixture) = with_spool(PLENTY);
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    let id = journal.id().to_owned();
    fixture.server.crash().expect("it stops");
    assert_eq!(store(&journal, endpoint, 1..20).await, 0);
    drop((journal, fixture.journal.take()));
    fixture.server.resume().expect("it starts");
    let set = |id: &str| format!("UPDATE ringtail.meta SET value = '{id}' WHERE name = 'journal'");
    fixture.sql(&set("another"));
    fixture.open();
    assert_eq!(fixture.journal().spooled(), Queued::default());
    fixture.sql(&set(&id));
    let kept = temp.path().join(format!("spool-of-{id}.db"));
    let again = TempDir::new().expect("a directory");
    fixture.dir = Some(DataDir::open(again.path()).expect("a data directory"));
    std::fs::rename(kept, again.path().join("spool.db")).expect("it was kept");
    fixture.open();
    drained(&fixture.journal(), endpoint, 1..20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_over_ends_the_links() {
    let server = own_server();
    let mut fixture = Postgres::on(server, Retention::default());
    let endpoint = fixture.endpoint();
    let journal = fixture.journal();
    store(&journal, endpoint, 1..11).await;
    let mut head = journal.head(endpoint);
    assert_eq!(*head.borrow_and_update(), 10);
    let refused = async || journal.append(entry(endpoint, b"", 1)).await.is_err();
    server.crash().expect("it stops");
    assert!(refused().await);
    server.resume().expect("it starts");
    // The same server has what was answered.
    assert_eq!(append(&journal, entry(endpoint, b"", 1)).await.seq, 11);
    head.changed().await.expect("the link goes on");
    // As after a failover that lost four of them.
    fixture
        .sql("DELETE FROM ringtail.event WHERE seq > 6; UPDATE ringtail.endpoint SET next_seq = 7");
    server.crash().expect("it stops");
    assert!(refused().await);
    server.resume_as_standby().expect("it starts");
    server.promote().expect("it takes over");
    assert_eq!(append(&journal, entry(endpoint, b"", 2)).await.seq, 7);
    soon("the end", head.changed())
        .await
        .expect_err("7 does not follow 11");
    assert_eq!(*journal.head(endpoint).borrow(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_with_neither_server_nor_room_is_an_event_refused() {
    let (_temp, mut fixture) = with_spool(20);
    let endpoint = fixture.endpoint();
    fixture.server.crash().expect("it stops");
    let journal = fixture.journal();
    let refused = journal.append(entry(endpoint, &[b'x'; 100], 1)).await;
    assert!(
        matches!(refused, Err(AppendError::QueueFull)),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_of_sweeps_is_no_closed_journal() {
    let fixture = Postgres::on(own_server(), Retention::default());
    let journal = fixture.journal();
    fixture.server.freeze().expect("it freezes");
    let sweeps: Vec<_> = (0..=COMMANDS + 1).map(|_| journal.retain(None)).collect();
    let refused = sweeps
        .into_iter()
        .next_back()
        .and_then(|it| it.now_or_never());
    assert!(
        matches!(refused, Some(Err(AppendError::QueueFull))),
        "{refused:?}"
    );
    fixture.server.thaw().expect("it runs");
}
