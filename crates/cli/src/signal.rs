//! Signals that stop the program.

/// SIGINT, SIGTERM and SIGHUP; elsewhere Ctrl-C.
///
/// Once created, no signal is lost or ends the program directly, so create it before any output says that the program runs.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Stop([Option<tokio::signal::unix::Signal>; 3]);

#[cfg(unix)]
impl Stop {
    /// Starts to watch. A signal that cannot be watched keeps its default action.
    pub(crate) fn watch() -> Self {
        use tokio::signal::unix::{SignalKind, signal};

        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        Self(kinds.map(|kind| signal(kind).ok()))
    }

    /// Waits for one of them.
    pub(crate) async fn asked(&mut self) {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>, is_other: fn() -> bool) {
            match signal {
                Some(signal) => while signal.recv().await.is_some() && is_other() {},
                None => std::future::pending().await,
            }
        }
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            // Ctrl-C is for the editor while one has the terminal.
            () = one(interrupt, ringtail_tui::is_lent) => {}
            () = one(terminate, || false) => {}
            () = one(hangup, || false) => {}
        }
    }
}

/// SIGINT, SIGTERM and SIGHUP; elsewhere Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Stop(());

#[cfg(not(unix))]
impl Stop {
    /// Starts to watch.
    pub(crate) fn watch() -> Self {
        Self(())
    }

    /// Waits for it.
    pub(crate) async fn asked(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
