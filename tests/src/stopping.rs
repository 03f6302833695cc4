//! Programs that stop on a signal and end their child processes.

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};

/// Runs a future unless a signal comes first, which drops the future and with it every process that it owns.
///
/// # Errors
/// When the work fails, or was stopped.
pub async fn unless_stopped<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        // A signal counts more than a result at the same moment.
        biased;
        _ = hangup.recv() => bail!("stopped: the terminal is gone"),
        _ = interrupt.recv() => bail!("stopped"),
        _ = terminate.recv() => bail!("stopped"),
        done = work => done,
    }
}
