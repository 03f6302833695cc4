//! The data directory: the modes of its files, and its locks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringtail_errors::{Code, Coded, codes};
use ringtail_files::Lock;

const DATABASE: &str = "relay.db";
const LOG: &str = "relay.db-wal";
const SPOOL: &str = "spool.db";
const KNOWN: &str = "known.json";
const SERVE_LOCK: &str = "serve.lock";
const CONTROL_SOCKET: &str = "control.sock";
const OPEN_LOCK: &str = "open.lock";

/// Tries of a relay to claim its directory, and the pause between two. A command holds the lock for far less.
const LOOK_TRIES: u32 = 25;
const LOOK_POLL: Duration = Duration::from_millis(20);

/// The directory with all data of a relay.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// Held by the serving process. The operating system releases it however that process ends.
#[derive(Debug)]
#[must_use = "the lock is held for as long as this value lives"]
pub struct ServeLock(#[expect(dead_code, reason = "dropping it releases the lock")] Lock);

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Another process serves from it.
    #[error(
        "another ringtail-relay serves from {}",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Other users may enter it, and it has files that are not a relay's.
    #[error(
        "other users can enter the data directory {}, and it has files that are not a relay's",
        path.display()
    )]
    Open {
        /// The directory.
        path: PathBuf,
    },
    /// It has no database.
    #[error(
        "there is no relay's data in {}",
        path.display()
    )]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// A lock is a symbolic link.
    #[error(
        "the lock {} is a symbolic link",
        path.display()
    )]
    Link {
        /// The lock.
        path: PathBuf,
    },
    /// The directory or a file in it cannot be created or opened.
    #[error(
        "the data directory cannot be used: {} cannot be opened",
        path.display()
    )]
    Unusable {
        /// The directory or file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

impl Coded for DataDirError {
    fn code(&self) -> &'static Code {
        match self {
            Self::InUse { .. } => &codes::RELAY_DATA_IN_USE,
            Self::Open { .. } => &codes::RELAY_DATA_OPEN,
            Self::Missing { .. } | Self::Link { .. } | Self::Unusable { .. } => &codes::RELAY_DATA,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } => {
                "name the directory of the relay with --data; `serve` and `accounts add` make a new one"
            }
            Self::Link { .. } => "check where it leads, then remove it; the relay creates its own",
            _ => return self.code().hint.map(str::to_owned),
        };
        Some(hint.to_owned())
    }
}

impl DataDir {
    /// Opens the directory, and creates it (mode 0700) when it does not exist. An existing one that other users may
    /// enter is closed to them if it is empty or a relay's, and refused otherwise.
    ///
    /// # Errors
    /// When it cannot be created or is not a directory.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        ringtail_files::create_private_dir(&path).map_err(|source| unusable(&path, source))?;
        let dir = Self(path);
        dir.close_to_others()?;
        Ok(dir)
    }

    /// Removes the permissions of group and others.
    fn close_to_others(&self) -> Result<(), DataDirError> {
        use std::os::unix::fs::PermissionsExt as _;

        let failed = |source| unusable(&self.0, source);
        let mode = fs::metadata(&self.0).map_err(failed)?.permissions().mode();
        if mode & 0o077 == 0 {
            return Ok(());
        }
        let open = || DataDirError::Open {
            path: self.0.clone(),
        };
        // `--data /tmp` must not lock everybody out of it.
        let mut inside = fs::read_dir(&self.0).map_err(failed)?;
        let is_relays = self.database().exists() || self.0.join(SERVE_LOCK).exists();
        if !is_relays && inside.next().is_some() {
            return Err(open());
        }
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700)).map_err(|_| open())
    }

    /// Opens a directory that a relay has used, for commands that are useless in a new one.
    ///
    /// # Errors
    /// [`DataDirError::Missing`] when none has.
    pub fn open_existing(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let dir = Self(path.into());
        // A relay whose database is elsewhere has only its lock here.
        let found = fs::metadata(dir.database()).or_else(|_| fs::metadata(dir.0.join(SERVE_LOCK)));
        match found {
            Ok(_) => {
                dir.close_to_others()?;
                Ok(dir)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Err(DataDirError::Missing { path: dir.0 })
            }
            Err(source) => Err(unusable(&dir.database(), source)),
        }
    }

    /// Returns the directory's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of the database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// Returns the path of the socket at which a serving relay reports its status.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.0.join(CONTROL_SOCKET)
    }

    /// Returns the path of the database's write-ahead log.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join(LOG)
    }

    /// Claims the directory for this process to serve from. Blocks for a moment if a command holds the lock to see
    /// whether a relay serves.
    ///
    /// # Errors
    /// [`DataDirError::InUse`] when another process has it.
    #[expect(
        clippy::disallowed_methods,
        reason = "waiting for the lock itself would wait for a relay's end"
    )]
    pub fn lock_serving(&self) -> Result<ServeLock, DataDirError> {
        for _ in 0..LOOK_TRIES {
            if let Some(lock) = self.try_serving()? {
                return Ok(ServeLock(lock));
            }
            std::thread::sleep(LOOK_POLL);
        }
        Err(DataDirError::InUse {
            path: self.0.clone(),
        })
    }

    /// Returns whether a process serves from the directory.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn is_served(&self) -> Result<bool, DataDirError> {
        Ok(self.try_serving()?.is_none())
    }

    fn try_serving(&self) -> Result<Option<Lock>, DataDirError> {
        let path = self.0.join(SERVE_LOCK);
        let lock = Lock::try_acquire(&path).map_err(|source| lock_error(&path, source))?;
        self.give_to_owner(&path);
        Ok(lock)
    }

    /// Waits until no other process creates or migrates the database.
    pub(super) fn lock_opening(&self) -> Result<Lock, DataDirError> {
        let path = self.0.join(OPEN_LOCK);
        let lock = Lock::acquire(&path).map_err(|source| lock_error(&path, source))?;
        self.give_to_owner(&path);
        Ok(lock)
    }

    /// Gives a file in the directory to the directory's owner: root often administers, and the relay, which is not root,
    /// must open the files that root created. Links are not followed. SQLite does the same for its other files.
    pub(super) fn give_to_owner(&self, path: &Path) {
        use std::os::unix::fs::{MetadataExt as _, lchown};

        let (Ok(dir), Ok(file)) = (fs::metadata(&self.0), fs::symlink_metadata(path)) else {
            return;
        };
        if dir.uid() != file.uid()
            && let Err(error) = lchown(path, Some(dir.uid()), Some(dir.gid()))
        {
            tracing::debug!(%error, path = %path.display(), "could not change the owner of a file");
        }
    }

    /// Creates the database's file if there is none: SQLite would make it readable by all. SQLite gives its other files
    /// the mode of this one.
    ///
    /// An existing file is not opened: closing it would drop the locks that this process's connections have on it, and
    /// the next program that opens the database would delete the log under the relay.
    pub(super) fn create_database(&self) -> Result<PathBuf, DataDirError> {
        self.create(self.database())
    }

    /// Creates the file of events that wait for a database elsewhere.
    pub(crate) fn create_spool(&self) -> Result<PathBuf, DataDirError> {
        self.create(self.0.join(SPOOL))
    }

    /// Returns the path of the file that a start without the database elsewhere reads.
    pub(crate) fn known(&self) -> PathBuf {
        self.0.join(KNOWN)
    }

    fn create(&self, path: PathBuf) -> Result<PathBuf, DataDirError> {
        match ringtail_files::create_private(&path) {
            Ok(_) => {
                self.give_to_owner(&path);
                Ok(path)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(path),
            Err(source) => Err(unusable(&path, source)),
        }
    }
}

fn lock_error(path: &Path, source: io::Error) -> DataDirError {
    match path.is_symlink() {
        true => DataDirError::Link {
            path: path.to_owned(),
        },
        false => unusable(path, source),
    }
}

fn unusable(path: &Path, source: io::Error) -> DataDirError {
    // `create_dir_all` reports a file in the directory's place as "file exists", which does not read like an error.
    let source = match fs::metadata(path) {
        Ok(found) if found.is_file() && source.kind() == io::ErrorKind::AlreadyExists => {
            io::Error::from(io::ErrorKind::NotADirectory)
        }
        _ => source,
    };
    DataDirError::Unusable {
        path: path.to_owned(),
        source,
    }
}
