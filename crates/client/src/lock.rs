//! One listener per endpoint of a data directory: two would forward each event twice.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringtail_errors::{Code, Coded, codes};
use ringtail_files::Lock;

/// How often a listener tries to take its lock, and how long it waits between two tries: others hold it for an instant to see
/// whether somebody listens.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock for a process that listens.
pub(crate) async fn take_to_listen(data: &Path, name: &str) -> Result<Lock, LockError> {
    for _ in 1..TRIES {
        match take(data, name) {
            Err(LockError::Taken { .. }) => tokio::time::sleep(PAUSE).await,
            other => return other,
        }
    }
    take(data, name)
}

/// Takes the lock of an endpoint's name.
fn take(data: &Path, name: &str) -> Result<Lock, LockError> {
    let path = data.join(file_name(name));
    match Lock::try_acquire(&path) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(LockError::Taken {
            name: name.to_owned(),
            data: data.to_owned(),
        }),
        Err(source) => Err(LockError::File { path, source }),
    }
}

/// Returns whether a process listens on the endpoint's name with this data directory.
#[must_use]
pub fn is_listening(data: &Path, name: &str) -> bool {
    matches!(take(data, name), Err(LockError::Taken { .. }))
}

/// Returns the file beside the lock in which the process that listens says how it stands. Without such a process it means nothing.
#[must_use]
pub fn status_file(data: &Path, name: &str) -> PathBuf {
    data.join(file_name(name)).with_extension("json")
}

/// Returns the name of the lock's file. The endpoint's name may not be valid yet, so any text is accepted.
fn file_name(name: &str) -> String {
    let safe: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(64)
        .collect();
    format!("listen-{safe}.lock")
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("another ringtail listens on \"{name}\" with the history in {}", data.display())]
    Taken {
        /// Name of the endpoint.
        name: String,
        /// Directory of the history.
        data: PathBuf,
    },
    /// The file cannot be created or locked.
    #[error("cannot lock {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
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
        let first = take(dir.path(), "demo").unwrap();
        let second = take(dir.path(), "demo");
        assert!(matches!(second, Err(LockError::Taken { .. })));
        let other = take(dir.path(), "../other");
        assert!(other.is_ok());
        drop(first);
        take(dir.path(), "demo").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_whether_somebody_listens_keeps_nobody_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let looks = take(dir.path(), "demo").unwrap();
        let listens = take_to_listen(dir.path(), "demo");
        let (_, listens) = tokio::join!(async { drop(looks) }, listens);
        assert!(is_listening(dir.path(), "demo"));
        let second = take_to_listen(dir.path(), "demo").await;
        assert!(matches!(second, Err(LockError::Taken { .. })));
        drop(listens.unwrap());
        assert!(!is_listening(dir.path(), "demo"));
    }
}
