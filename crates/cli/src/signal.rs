//! The signals that ask the program to stop.

/// Waits for SIGINT, SIGTERM or SIGHUP; elsewhere for Ctrl-C.
#[cfg(unix)]
pub(crate) async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};

    async fn one(kind: SignalKind) {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
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
