//! One listener for each endpoint of a data directory: two would forward each event twice.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use ringtail_errors::{Code, Coded, codes};

/// A lock that the system drops with the process, however that ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // To close the file is not enough while a child of this process is being started, which has it until then.
        drop(self.file.unlock());
    }
}

impl Lock {
    /// Takes the lock of an endpoint's name.
    pub(super) fn take(data: &Path, name: &str) -> Result<Self, LockError> {
        let path = data.join(file_name(name));
        let file = File::create(&path).map_err(|source| LockError::File {
            path: path.clone(),
            source,
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken {
                name: name.to_owned(),
                data: data.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(LockError::File { path, source }),
        }
    }
}

/// Who calls may not have read the name as the relay will, so that any text may come here.
fn file_name(name: &str) -> String {
    let safe: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(64)
        .collect();
    format!("listen-{safe}.lock")
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has it.
    #[error("another ringtail listens on {name:?} with the history in {}", data.display())]
    Taken {
        /// Name of the endpoint.
        name: String,
        /// Directory of the history.
        data: PathBuf,
    },
    /// The file cannot be made or locked.
    #[error("cannot lock {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Coded for LockError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Taken { .. } => &codes::LISTENING,
            Self::File { .. } => &codes::LOCK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_one_listener() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path(), "demo").unwrap();
        let second = Lock::take(dir.path(), "demo");
        assert!(matches!(second, Err(LockError::Taken { .. })));
        let other = Lock::take(dir.path(), "../other");
        assert!(other.is_ok());
        let _childs = first.file.try_clone().unwrap();
        drop(first);
        Lock::take(dir.path(), "demo").unwrap();
    }
}
