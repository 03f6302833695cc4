//! Backups of the database: made while a relay serves, and restored.
//!
//! A backup is one file with accounts, endpoints and journal as they were at one moment. It holds hashes of tokens and
//! the events themselves, but no private key: a restored relay gets a new certificate.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ringtail_errors::{Code, Coded, codes};
use ringtail_files::{create_private, remove_if_present, sibling};
use ringtail_protocol::event::Timestamp;
use ringtail_sqlite::OpenError;
use rusqlite::{Connection, OpenFlags, named_params};

use super::{DATABASE, DataDir, DataDirError, ServeLock, StoreError, open_reader, open_writer};

/// The contents of a backup.
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

/// Why a backup was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file exists.
    #[error(
        "{} exists",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be created.
    #[error("{} cannot be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy could not be made.
    #[error("the database could not be copied")]
    Copy(#[source] rusqlite::Error),
    /// The copy is not a valid backup.
    #[error("the copy could not be verified")]
    Verify(#[source] CopyError),
}

impl Coded for BackupError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Exists { .. } | Self::File { .. } | Self::Copy(_) | Self::Verify(_) => {
                &codes::RELAY_BACKUP
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("name a new file, or remove this one".to_owned()),
            Self::Store(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

/// Why a backup was not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The directory has a database.
    #[error(
        "there is a database in {} already",
        path.display()
    )]
    Occupied {
        /// The data directory.
        path: PathBuf,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A file cannot be read, created or moved.
    #[error("{} cannot be read, written or moved", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The file is not a backup.
    #[error("{} cannot be restored", path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CopyError,
    },
    /// The restored database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Coded for RestoreError {
    fn code(&self) -> &'static Code {
        match self {
            Self::DataDir(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Occupied { .. } | Self::File { .. } | Self::Copy { .. } => &codes::RELAY_RESTORE,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Occupied { .. } => Some(
                "name an empty directory with --data, or move that database aside with --force"
                    .to_owned(),
            ),
            Self::DataDir(error) => error.hint(),
            Self::Store(error) => error.hint(),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

/// What is wrong with a copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A newer relay made it.
    #[error("it is of a newer ringtail-relay: its schema is {found}, this one knows up to {known}")]
    Newer {
        /// Its schema.
        found: usize,
        /// The newest that this program knows.
        known: usize,
    },
    /// It is not a relay's database.
    #[error("it is not a backup of ringtail-relay")]
    Foreign,
    /// SQLite finds faults in it.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It cannot be read or written.
    #[error("SQLite cannot use it")]
    Database(#[from] rusqlite::Error),
}

/// Writes a copy of the database, also while a relay serves. Blocks.
///
/// The file is empty until the copy is complete, verified and on the disk, and then replaced by it.
///
/// # Errors
/// When the file exists or cannot be written, or the database cannot be read.
pub fn backup(dir: &DataDir, path: &Path) -> Result<Contents, BackupError> {
    let failed = |source| BackupError::File {
        path: path.to_owned(),
        source,
    };
    // Reserves the name.
    match create_private(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(failed(error)),
    }
    let part = sibling(path, ".part");
    let copied = copy(dir, &part).and_then(|contents| {
        ringtail_files::rename(&part, path).map_err(failed)?;
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
    drop(create_fresh(part).map_err(failed)?);
    let source = open_reader(dir)?;
    // One statement reads one snapshot while others write. Unlike a copy page by page, it leaves out free pages with
    // deleted rows and does not restart after a write.
    let name = part.to_str().ok_or_else(|| {
        failed(io::Error::new(
            io::ErrorKind::InvalidFilename,
            "the name is not UTF-8",
        ))
    })?;
    source
        .execute("VACUUM INTO :file", named_params! { ":file": name })
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

/// Replaces the database with a backup. Blocks. The caller holds the directory's lock, so that no relay serves from it.
///
/// The journal gets a new identity. Its numbers continue where the backup ends, and clients may already have events of
/// those numbers; under the old identity they would skip the new ones.
///
/// # Errors
/// When the file is not a complete backup, or the directory has a database and `force` is not given.
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
    let fresh = sibling(&database, ".restoring");
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
    // Migrates an older relay's backup.
    drop(open_writer(dir)?);
    Ok(Restored { contents, aside })
}

/// A restored database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Its contents.
    pub contents: Contents,
    /// Where the previous database was moved.
    pub aside: Option<PathBuf>,
}

/// Copies the backup into the directory and prepares it there, so that a rename completes the restore.
fn prepare(path: &Path, fresh: &Path) -> Result<Contents, RestoreError> {
    let mut from = File::open(path).map_err(|source| RestoreError::File {
        path: path.to_owned(),
        source,
    })?;
    let failed = |source| RestoreError::File {
        path: fresh.to_owned(),
        source,
    };
    let mut to = create_fresh(fresh).map_err(failed)?;
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

/// Checks that a copy is a complete database of a relay, and counts its contents.
fn verify(copy: &Connection, path: &Path) -> Result<Contents, CopyError> {
    match DATABASE.version(copy) {
        Ok(0) | Err(OpenError::Foreign) => return Err(CopyError::Foreign),
        Ok(_) => {}
        Err(OpenError::Newer { found, known }) => return Err(CopyError::Newer { found, known }),
        Err(OpenError::Sqlite(error)) => return Err(foreign(error)),
        Err(_) => return Err(CopyError::Foreign),
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

/// A file that is not SQLite's is not damaged, but another kind of file.
fn foreign(error: rusqlite::Error) -> CopyError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => CopyError::Foreign,
        _ => CopyError::Database(error),
    }
}

/// Renames the database and its other files, and returns the new name of the first.
fn move_aside(database: &Path) -> Result<PathBuf, RestoreError> {
    let mut seconds = Timestamp::now().0 / 1_000_000;
    let named = |seconds| sibling(database, &format!(".before-{seconds}"));
    // An earlier one of the same second must stay.
    while named(seconds).exists() {
        seconds += 1;
    }
    let aside = named(seconds);
    for suffix in ["", "-wal", "-shm"] {
        let from = sibling(database, suffix);
        if from.exists() {
            rename(&from, &sibling(&aside, suffix))?;
        }
    }
    Ok(aside)
}

/// Creates a file in place of one that a killed call left. The old one is removed and not opened: it could be a link to
/// one of the operator's files, planted by a user who may only write in this directory.
fn create_fresh(path: &Path) -> io::Result<File> {
    remove_if_present(path)?;
    create_private(path)
}

fn rename(from: &Path, to: &Path) -> Result<(), RestoreError> {
    ringtail_files::rename(from, to).map_err(|source| RestoreError::File {
        path: from.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
