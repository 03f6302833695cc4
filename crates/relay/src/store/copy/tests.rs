//! Backups of real databases.

use std::os::unix::fs::PermissionsExt as _;

use rusqlite::params;
use tempfile::TempDir;

use super::*;

struct CopyFixture {
    temp: TempDir,
    dir: DataDir,
    connection: Connection,
}

impl CopyFixture {
    fn new() -> Self {
        let temp = TempDir::new().unwrap();
        let dir = DataDir::open(temp.path().join("data")).unwrap();
        let connection = open_writer(&dir).unwrap();
        connection
            .execute_batch(
                "INSERT INTO account (name, created_at, changed_at) VALUES ('anna', 0, 0);
                 INSERT INTO endpoint (account, name, id, created_at) VALUES (1, 'dev', 'dev-abc', 0);",
            )
            .unwrap();
        Self {
            temp,
            dir,
            connection,
        }
    }

    fn store(&self, seq: i64, request: &[u8]) {
        self.connection
            .execute(
                "INSERT INTO event (key, id, received_at, kind, disposition, request)
                 VALUES ((1 << 42) + ?1, randomblob(16), 0, 0, 0, ?2)",
                params![seq, request],
            )
            .unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }
}

fn identity(dir: &DataDir) -> String {
    open_reader(dir)
        .unwrap()
        .query_row("SELECT value FROM meta WHERE name = 'journal'", [], |row| {
            row.get(0)
        })
        .unwrap()
}

fn restore_into(dir: &DataDir, path: &Path, force: bool) -> Result<Restored, RestoreError> {
    let lock = dir.lock_serving()?;
    restore(dir, &lock, path, force)
}

#[test]
fn a_backup_beside_a_writer_has_committed_and_no_deleted_events() {
    let relay = CopyFixture::new();
    relay.store(1, b"planted-and-deleted");
    relay.store(2, b"kept");
    relay
        .connection
        .execute("DELETE FROM event WHERE key = (1 << 42) + 1", [])
        .unwrap();
    // An open transaction is not in it, and does not block it.
    relay.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    relay.store(3, b"uncommitted");
    let path = relay.file("copy.db");
    let contents = backup(&relay.dir, &path).unwrap();
    assert_eq!(
        (contents.accounts, contents.endpoints, contents.events),
        (1, 1, 1)
    );
    let bytes = fs::read(&path).unwrap();
    assert_eq!(contents.bytes, bytes.len() as u64);
    let has = |text: &[u8]| bytes.windows(text.len()).any(|it| it == text);
    assert!(has(b"kept") && !has(b"planted-and-deleted") && !has(b"uncommitted"));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = backup(&relay.dir, &path).unwrap_err();
    assert!(matches!(again, BackupError::Exists { .. }), "{again}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_failed_backup_leaves_no_file() {
    let empty = TempDir::new().unwrap();
    let dir = DataDir::open(empty.path()).unwrap();
    let path = empty.path().join("copy.db");
    fs::write(dir.database(), [7; 8192]).unwrap();
    assert!(matches!(
        backup(&dir, &path).unwrap_err(),
        BackupError::Copy(_)
    ));
    assert!(!path.exists() && !sibling(&path, ".part").exists());
}

#[test]
fn backup_and_restore_follow_no_planted_link() {
    let relay = CopyFixture::new();
    let (path, others) = (relay.file("copy"), relay.file("others"));
    let other = DataDir::open(relay.file("other")).unwrap();
    fs::write(&others, b"untouched").unwrap();
    for link in [
        sibling(&path, ".part"),
        sibling(&other.database(), ".restoring"),
    ] {
        std::os::unix::fs::symlink(&others, link).unwrap();
    }
    backup(&relay.dir, &path).unwrap();
    restore_into(&other, &path, false).unwrap();
    assert_eq!(fs::read(&others).unwrap(), b"untouched");
    assert!(!path.is_symlink() && !other.database().is_symlink());
}

#[test]
fn a_restored_journal_has_another_identity() {
    let relay = CopyFixture::new();
    relay.store(1, b"first");
    let path = relay.file("copy.db");
    backup(&relay.dir, &path).unwrap();
    let before = fs::read(&path).unwrap();
    let other = DataDir::open(relay.file("other")).unwrap();
    let restored = restore_into(&other, &path, false).unwrap();
    assert_eq!((restored.contents.events, restored.aside), (1, None));
    assert_ne!(identity(&other), identity(&relay.dir));
    assert_eq!(
        fs::read(&path).unwrap(),
        before,
        "the backup stays as it is"
    );
    let again = restore_into(&other, &path, false).unwrap_err();
    assert!(matches!(again, RestoreError::Occupied { .. }), "{again}");
    // Within one second.
    let aside = [(); 2].map(|()| restore_into(&other, &path, true).unwrap().aside.unwrap());
    assert_ne!(aside[0], aside[1]);
    assert!(aside.iter().all(|path| path.is_file()));
}

#[test]
fn a_directory_in_use_is_not_restored() {
    let relay = CopyFixture::new();
    let path = relay.file("copy.db");
    backup(&relay.dir, &path).unwrap();
    let _serving = relay.dir.lock_serving().unwrap();
    let error = restore_into(&relay.dir, &path, true).unwrap_err();
    let in_use = matches!(error, RestoreError::DataDir(DataDirError::InUse { .. }));
    assert!(in_use, "{error}");
}

#[test]
fn an_invalid_backup_is_refused_and_changes_nothing() {
    let relay = CopyFixture::new();
    for seq in 1..200 {
        relay.store(seq, &[7; 1000]);
    }
    let path = relay.file("copy.db");
    backup(&relay.dir, &path).unwrap();
    let whole = fs::read(&path).unwrap();
    let other = DataDir::open(relay.file("other")).unwrap();
    let cut = whole[..whole.len() / 2].to_vec();
    let mut rotten = whole.clone();
    rotten[4096 * 3..4096 * 20].fill(0xff);
    let foreign = relay.file("foreign.db");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE x (y)")
        .unwrap();
    for (bytes, why) in [
        (Vec::new(), "empty"),
        (
            b"not a database at all, but long enough to be one".repeat(100),
            "text",
        ),
        (fs::read(&foreign).unwrap(), "foreign"),
        (cut, "cut"),
        (rotten, "rotten"),
    ] {
        let path = relay.file(why);
        fs::write(&path, bytes).unwrap();
        let error = restore_into(&other, &path, false).unwrap_err();
        assert!(matches!(error, RestoreError::Copy { .. }), "{why}: {error}");
        assert!(!other.database().exists(), "{why}");
    }
    let newer = relay.file("newer");
    fs::write(&newer, &whole).unwrap();
    Connection::open(&newer)
        .unwrap()
        .pragma_update(None, "user_version", 1000)
        .unwrap();
    let error = restore_into(&other, &newer, false).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("newer ringtail-relay"), "{source}");
}
