//! Accepts connections and serves HTTP/1.1 on each.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; a browser makes six to a host.
pub(crate) const CONNECTIONS: usize = 128;

/// How long a head may take, and an idle connection stays.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest head.
pub(crate) const HEAD_BYTES: usize = 32 * 1024;

/// How long a response may still take once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Pause after a failure to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until it is cancelled. A connection over the limit is closed.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    tasks: TaskTracker,
    cancel: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "could not accept a connection to the page, pausing");
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                }
            }
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            continue;
        };
        let (router, cancel) = (router.clone(), cancel.clone());
        tasks.spawn(async move {
            let _permit = permit;
            serve(stream, router, cancel).await;
        });
    }
}

async fn serve(stream: TcpStream, router: Router, cancel: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let served = tokio::select! {
        biased;
        served = connection.as_mut() => served,
        // A response that has begun ends; streams of updates end by themselves.
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let Ok(served) = timeout(STOP_TIMEOUT, connection).await else {
                tracing::debug!("closed a connection to the page whose caller stalls");
                return;
            };
            served
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the page failed");
    }
}
