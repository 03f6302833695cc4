use std::fs;

use ringtail_protocol::event::Event;

use super::*;
use crate::search::index::usable;
use crate::testing::{ENDPOINT, JOURNAL, call, event, store};
use crate::{Forwarding, Incoming, schema};

/// Indexes all of a history.
pub(in crate::search) fn index_all(dir: &Path) {
    let mut indexer = Indexer::new(dir, watch::channel(RowId::default()).0);
    assert!(indexer.open_or_log());
    while indexer.step() {}
}

fn execute(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

struct Indexed {
    history: Connection,
    indexer: Indexer,
    reached: watch::Receiver<RowId>,
    dir: tempfile::TempDir,
}

impl Indexed {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let history = schema::open_writer(dir.path()).unwrap().connection;
        let (sender, reached) = watch::channel(RowId::default());
        Self {
            history,
            indexer: Indexer::new(dir.path(), sender),
            reached,
            dir,
        }
    }

    fn receives(&self, events: Vec<Event>) {
        let batch = events.into_iter().map(Incoming::Event).collect();
        store(&self.history, ENDPOINT, JOURNAL, batch, &Forwarding::On);
    }

    fn delete(&self, condition: &str) {
        let sql = format!("DELETE FROM event WHERE {condition}");
        self.history.execute_batch(&sql).unwrap();
    }

    /// Indexes all there is; returns how far each step came that indexed anything.
    fn index(&mut self) -> Vec<i64> {
        let mut reached = vec![self.reached.borrow().0];
        while self.indexer.step() {
            reached.push(self.reached.borrow().0);
        }
        reached.dedup();
        reached.split_off(1)
    }

    fn path(&self) -> PathBuf {
        self.indexer.path()
    }

    fn rows(&self, sql: &str) -> Vec<i64> {
        let index = Connection::open(self.path()).unwrap();
        let mut statement = index.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    fn facts(&self, expression: &str) -> Vec<i64> {
        self.rows(&format!(
            "SELECT rowid FROM fact_index WHERE fact_index MATCH '{expression}'"
        ))
    }

    fn texts(&self, expression: &str) -> Vec<i64> {
        self.rows(&format!(
            "SELECT rowid FROM text_index WHERE text_index MATCH '{expression}'"
        ))
    }

    /// How many segments the index of texts has.
    fn segments(&self) -> usize {
        self.rows("SELECT DISTINCT segid FROM text_index_idx").len()
    }

    /// Up to where a reader may use the index.
    fn usable(&self) -> Option<i64> {
        let path = self.dir.path().join(FILE_NAME);
        let reader = HISTORY.open_reader(&path).unwrap();
        usable(&reader)
    }
}

#[test]
fn steps_are_bounded_and_go_on_where_the_last_ended() {
    let mut test = Indexed::open();
    let batch = BATCH_EVENTS as u64;
    test.receives((1..=batch + 1).map(|seq| call(seq, "s")).collect());
    assert_eq!(test.index(), [256, 257]);
    assert_eq!(test.facts("s_s").len(), 257);
    test.indexer.close();
    test.receives(vec![call(batch + 2, "t")]);
    assert_eq!(test.index(), [258]);
    assert_eq!(test.facts("s_t"), [258]);
    let large = "x".repeat(BATCH_BYTES);
    test.receives(vec![event(900, &large), event(901, &large)]);
    assert_eq!(test.index(), [259, 260]);
}

#[test]
fn segments_are_merged_before_there_are_many() {
    let mut test = Indexed::open();
    let mut most = 0;
    for seq in 1..=60 {
        test.receives(vec![call(seq, "s")]);
        test.index();
        most = most.max(test.segments());
    }
    assert!(most < 16, "{most} segments");
}

#[test]
fn deleted_events_leave_the_index() {
    let mut test = Indexed::open();
    let escaped = event(2, r#"{"text":"goes \u0041 too"}"#);
    test.receives(vec![call(1, "gone"), escaped, call(3, "stays")]);
    test.index();
    assert_eq!(test.rows("SELECT row FROM text_partial"), [2]);
    assert_eq!(test.facts("s_gone"), [1]);
    assert_eq!(test.texts("gon"), [1]);
    // An event that is not indexed yet may be deleted, too.
    test.receives(vec![call(4, "new")]);
    test.delete("row IN (1, 2, 4)");
    test.index();
    assert_eq!(test.facts("s_gone"), [0; 0]);
    // The next removal comes later, or when another process takes over.
    test.delete("row = 3");
    test.index();
    assert_eq!(test.facts("s_stays"), [3]);
    test.indexer.close();
    test.receives(vec![call(5, "stays")]);
    test.index();
    assert_eq!(test.facts("s_gone OR s_new OR s_stays"), [5]);
    assert_eq!(test.texts("gon OR goe"), [0; 0]);
    assert_eq!(test.rows("SELECT row FROM text_partial"), [0; 0]);
    let check = "INSERT INTO fact_index (fact_index) VALUES ('integrity-check');
        INSERT INTO text_index (text_index) VALUES ('integrity-check');";
    execute(&test.path(), check);
}

#[test]
fn a_day_after_it_was_deleted_no_byte_of_an_event_is_in_the_index() {
    let mut test = Indexed::open();
    let events = (1..=100).map(|seq| call(seq, if seq == 50 { "confidential" } else { "s" }));
    test.receives(events.collect());
    test.index();
    let is_in_the_files = |test: &Indexed| {
        let log = ringtail_files::sibling(&test.path(), "-wal");
        let mut bytes = fs::read(test.path()).unwrap();
        bytes.extend(fs::read(log).unwrap());
        bytes.windows(12).any(|bytes| bytes == b"confidential")
    };
    assert!(is_in_the_files(&test));
    test.delete("row = 50");
    test.index();
    let since = "SELECT unclean_since IS NOT NULL FROM progress";
    assert_eq!(test.rows(since), [1]);
    let day = CLEAN_AFTER.as_micros();
    let earlier = format!("UPDATE progress SET unclean_since = unclean_since - {day}");
    execute(&test.path(), &earlier);
    test.index();
    assert_eq!(test.rows(since), [0]);
    assert!(!is_in_the_files(&test));
    assert_eq!(test.facts("s_s").len(), 99);
}

/// A way to make the index's file unusable, by name.
type Damage = (&'static str, fn(&Path));

#[test]
fn an_unusable_index_is_rebuilt() {
    let mut test = Indexed::open();
    test.receives(vec![call(1, "s"), call(2, "s")]);
    test.index();
    let spoil: [Damage; 7] = [
        ("missing", |path| fs::remove_file(path).unwrap()),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("no database", |path| {
            fs::write(path, "text ".repeat(100)).unwrap();
        }),
        ("of another version", |path| {
            execute(path, "PRAGMA application_id = 1");
        }),
        ("of another history", |path| {
            execute(path, "UPDATE progress SET history = x'00'");
        }),
        ("of rows that other events have now", |path| {
            execute(path, "UPDATE progress SET event_id = zeroblob(16)");
        }),
        ("ahead of the history", |path| {
            execute(path, "UPDATE progress SET event = 3");
        }),
    ];
    for (what, spoil) in spoil {
        assert_eq!(test.usable(), Some(2), "{what}");
        test.indexer.close();
        spoil(&test.path());
        assert_eq!(test.usable(), None, "{what}");
        test.index();
        assert_eq!(test.facts("s_s"), [1, 2], "{what}");
    }
}

#[test]
fn an_index_that_is_found_damaged_is_rebuilt() {
    let mut test = Indexed::open();
    test.receives(vec![call(1, "s")]);
    test.index();
    let reader = HISTORY.open_reader(&test.dir.path().join(FILE_NAME));
    let reader = reader.unwrap();
    assert_eq!(usable(&reader), Some(1));
    execute(&test.path(), "DROP TABLE fact_index");
    test.receives(vec![call(2, "s")]);
    test.index();
    test.index();
    assert_eq!(test.facts("s_s"), [1, 2]);
    assert_eq!(
        usable(&reader),
        Some(2),
        "what has it attached sees the new one"
    );
}

#[test]
fn of_two_processes_one_indexes_and_the_other_takes_over() {
    let mut test = Indexed::open();
    test.receives(vec![call(1, "s")]);
    assert_eq!(test.index(), [1]);
    let mut second = Indexer::new(test.dir.path(), watch::channel(RowId::default()).0);
    assert!(!second.open_or_log());
    test.indexer.close();
    assert!(second.open_or_log());
    assert!(!test.indexer.step());
}
