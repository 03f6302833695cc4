use std::error::Error;

use super::*;
use crate::History;

#[test]
fn schema_is_the_one_that_was_agreed_on() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open_writer(dir.path()).unwrap();
    let mut statement = opened
        .connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name")
        .unwrap();
    let tables: rusqlite::Result<Vec<String>> =
        statement.query_map([], |row| row.get(0)).unwrap().collect();
    insta::assert_snapshot!(tables.unwrap().join(";\n\n"));
}

#[test]
fn settings_are_those_that_the_docs_promise() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open_writer(dir.path()).unwrap();
    let text = |pragma| -> String {
        opened
            .connection
            .pragma_query_value(None, pragma, |row| row.get(0))
            .unwrap()
    };
    let number = |pragma| -> i64 {
        opened
            .connection
            .pragma_query_value(None, pragma, |row| row.get(0))
            .unwrap()
    };
    assert_eq!(text("journal_mode"), "wal");
    assert_eq!(number("synchronous"), 1);
    assert_eq!(number("foreign_keys"), 1);
    assert_eq!(number("auto_vacuum"), 2);
}

#[test]
fn one_that_writes_waits_for_another() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (
        open_writer(dir.path()).unwrap(),
        open_writer(dir.path()).unwrap(),
    );
    let change = "UPDATE client SET made_at = made_at + 1";
    one.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = std::thread::spawn(move || other.connection.execute(change, []));
    one.connection.execute_batch(change).unwrap();
    one.connection.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(1));
    assert!(wait_for_others(0) && wait_for_others(4_999));
    assert!(!wait_for_others(5_000), "ten seconds are over");
}

#[test]
fn readers_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open_writer(dir.path()).unwrap();
    let reader = open_reader(&opened.path).unwrap();
    assert!(reader.execute("DELETE FROM event", []).is_err());
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/data");
    let opened = open_writer(&dir).unwrap();
    opened
        .connection
        .execute("UPDATE client SET made_at = 1", [])
        .unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for name in ["history.db", "history.db-wal", "history.db-shm"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
}

#[test]
fn client_id_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = open_writer(dir.path()).unwrap().client_id;
    assert_eq!(open_writer(dir.path()).unwrap().client_id, first);
    assert_eq!(first.len(), 32);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(open_writer(other.path()).unwrap().client_id, first);
}

#[test]
fn newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open_writer(dir.path()).unwrap();
    opened
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    drop(opened);
    let error = History::open(dir.path()).unwrap_err();
    assert!(matches!(
        error,
        OpenError::Newer {
            found: 99,
            known: 8,
            ..
        }
    ));
    assert!(error.to_string().contains("newer ringtail"), "{error}");
}

#[test]
fn another_programs_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE bookmarks (url TEXT)")
        .unwrap();
    let error = History::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join(FILE_NAME),
        "not a database, but long enough to be read as one",
    )
    .unwrap();
    let error = History::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("history.db"), "{error}");
    let source = error.source().expect("SQLite's reason");
    assert!(source.to_string().contains("not a database"), "{source}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = History::open(&file.join("data")).unwrap_err();
    assert!(matches!(error, OpenError::Files { .. }));
    assert!(error.to_string().contains("RINGTAIL_DATA"), "{error}");
    assert!(error.source().is_some());
}

#[test]
fn many_processes_may_open_a_new_file_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| open_writer(dir.path()).unwrap().client_id))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_history_of_the_first_schema_is_brought_up_and_indexed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    old.execute_batch(
        "INSERT INTO event VALUES (7, 'demo-x1', 'j', 1, zeroblob(16), 1, 1, NULL, 0, 0, 'POST', '/', 'p',
           'platform-notification', 'sms', 'SMS', 'k', NULL, 2, 0);
         INSERT INTO content VALUES (7, x'', CAST('{\"from\":\"pat\"}' AS BLOB));",
    )
    .unwrap();
    old.execute_batch("UPDATE event SET forward = 1").unwrap();
    drop(old);
    let connection = open_writer(dir.path()).unwrap().connection;
    let bytes: i64 = connection
        .query_row("SELECT bytes FROM event", [], |row| row.get(0))
        .unwrap();
    assert_eq!(bytes, 14, "what is owed is known with its size");
    let mut learner = crate::learn::Learner::default();
    let step = crate::index::step(&connection, 64, &mut learner).unwrap();
    assert_eq!((step.reached.0, step.more), (7, false));
    let found: i64 = connection
        .query_row(
            "SELECT rowid FROM fact_index WHERE fact_index MATCH 'k_sms AND f_pat'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(found, 7);
}
