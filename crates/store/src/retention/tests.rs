use proptest::prelude::*;

use ringtail_model::Cause;
use ringtail_protocol::event::{Event, EventId};

use super::*;
use crate::schema::open_writer;
use crate::testing::{ENDPOINT, JOURNAL, attempt, call, event, store};
use crate::{BookmarkChange, Forwarding, IMPORT, Incoming, attempts, bookmark};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct Kept {
    connection: Connection,
    _dir: tempfile::TempDir,
}

impl Kept {
    /// A history of `count` events with an attempt each.
    fn with(count: u64, forwarding: &Forwarding) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kept = Self {
            connection: open_writer(dir.path()).unwrap().connection,
            _dir: dir,
        };
        for seq in 1..=count {
            let event = call(seq, "s");
            let mut attempt = attempt(event.id);
            attempt.started_at = Timestamp::now();
            kept.receives(event, forwarding);
            attempts::record(&kept.connection, &attempt, false).unwrap();
        }
        kept
    }

    fn receives(&self, event: Event, forwarding: &Forwarding) {
        let batch = vec![Incoming::Event(event)];
        store(&self.connection, ENDPOINT, JOURNAL, batch, forwarding);
    }

    /// Makes one step.
    fn remove_by(&self, retention: Retention, now: Timestamp) -> usize {
        let found = find(&self.connection, retention, now, Passed::default()).unwrap();
        remove(&self.connection, &found).unwrap()
    }

    fn remove(&self, max_events: u64, now: Timestamp) -> usize {
        self.remove_by(at_most(max_events), now)
    }

    /// Makes one step when only the bytes can be too many.
    fn remove_beyond(&self, max_bytes: i64) -> usize {
        let retention = Retention {
            max_age: DAY,
            max_events: 100,
            max_bytes: max_bytes.unsigned_abs(),
        };
        self.remove_by(retention, Timestamp::now())
    }

    fn execute(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap();
    }

    fn id_of(&self, seq: u64) -> EventId {
        let sql = "SELECT id FROM event WHERE seq = :seq";
        let values = named_params! {":seq": codes::seq(seq)};
        let id = self.connection.query_row(sql, values, |row| row.get(0));
        EventId::from_bytes(id.unwrap())
    }

    fn bookmark(&self, condition: &str) {
        self.execute(&format!(
            "INSERT INTO bookmark (row, comment) SELECT row, '' FROM event WHERE {condition}"
        ));
    }

    fn number(&self, sql: &str) -> i64 {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}"))
    }

    fn oldest(&self) -> i64 {
        self.number("SELECT min(seq) FROM event")
    }

    fn bytes(&self) -> i64 {
        self.number("SELECT bytes FROM total")
    }
}

fn at_most(max_events: u64) -> Retention {
    Retention {
        max_age: DAY,
        max_events,
        max_bytes: u64::MAX,
    }
}

fn in_days(days: u32) -> Timestamp {
    let later = i64::try_from((DAY * days).as_micros()).unwrap();
    Timestamp(Timestamp::now().0 + later)
}

#[test]
fn oldest_events_go_when_there_are_too_many_with_all_that_belongs_to_them() {
    let kept = Kept::with(10, &Forwarding::Off);
    assert_eq!(kept.remove(10, Timestamp::now()), 0);
    assert!(kept.remove(4, Timestamp::now()) > 0);
    assert_eq!(kept.oldest(), 7);
    for table in ["event", "content", "attempt", "answer"] {
        assert_eq!(kept.count(table), 4, "{table}");
    }
    assert_eq!(kept.remove(4, Timestamp::now()), 0);
    assert_eq!(kept.number("SELECT deleted FROM total"), 6);
    // Positions are not used again.
    kept.remove(0, Timestamp::now());
    kept.receives(call(11, "s"), &Forwarding::Off);
    assert_eq!(kept.number("SELECT row FROM event"), 11);
}

#[test]
fn old_events_gaps_and_attempts_without_an_event_go() {
    let kept = Kept::with(3, &Forwarding::Off);
    let gap = Incoming::Gap { first: 4, last: 5 };
    store(
        &kept.connection,
        ENDPOINT,
        JOURNAL,
        vec![gap],
        &Forwarding::Off,
    );
    // Its time is years ago, and its event never came.
    let lonely = attempt(call(9, "s").id);
    attempts::record(&kept.connection, &lonely, false).unwrap();
    assert_eq!(kept.remove(100, Timestamp::now()), 1);
    assert_eq!(kept.count("event"), 3);
    kept.remove(100, in_days(2));
    for table in ["event", "content", "attempt", "answer", "gap"] {
        assert_eq!(kept.count(table), 0, "{table}");
    }
}

#[test]
fn an_event_of_a_time_to_come_keeps_no_other() {
    let kept = Kept::with(3, &Forwarding::Off);
    kept.execute(&format!(
        "UPDATE event SET stored_at = {} WHERE seq = 1",
        in_days(3000).0
    ));
    assert_eq!(kept.remove(100, Timestamp::now()), 0);
    kept.remove(100, in_days(2));
    assert_eq!((kept.count("event"), kept.oldest()), (1, 1));
    kept.remove(100, in_days(3002));
    assert_eq!(kept.count("event"), 0);
}

#[test]
fn an_imported_event_is_as_old_as_its_import() {
    let kept = Kept::with(0, &Forwarding::Off);
    for journal in [IMPORT, JOURNAL] {
        let mut event = call(1, "s");
        event.received_at = in_days(3000);
        let batch = vec![Incoming::Event(event)];
        store(&kept.connection, "other", journal, batch, &Forwarding::Off);
    }
    kept.remove(100, in_days(2));
    assert_eq!(
        kept.number("SELECT count(*) FROM event WHERE journal = 'import'"),
        0
    );
    assert_eq!(kept.count("event"), 1);
}

/// Between two gaps lies an event, which may have gone.
#[test]
fn no_more_gaps_are_kept_than_events() {
    let kept = Kept::with(1, &Forwarding::Off);
    for number in 1..=20 {
        let event = Incoming::Event(call(3 * number, "s"));
        store(
            &kept.connection,
            ENDPOINT,
            JOURNAL,
            vec![event],
            &Forwarding::Off,
        );
    }
    assert_eq!(kept.count("gap"), 20);
    kept.remove(7, Timestamp::now());
    assert_eq!((kept.count("event"), kept.count("gap")), (7, 7));
    assert_eq!(kept.number("SELECT max(last) FROM gap"), 59);
}

#[test]
fn pending_events_stay_whatever_their_age_and_number() {
    let kept = Kept::with(5, &Forwarding::On);
    kept.remove(1, in_days(300));
    assert_eq!(kept.count("event"), 5);
    kept.execute("UPDATE event SET forward = 2 WHERE seq = 3");
    kept.remove(1, in_days(300));
    assert_eq!(kept.count("event"), 4);
}

/// With more pending events than are kept, everything else went as soon as it was stored.
#[test]
fn regression_pending_events_do_not_count_for_the_limit() {
    let kept = Kept::with(10, &Forwarding::Off);
    kept.execute("UPDATE event SET forward = 1 WHERE seq <= 6");
    kept.bookmark("seq IN (1, 7)");
    assert_eq!(kept.remove(3, Timestamp::now()), 0);
    assert!(kept.remove(2, Timestamp::now()) > 0);
    let oldest_of_the_rest = kept.number("SELECT count(*) FROM event WHERE seq = 8");
    assert_eq!((kept.count("event"), oldest_of_the_rest), (9, 0));
}

/// With more pending bytes than are kept, everything else went as soon as it was stored.
#[test]
fn regression_pending_bytes_do_not_count_for_the_limit() {
    let kept = Kept::with(4, &Forwarding::Off);
    let bytes = kept.bytes();
    for seq in 5..=6 {
        kept.receives(event(seq, &"x".repeat(100_000)), &Forwarding::On);
    }
    // Bookmarked and pending: left out once, and not twice.
    kept.bookmark("seq = 5");
    assert_eq!(kept.remove_beyond(bytes), 0);
    assert!(kept.remove_beyond(bytes - 1) > 0);
    assert_eq!((kept.count("event"), kept.oldest()), (5, 2));
    // Once it is forwarded it is one of the others, and the oldest of all go first.
    kept.execute("UPDATE event SET forward = 2 WHERE seq = 6");
    kept.remove_beyond(bytes);
    assert_eq!((kept.count("event"), kept.oldest()), (1, 5));
}

/// Each step went through all events and attempts: 0.1 s of the writer's time with a million of them.
#[test]
fn regression_counting_goes_through_bookmarks_and_not_through_events() {
    let kept = Kept::with(0, &Forwarding::Off);
    let scans = |sql: &str| -> Vec<String> {
        let plan = format!("EXPLAIN QUERY PLAN {sql}");
        let mut statement = kept.connection.prepare(&plan).unwrap();
        let steps = statement.query_map([], |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
        let scans = steps.iter().filter_map(|step| step.strip_prefix("SCAN "));
        scans.map(str::to_owned).collect()
    };
    assert_eq!(scans(NOT_BOOKMARKED), ["total", "b", "b", "b"]);
    assert_eq!(scans(PENDING), ["event USING COVERING INDEX event_pending"]);
    assert_eq!(scans(PENDING_ANSWERS), ["e USING INDEX event_pending"]);
}

#[test]
fn bookmarked_events_stay_and_do_not_count_for_the_limit() {
    let kept = Kept::with(5, &Forwarding::Off);
    kept.bookmark("seq <= 3");
    assert_eq!(kept.remove(2, Timestamp::now()), 0);
    kept.remove(1, Timestamp::now());
    assert_eq!((kept.count("event"), kept.oldest()), (4, 1));
    kept.remove(1, in_days(300));
    assert_eq!((kept.count("event"), kept.count("bookmark")), (3, 3));
    kept.execute("DELETE FROM bookmark");
    kept.remove(1, in_days(300));
    assert_eq!(kept.count("event"), 0);
}

#[test]
fn answers_to_bookmarked_events_do_not_count_for_the_limit_either() {
    let kept = Kept::with(5, &Forwarding::Off);
    let bytes = kept.bytes();
    kept.bookmark("seq = 2");
    kept.execute(
        "DELETE FROM answer WHERE row = 2;
         INSERT INTO answer (row, headers, body) VALUES (2, x'', zeroblob(1000000));",
    );
    assert_eq!(kept.remove_beyond(bytes), 0);
    assert_eq!(kept.count("event"), 5);
}

#[test]
fn answers_to_pending_events_do_not_count_for_the_limit_either() {
    let kept = Kept::with(5, &Forwarding::Off);
    kept.execute("UPDATE event SET forward = 1 WHERE seq = 2");
    let mut replayed = attempt(kept.id_of(2));
    replayed.cause = Cause::Replay;
    let bytes = kept.bytes();
    replayed.body = vec![0; 1_000_000].into();
    attempts::record(&kept.connection, &replayed, false).unwrap();
    assert_eq!(kept.remove_beyond(bytes), 0);
    assert_eq!(kept.count("event"), 5);
}

#[test]
fn attempts_without_an_event_go_behind_many_that_stay() {
    let kept = Kept::with(0, &Forwarding::Off);
    let event = call(1, "s");
    for _ in 0..2 * CHUNK {
        attempts::record(&kept.connection, &attempt(event.id), false).unwrap();
    }
    kept.receives(event, &Forwarding::On);
    let lonely = attempt(EventId::fresh());
    attempts::record(&kept.connection, &lonely, false).unwrap();
    let mut passed = Passed::default();
    while passed != Passed::ALL {
        let found = find(&kept.connection, at_most(100), Timestamp::now(), passed).unwrap();
        remove(&kept.connection, &found).unwrap();
        passed = found.next;
    }
    assert_eq!(kept.count("attempt"), 2 * CHUNK as i64);
}

#[test]
fn an_event_that_is_bookmarked_after_it_was_found_stays() {
    let kept = Kept::with(3, &Forwarding::Off);
    let passed = Passed::default();
    let found = find(&kept.connection, at_most(1), Timestamp::now(), passed).unwrap();
    kept.bookmark("seq = 1");
    remove(&kept.connection, &found).unwrap();
    assert_eq!((kept.count("event"), kept.oldest()), (2, 1));
    assert_eq!(kept.count("attempt"), 2);
}

#[test]
fn removal_goes_on_in_chunks_until_there_is_nothing_left_to_do() {
    let kept = Kept::with(2 * CHUNK as u64 + 10, &Forwarding::Off);
    let mut cleaner = Cleaner::new(at_most(5));
    let mut steps = 1;
    while cleaner.step(&kept.connection).unwrap() {
        steps += 1;
    }
    assert_eq!((kept.count("event"), steps), (5, 4));
}

#[test]
fn events_that_stay_are_looked_at_once_in_a_round() {
    let count = 2 * CHUNK as u64 + 10;
    let kept = Kept::with(count, &Forwarding::On);
    kept.execute(&format!(
        "UPDATE event SET forward = 2 WHERE seq > {}",
        count - 5
    ));
    let mut cleaner = Cleaner::new(at_most(2));
    for (passed, more) in [
        (CHUNK as i64, true),
        (2 * CHUNK as i64, true),
        (0, true),
        (0, false),
    ] {
        assert_eq!(cleaner.step(&kept.connection).unwrap(), more, "{passed}");
        assert_eq!(cleaner.passed.events, passed);
    }
    assert_eq!(kept.count("event"), count as i64 - 3);
}

#[test]
fn oldest_events_go_when_they_are_too_large_together() {
    let kept = Kept::with(10, &Forwarding::Off);
    let one = kept.bytes() / 10;
    assert_eq!(kept.remove_beyond(kept.bytes()), 0);
    assert!(kept.remove_beyond(4 * one + one / 2) > 0);
    assert_eq!((kept.count("event"), kept.oldest()), (4, 7));
    kept.bookmark("seq = 7");
    kept.remove_beyond(0);
    assert_eq!((kept.count("event"), kept.oldest()), (1, 7));
}

/// What happens to a history.
#[derive(Debug, Clone)]
enum Act {
    Store(u64, usize),
    Attempt(usize, usize),
    Bookmark(usize),
    ClearBookmarks,
    Complete,
    /// Nothing does this today, and it would have to be counted, too.
    PendAgain,
    Delete(usize),
    Retain(u64, u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        // A number that is stored already adds no event.
        4 => (1..40_u64, 0..3000_usize).prop_map(|(seq, size)| Act::Store(seq, size)),
        3 => (0..30_usize, 0..3000_usize).prop_map(|(event, size)| Act::Attempt(event, size)),
        1 => (0..30_usize).prop_map(Act::Bookmark),
        1 => Just(Act::ClearBookmarks),
        1 => Just(Act::Complete),
        1 => Just(Act::PendAgain),
        1 => (0..30_usize).prop_map(Act::Delete),
        2 => (0..20_u64, 0..30_000_u64).prop_map(|(events, bytes)| Act::Retain(events, bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn totals_are_those_of_the_tables(acts in prop::collection::vec(act(), 1..60)) {
        let kept = Kept::with(0, &Forwarding::Off);
        let mut ids = vec![EventId::fresh()];
        for act in acts {
            match act {
                Act::Store(seq, size) => {
                    let event = event(seq, &"x".repeat(size));
                    ids.push(event.id);
                    // Each in another journal, so that numbers come in any order.
                    let (journal, batch) = (seq.to_string(), vec![Incoming::Event(event)]);
                    store(&kept.connection, ENDPOINT, &journal, batch, &Forwarding::On);
                }
                Act::Attempt(event, size) => {
                    let mut attempt = attempt(ids[event % ids.len()]);
                    attempt.body = vec![0; size].into();
                    attempts::record(&kept.connection, &attempt, size % 2 == 0).unwrap();
                }
                Act::Bookmark(event) => {
                    let ids = [ids[event % ids.len()]];
                    bookmark::change(&kept.connection, &ids, &BookmarkChange::Set).unwrap();
                }
                Act::ClearBookmarks => {
                    bookmark::change(&kept.connection, &ids, &BookmarkChange::Clear).unwrap();
                }
                Act::Complete => kept.execute("UPDATE event SET forward = 2"),
                Act::PendAgain => kept.execute("UPDATE event SET forward = 1 WHERE row % 3 = 0"),
                Act::Delete(event) => {
                    let id = ids[event % ids.len()];
                    let delete = "DELETE FROM event WHERE id = :id";
                    let values = named_params! {":id": id.as_bytes()};
                    kept.connection.execute(delete, values).unwrap();
                }
                Act::Retain(max_events, max_bytes) => {
                    let retention = Retention { max_age: DAY, max_events, max_bytes };
                    kept.remove_by(retention, Timestamp::now());
                }
            }
            let size = |table| {
                kept.number(&format!("SELECT coalesce(sum(length(headers) + length(body)), 0) FROM {table}"))
            };
            prop_assert_eq!(kept.number("SELECT events FROM total"), kept.count("event"));
            prop_assert_eq!(kept.bytes(), size("content") + size("answer"));
            let pending: (i64, i64) = kept
                .connection
                .query_row(PENDING, [], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            let stored = (
                kept.number("SELECT count(*) FROM event WHERE forward = 1"),
                kept.number(
                    "SELECT coalesce(sum(length(c.headers) + length(c.body)), 0)
                     FROM event AS e JOIN content AS c ON c.row = e.row WHERE e.forward = 1",
                ),
            );
            prop_assert_eq!(pending, stored);
        }
    }
}

#[test]
fn the_file_shrinks_in_steps_until_little_is_spare() {
    let kept = Kept::with(1, &Forwarding::Off);
    kept.execute(
        "CREATE TABLE filler (bytes BLOB);
         WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO filler SELECT randomblob(4000) FROM n;
         DROP TABLE filler;",
    );
    let free = || kept.number("SELECT freelist_count FROM pragma_freelist_count");
    let before = free();
    assert!(before > SPARE_PAGES + 2 * PAGES, "{before}");
    assert!(shrink(&kept.connection).unwrap());
    assert_eq!(free(), before - PAGES);
    while shrink(&kept.connection).unwrap() {}
    assert_eq!(free(), SPARE_PAGES);
}
