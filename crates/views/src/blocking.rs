//! Runs blocking work off the runtime.

/// Runs blocking work. A panic in it continues in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Cancelled by the end of the runtime, which drops the caller too.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}
