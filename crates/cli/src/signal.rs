//! The signals that ask the program to stop.

/// Waits for SIGINT, SIGTERM or SIGHUP; elsewhere for Ctrl-C.
#[cfg(unix)]
pub(crate) async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};

    async fn one(kind: SignalKind) {
        match signal(kind) {
            Ok(mut signal) => {
                // Ctrl-C in an editor that the screen has lent its terminal to is meant for the editor.
                let other = || kind == SignalKind::interrupt() && ringtail_tui::is_lent();
                while signal.recv().await.is_some() && other() {}
            }
            // A signal that cannot be watched keeps what the system does with it.
            Err(_) => std::future::pending().await,
        }
    }
    tokio::select! {
        () = one(SignalKind::interrupt()) => {}
        () = one(SignalKind::terminate()) => {}
        () = one(SignalKind::hangup()) => {}
    }
}

/// Waits for SIGINT, SIGTERM or SIGHUP; elsewhere for Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
