//! Groups, failures and the queue, on real files.

use std::path::Path;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tempfile::NamedTempFile;

use super::*;

const LIMITS: QueueLimits = QueueLimits {
    operations: 100,
    bytes: 1 << 20,
    large: None,
};

/// Notes what the thread calls, and after how many of these calls upkeep came.
#[derive(Default)]
struct Notes(Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<usize>>>);

impl Notes {
    fn push(&self, note: String) {
        self.0.lock().unwrap().push(note);
    }
}

impl WriterState for Notes {
    fn finish(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        // Fails at the commit, where a full disk is noticed too.
        connection.execute("INSERT INTO late (x) SELECT x FROM log WHERE x = 99", [])?;
        Ok(())
    }

    fn settle(&mut self, result: Result<(), &rusqlite::Error>, operations: usize, _: Duration) {
        self.push(format!(
            "{operations} {}",
            if result.is_ok() { "ok" } else { "failed" }
        ));
    }

    fn upkeep(&mut self, _: &mut Connection) -> Instant {
        let notes = self.0.lock().unwrap().len();
        self.1.lock().unwrap().push(notes);
        Instant::now() + Duration::from_secs(3600)
    }

    fn close(&mut self, _: &Connection) {
        self.push("closed".to_owned());
    }
}

struct Fixture {
    file: NamedTempFile,
    writer: Writer<Notes>,
    notes: Arc<Mutex<Vec<String>>>,
    upkeep_after: Arc<Mutex<Vec<usize>>>,
}

impl Fixture {
    fn new(limits: QueueLimits) -> Self {
        Self::on(limits, |path| Connection::open(path).unwrap())
    }

    fn on(limits: QueueLimits, open: impl FnOnce(&Path) -> Connection) -> Self {
        let file = NamedTempFile::new().unwrap();
        Connection::open(file.path())
            .unwrap()
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE log (x INTEGER UNIQUE) STRICT;
                 CREATE TABLE late (x INTEGER REFERENCES late (y) DEFERRABLE INITIALLY DEFERRED, y INTEGER UNIQUE);",
            )
            .unwrap();
        let connection = open(file.path());
        connection
            .pragma_update(None, "foreign_keys", true)
            .unwrap();
        let state = Notes::default();
        let (notes, upkeep_after) = (Arc::clone(&state.0), Arc::clone(&state.1));
        let writer = Writer::spawn("test", connection, state, limits).unwrap();
        Self {
            file,
            writer,
            notes,
            upkeep_after,
        }
    }

    fn submit(&self, x: i64) -> Result<Submitted<i64>, WriteError> {
        self.submit_within(Duration::ZERO, x)
    }

    fn submit_within(&self, within: Duration, x: i64) -> Result<Submitted<i64>, WriteError> {
        self.writer.submit(0, within, move |_, connection| {
            connection.execute("INSERT INTO log VALUES (?1)", [x])?;
            Ok(x)
        })
    }

    /// Writes the numbers in one transaction.
    async fn together(&self, numbers: &[i64]) -> Vec<Result<i64, WriteError>> {
        let paused = self.writer.pause().await.unwrap();
        let submitted: Vec<_> = numbers.iter().map(|x| self.submit(*x).unwrap()).collect();
        drop(paused);
        join_all(submitted).await
    }

    fn rows(&self) -> Vec<i64> {
        let connection = Connection::open(self.file.path()).unwrap();
        let mut select = connection
            .prepare("SELECT x FROM log ORDER BY rowid")
            .unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

fn code(result: &Result<i64, WriteError>) -> Option<ErrorCode> {
    match result {
        Err(WriteError::Sqlite(error)) => error.sqlite_error_code(),
        _ => None,
    }
}

#[tokio::test]
async fn what_is_queued_is_one_transaction_in_the_order_of_the_calls() {
    let test = Fixture::new(LIMITS);
    let answers = test.together(&[3, 1, 2]).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(test.rows(), [3, 1, 2]);
    assert_eq!(test.notes(), ["3 ok"]);
}

#[tokio::test]
async fn an_operation_that_can_wait_shares_the_transaction_of_the_next_urgent_one() {
    const HOUR: Duration = Duration::from_secs(3600);
    let test = Fixture::new(LIMITS);
    let waits: Vec<_> = [3, 1].map(|x| test.submit_within(HOUR, x).unwrap()).into();
    test.submit(2).unwrap().await.unwrap();
    assert!(join_all(waits).await.iter().all(Result::is_ok));
    assert_eq!(test.rows(), [3, 1, 2]);
    assert_eq!(test.notes(), ["3 ok"]);
    // Closing does not lose it.
    let waits = test.submit_within(HOUR, 4).unwrap();
    test.writer.close();
    waits.await.unwrap();
    assert_eq!(test.notes(), ["3 ok", "1 ok", "closed"]);
}

#[tokio::test]
async fn an_operation_that_can_wait_is_written_in_its_time() {
    let test = Fixture::new(LIMITS);
    // Otherwise a slow machine may write the first before the second comes.
    let paused = test.writer.pause().await.unwrap();
    let began = Instant::now();
    let within = Duration::from_millis(30);
    let first = test.submit_within(within * 2, 1).unwrap();
    let second = test.submit_within(within, 2).unwrap();
    drop(paused);
    first.await.unwrap();
    second.await.unwrap();
    assert!(began.elapsed() >= within);
    assert_eq!(test.notes(), ["2 ok"]);
}

#[tokio::test]
async fn an_operation_that_violates_a_constraint_fails_alone() {
    let test = Fixture::new(LIMITS);
    let answers = test.together(&[1, 1, 2]).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(code(&answers[1]), Some(ErrorCode::ConstraintViolation));
    assert_eq!(test.rows(), [1, 2]);
}

#[tokio::test]
async fn a_savepoint_undoes_all_statements_of_a_failed_operation() {
    let test = Fixture::new(LIMITS);
    let write = |_: &mut Notes, connection: &Connection| {
        savepoint(connection, |connection| {
            connection.execute("INSERT INTO log VALUES (7)", [])?;
            connection.execute("INSERT INTO log VALUES (7)", [])
        })
    };
    assert!(test.writer.write(0, Duration::ZERO, write).await.is_err());
    assert!(test.submit(8).unwrap().await.is_ok());
    assert_eq!(test.rows(), [8]);
}

#[tokio::test]
async fn a_failed_commit_fails_every_operation_and_writes_none() {
    let test = Fixture::new(LIMITS);
    for answer in test.together(&[1, 99, 2]).await {
        assert_eq!(code(&answer), Some(ErrorCode::ConstraintViolation));
    }
    assert!(test.submit(3).unwrap().await.is_ok());
    assert_eq!(test.rows(), [3]);
    assert_eq!(test.notes(), ["3 failed", "1 ok"]);
}

#[tokio::test]
async fn an_error_of_the_database_fails_the_whole_group() {
    let read_only = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let test = Fixture::on(LIMITS, |path| {
        Connection::open_with_flags(path, read_only).unwrap()
    });
    for answer in test.together(&[1, 2]).await {
        assert_eq!(code(&answer), Some(ErrorCode::ReadOnly));
    }
    assert_eq!(test.notes(), ["2 failed"]);
}

#[tokio::test]
async fn large_operations_give_way_to_small_ones_for_a_while() {
    let test = Fixture::new(QueueLimits {
        operations: 10_000,
        bytes: 16 << 20,
        large: Some(1000),
    });
    let paused = test.writer.pause().await.unwrap();
    let passing = GROUP_OPERATIONS * usize::from(PASSING);
    let (large, small) = ([1, 2], 100..=100 + passing as i64);
    let submitted: Vec<_> = large
        .map(|x| (x, 1000))
        .into_iter()
        .chain(small.clone().map(|x| (x, 0)))
        .map(|(x, bytes)| {
            let insert = move |_: &mut Notes, connection: &Connection| {
                connection.execute("INSERT INTO log VALUES (?1)", [x])
            };
            test.writer.submit(bytes, Duration::ZERO, insert).unwrap()
        })
        .collect();
    drop(paused);
    // Closing writes all of them first.
    test.writer.close();
    assert!(join_all(submitted).await.iter().all(Result::is_ok));
    let mut rows: Vec<_> = small.chain([2]).collect();
    rows.insert(passing, 1);
    assert_eq!(test.rows(), rows);
    let groups = [&["512 ok"; PASSING as usize][..], &["1 ok"; 3], &["closed"]];
    assert_eq!(test.notes(), groups.concat());
    // Not between the large one and the small one that waited for it.
    let upkeep_after: Vec<_> = (0..=8).chain([10]).collect();
    assert_eq!(*test.upkeep_after.lock().unwrap(), upkeep_after);
}

#[tokio::test]
async fn a_full_queue_refuses_or_has_the_caller_wait() {
    for limits in [
        QueueLimits {
            operations: 2,
            ..LIMITS
        },
        QueueLimits {
            bytes: 3 * OPERATION_BYTES - 1,
            ..LIMITS
        },
    ] {
        let test = Fixture::new(limits);
        let paused = test.writer.pause().await.unwrap();
        let submitted = [test.submit(1).unwrap(), test.submit(2).unwrap()];
        let refused = test.submit(3).map(drop);
        assert!(matches!(refused, Err(WriteError::Full)), "{refused:?}");
        assert_eq!(test.writer.queued(), (2, 2 * OPERATION_BYTES as usize));
        let mut waits = Box::pin(test.writer.write(0, Duration::ZERO, |_, connection| {
            connection.execute("INSERT INTO log VALUES (4)", [])
        }));
        assert!((&mut waits).now_or_never().is_none());
        drop(paused);
        waits.await.unwrap();
        assert!(join_all(submitted).await.iter().all(Result::is_ok));
        assert_eq!(test.rows(), [1, 2, 4]);
        assert_eq!(test.writer.queued(), (0, 0));
    }
}

#[tokio::test]
async fn an_operation_larger_than_the_queue_goes_alone() {
    let test = Fixture::new(LIMITS);
    let large = LIMITS.bytes as usize * 2;
    assert!(
        test.writer
            .write(large, Duration::ZERO, |_, _| Ok(()))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_refuses_the_rest() {
    let test = Fixture::new(LIMITS);
    drop(test.submit(1).unwrap());
    let waited = test.submit(2).unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| test.writer.close());
        }
    });
    assert!(waited.await.is_ok());
    assert_eq!(test.rows(), [1, 2]);
    assert_eq!(test.notes().last().unwrap(), "closed");
    assert!(matches!(test.submit(3).map(drop), Err(WriteError::Closed)));
    let refused = test.writer.write(0, Duration::ZERO, |_, _| Ok(())).await;
    assert!(matches!(refused, Err(WriteError::Closed)));
    assert!(test.writer.pause().await.is_err());
}

#[tokio::test]
async fn a_panic_answers_those_who_wait() {
    let test = Fixture::new(LIMITS);
    let paused = test.writer.pause().await.unwrap();
    let bad = test
        .writer
        .submit(0, Duration::ZERO, |_, _| -> rusqlite::Result<()> {
            panic!("planted")
        })
        .unwrap();
    let behind = test.submit(1).unwrap();
    drop(paused);
    assert!(matches!(bad.await, Err(WriteError::Closed)));
    assert!(matches!(behind.await, Err(WriteError::Closed)));
    assert!(test.rows().is_empty());
}

#[tokio::test]
async fn a_pause_that_was_given_up_ends_at_once() {
    let test = Fixture::new(LIMITS);
    drop(test.writer.pause().now_or_never());
    drop(test.writer.pause().await.unwrap());
    assert!(test.submit(1).unwrap().await.is_ok());
}
