//! The data directory: modes of what is in it, and its locks.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

const DATABASE: &str = "relay.db";
const LOG: &str = "relay.db-wal";
const SERVE_LOCK: &str = "serve.lock";
#[cfg(unix)]
const CONTROL_SOCKET: &str = "control.sock";
const OPEN_LOCK: &str = "open.lock";

/// The directory that holds all that a relay keeps.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// Held by the process that serves; the operating system releases it however that process ends.
#[derive(Debug)]
#[must_use = "the lock is held for as long as this value lives"]
pub struct ServeLock(File);

impl Drop for ServeLock {
    fn drop(&mut self) {
        // To close the file is not enough while a child of this process is being started, which has it until then.
        drop(self.0.unlock());
    }
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Another process serves from it.
    #[error(
        "another ringtail-relay serves from {}\n\
         hint: stop that one, or name another directory with --data",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Others than its owner may look into it, and it is not the relay's to change that.
    #[error(
        "others can look into the data directory {}, and it has files that are not a relay's\n\
         hint: name a directory for the relay alone with --data, or close this one: chmod 700",
        path.display()
    )]
    Open {
        /// The directory.
        path: PathBuf,
    },
    /// There is no relay's data.
    #[error(
        "there is no relay's data in {}\n\
         hint: name the directory of the relay with --data; `serve` and `accounts add` make a new one",
        path.display()
    )]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// A lock is a link to elsewhere.
    #[error(
        "{} is a symbolic link, and a relay's lock is a file\n\
         hint: look where it leads, then remove it; the relay makes its own",
        path.display()
    )]
    Link {
        /// The lock.
        path: PathBuf,
    },
    /// The directory or a file in it cannot be made or opened.
    #[error(
        "the data directory cannot be used: {} cannot be opened\n\
         hint: name a directory that this user may write with --data",
        path.display()
    )]
    Unusable {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl DataDir {
    /// Opens the directory, making it (mode 0700) when it does not exist. One that others may look into is closed to
    /// them, if it is empty or a relay's; somebody else's is refused.
    ///
    /// # Errors
    /// When it cannot be made or is not a directory.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&path)
            .map_err(|source| unusable(&path, source))?;
        let dir = Self(path);
        #[cfg(unix)]
        dir.close_to_others()?;
        Ok(dir)
    }

    /// Takes the rights of group and others away.
    #[cfg(unix)]
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
        // Others' directories stay as they are: `--data /tmp` must not lock everybody out of it.
        let mut inside = fs::read_dir(&self.0).map_err(failed)?;
        if !self.database().exists() && inside.next().is_some() {
            return Err(open());
        }
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700)).map_err(|_| open())
    }

    /// Opens a directory that a relay has made, for commands that would do nothing useful in a new one.
    ///
    /// # Errors
    /// [`DataDirError::Missing`] when there is no database in it.
    pub fn open_existing(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let dir = Self(path.into());
        match fs::metadata(dir.database()) {
            Ok(_) => {
                #[cfg(unix)]
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

    /// Returns the path of the socket at which a relay that serves is asked how it is.
    #[cfg(unix)]
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.0.join(CONTROL_SOCKET)
    }

    /// Returns the path of the database's write-ahead log.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join(LOG)
    }

    /// Claims the directory for this process to serve from.
    ///
    /// # Errors
    /// [`DataDirError::InUse`] when another process has it.
    pub fn lock_serving(&self) -> Result<ServeLock, DataDirError> {
        let path = self.0.join(SERVE_LOCK);
        let file = lock_file(&path)?;
        self.give_to_owner(&path);
        match file.try_lock() {
            Ok(()) => Ok(ServeLock(file)),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
                path: self.0.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(unusable(&path, source)),
        }
    }

    /// Waits until no other process creates or migrates the database, and keeps others from it.
    pub(super) fn lock_opening(&self) -> Result<File, DataDirError> {
        let path = self.0.join(OPEN_LOCK);
        let file = lock_file(&path)?;
        self.give_to_owner(&path);
        file.lock().map_err(|source| unusable(&path, source))?;
        Ok(file)
    }

    /// Gives a file in the directory to the directory's owner: administration is often root's, and the relay, which is
    /// not root, has to open what that made. Links are not followed. SQLite does the same for its other files.
    pub(super) fn give_to_owner(&self, path: &Path) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, lchown};

            let (Ok(dir), Ok(file)) = (fs::metadata(&self.0), fs::symlink_metadata(path)) else {
                return;
            };
            if dir.uid() != file.uid()
                && let Err(error) = lchown(path, Some(dir.uid()), Some(dir.gid()))
            {
                tracing::debug!(%error, path = %path.display(), "a file stays with who made it");
            }
        }
        #[cfg(not(unix))]
        let _ = path;
    }

    /// Makes the database's file if there is none, since SQLite would make it readable by all. It gives its other
    /// files the mode of this one.
    ///
    /// A file that is there is not opened: to close it would take away the locks that connections of this process have
    /// on it, and the next program that looks at the database would delete the log that the relay writes to.
    pub(super) fn create_database(&self) -> Result<PathBuf, DataDirError> {
        let path = self.database();
        match private_options().create_new(true).open(&path) {
            Ok(_) => {
                self.give_to_owner(&path);
                Ok(path)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(path),
            Err(source) => Err(unusable(&path, source)),
        }
    }
}

/// Opens a lock, with mode 0600 if it is new. A link is not followed: whoever may write in the directory and nowhere else
/// would have the relay make a file, or hold a lock, where it leads.
fn lock_file(path: &Path) -> Result<File, DataDirError> {
    let mut options = private_options();
    options.create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
    options.open(path).map_err(|source| {
        if path.is_symlink() {
            let path = path.to_owned();
            return DataDirError::Link { path };
        }
        unusable(path, source)
    })
}

pub(super) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn unusable(path: &Path, source: io::Error) -> DataDirError {
    // `create_dir_all` reports a file in the directory's place as "file exists", which reads like no error at all.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_left_is_free_whoever_has_the_file_open() {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = DataDir::open(temp.path()).expect("it opens");
        let lock = dir.lock_serving().expect("it is free");
        let _childs = lock.0.try_clone().expect("a descriptor");
        drop(lock);
        drop(dir.lock_serving().expect("it is free again"));
    }
}
