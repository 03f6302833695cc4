//! Apps for tests: real servers on 127.0.0.1, well-behaved and not.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

pub type AppBody = UnsyncBoxBody<Bytes, io::Error>;

/// A request as the app saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: http::Method,
    pub path: String,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Seen {
    /// Returns a number from the JSON body.
    pub fn sequence(&self) -> u64 {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        json["body"]["sequence"].as_u64().unwrap()
    }
}

/// A running app. It ends with the value, its connections too.
pub struct App {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    tasks: JoinSet<()>,
}

impl App {
    /// Starts an app that answers with what the handler makes of each request.
    pub fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Seen) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = http::Response<AppBody>> + Send + 'static,
    {
        Self::start_on(listen("127.0.0.1:0"), handler)
    }

    pub fn start_on<H, F>(listener: TcpListener, handler: H) -> Self
    where
        H: Fn(Seen) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = http::Response<AppBody>> + Send + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        Self::accept(listener, seen, move |stream| {
            let (handler, log) = (handler.clone(), Arc::clone(&log));
            async move {
                let service = service_fn(move |request: http::Request<Incoming>| {
                    let (handler, log) = (handler.clone(), Arc::clone(&log));
                    async move {
                        let (head, body) = request.into_parts();
                        let seen = Seen {
                            method: head.method,
                            path: head.uri.to_string(),
                            headers: head.headers,
                            body: body.collect().await?.to_bytes(),
                        };
                        log.lock().unwrap().push(seen.clone());
                        Ok::<_, hyper::Error>(handler(seen).await)
                    }
                });
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            }
        })
    }

    /// Starts an app that does what it likes with each connection after the request's head has come.
    pub fn raw<H, F>(handler: H) -> Self
    where
        H: Fn(TcpStream) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::accept(listen("127.0.0.1:0"), Arc::default(), move |mut stream| {
            let handler = handler.clone();
            async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|window| window == b"\r\n\r\n") {
                    let mut buffer = [0; 4096];
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => head.extend_from_slice(&buffer[..read]),
                    }
                }
                handler(stream).await;
            }
        })
    }

    /// Starts an app that does what it likes with each connection from the start.
    pub fn handshaking<H, F>(handler: H) -> Self
    where
        H: Fn(TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::accept(listen("127.0.0.1:0"), Arc::default(), handler)
    }

    fn accept<H, F>(listener: TcpListener, seen: Arc<Mutex<Vec<Seen>>>, handler: H) -> Self
    where
        H: Fn(TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(handler(stream));
            }
        });
        Self {
            address,
            seen,
            tasks,
        }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Ends the app, and returns when nothing listens any more.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Listens on an address.
pub fn listen(address: &str) -> TcpListener {
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    TcpListener::from_std(listener).unwrap()
}

/// An address where nothing listens until the test does. The port is taken, so that nobody else comes to listen there.
pub struct Place {
    pub address: SocketAddr,
    _reserved: TcpSocket,
}

impl Place {
    pub fn reserve() -> Self {
        let reserved = shared(SocketAddr::from(([127, 0, 0, 1], 0)));
        Self {
            address: reserved.local_addr().unwrap(),
            _reserved: reserved,
        }
    }

    pub fn listen(&self) -> TcpListener {
        shared(self.address).listen(64).unwrap()
    }
}

/// Binds to an address that this process may bind to again.
fn shared(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    #[cfg(unix)]
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

pub fn answer(status: u16, body: impl Into<Bytes>) -> http::Response<AppBody> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let mut response = http::Response::new(body.boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}

/// Writes and hangs up.
pub async fn say(mut stream: TcpStream, text: &'static str) {
    drop(stream.write_all(text.as_bytes()).await);
    drop(stream.shutdown().await);
}
