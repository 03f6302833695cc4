use super::*;
use crate::schema::open_writer;
use crate::store::{Incoming, store};
use crate::testing::{ENDPOINT, JOURNAL, attempt, call, event};
use crate::{Forwarding, attempts};
use ringtail_model::{Cause, Outcome};
use ringtail_protocol::event::Event;

struct Indexed {
    connection: Connection,
    _dir: tempfile::TempDir,
}

impl Indexed {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(dir.path()).unwrap().connection;
        Self {
            connection,
            _dir: dir,
        }
    }

    fn receives(&self, events: Vec<Event>) {
        let batch: Vec<_> = events.into_iter().map(Incoming::Event).collect();
        store(&self.connection, ENDPOINT, JOURNAL, &batch, &Forwarding::On).unwrap();
    }

    /// Indexes all there is; returns how far each step came that indexed anything.
    fn index(&self) -> Vec<i64> {
        let mut reached = vec![indexed(&self.connection).unwrap().0];
        loop {
            let step = step(&self.connection, 64, &mut Learner::default()).unwrap();
            reached.push(step.reached.0);
            if !step.more {
                reached.dedup();
                return reached.split_off(1);
            }
        }
    }

    /// How many parts the index of texts has.
    fn parts(&self) -> usize {
        self.rows("SELECT count(DISTINCT segid) FROM text_index_idx")[0] as usize
    }

    fn rows(&self, sql: &str) -> Vec<i64> {
        let mut statement = self.connection.prepare(sql).unwrap();
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
}

#[test]
fn steps_are_short_and_go_on_where_the_last_ended() {
    let test = Indexed::open();
    let count = 129;
    test.receives((1..=count).map(|seq| call(seq, "s")).collect());
    let first = step(&test.connection, 64, &mut Learner::default()).unwrap();
    assert_eq!((first.reached, first.more), (RowId(64), true));
    assert_eq!(test.index(), [128, 129]);
    assert_eq!(test.facts("s_s").len(), count as usize);
    test.receives(vec![call(count + 1, "t")]);
    assert_eq!(test.index(), [130]);
    assert_eq!(test.facts("s_t"), [count as i64 + 1]);
    let large = "x".repeat(BATCH_BYTES);
    test.receives(vec![event(900, &large), event(901, &large)]);
    let steps = [131, 132];
    assert_eq!(test.index(), steps, "a large body is a step of its own");
}

#[test]
fn parts_are_put_together_before_there_are_many() {
    let test = Indexed::open();
    let mut most = 0;
    for seq in 1..=100 {
        test.receives(vec![call(seq, "s")]);
        test.index();
        most = most.max(test.parts());
    }
    assert!(most < 16, "{most} parts");
    // What is removed leaves with the next putting together.
    test.connection
        .execute("DELETE FROM event WHERE row <= 90", [])
        .unwrap();
    test.index();
    assert_eq!(test.facts("s_s").len(), 10);
    assert!(test.parts() < 8, "{} parts", test.parts());
}

#[test]
fn what_retention_removes_leaves_the_indexes() {
    let test = Indexed::open();
    let odd = call(1, "gone");
    let mut failed = attempt(odd.id);
    failed.outcome = Outcome::Status(500);
    test.receives(vec![
        odd,
        event(2, r#"{"text":"goes \u0041 too"}"#),
        call(3, "stays"),
    ]);
    attempts::record(&test.connection, &failed, false).unwrap();
    test.index();
    assert_eq!(test.rows("SELECT row FROM odd"), [1]);
    assert_eq!(test.rows("SELECT row FROM text_partial"), [2]);
    assert_eq!(
        (test.facts("s_gone"), test.texts("gon")),
        (vec![1], vec![1])
    );
    // An event that is not indexed yet can go, too.
    test.receives(vec![call(4, "new")]);
    test.connection
        .execute("DELETE FROM event WHERE row IN (1, 2, 4)", [])
        .unwrap();
    test.index();
    assert!(test.facts("s_gone OR s_new").is_empty());
    assert!(test.texts("gon").is_empty());
    assert_eq!(test.facts("s_stays"), [3]);
    assert!(
        test.rows("SELECT row FROM odd UNION SELECT row FROM text_partial")
            .is_empty()
    );
    test.connection
        .execute_batch(
            "INSERT INTO fact_index (fact_index) VALUES ('integrity-check');
             INSERT INTO text_index (text_index) VALUES ('integrity-check');",
        )
        .unwrap();
}

#[test]
fn attempts_are_odd_before_and_after_their_event() {
    let test = Indexed::open();
    let (early, late, fine) = (call(1, "s"), call(2, "s"), call(3, "s"));
    let mut passthrough = attempt(early.id);
    passthrough.cause = Cause::Passthrough;
    passthrough.outcome = Outcome::Status(503);
    attempts::record(&test.connection, &passthrough, false).unwrap();
    test.index();
    let (late_id, fine_id) = (late.id, fine.id);
    test.receives(vec![early, late, fine]);
    test.index();
    assert_eq!(test.rows("SELECT row FROM odd"), [1]);
    let mut replay = attempt(late_id);
    replay.cause = Cause::Replay;
    attempts::record(&test.connection, &replay, false).unwrap();
    attempts::record(&test.connection, &attempt(fine_id), false).unwrap();
    test.index();
    assert_eq!(test.rows("SELECT row FROM odd"), [1, 2]);
}

#[test]
fn words_are_found_by_their_beginnings() {
    let mut tokens = Tokens::default();
    tokens.fact(About::From, "+1 (650) O'Brien-K\u{212a}");
    assert_eq!(
        tokens.text,
        "f_1__650__o_brien_kk f_650__o_brien_kk f_o_brien_kk f_brien_kk f_kk "
    );
    let long = token(Field::Uuid, &"é1".repeat(100)).unwrap();
    assert_eq!(long, format!("u_{}", "_1".repeat(TOKEN_BYTES / 2)));
}
