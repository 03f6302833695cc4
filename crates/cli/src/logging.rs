//! Logs to a file in the data directory, never to the terminal.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ringtail_errors::{Failure, codes};
use ringtail_text::chain;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{Builder, RollingFileAppender, Rotation};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

/// Filter unless `RINGTAIL_LOG` is set. Libraries are not in it: a relay or an app could make them warn without end.
const DEFAULT_FILTER: &str = "ringtail=info";

/// Days that logs are kept.
const DAYS: usize = 7;

/// Most lines that wait for the disk; further ones are dropped. Memory for all of them is allocated at the start: for
/// tracing-appender's default of 128,000 it is 4 MiB, more than the rest of an idle client.
const LINES: usize = 1024;

/// Starts logging into `data`, until the guard is dropped.
///
/// # Errors
/// When the directory cannot be created or `RINGTAIL_LOG` is not a filter.
pub(crate) fn start(data: &Path) -> Result<WorkerGuard, Failure> {
    let filter = match std::env::var("RINGTAIL_LOG") {
        Ok(filter) => EnvFilter::try_new(filter).map_err(|error| {
            let text = format!("RINGTAIL_LOG is not a log filter: {error}");
            Failure::new(&codes::CONFIG, text)
        })?,
        Err(_) => EnvFilter::new(DEFAULT_FILTER),
    };
    let dir = data.join("log");
    let failed = |error: &(dyn Error + 'static)| {
        let text = format!("cannot log to {}: {}", dir.display(), chain(error));
        Failure::new(&codes::HISTORY_FILES, text)
    };
    std::fs::create_dir_all(&dir).map_err(|error| failed(&error))?;
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("ringtail")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(&dir)
        .map_err(|error| failed(&error))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES)
        .finish(Private::new(file, dir));
    // In tests, a second call keeps the first subscriber.
    drop(
        tracing_subscriber::registry()
            .with(filter)
            .with(filter_fn(is_free_of_secrets))
            .with(fmt::layer().with_writer(writer).with_ansi(false))
            .try_init(),
    );
    Ok(guard)
}

/// Returns whether a line cannot contain secrets: HTTP and WebSocket libraries trace headers and bodies.
fn is_free_of_secrets(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("ringtail") || *metadata.level() <= Level::DEBUG
}

/// Makes log files private (0600) whatever the umask: the appender opens a new file each day and cannot set its mode.
#[derive(Debug)]
struct Private {
    log: RollingFileAppender,
    dir: PathBuf,
    /// Day (since 1970) when the modes were last set.
    day: Option<u64>,
}

impl Private {
    fn new(log: RollingFileAppender, dir: PathBuf) -> Self {
        restrict(&dir);
        Self {
            log,
            dir,
            day: None,
        }
    }
}

impl Write for Private {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.log.write(line)?;
        let day = today();
        if self.day != Some(day) {
            self.day = Some(day);
            restrict(&self.dir);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.log.flush()
    }
}

/// The current day in UTC, as for the appender.
fn today() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / (24 * 60 * 60))
}

/// Best effort: the directory above is private.
#[cfg(unix)]
fn restrict(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    for file in files {
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).ok();
    }
}

#[cfg(not(unix))]
fn restrict(_dir: &Path) {}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_log_is_its_owners_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let log = Builder::new()
            .rotation(Rotation::DAILY)
            .filename_prefix("ringtail")
            .build(dir.path())
            .expect("a log");
        let mode = || {
            let mut files = std::fs::read_dir(dir.path()).expect("a directory");
            let file = files.next().expect("a file").expect("a file");
            file.metadata().expect("a file").permissions().mode() & 0o777
        };
        let mut log = Private::new(log, dir.path().to_owned());
        assert_eq!(mode(), 0o600);
        let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap();
        let loose = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.unwrap().path(), loose).unwrap();
        log.write_all(b"line\n").expect("written");
        assert_eq!(mode(), 0o600);
    }
}
