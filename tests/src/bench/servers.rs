//! Servers that do one thing, as limits to compare with. Each runs in its own process, as `bench-server KIND`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use ringtail_kit::tls;

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// hyper and rustls: echoes `Validation-Token`, reads the body, answers 200. Nothing is stored.
    Hello,
    /// The same, and the body is in SQLite, committed in groups, before it answers.
    Durable,
    /// hyper without TLS: answers with the body that it got. The app of the passthrough tables.
    App,
    /// Copies bytes between a caller and the server in the file [`UPSTREAM`].
    Copy,
    /// The same for callers with TLS.
    TlsCopy,
}

/// Name of the file with the address to which bytes are copied.
pub const UPSTREAM: &str = "upstream";

/// Serves until the process is killed. Prints the port when it accepts.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(
    kind: Kind,
    directory: &Path,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let server = Server {
        tls: match kind {
            Kind::App | Kind::Copy => None,
            _ => Some(tls::server(directory)?.into()),
        },
        store: match kind {
            Kind::Durable => Some(Store::open(directory.join("prototype.sqlite"))?),
            _ => None,
        },
        upstream: match kind {
            Kind::Copy | Kind::TlsCopy => {
                Some(std::fs::read_to_string(directory.join(UPSTREAM))?.parse()?)
            }
            _ => None,
        },
    };
    let server = Arc::new(server);
    ready(listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(Arc::clone(&server).connection(stream));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Server {
    tls: Option<TlsAcceptor>,
    store: Option<Store>,
    upstream: Option<SocketAddr>,
}

impl Server {
    /// A connection that breaks is the caller's to report.
    async fn connection(self: Arc<Self>, stream: TcpStream) {
        stream.set_nodelay(true).ok();
        if let Some(upstream) = self.upstream {
            copy(self.tls.as_ref(), stream, upstream).await.ok();
            return;
        }
        let Some(tls) = &self.tls else {
            let service = service_fn(echo_body);
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            connection.await.ok();
            return;
        };
        let Ok(stream) = tls.accept(stream).await else {
            return;
        };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(tls::HTTP2.as_bytes());
        let stream = TokioIo::new(stream);
        let service = service_fn(move |request| {
            let server = Arc::clone(&self);
            async move { server.answer(request).await }
        });
        if http2 {
            http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, service)
                .await
                .ok();
        } else {
            http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(stream, service)
                .await
                .ok();
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        static TOKEN: HeaderName = HeaderName::from_static("validation-token");
        let (mut head, body) = request.into_parts();
        let mut response = Response::new(Full::default());
        let headers = response.headers_mut();
        if let Some(token) = head.headers.remove(&TOKEN) {
            headers.insert(&TOKEN, token);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            return Ok(response);
        }
        let body = body.collect().await?.to_bytes();
        if let Some(store) = &self.store
            && store.append(body).await.is_err()
        {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok(response)
    }
}

/// Copies bytes in both directions until both have ended.
async fn copy(
    tls: Option<&TlsAcceptor>,
    mut stream: TcpStream,
    upstream: SocketAddr,
) -> std::io::Result<(u64, u64)> {
    let mut upstream = TcpStream::connect(upstream).await?;
    upstream.set_nodelay(true)?;
    match tls {
        Some(tls) => copy_bidirectional(&mut tls.accept(stream).await?, &mut upstream).await,
        None => copy_bidirectional(&mut stream, &mut upstream).await,
    }
}

async fn echo_body(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::new(body)))
}

/// SQLite with group commit and nothing else: the fastest that a durable journal on it can be.
struct Store {
    queue: mpsc::Sender<(Bytes, oneshot::Sender<()>)>,
}

/// Bodies that may wait for the writer, and the most that one commit holds.
const QUEUE: usize = 4096;
const GROUP: usize = 512;

impl Store {
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let mut database = rusqlite::Connection::open(path)?;
        database.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;",
        )?;
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || write(&mut database, waiting))
            .context("no thread for the writer")?;
        Ok(Self { queue })
    }

    async fn append(&self, body: Bytes) -> anyhow::Result<()> {
        let (done, written) = oneshot::channel();
        self.queue.send((body, done)).await?;
        Ok(written.await?)
    }
}

/// Ends at the first failure, which closes the channels of all waiters.
fn write(
    database: &mut rusqlite::Connection,
    mut waiting: mpsc::Receiver<(Bytes, oneshot::Sender<()>)>,
) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
        let committed = (|| {
            let transaction = database.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT INTO event (body) VALUES (?)")?;
                for (body, _) in &group {
                    insert.execute([body.as_ref()])?;
                }
            }
            transaction.commit()
        })();
        if committed.is_err() {
            return;
        }
        for (_, done) in group.drain(..) {
            done.send(()).ok();
        }
    }
}
