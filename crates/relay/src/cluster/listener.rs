//! Takes passthrough requests of other relays to this relay's links.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ringtail_protocol::http2::MAX_HEADER_LIST;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Cluster;
use super::terms::{self, NoClient, TERMS_BYTES, Terms};
use crate::app_body::AppBody;
use crate::budget::{Budget, Owner};
use crate::limits::{
    CARRIED_BYTES, Limits, RELAY_CONNECTIONS, RELAY_PING_INTERVAL, RELAY_PING_TIMEOUT,
    RELAY_STREAMS, RELAY_WINDOW,
};
use crate::links::passthrough::{NoResponse, exchange};
use crate::links::registry::{AcquireError, LinkBody, Links};
use crate::metrics::{Limit, Metrics};
use crate::net::socket;
use crate::response::{self, RelayResponse};
use crate::shutdown::{Phase, Shutdown};

/// How long a connection may take to prove that it is a relay's.
const PROOF_TIME: Duration = Duration::from_secs(2);

/// What requests of other relays need.
#[derive(Debug)]
pub(crate) struct OtherRelaysContext {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) links: Arc<Links>,
    pub(crate) memory: Budget,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
}

/// Serves until the relay drains.
pub(crate) async fn serve(listener: TcpListener, context: Arc<OtherRelaysContext>) {
    let places = Arc::new(Semaphore::new(RELAY_CONNECTIONS));
    let shutdown = &context.shutdown;
    while let Some((socket, _)) = socket::accept(&listener, shutdown).await {
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::debug!("too many connections at the address for relays");
            continue;
        };
        let connection = connection(context.clone(), socket, place);
        drop(shutdown.connections.spawn(connection));
    }
}

async fn connection(
    context: Arc<OtherRelaysContext>,
    socket: TcpStream,
    _place: OwnedSemaphorePermit,
) {
    let proven = tokio::select! {
        biased;
        () = context.shutdown.reached(Phase::Quiet) => return,
        proven = timeout(PROOF_TIME, prove(&context.cluster, socket)) => proven,
    };
    let stream = match proven {
        Ok(Ok(Some(stream))) => stream,
        Ok(Ok(None)) => {
            tracing::warn!("a stranger connected to the address for relays");
            return;
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "another relay did not connect");
            return;
        }
        Err(_elapsed) => {
            tracing::debug!("another relay took too long to connect");
            return;
        }
    };
    let serving = context.clone();
    let service = service_fn(move |request| {
        let context = serving.clone();
        async move { Ok::<_, Infallible>(answer(&context, request).await) }
    });
    let connection = ringtail_protocol::http2::server()
        .initial_connection_window_size(RELAY_WINDOW)
        .max_concurrent_streams(RELAY_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST + TERMS_BYTES)
        .keep_alive_interval(RELAY_PING_INTERVAL)
        .keep_alive_timeout(RELAY_PING_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut awaited = Phase::Quiet;
    loop {
        tokio::select! {
            biased;
            () = context.shutdown.reached(awaited) => {
                if awaited == Phase::Abort {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                awaited = Phase::Abort;
            }
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "a connection of another relay ended");
                }
                return;
            }
        }
    }
}

/// Returns the stream of a relay; `None` if the other end is none.
pub(super) async fn prove(
    cluster: &Cluster,
    socket: TcpStream,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    let stream = TlsAcceptor::from(cluster.identity.server.clone())
        .accept(socket)
        .await?;
    let keys = stream.get_ref().1.peer_certificates();
    let Some(key) = keys.and_then(<[_]>::first) else {
        return Ok(None);
    };
    let is_known = cluster.knows(key).await.map_err(io::Error::other)?;
    Ok(is_known.then_some(stream))
}

async fn answer(context: &OtherRelaysContext, mut request: Request<Incoming>) -> RelayResponse {
    let Some(terms) = Terms::take(request.headers_mut()) else {
        return response::empty(StatusCode::BAD_REQUEST);
    };
    let none = |none| {
        let mut response = response::empty(StatusCode::SERVICE_UNAVAILABLE);
        terms::write_none(response.headers_mut(), none);
        response
    };
    let limits = &context.limits;
    let within = terms.within.min(limits.passthrough_deadline);
    let deadline = Instant::now() + within;
    let owners = [Some(Owner::Endpoint(terms.endpoint)), terms.caller];
    let wait = limits.passthrough_wait.min(within);
    let begun = Instant::now();
    let mut memory = context.memory.take(owners.into_iter().flatten(), 0);
    let grown = match &mut memory {
        Some(memory) => memory.grow_until(CARRIED_BYTES, begun + wait).await,
        None => None,
    };
    let (Some(memory), Some(())) = (memory, grown) else {
        context.metrics.limits.hit(Limit::BufferedBytes);
        return none(NoClient::Busy);
    };
    let wait = wait.saturating_sub(begun.elapsed());
    let links = &context.links;
    let acquired = links.acquire(terms.endpoint, terms.caller, &terms.tried, wait);
    let permit = match acquired.await {
        Ok(permit) => permit,
        Err(AcquireError::Offline) => return none(NoClient::Offline),
        Err(AcquireError::Busy) => {
            context.metrics.limits.hit(Limit::PassthroughsPerLink);
            return none(NoClient::Busy);
        }
    };
    let link = permit.link();
    let (send, permit) = permit.into_parts();
    let request = request.map(|body| LinkBody::Right(Either::Right(body)));
    let sent = tokio::select! {
        biased;
        sent = exchange(send, request, deadline) => sent,
        // The app may have it.
        () = context.shutdown.reached(Phase::GiveUp) => Err(NoResponse::LinkLost),
    };
    match sent {
        Ok(mut response) => {
            terms::write_link(response.headers_mut(), link, None);
            response.map(|body| {
                Either::Right(Box::new(AppBody::new(
                    body,
                    Some(permit),
                    memory,
                    limits.answer_idle_timeout,
                    &context.shutdown.connections,
                    context.metrics.limits.clone(),
                )))
            })
        }
        Err(reason) => {
            let mut response = response::empty(StatusCode::BAD_GATEWAY);
            let none = Some(NoClient::Link(reason));
            terms::write_link(response.headers_mut(), link, none);
            response
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read as _;

    use ringtail_kit::postgres::PostgresServer;
    use ringtail_kit::wait::{PATIENCE, after};
    use tokio::io::AsyncReadExt as _;
    use tokio::task::{JoinSet, spawn_blocking};

    use super::*;
    use crate::limits::request_shares;
    use crate::postgres::{self, DatabaseUrl};

    #[tokio::test]
    async fn strangers_have_few_places_and_not_for_long() {
        ringtail_kit::tls::install();
        let url = DatabaseUrl::parse(&PostgresServer::shared().database()).unwrap();
        let postgres = spawn_blocking(move || postgres::open(&url));
        let (listener, address) = crate::cluster::bind("127.0.0.1:0").await.unwrap();
        let links = Arc::<Links>::default();
        let postgres = postgres.await.unwrap().unwrap();
        let cluster = Cluster::new(postgres, Some(address.clone()), links.clone()).unwrap();
        let context = OtherRelaysContext {
            cluster: Arc::new(cluster),
            links,
            memory: Budget::new(CARRIED_BYTES, request_shares(CARRIED_BYTES)),
            limits: Arc::default(),
            metrics: Arc::new(Metrics::new()),
            shutdown: Shutdown::new(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::new(context)));
        // The clock stands still while a blocking task runs, so nobody's time ends before the last one is there.
        tokio::time::pause();
        let connected = spawn_blocking(move || {
            let connect = || std::net::TcpStream::connect(&address);
            let silent: Vec<_> = (0..RELAY_CONNECTIONS).map(|_| connect()).collect();
            let mut one_too_many = connect()?;
            one_too_many.set_read_timeout(Some(PATIENCE))?;
            assert_eq!(one_too_many.read(&mut [0])?, 0);
            silent.into_iter().collect::<io::Result<Vec<_>>>()
        });
        let silent = connected.await.unwrap().unwrap();
        for stream in &silent {
            stream.set_nonblocking(true).unwrap();
            let open = (&*stream).read(&mut [0]).unwrap_err();
            assert_eq!(open.kind(), io::ErrorKind::WouldBlock);
        }
        tokio::time::resume();
        for stream in silent {
            let mut stream = TcpStream::from_std(stream).unwrap();
            let mut byte = [0];
            let closed = after(PROOF_TIME, "the end of silence", stream.read(&mut byte)).await;
            assert_eq!(closed.unwrap(), 0);
        }
    }
}
