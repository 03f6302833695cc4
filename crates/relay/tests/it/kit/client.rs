//! A minimal client of the relay.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ringtail_protocol::event::{Event, EventId, Request as Received};
use ringtail_protocol::frame::{Decoder, Down, Up};
use ringtail_protocol::path::Refusal;
use ringtail_protocol::stream::{ByteStream, websocket_config};
use ringtail_protocol::{http2, version};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest as _};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::caller::Stream;
use super::{Conn, Endpoint, TestRelay, soon};

type Body = BoxBody<Bytes, Infallible>;
type Socket = WebSocketStream<Box<dyn Stream>>;

/// What stands behind a client: takes a passthrough request, answers it.
pub(crate) type App =
    Arc<dyn Fn(Request<Incoming>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// An app that answers 200 and this text.
pub(crate) fn text_app(text: &'static str) -> App {
    Arc::new(move |_| Box::pin(async move { Response::new(Full::from(text).boxed()) }))
}

/// How to dial.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    pub(crate) token: String,
    pub(crate) endpoint: String,
    pub(crate) forward: bool,
    pub(crate) cursor: Option<(String, u64)>,
    pub(crate) event: Option<(u64, EventId)>,
    pub(crate) subprotocol: String,
}

impl Dial {
    pub(crate) fn to(relay: &TestRelay, endpoint: &Endpoint) -> Self {
        Self {
            token: relay.token().to_owned(),
            endpoint: endpoint.id.clone(),
            forward: true,
            cursor: None,
            event: None,
            subprotocol: version::SUBPROTOCOL.to_owned(),
        }
    }

    pub(crate) fn inspecting(mut self) -> Self {
        self.forward = false;
        self
    }

    pub(crate) fn after(mut self, journal: &str, seq: u64) -> Self {
        self.cursor = Some((journal.to_owned(), seq));
        self
    }

    pub(crate) fn knowing(mut self, event: Option<(u64, EventId)>) -> Self {
        self.event = event;
        self
    }

    /// Opens the WebSocket, or returns the relay's refusal with its status.
    pub(crate) async fn socket(&self, relay: &TestRelay) -> Result<Socket, (u16, Refusal)> {
        let mut url = format!(
            "wss://localhost/_ringtail/v1/link?endpoint={}&forward={}",
            self.endpoint, self.forward
        );
        if let Some((journal, after)) = &self.cursor {
            url.push_str(&format!("&journal={journal}&after={after}"));
        }
        if let Some((seq, id)) = self.event {
            url.push_str(&format!("&event={seq}.{id}"));
        }
        let mut request = url.into_client_request().unwrap();
        let bearer = format!("Bearer {}", self.token);
        let headers = request.headers_mut();
        headers.insert("authorization", HeaderValue::try_from(bearer).unwrap());
        headers.insert(
            "sec-websocket-protocol",
            HeaderValue::try_from(&self.subprotocol).unwrap(),
        );
        let conn = Conn::open(relay, &["http/1.1"]).await;
        let config = Some(websocket_config());
        let dialled = Box::pin(client_async_with_config(request, conn.stream, config));
        match soon("the upgrade", dialled).await {
            Ok((socket, response)) => {
                let spoken = &response.headers()["sec-websocket-protocol"];
                assert_eq!(spoken, version::SUBPROTOCOL);
                Ok(socket)
            }
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let refusal = serde_json::from_slice(&body).unwrap();
                Err((response.status().as_u16(), refusal))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn attach(self, relay: &TestRelay, app: App) -> Client {
        let socket = self.socket(relay).await.unwrap();
        Client::serve(socket, app)
    }
}

/// An attached client.
pub(crate) struct Client {
    frames: mpsc::Receiver<Down>,
    cursors: mpsc::Sender<Bytes>,
    tasks: JoinSet<()>,
}

impl Client {
    fn serve(socket: Socket, app: App) -> Self {
        let (down, frames) = mpsc::channel(1024);
        let (cursors, up) = mpsc::channel::<Bytes>(16);
        let up = Arc::new(std::sync::Mutex::new(Some(up)));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (app, down, up) = (app.clone(), down.clone(), up.clone());
                async move {
                    if request.uri().path() != "/events" {
                        return Ok::<_, Infallible>(app(request).await);
                    }
                    let up = up.lock().unwrap().take().unwrap();
                    Ok(Response::new(events(request.into_body(), down, up)))
                }
            });
            let io = TokioIo::new(ByteStream::new(socket));
            drop(http2::server().serve_connection(io, service).await);
        });
        Self {
            frames,
            cursors,
            tasks,
        }
    }

    /// Returns the next frame, or nothing when the link has ended.
    pub(crate) async fn frame(&mut self) -> Option<Down> {
        soon("a frame", self.frames.recv()).await
    }

    /// Returns the newest number at the time when the link began.
    pub(crate) async fn head(&mut self) -> u64 {
        match self.frame().await {
            Some(Down::Head { seq }) => seq,
            other => panic!("{other:?} and not a head"),
        }
    }

    pub(crate) async fn event(&mut self) -> (Event, Received) {
        match self.frame().await {
            Some(Down::Event(event)) => {
                let request = event.request.decode().unwrap();
                (event, request)
            }
            other => panic!("{other:?} and not an event"),
        }
    }

    pub(crate) async fn store(&self, seq: u64) {
        let mut bytes = BytesMut::new();
        Up::Cursor { seq }.encode(&mut bytes);
        self.say(bytes.freeze()).await;
    }

    pub(crate) async fn say(&self, bytes: Bytes) {
        soon("a send", self.cursors.send(bytes)).await.unwrap();
    }

    /// Waits until the relay has ended the link.
    pub(crate) async fn ended(mut self) {
        while self.frame().await.is_some() {}
        drop(soon("the end of the link", self.tasks.join_next()).await);
    }

    /// Breaks the connection without a word.
    pub(crate) fn kill(mut self) {
        self.tasks.abort_all();
    }
}

/// Returns the body with cursors, and decodes the relay's frames while that body is polled.
fn events(mut body: Incoming, down: mpsc::Sender<Down>, up: mpsc::Receiver<Bytes>) -> Body {
    let mut decoder = Decoder::down();
    let down = async move {
        while let Some(Ok(frame)) = body.frame().await {
            if let Ok(bytes) = frame.into_data() {
                decoder.push(&bytes);
                while let Some(frame) = decoder.next_down().unwrap() {
                    drop(down.send(frame).await);
                }
            }
        }
    };
    let mut down = Box::pin(down);
    let mut up = up;
    let mut over = false;
    let stream = futures_util::stream::poll_fn(move |cx| {
        if !over && down.as_mut().poll(cx).is_ready() {
            over = true;
        }
        if over {
            return std::task::Poll::Ready(None);
        }
        up.poll_recv(cx)
            .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    });
    StreamBody::new(stream).boxed()
}
