use proptest::prelude::*;
use ringtail_protocol::event::EventId;

use super::*;
use crate::schema::open_writer;
use crate::store::{Incoming, store};
use crate::testing::{ENDPOINT, JOURNAL, attempt, call, event};
use crate::{BookmarkChange, Forwarding, attempts, bookmark};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Kept {
    connection: Connection,
    _dir: tempfile::TempDir,
}

impl Kept {
    /// A history of `count` events with an attempt each.
    fn with(count: u64, forwarding: &Forwarding) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(dir.path()).unwrap().connection;
        for seq in 1..=count {
            let event = call(seq, "s");
            let mut attempt = attempt(event.id);
            attempt.started_at = Timestamp::now();
            store(
                &connection,
                ENDPOINT,
                JOURNAL,
                &[Incoming::Event(event)],
                forwarding,
            )
            .unwrap();
            attempts::record(&connection, &attempt, false).unwrap();
        }
        Self {
            connection,
            _dir: dir,
        }
    }

    fn remove(&self, max_events: u64, max_age: Duration, now: Timestamp) -> usize {
        let retention = Retention {
            max_age,
            max_events,
            max_bytes: u64::MAX,
        };
        remove_found(&self.connection, retention, now)
    }

    fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.connection
            .query_row(&sql, [], |row| row.get(0))
            .unwrap()
    }

    fn oldest(&self) -> i64 {
        self.number("SELECT min(seq) FROM event")
    }

    fn number(&self, sql: &str) -> i64 {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }
}

/// Makes one step.
fn remove_found(connection: &Connection, retention: Retention, now: Timestamp) -> usize {
    let found = find(connection, retention, now, 0).unwrap();
    remove(connection, &found).unwrap()
}

/// Makes one step when only the bytes can be too many.
fn remove_beyond(kept: &Kept, max_bytes: i64) -> usize {
    let retention = Retention {
        max_age: DAY,
        max_events: 100,
        max_bytes: max_bytes.unsigned_abs(),
    };
    remove_found(&kept.connection, retention, Timestamp::now())
}

fn in_days(days: u32) -> Timestamp {
    let later = i64::try_from((DAY * days).as_micros()).unwrap();
    Timestamp(Timestamp::now().0 + later)
}

#[test]
fn oldest_events_go_when_there_are_too_many_and_take_their_parts_along() {
    let kept = Kept::with(10, &Forwarding::Off);
    assert_eq!(kept.remove(10, DAY, Timestamp::now()), 0);
    assert!(kept.remove(4, DAY, Timestamp::now()) > 0);
    assert_eq!(kept.oldest(), 7);
    for table in ["event", "content", "attempt", "answer"] {
        assert_eq!(kept.count(table), 4, "{table}");
    }
    assert_eq!(kept.remove(4, DAY, Timestamp::now()), 0);
}

#[test]
fn old_events_gaps_and_lonely_attempts_go() {
    let kept = Kept::with(3, &Forwarding::Off);
    let gap = Incoming::Gap { first: 4, last: 5 };
    store(
        &kept.connection,
        ENDPOINT,
        JOURNAL,
        &[gap],
        &Forwarding::Off,
    )
    .unwrap();
    let lonely = attempt(call(9, "s").id);
    attempts::record(&kept.connection, &lonely, false).unwrap();
    // Its time is years ago, and its event never came.
    assert_eq!(kept.remove(100, DAY, Timestamp::now()), 1);
    assert_eq!(kept.count("event"), 3);
    kept.remove(100, DAY, in_days(2));
    for table in ["event", "content", "attempt", "answer", "gap"] {
        assert_eq!(kept.count(table), 0, "{table}");
    }
}

#[test]
fn what_is_owed_stays_whatever_its_age_and_number() {
    let kept = Kept::with(5, &Forwarding::On);
    kept.remove(1, DAY, in_days(300));
    assert_eq!(kept.count("event"), 5);
    kept.connection
        .execute("UPDATE event SET forward = 2 WHERE seq = 3", [])
        .unwrap();
    kept.remove(1, DAY, in_days(300));
    assert_eq!(kept.count("event"), 4);
}

/// With more owed than are kept, everything else went as soon as it was stored.
#[test]
fn regression_what_is_owed_takes_no_place_of_others() {
    let kept = Kept::with(10, &Forwarding::Off);
    let owed = "UPDATE event SET forward = 1 WHERE seq <= 6";
    kept.connection.execute(owed, []).unwrap();
    let mark = "INSERT INTO mark (row, comment) SELECT row, '' FROM event WHERE seq IN (1, 7)";
    kept.connection.execute(mark, []).unwrap();
    assert_eq!(kept.remove(3, DAY, Timestamp::now()), 0);
    assert!(kept.remove(2, DAY, Timestamp::now()) > 0);
    let gone = "SELECT count(*) FROM event WHERE seq = 8";
    let left: i64 = kept
        .connection
        .query_row(gone, [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        (kept.count("event"), left),
        (9, 0),
        "the oldest of the rest"
    );
}

/// With more bytes owed than are kept, everything else went as soon as it was stored: what the app had answered was gone
/// before anybody saw it.
#[test]
fn regression_bytes_that_are_owed_take_no_place_of_others() {
    let kept = Kept::with(4, &Forwarding::Off);
    let bytes = kept.number("SELECT bytes FROM kept");
    let large: Vec<_> = (5..=6)
        .map(|seq| Incoming::Event(event(seq, &"x".repeat(100_000))))
        .collect();
    let on = &Forwarding::On;
    store(&kept.connection, ENDPOINT, JOURNAL, &large, on).unwrap();
    // Marked and owed: left out once, and not twice.
    let mark = "INSERT INTO mark (row, comment) SELECT row, '' FROM event WHERE seq = 5";
    kept.connection.execute(mark, []).unwrap();
    let remove = |max_bytes| remove_beyond(&kept, max_bytes);
    assert_eq!(remove(bytes), 0);
    assert!(remove(bytes - 1) > 0);
    assert_eq!(
        (kept.count("event"), kept.oldest()),
        (5, 2),
        "one was enough"
    );
    // Once it is settled it is one of the others, and the oldest of all go first.
    let settled = "UPDATE event SET forward = 2 WHERE seq = 6";
    kept.connection.execute(settled, []).unwrap();
    remove(bytes);
    assert_eq!((kept.count("event"), kept.oldest()), (1, 5));
}

/// Each step went through all events and attempts: 0.1 s of the writer's time with a million of them.
#[test]
fn regression_counting_goes_through_marks_and_not_through_events() {
    let kept = Kept::with(0, &Forwarding::Off);
    let scans = |sql: &str| -> Vec<String> {
        let plan = format!("EXPLAIN QUERY PLAN {sql}");
        let mut statement = kept.connection.prepare(&plan).unwrap();
        let steps = statement.query_map([], |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
        let scans = steps.iter().filter_map(|step| step.strip_prefix("SCAN "));
        scans.map(str::to_owned).collect()
    };
    assert_eq!(scans(TAKEN), ["kept", "m", "m", "m"]);
    assert_eq!(scans(OWED), ["event USING COVERING INDEX event_pending"]);
}

#[test]
fn what_is_marked_stays_and_takes_no_place_of_others() {
    let kept = Kept::with(5, &Forwarding::Off);
    let mark = "INSERT INTO mark (row, comment) SELECT row, 'why' FROM event WHERE seq <= 3";
    kept.connection.execute(mark, []).unwrap();
    assert_eq!(kept.remove(2, DAY, Timestamp::now()), 0);
    kept.remove(1, DAY, Timestamp::now());
    assert_eq!((kept.count("event"), kept.oldest()), (4, 1));
    kept.remove(1, DAY, in_days(300));
    assert_eq!((kept.count("event"), kept.count("mark")), (3, 3));
    kept.connection.execute("DELETE FROM mark", []).unwrap();
    kept.remove(1, DAY, in_days(300));
    assert_eq!(kept.count("event"), 0);
}

#[test]
fn removal_goes_on_in_chunks_until_there_is_nothing_left_to_do() {
    let kept = Kept::with(2 * CHUNK as u64 + 10, &Forwarding::Off);
    let retention = Retention {
        max_age: DAY,
        max_events: 5,
        max_bytes: u64::MAX,
    };
    let start = Instant::now();
    let mut schedule = Schedule::new(retention, start);
    let mut steps = 0;
    while schedule.due(start) == start {
        schedule.step(&kept.connection, start).unwrap();
        steps += 1;
    }
    assert_eq!(kept.count("event"), 5);
    assert_eq!(steps, 4);
    assert_eq!(schedule.due(start), start + INTERVAL);
}

#[test]
fn what_stays_is_passed_over_once() {
    let count = 2 * CHUNK as u64 + 10;
    let kept = Kept::with(count, &Forwarding::On);
    let settled = "UPDATE event SET forward = 2 WHERE seq > ?1";
    kept.connection
        .execute(settled, [count as i64 - 5])
        .unwrap();
    let retention = Retention {
        max_age: DAY,
        max_events: 2,
        max_bytes: u64::MAX,
    };
    let start = Instant::now();
    let mut schedule = Schedule::new(retention, start);
    for passed in [CHUNK as i64, 2 * CHUNK as i64, 0, 0] {
        assert_eq!(schedule.due(start), start);
        schedule.step(&kept.connection, start).unwrap();
        assert_eq!(schedule.passed, passed);
    }
    assert_eq!(kept.count("event"), count as i64 - 3);
    assert_eq!(schedule.due(start), start + INTERVAL);
}

#[test]
fn what_is_marked_after_it_was_found_stays() {
    let kept = Kept::with(3, &Forwarding::Off);
    let retention = Retention {
        max_age: DAY,
        max_events: 1,
        max_bytes: u64::MAX,
    };
    let found = find(&kept.connection, retention, Timestamp::now(), 0).unwrap();
    let mark = "INSERT INTO mark (row, comment) SELECT row, '' FROM event WHERE seq = 1";
    kept.connection.execute(mark, []).unwrap();
    remove(&kept.connection, &found).unwrap();
    assert_eq!((kept.count("event"), kept.oldest()), (2, 1));
    assert_eq!(kept.count("attempt"), 2);
}

#[test]
fn oldest_events_go_when_they_are_too_large_together() {
    let kept = Kept::with(10, &Forwarding::Off);
    let bytes = || -> i64 {
        let sql = "SELECT bytes FROM kept";
        kept.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    };
    let events = || -> i64 {
        let sql = "SELECT events FROM kept";
        kept.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    };
    let whole = "SELECT (SELECT sum(length(headers) + length(body)) FROM content)
        + (SELECT sum(length(headers) + length(body)) FROM answer)";
    let counted = || -> i64 {
        kept.connection
            .query_row(whole, [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(bytes(), counted());
    let one = bytes() / 10;
    let remove = |max_bytes| remove_beyond(&kept, max_bytes);
    assert_eq!(remove(bytes()), 0);
    assert!(remove(4 * one + one / 2) > 0);
    assert_eq!((kept.count("event"), kept.oldest()), (4, 7));
    assert_eq!(bytes(), counted());
    let mark = "INSERT INTO mark (row, comment) SELECT row, '' FROM event WHERE seq = 7";
    kept.connection.execute(mark, []).unwrap();
    remove(0);
    assert_eq!((kept.count("event"), kept.oldest()), (1, 7));
    assert_eq!(events(), 1);
}

#[test]
fn answers_to_what_is_marked_take_no_place_of_others_either() {
    let kept = Kept::with(5, &Forwarding::Off);
    let bytes = "SELECT bytes FROM kept";
    let bytes: i64 = kept
        .connection
        .query_row(bytes, [], |row| row.get(0))
        .unwrap();
    let grown = "INSERT INTO mark (row, comment) SELECT row, '' FROM event WHERE seq = 2;
        DELETE FROM answer WHERE row = 2;
        INSERT INTO answer (row, headers, body) VALUES (2, x'', zeroblob(1000000));";
    kept.connection.execute_batch(grown).unwrap();
    let retention = Retention {
        max_age: DAY,
        max_events: 100,
        max_bytes: bytes.unsigned_abs(),
    };
    assert_eq!(
        remove_found(&kept.connection, retention, Timestamp::now()),
        0
    );
    assert_eq!(kept.count("event"), 5);
}

/// What is done to a history.
#[derive(Debug, Clone)]
enum Deed {
    Store(u64, usize),
    Attempt(usize, usize),
    Mark(usize),
    Unmark,
    Settle,
    /// What nothing does today, and would have to be counted too.
    OweAgain,
    Drop(usize),
    Retain(u64, u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        // A number that is there already is no event more.
        4 => (1..40_u64, 0..3000_usize).prop_map(|(seq, size)| Deed::Store(seq, size)),
        3 => (0..30_usize, 0..3000_usize).prop_map(|(event, size)| Deed::Attempt(event, size)),
        1 => (0..30_usize).prop_map(Deed::Mark),
        1 => Just(Deed::Unmark),
        1 => Just(Deed::Settle),
        1 => Just(Deed::OweAgain),
        1 => (0..30_usize).prop_map(Deed::Drop),
        2 => (0..20_u64, 0..30_000_u64).prop_map(|(events, bytes)| Deed::Retain(events, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_counted_is_what_is_there(deeds in prop::collection::vec(deed(), 1..60)) {
        let kept = Kept::with(0, &Forwarding::Off);
        let mut ids = vec![EventId::fresh()];
        for deed in deeds {
            match deed {
                Deed::Store(seq, size) => {
                    let event = event(seq, &"x".repeat(size));
                    ids.push(event.id);
                    let batch = [Incoming::Event(event)];
                    // Each under a journal of its own, so that numbers come in any order.
                    let journal = seq.to_string();
                    store(&kept.connection, ENDPOINT, &journal, &batch, &Forwarding::On).unwrap();
                }
                Deed::Attempt(event, size) => {
                    let mut attempt = attempt(ids[event % ids.len()]);
                    attempt.body = vec![0; size].into();
                    attempts::record(&kept.connection, &attempt, size % 2 == 0).unwrap();
                }
                Deed::Mark(event) => {
                    let ids = [ids[event % ids.len()]];
                    bookmark::change(&kept.connection, &ids, &BookmarkChange::Set).unwrap();
                }
                Deed::Unmark => {
                    bookmark::change(&kept.connection, &ids, &BookmarkChange::Clear).unwrap();
                }
                Deed::Settle => {
                    kept.connection.execute("UPDATE event SET forward = 2", []).unwrap();
                }
                Deed::OweAgain => {
                    kept.connection.execute("UPDATE event SET forward = 1 WHERE row % 3 = 0", []).unwrap();
                }
                Deed::Drop(event) => {
                    let id = ids[event % ids.len()];
                    kept.connection.execute("DELETE FROM event WHERE id = ?1", [id.as_bytes()]).unwrap();
                }
                Deed::Retain(max_events, max_bytes) => {
                    let retention = Retention { max_age: DAY, max_events, max_bytes };
                    remove_found(&kept.connection, retention, Timestamp::now());
                }
            }
            let counted: (i64, i64) = kept
                .connection
                .query_row("SELECT events, bytes FROM kept", [], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            let size = |table| -> i64 {
                let sql = format!("SELECT coalesce(sum(length(headers) + length(body)), 0) FROM {table}");
                kept.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
            };
            let there = (kept.count("event"), size("content") + size("answer"));
            prop_assert_eq!(counted, there);
            let owed: (i64, i64) = kept
                .connection
                .query_row(OWED, [], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            let there = (
                kept.number("SELECT count(*) FROM event WHERE forward = 1"),
                kept.number(
                    "SELECT coalesce(sum(length(c.headers) + length(c.body)), 0)
                     FROM event AS e JOIN content AS c ON c.row = e.row WHERE e.forward = 1",
                ),
            );
            prop_assert_eq!(owed, there);
        }
    }
}

#[test]
fn space_goes_back_in_steps_until_little_is_spare() {
    let kept = Kept::with(1, &Forwarding::Off);
    let fill = "CREATE TABLE filler (bytes BLOB);
        WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO filler SELECT randomblob(4000) FROM n;
        DROP TABLE filler;";
    kept.connection.execute_batch(fill).unwrap();
    let free = || -> i64 {
        kept.connection
            .pragma_query_value(None, "freelist_count", |row| row.get(0))
            .unwrap()
    };
    let before = free();
    assert!(before > SPARE_PAGES + 2 * PAGES, "{before}");
    assert!(give_back(&kept.connection).unwrap());
    assert_eq!(free(), before - PAGES);
    while give_back(&kept.connection).unwrap() {}
    assert_eq!(free(), SPARE_PAGES);
}

#[test]
fn positions_are_not_used_again_after_removal() {
    let kept = Kept::with(3, &Forwarding::Off);
    kept.remove(0, DAY, Timestamp::now());
    assert_eq!(kept.count("event"), 0);
    store(
        &kept.connection,
        ENDPOINT,
        JOURNAL,
        &[Incoming::Event(call(4, "s"))],
        &Forwarding::Off,
    )
    .unwrap();
    let row: i64 = kept
        .connection
        .query_row("SELECT row FROM event", [], |row| row.get(0))
        .unwrap();
    assert_eq!(row, 4);
}
