//! Databases damaged on purpose.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};

use tempfile::TempDir;

use super::*;
use crate::store::open_writer;

const PAGE: u64 = 4096;

/// A database of many pages, closed in order.
fn database() -> (TempDir, DataDir) {
    let temp = TempDir::new().expect("a directory");
    let dir = DataDir::open(temp.path().join("data")).expect("a data directory");
    let connection = open_writer(&dir).expect("it opens");
    rows(&connection, 0..200);
    drop(connection);
    (temp, dir)
}

/// Adds rows, a transaction for each.
fn rows(connection: &Connection, keys: std::ops::Range<i64>) {
    let mut insert = connection
        .prepare(
            "INSERT INTO event (key, id, received_at, kind, disposition, request)
             VALUES (?1, randomblob(16), 0, 1, 1, randomblob(1000))",
        )
        .expect("a statement");
    for key in keys {
        insert.execute([key]).expect("a row");
    }
}

/// Copies database and log as a crash leaves them, which closing the connection would not.
fn crashed() -> (TempDir, DataDir) {
    let (temp, dir) = database();
    let connection = open_writer(&dir).expect("it opens");
    rows(&connection, 200..260);
    let copy = DataDir::open(temp.path().join("copy")).expect("a data directory");
    fs::copy(dir.database(), copy.database()).expect("copied");
    fs::copy(dir.log(), copy.log()).expect("copied");
    drop(connection);
    (temp, copy)
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).expect("a file");
    file.seek(SeekFrom::Start(at)).expect("seeks");
    file.write_all(bytes).expect("written");
}

fn damage(dir: &DataDir) -> Damage {
    match examine(dir).expect_err("it is damaged") {
        StoreError::Damaged { damage, .. } => damage,
        other => panic!("not damage: {other:?}"),
    }
}

fn count(dir: &DataDir) -> i64 {
    let connection = open_writer(dir).expect("it opens");
    let count = connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0));
    count.expect("a count")
}

#[test]
fn a_missing_an_intact_and_a_crashed_database_pass() {
    let temp = TempDir::new().expect("a directory");
    let nothing = DataDir::open(temp.path().join("data")).expect("a data directory");
    examine(&nothing).expect("there is nothing to examine");
    fs::write(nothing.database(), "").expect("written");
    examine(&nothing).expect("there is nothing in it");
    let (_temp, whole) = database();
    examine(&whole).expect("it is whole");
    let (_temp, crashed) = crashed();
    examine(&crashed).expect("it is whole");
    assert_eq!(count(&crashed), 260);
}

#[test]
fn a_transaction_cut_off_by_a_crash_is_no_damage() {
    let (_temp, dir) = crashed();
    let length = fs::metadata(dir.log()).expect("a log").len();
    let log = OpenOptions::new()
        .write(true)
        .open(dir.log())
        .expect("a log");
    log.set_len(length - PAGE / 2).expect("cut");
    examine(&dir).expect("the last transaction was not acknowledged");
    assert_eq!(count(&dir), 259);
}

#[test]
fn a_garbage_header_is_damage() {
    let (_temp, dir) = database();
    overwrite(&dir.database(), 0, &[0xa5; 100]);
    assert_eq!(damage(&dir), Damage::NotADatabase);
}

#[test]
fn a_file_cut_short_is_damage() {
    let (_temp, dir) = database();
    let length = fs::metadata(dir.database()).expect("a file").len();
    let file = OpenOptions::new().write(true).open(dir.database());
    file.and_then(|file| file.set_len(length - 3 * PAGE))
        .expect("cut");
    assert!(
        matches!(damage(&dir), Damage::Short { expected, .. } if expected == length)
            || matches!(damage(&dir), Damage::Found(_))
    );
}

#[test]
fn flipped_bytes_in_a_page_are_damage() {
    let (_temp, dir) = database();
    let pages = fs::metadata(dir.database()).expect("a file").len() / PAGE;
    // The head of a page of events: type, number and places of its cells.
    overwrite(&dir.database(), (pages / 2) * PAGE, &[0xff; 64]);
    assert!(
        matches!(damage(&dir), Damage::Found(_)),
        "{:?}",
        damage(&dir)
    );
}

#[test]
fn a_log_with_an_unreadable_frame_before_others_is_damage() {
    let (_temp, dir) = crashed();
    overwrite(&dir.log(), 32 + 24 + 100, &[0xff; 8]);
    // A transaction for each row, and one that opening takes.
    assert_eq!(damage(&dir), Damage::Log { transactions: 61 });
}

#[test]
fn a_log_with_a_garbage_header_is_damage() {
    let (_temp, dir) = crashed();
    overwrite(&dir.log(), 0, &[0xa5; 32]);
    assert_eq!(damage(&dir), Damage::Log { transactions: 61 });
}

#[test]
fn frames_of_the_previous_log_are_no_damage() {
    let (temp, dir) = database();
    let connection = open_writer(&dir).expect("it opens");
    rows(&connection, 200..260);
    connection
        .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
        .expect("checkpointed");
    rows(&connection, 260..261);
    let copy = DataDir::open(temp.path().join("copy")).expect("a data directory");
    fs::copy(dir.database(), copy.database()).expect("copied");
    fs::copy(dir.log(), copy.log()).expect("copied");
    // As after a crash between the new header and its first frame.
    overwrite(&copy.log(), 32 + 24 + 100, &[0xff; 8]);
    examine(&copy).expect("one transaction was cut off");
    assert_eq!(count(&copy), 260);
}

#[test]
fn a_check_ends_in_time() {
    let (_temp, dir) = database();
    let mut connection = connect(&dir.database()).expect("it opens");
    let checked = check(&mut connection, Duration::ZERO).expect("no failure");
    assert_eq!(checked, Ok(()));
}
