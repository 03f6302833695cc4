//! SIGHUP, which asks the relay to read its certificate files again.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signal, on systems that have it.
#[derive(Debug)]
pub(super) struct Hangup(#[cfg(unix)] Signal);

impl Hangup {
    pub(super) fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self(signal(SignalKind::hangup())?));
        #[cfg(not(unix))]
        Ok(Self())
    }

    /// Waits for the signal.
    pub(super) async fn received(&mut self) {
        #[cfg(unix)]
        if self.0.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}
