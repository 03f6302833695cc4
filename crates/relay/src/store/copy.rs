//! Copies of the database: made beside a relay that serves, and put back in its place.
//!
//! A backup is one file with accounts, endpoints and journal as they were at one moment. It holds hashes of tokens and
//! the events themselves, and no private key: certificates are made or got anew.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ringtail_protocol::event::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::data_dir::{DataDir, DataDirError, ServeLock, private_options};
use super::{StoreError, open_reader, open_writer, schema};

/// What a copy has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Accounts.
    pub accounts: u64,
    /// Endpoints.
    pub endpoints: u64,
    /// Events.
    pub events: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file is there already.
    #[error(
        "{} exists\n\
         hint: a backup overwrites nothing; name a new file, or remove that one",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("{} cannot be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy could not be made.
    #[error("the database could not be copied")]
    Copy(#[source] rusqlite::Error),
    /// The copy is not what it should be.
    #[error("the copy could not be verified")]
    Verify(#[source] CopyError),
}

/// Why a backup was not put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is a database already.
    #[error(
        "there is a database in {} already\n\
         hint: name an empty directory with --data; or with --force the database that is there is moved aside",
        path.display()
    )]
    Occupied {
        /// The data directory.
        path: PathBuf,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A file cannot be read, made or moved.
    #[error("{} cannot be read, written or moved", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is not a backup.
    #[error("{} cannot be put back", path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CopyError,
    },
    /// The database that was put back cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A newer relay made it.
    #[error("it is of a newer ringtail-relay: its schema is {found}, this one knows up to {known}")]
    Newer {
        /// Its schema.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// It is no database of a relay's.
    #[error("it is not a backup of ringtail-relay")]
    Foreign,
    /// SQLite finds faults in it.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It cannot be read or written.
    #[error("SQLite refuses it")]
    Database(#[from] rusqlite::Error),
}

/// Writes a copy of the database, also beside a relay that serves, which goes on meanwhile. Blocks.
///
/// The file is empty until the copy is whole, verified and on the disk; then that takes its place.
///
/// # Errors
/// When the file exists or cannot be written, or the database cannot be read.
pub fn backup(dir: &DataDir, path: &Path) -> Result<Contents, BackupError> {
    let failed = |source| BackupError::File {
        path: path.to_owned(),
        source,
    };
    // Takes the name, with the mode that SQLite would not give.
    match private_options().create_new(true).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(failed(error)),
    }
    let part = beside(path, ".part");
    let copied = copy(dir, &part).and_then(|contents| {
        fs::rename(&part, path).map_err(failed)?;
        sync_parent(path).map_err(failed)?;
        Ok(contents)
    });
    if copied.is_err() {
        drop(fs::remove_file(&part));
        drop(fs::remove_file(path));
    }
    copied
}

fn copy(dir: &DataDir, part: &Path) -> Result<Contents, BackupError> {
    let failed = |source| BackupError::File {
        path: part.to_owned(),
        source,
    };
    drop(anew(part).map_err(failed)?);
    let source = open_reader(dir)?;
    // One statement, so one moment: writers go on beside it. Unlike a copy page by page, it takes no page along that
    // holds what was deleted, and does not begin again whenever something is written.
    let name = part.to_str().ok_or_else(|| {
        failed(io::Error::new(
            io::ErrorKind::InvalidFilename,
            "the name is not UTF-8",
        ))
    })?;
    source
        .execute("VACUUM INTO ?1", [name])
        .map_err(BackupError::Copy)?;
    let copy = Connection::open_with_flags(part, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| BackupError::Verify(error.into()))?;
    let contents = verify(&copy, part).map_err(BackupError::Verify)?;
    drop(copy);
    File::open(part)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    Ok(contents)
}

/// Puts a backup in the place of the database. Blocks.
///
/// The journal gets another identity: its numbers go on where the backup ends, and clients know events of those numbers
/// that it does not have. Under the old identity they would take the new ones for them.
///
/// Whoever calls this holds the directory's lock, so that no relay serves from it.
///
/// # Errors
/// When the file is not a whole backup, or the directory has a database and `force` is not given.
pub fn restore(
    dir: &DataDir,
    _lock: &ServeLock,
    path: &Path,
    force: bool,
) -> Result<Restored, RestoreError> {
    let database = dir.database();
    let occupied = database.exists();
    if occupied && !force {
        return Err(RestoreError::Occupied {
            path: dir.path().to_owned(),
        });
    }
    let fresh = beside(&database, ".restoring");
    let prepared = prepare(path, &fresh);
    let contents = match prepared {
        Ok(contents) => contents,
        Err(error) => {
            drop(fs::remove_file(&fresh));
            return Err(error);
        }
    };
    let aside = match occupied {
        true => Some(move_aside(&database)?),
        false => None,
    };
    dir.give_to_owner(&fresh);
    rename(&fresh, &database)?;
    sync_parent(&database).map_err(|source| RestoreError::File {
        path: database.clone(),
        source,
    })?;
    // Brings an older relay's backup up to this one's schema.
    drop(open_writer(dir)?);
    Ok(Restored { contents, aside })
}

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup has in it.
    pub contents: Contents,
    /// Where the database is that was there before.
    pub aside: Option<PathBuf>,
}

/// Copies the backup into the directory and makes it ready there, so that the change itself is a rename.
fn prepare(path: &Path, fresh: &Path) -> Result<Contents, RestoreError> {
    let mut from = File::open(path).map_err(|source| RestoreError::File {
        path: path.to_owned(),
        source,
    })?;
    let failed = |source| RestoreError::File {
        path: fresh.to_owned(),
        source,
    };
    let mut to = anew(fresh).map_err(failed)?;
    io::copy(&mut from, &mut to).map_err(failed)?;
    to.sync_all().map_err(failed)?;
    drop(to);
    let wrong = |source: CopyError| RestoreError::Copy {
        path: path.to_owned(),
        source,
    };
    let copy = Connection::open_with_flags(fresh, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|error| wrong(error.into()))?;
    let contents = verify(&copy, fresh).map_err(wrong)?;
    copy.execute(
        "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'journal'",
        [],
    )
    .map_err(|error| wrong(error.into()))?;
    Ok(contents)
}

/// Looks whether a copy is whole and a relay's, and counts what is in it.
fn verify(copy: &Connection, path: &Path) -> Result<Contents, CopyError> {
    let found = schema::version(copy).map_err(foreign)?;
    if found > schema::VERSION {
        return Err(CopyError::Newer {
            found,
            known: schema::VERSION,
        });
    }
    let journal: i64 = copy
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'account', 'endpoint', 'event')",
            [],
            |row| row.get(0),
        )
        .map_err(foreign)?;
    if found < 1 || journal != 4 {
        return Err(CopyError::Foreign);
    }
    let said: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(CopyError::Damaged(said));
    }
    let count = |table: &str| -> Result<u64, CopyError> {
        let sql = format!("SELECT count(*) FROM {table}");
        let count = copy.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
        Ok(count.unsigned_abs())
    };
    Ok(Contents {
        accounts: count("account")?,
        endpoints: count("endpoint")?,
        events: count("event")?,
        bytes: fs::metadata(path).map_or(0, |file| file.len()),
    })
}

/// A file that SQLite does not know as its own is not damaged, it is another.
fn foreign(error: rusqlite::Error) -> CopyError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => CopyError::Foreign,
        _ => CopyError::Database(error),
    }
}

/// Moves the database with its other files to names of their own, and returns the first.
fn move_aside(database: &Path) -> Result<PathBuf, RestoreError> {
    let seconds = Timestamp::now().0 / 1_000_000;
    let aside = beside(database, &format!(".before-{seconds}"));
    for suffix in ["", "-wal", "-shm"] {
        let from = beside(database, suffix);
        if from.exists() {
            rename(&from, &beside(&aside, suffix))?;
        }
    }
    Ok(aside)
}

/// Makes a file in the place of what an earlier call left that was killed. It is made and not opened: what is there could be
/// a link to a file of the operator's, left by somebody who may write in the directory and nowhere else.
fn anew(path: &Path) -> io::Result<File> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    private_options().create_new(true).open(path)
}

fn rename(from: &Path, to: &Path) -> Result<(), RestoreError> {
    fs::rename(from, to).map_err(|source| RestoreError::File {
        path: from.to_owned(),
        source,
    })
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// Makes a file's name survive the loss of power, too.
fn sync_parent(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
