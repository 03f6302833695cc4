use std::error::Error;
use std::fs;

use ringtail_ringcentral::limits::ANSWER_MAX_BYTES;

use super::*;
use crate::History;

#[test]
fn schema() {
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

/// The schema says by itself which answers RingCentral takes for too large.
#[test]
fn an_answer_over_ringcentrals_limit_is_odd() {
    let schema = HISTORY.migrations[0];
    assert!(schema.contains(&format!("wire_bytes > {ANSWER_MAX_BYTES})")));
}

#[test]
fn settings_are_those_of_the_docs() {
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
fn readers_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open_writer(dir.path()).unwrap();
    let reader = HISTORY.open_reader(&opened.path).unwrap();
    assert!(reader.execute("DELETE FROM event", []).is_err());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/data");
    let opened = open_writer(&dir).unwrap();
    let change = "UPDATE identity SET created_at = 1";
    opened.connection.execute(change, []).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for name in ["history.db", "history.db-wal", "history.db-shm"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
}

fn identity(opened: &Opened) -> [u8; 16] {
    let sql = "SELECT id FROM identity";
    let id = opened.connection.query_row(sql, [], |row| row.get(0));
    id.unwrap()
}

#[test]
fn the_identity_is_made_once() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |dir: &Path| identity(&open_writer(dir).unwrap());
    let first = open(dir.path());
    assert_eq!(open(dir.path()), first);
    assert_ne!(open(other.path()), first);
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
            known: 1,
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
fn a_file_that_is_no_database_is_refused_with_the_reason() {
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
    for (directory, reason) in [
        (file.join("data"), "Not a directory"),
        (file, "not a directory"),
    ] {
        let error = History::open(&directory).unwrap_err();
        assert!(matches!(error, OpenError::Files { .. }));
        let hint = error.hint().unwrap();
        assert!(hint.contains("--data or RINGTAIL_DATA"), "{hint}");
        let source = error.source().unwrap().to_string();
        assert!(source.starts_with(reason), "{source}");
    }
}

#[test]
fn a_full_disk_is_named_once_and_the_file_not_blamed() {
    let full = OpenError::Database {
        path: FILE_NAME.into(),
        source: rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
            Some("database or disk is full".to_owned()),
        ),
    };
    let text = ringtail_text::chain(&full);
    assert_eq!(
        text,
        "cannot open the history history.db: database or disk is full"
    );
    assert!(full.hint().unwrap().starts_with("free space"));
}

#[test]
fn many_processes_may_open_a_new_file_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| identity(&open_writer(dir.path()).unwrap())))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}
