//! The schema, the file modes and the locks.

use std::path::Path;
use std::thread;
use std::time::Duration;

use ringtail_errors::Failure;
use tempfile::TempDir;

use super::*;

fn data_dir() -> (TempDir, DataDir) {
    let temp = TempDir::new().expect("a directory");
    let dir = DataDir::open(temp.path().join("deep/data")).expect("a data directory");
    (temp, dir)
}

fn text(connection: &Connection, sql: &str) -> String {
    connection
        .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
        .map(|value| match value {
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        })
        .expect(sql)
}

#[test]
fn the_final_schema() {
    let (_temp, dir) = data_dir();
    let connection = open_writer(&dir).expect("it opens");
    let mut select = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name")
        .expect("a statement");
    let schema: Vec<String> = select
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("rows");
    insta::assert_snapshot!(schema.join(";\n\n"));
}

#[test]
fn a_database_is_durable_and_overwrites_deleted_rows() {
    let (_temp, dir) = data_dir();
    let connection = open_writer(&dir).expect("it opens");
    for (pragma, expected) in [
        ("journal_mode", "wal"),
        ("synchronous", "Integer(2)"),
        ("secure_delete", "Integer(1)"),
        ("user_version", "Integer(1)"),
    ] {
        assert_eq!(
            text(&connection, &format!("PRAGMA {pragma}")),
            expected,
            "{pragma}"
        );
    }
}

#[test]
fn the_journal_keeps_its_identity() {
    let identity = "SELECT value FROM meta WHERE name = 'journal'";
    let (_temp, dir) = data_dir();
    let first = text(&open_writer(&dir).expect("it opens"), identity);
    assert_eq!(first.len(), 32);
    assert_eq!(text(&open_writer(&dir).expect("again"), identity), first);
    let (_temp, other) = data_dir();
    assert_ne!(
        text(&open_writer(&other).expect("another"), identity),
        first
    );
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let (_temp, dir) = data_dir();
    let connection = open_writer(&dir).expect("it opens");
    connection
        .pragma_update(None, "user_version", 7)
        .expect("set");
    let error = open_writer(&dir).expect_err("it is newer");
    let message = Failure::from(error)
        .to_string()
        .replace(&dir.path().display().to_string(), "DATA");
    insta::assert_snapshot!(message, @"
    error[RT-605]: the database DATA/relay.db was written by a newer ringtail-relay: its schema is 7, this one knows up to 1
    hint: run the newer ringtail-relay again, or name another directory with --data
    ");
    assert_eq!(text(&connection, "PRAGMA user_version"), "Integer(7)");
}

#[test]
fn another_programs_file_is_refused_with_its_cause() {
    for (foreign, expected) in [(true, "another program"), (false, "not a database")] {
        let (_temp, dir) = data_dir();
        if foreign {
            let other = Connection::open(dir.database()).expect("it opens");
            other.execute_batch("CREATE TABLE x (y)").expect("a table");
        } else {
            let text = "something else, and long enough ".repeat(100);
            std::fs::write(dir.database(), text).expect("written");
        }
        let error = open_writer(&dir).expect_err("it is not a relay's");
        assert!(error.to_string().contains("relay.db cannot be opened"));
        let causes = ringtail_text::chain(&error);
        assert!(causes.contains(expected), "{causes}");
    }
}

#[test]
fn one_process_serves_from_a_directory() {
    let (_temp, dir) = data_dir();
    let lock = dir.lock_serving().expect("it is free");
    let error = dir.lock_serving().expect_err("it is taken");
    let message = Failure::from(error)
        .to_string()
        .replace(&dir.path().display().to_string(), "DATA");
    insta::assert_snapshot!(message, @"
    error[RT-603]: another ringtail-relay serves from DATA
    hint: stop that one, or name another directory with --data
    ");
    // Administration needs no such lock.
    open_writer(&dir).expect("it opens");
    drop(lock);
    let _again = dir.lock_serving().expect("it is free again");
}

#[test]
fn a_look_at_who_serves_keeps_no_relay_from_starting() {
    let (_temp, dir) = data_dir();
    let look = dir.lock_serving().expect("it is free");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        threads.spawn(|| tell.send(dir.lock_serving()).expect("told"));
        let early = told.recv_timeout(Duration::from_millis(50));
        assert!(early.is_err(), "{early:?}");
        drop(look);
        let started = told.recv().expect("told");
        drop(started.expect("it is free soon"));
    });
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    for lock in ["serve.lock", "open.lock"] {
        let (temp, dir) = data_dir();
        let elsewhere = temp.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, dir.path().join(lock)).expect("linked");
        let error = match lock {
            "serve.lock" => dir.lock_serving().expect_err("it is a link"),
            _ => dir.lock_opening().expect_err("it is a link"),
        };
        let message = Failure::from(error)
            .to_string()
            .replace(&dir.path().display().to_string(), "DATA");
        assert_eq!(
            message,
            format!(
                "error[RT-604]: the lock DATA/{lock} is a symbolic link\n\
                 hint: check where it leads, then remove it; the relay creates its own\n"
            )
        );
        assert!(!elsewhere.exists(), "{lock}");
    }
}

#[test]
fn a_file_is_not_a_data_directory() {
    let temp = TempDir::new().expect("a directory");
    let path = temp.path().join("file");
    std::fs::write(&path, "").expect("written");
    let error = DataDir::open(&path).expect_err("it is a file");
    let message = Failure::from(error)
        .to_string()
        .replace(&path.display().to_string(), "DATA");
    let said = "error[RT-604]: the data directory cannot be used: DATA cannot be opened: ";
    assert!(message.starts_with(said), "{message}");
    assert!(message.contains("not a directory"), "{message}");
    assert!(message.ends_with("\nhint: name a directory that this user may write with --data\n"));
}

#[test]
fn processes_that_start_together_create_one_database() {
    let (_temp, dir) = data_dir();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| open_writer(&dir).expect("it opens"));
        }
    });
    let connection = open_reader(&dir).expect("it opens");
    assert_eq!(text(&connection, "SELECT count(*) FROM meta"), "Integer(2)");
}

#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_temp, dir) = data_dir();
    let _lock = dir.lock_serving().expect("it is free");
    let _connection = open_writer(&dir).expect("it opens");
    let mode = |path: &Path| {
        let found = std::fs::metadata(path).expect("it is there");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(dir.path()), 0o700);
    let mut files = 0;
    for file in std::fs::read_dir(dir.path()).expect("a directory") {
        let path = file.expect("a file").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 5, "database, log, its index and two locks");
}

/// Without the lock, another program such as `sqlite3` believes that it closes the last connection and deletes the
/// write-ahead log under the relay: events acknowledged after that would be lost with the process.
#[cfg(target_os = "linux")]
#[test]
fn a_second_connection_keeps_the_lock_of_the_first() {
    let (_temp, dir) = data_dir();
    let first = open_writer(&dir).expect("it opens");
    // The first read takes the lock.
    text(&first, "SELECT count(*) FROM event");
    let database = dir.database().canonicalize().expect("a path");
    assert_eq!(locks(&database), ["POSIX READ"]);
    let _second = open_writer(&dir).expect("it opens again");
    assert_eq!(locks(&database), ["POSIX READ"]);
}

/// Returns this process's locks on an open file, whichever of its descriptors took them. `/proc/locks` misses some while other
/// locks come and go.
#[cfg(target_os = "linux")]
fn locks(file: &Path) -> Vec<String> {
    let open = std::fs::read_dir("/proc/self/fd").expect("descriptors");
    // Other tests open and close descriptors meanwhile.
    let infos = open
        .filter_map(Result::ok)
        .filter(|open| std::fs::read_link(open.path()).is_ok_and(|path| path == file))
        .map(|open| Path::new("/proc/self/fdinfo").join(open.file_name()))
        .map(|info| std::fs::read_to_string(info).expect("what the descriptor has"));
    // A line is "lock:", number, kind, "ADVISORY", what for, process, file and range.
    let lock = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        format!("{} {}", words[2], words[4])
    };
    infos
        .flat_map(|info| {
            let lines = info.lines().filter(|line| line.starts_with("lock:"));
            lines.map(lock).collect::<Vec<_>>()
        })
        .collect()
}
