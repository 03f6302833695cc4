//! The developer's app: records what it gets and answers what it is told to.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::hooks;
use crate::process::locked;

/// A request as the app saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Bytes,
}

impl Seen {
    /// Returns the SHA-256 of the body.
    #[must_use]
    pub fn body_hash(&self) -> [u8; 32] {
        hash(&self.body)
    }

    /// Returns every value of a field in order.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&[u8]> {
        let fields = self.headers.iter().filter(|(field, _)| field == name);
        fields.map(|(_, value)| value.as_slice()).collect()
    }
}

/// Returns the SHA-256 of a body.
#[must_use]
pub fn hash(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

/// What the app answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Bytes,
    /// How long the app thinks before it answers.
    pub delay: Duration,
    /// Hangs up instead of answering.
    pub hang_up: bool,
}

impl Reply {
    /// An empty answer of some status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
            hang_up: false,
        }
    }

    /// Gives the answer a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Makes the app slow.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Makes the app hang up.
    #[must_use]
    pub fn hang_up() -> Self {
        Self {
            hang_up: true,
            ..Self::status(200)
        }
    }
}

type Program = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

#[derive(Clone)]
struct App {
    program: Program,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// A local app on a port of its own. It keeps the port while it is down.
#[derive(Debug)]
pub struct LocalTarget {
    address: SocketAddr,
    app: App,
    running: Option<JoinSet<()>>,
    /// Holds the port, refusing connections, while the app is down.
    reserved: Option<TcpSocket>,
}

impl LocalTarget {
    /// Starts an app that answers 200 to everything.
    ///
    /// # Errors
    /// When no port is to be had.
    pub fn start() -> anyhow::Result<Self> {
        Self::answering(|_| Reply::status(200))
    }

    /// Starts an app with a mind of its own.
    ///
    /// # Errors
    /// When no port is to be had.
    pub fn answering(
        program: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let mut target = Self::down(program)?;
        target.up()?;
        Ok(target)
    }

    /// Makes an app that is not running yet: its port refuses connections.
    ///
    /// # Errors
    /// When no port is to be had.
    pub fn down(program: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> anyhow::Result<Self> {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            address: socket.local_addr()?,
            app: App {
                program: Arc::new(program),
                seen: Arc::default(),
            },
            running: None,
            reserved: Some(socket),
        })
    }

    /// Starts the app, if it is down.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub fn up(&mut self) -> anyhow::Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let socket = match self.reserved.take() {
            Some(socket) => socket,
            None => bind(self.address)?,
        };
        let listener = socket.listen(1024)?;
        let mut running = JoinSet::new();
        running.spawn(serve(listener, self.app.clone()));
        self.running = Some(running);
        Ok(())
    }

    /// Stops the app as if it had crashed: connections break, new ones are refused.
    ///
    /// # Errors
    /// When the port is lost.
    pub async fn go_down(&mut self) -> anyhow::Result<()> {
        if let Some(mut running) = self.running.take() {
            running.shutdown().await;
            self.reserved = Some(bind(self.address)?);
        }
        Ok(())
    }

    /// Returns the app's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the app's URL with a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all that the app has got so far, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        locked(&self.app.seen).clone()
    }

    /// Returns the marks of all that the app has got so far, in order: see [`hooks::marked`].
    #[must_use]
    pub fn marks(&self) -> Vec<u64> {
        let seen = locked(&self.app.seen);
        let marks = seen.iter().map(|request| hooks::mark_of(&request.body));
        marks.flatten().collect()
    }

    /// Forgets what the app has got so far.
    pub fn forget(&self) {
        locked(&self.app.seen).clear();
    }

    /// Returns how many requests the app has got so far.
    #[must_use]
    pub fn count(&self) -> usize {
        locked(&self.app.seen).len()
    }
}

/// Binds to an address, also beside others that did so in the same way and do not listen yet.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of a former life linger on the port.
    socket.set_reuseaddr(true)?;
    socket
        .bind(address)
        .with_context(|| format!("{address} is not free"))?;
    Ok(socket)
}

async fn serve(listener: TcpListener, app: App) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                stream.set_nodelay(true).ok();
                let app = app.clone();
                let service = service_fn(move |request| {
                    let app = app.clone();
                    async move { app.answer(request).await }
                });
                connections.spawn(async move {
                    // A connection that breaks is the other side's to report.
                    http1::Builder::new()
                        .timer(TokioTimer::new())
                        .max_headers(600)
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

impl App {
    async fn answer(
        &self,
        request: http::Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, HangUp> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| HangUp)?.to_bytes();
        let seen = Seen {
            method: head.method.to_string(),
            path: head.uri.to_string(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
            body,
        };
        let reply = (self.program)(&seen);
        locked(&self.seen).push(seen);
        if reply.hang_up {
            return Err(HangUp);
        }
        if !reply.delay.is_zero() {
            tokio::time::sleep(reply.delay).await;
        }
        let mut response = Response::new(Full::new(reply.body));
        *response.status_mut() = StatusCode::from_u16(reply.status).map_err(|_| HangUp)?;
        for (name, value) in reply.headers {
            response.headers_mut().append(
                http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| HangUp)?,
                http::HeaderValue::from_bytes(&value).map_err(|_| HangUp)?,
            );
        }
        Ok(response)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the app hangs up")]
struct HangUp;

impl From<Infallible> for HangUp {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn an_app_that_is_down_keeps_its_port_and_refuses() {
        let mut target = LocalTarget::start().unwrap();
        TcpStream::connect(target.address()).await.unwrap();
        target.go_down().await.unwrap();
        let refused = TcpStream::connect(target.address()).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        target.up().unwrap();
        TcpStream::connect(target.address()).await.unwrap();
    }
}
