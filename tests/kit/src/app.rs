//! A fake local app: it records what it receives and answers as the test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// Body of a response, which may be a stream.
pub type AppBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// A request as the app saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Seen {
    /// Returns the body as JSON; null when it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the number of an event within its telephony session.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.json()["body"]["sequence"].as_u64().unwrap()
    }

    /// Returns every value of a field, in order.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&[u8]> {
        let values = self.headers.get_all(name).into_iter();
        values.map(HeaderValue::as_bytes).collect()
    }
}

/// A response in the making.
#[derive(Debug, Clone)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    delay: Duration,
    hangs_up: bool,
}

impl Reply {
    /// An empty response.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
            hangs_up: false,
        }
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Delays the response.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Closes the connection instead of answering.
    #[must_use]
    pub fn hang_up() -> Self {
        Self {
            hangs_up: true,
            ..Self::status(200)
        }
    }

    /// Returns the status.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.status.as_u16()
    }

    async fn send(self) -> Option<Response<AppBody>> {
        if self.hangs_up {
            return None;
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let mut response = response(self.code(), self.body);
        *response.headers_mut() = self.headers;
        Some(response)
    }
}

/// Returns a response with a whole body.
#[must_use]
pub fn response(status: u16, body: impl Into<Bytes>) -> Response<AppBody> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

type Starter = Arc<dyn Fn(TcpListener) -> JoinSet<()> + Send + Sync>;

/// An app on its own port, which it keeps while it is down. Its connections end with it.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    start: Starter,
    running: JoinSet<()>,
    /// Held while the app is down.
    port: Option<Port>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.address)
    }
}

impl App {
    /// Starts an app that answers 200 to everything.
    #[must_use]
    pub fn accepting() -> Self {
        Self::replying(|_| Reply::status(200))
    }

    /// Starts an app that replies to each request.
    pub fn replying(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let mut app = Self::down(reply);
        app.up();
        app
    }

    /// Makes an app that is down: its port refuses connections until [`App::up`].
    pub fn down(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let port = Port::reserve();
        let mut app = Self::new(port.address, move |seen| reply(&seen).send());
        app.port = Some(port);
        app
    }

    /// Starts an app that answers with what the handler makes of each request.
    pub fn start<F>(handler: impl Fn(Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<AppBody>> + Send + 'static,
    {
        Self::start_on(listen("127.0.0.1:0"), handler)
    }

    /// As [`App::start`], where the test listens.
    pub fn start_on<F>(
        listener: TcpListener,
        handler: impl Fn(Seen) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<AppBody>> + Send + 'static,
    {
        Self::answering(listener, move |seen| {
            let answer = handler(seen);
            async move { Some(answer.await) }
        })
    }

    /// As [`App::start_on`]; without an answer the connection breaks.
    pub(crate) fn answering<F>(
        listener: TcpListener,
        handler: impl Fn(Seen) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<Response<AppBody>>> + Send + 'static,
    {
        let mut app = Self::new(listener.local_addr().unwrap(), handler);
        app.running = (app.start)(listener);
        app
    }

    fn new<F>(address: SocketAddr, handler: impl Fn(Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<Response<AppBody>>> + Send + 'static,
    {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, handler) = (Arc::clone(&seen), Arc::new(handler));
        Self::serving(address, seen, move |stream| {
            serve(stream, Arc::clone(&log), Arc::clone(&handler))
        })
    }

    /// Starts an app that does what it likes with each connection once the head of a request has come.
    pub fn after_head<F>(handler: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self::on_connect(move |mut stream| {
            let handler = Arc::clone(&handler);
            async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read_buf(&mut head).await {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    }
                }
                handler(stream).await;
            }
        })
    }

    /// Starts an app that does what it likes with each connection.
    pub fn on_connect<F>(handler: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = listen("127.0.0.1:0");
        let address = listener.local_addr().unwrap();
        let mut app = Self::serving(address, Arc::default(), handler);
        app.running = (app.start)(listener);
        app
    }

    fn serving<F>(
        address: SocketAddr,
        seen: Arc<Mutex<Vec<Seen>>>,
        handler: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let start = move |listener: TcpListener| {
            let handler = Arc::clone(&handler);
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                let mut connections = JoinSet::new();
                loop {
                    tokio::select! {
                        accepted = listener.accept() => {
                            let Ok((stream, _)) = accepted else { continue };
                            stream.set_nodelay(true).ok();
                            connections.spawn(handler(stream));
                        }
                        Some(_) = connections.join_next() => {}
                    }
                }
            });
            tasks
        };
        Self {
            address,
            seen,
            start: Arc::new(start),
            running: JoinSet::new(),
            port: None,
        }
    }

    /// Starts an app that was made by [`App::down`] or has gone down.
    pub fn up(&mut self) {
        self.running = (self.start)(self.port.as_ref().unwrap().listen());
    }

    /// Stops the app as if it had crashed: connections break, new ones are refused.
    pub async fn go_down(&mut self) {
        self.running.shutdown().await;
    }

    /// Ends the app.
    pub async fn stop(mut self) {
        self.go_down().await;
    }

    /// Returns the app's URL with a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns every request so far, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Returns the number of requests so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Forgets every request so far.
    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }
}

async fn serve<F>(
    stream: TcpStream,
    log: Arc<Mutex<Vec<Seen>>>,
    handler: Arc<impl Fn(Seen) -> F + Send + Sync + 'static>,
) where
    F: Future<Output = Option<Response<AppBody>>> + Send + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
        async move {
            let (head, body) = request.into_parts();
            let seen = Seen {
                method: head.method,
                path: head.uri.to_string(),
                headers: head.headers,
                body: body
                    .collect()
                    .await
                    .map_err(std::io::Error::other)?
                    .to_bytes(),
            };
            log.lock().unwrap().push(seen.clone());
            let answer = handler(seen).await;
            answer.ok_or_else(|| std::io::Error::other("the app hangs up"))
        }
    });
    // A connection that breaks is the other side's to report.
    http1::Builder::new()
        .timer(TokioTimer::new())
        .max_headers(600)
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

/// Listens on an address.
#[must_use]
pub fn listen(address: &str) -> TcpListener {
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    TcpListener::from_std(listener).unwrap()
}

/// Writes and closes the connection.
pub async fn say(mut stream: TcpStream, text: &'static str) {
    stream.write_all(text.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

/// A reserved port of 127.0.0.1 that refuses connections until the test listens on it.
#[derive(Debug)]
pub struct Port {
    /// Its address.
    pub address: SocketAddr,
    /// Bound and not listening, so that nothing else is given the port.
    _reserved: TcpSocket,
}

impl Port {
    /// Reserves a port.
    #[must_use]
    pub fn reserve() -> Self {
        let reserved = shared(([127, 0, 0, 1], 0).into());
        Self {
            address: reserved.local_addr().unwrap(),
            _reserved: reserved,
        }
    }

    /// Listens on the port.
    #[must_use]
    pub fn listen(&self) -> TcpListener {
        shared(self.address).listen(1024).unwrap()
    }
}

/// Binds to an address that may be bound to again.
fn shared(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    #[cfg(unix)]
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_app_that_is_down_keeps_its_port_and_refuses() {
        let mut app = App::replying(|_| Reply::status(200));
        TcpStream::connect(app.address).await.unwrap();
        app.go_down().await;
        let refused = TcpStream::connect(app.address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        app.up();
        TcpStream::connect(app.address).await.unwrap();
    }
}
