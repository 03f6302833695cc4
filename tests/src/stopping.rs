//! Programs that are told to stop take what they started with them.

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};

/// Does some work, unless a signal to stop comes first: then the work is dropped, and with it every process that it
/// holds.
///
/// # Errors
/// When the work fails, or was stopped.
pub async fn unless_stopped<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        // To be told to stop counts more than to be done at the same moment.
        biased;
        _ = hangup.recv() => bail!("stopped: the terminal is gone"),
        _ = interrupt.recv() => bail!("stopped"),
        _ = terminate.recv() => bail!("stopped"),
        done = work => done,
    }
}
