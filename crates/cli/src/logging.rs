//! The log: a file in the data directory, never the terminal.

use std::path::Path;

use anyhow::Context;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{Builder, Rotation};
use tracing_subscriber::EnvFilter;

/// What is logged unless `RINGTAIL_LOG` says otherwise.
const DEFAULT_FILTER: &str = "ringtail=info,ringtail_client=info,ringtail_tui=info,warn";

/// Days of logs that are kept.
const DAYS: usize = 7;

/// Begins to log into `data`. The log is written as long as the guard lives.
///
/// # Errors
/// When the directory cannot be made or `RINGTAIL_LOG` is not a filter.
pub(crate) fn start(data: &Path) -> anyhow::Result<WorkerGuard> {
    let filter = match std::env::var("RINGTAIL_LOG") {
        Ok(filter) => EnvFilter::try_new(filter).context("RINGTAIL_LOG is not a filter of logs")?,
        Err(_) => EnvFilter::new(DEFAULT_FILTER),
    };
    let dir = data.join("log");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("ringtail")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(&dir)
        .with_context(|| format!("cannot log into {}", dir.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    // A second call, as tests make, keeps the first subscriber.
    drop(
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(writer)
            .with_ansi(false)
            .try_init(),
    );
    Ok(guard)
}
