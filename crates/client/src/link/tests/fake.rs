//! A relay that does what a test tells it: real TLS, a real WebSocket, the protocol's own HTTP/2.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ringtail_protocol::event::{Disposition, Event, EventId, Kind, Request as Received, Timestamp};
use ringtail_protocol::frame::{Decoder, Down, Up};
use ringtail_protocol::path::{ENDPOINTS, EndpointInfo, LINK, Refusal};
use ringtail_protocol::stream::{ByteStream, websocket_config};
use ringtail_protocol::version::SUBPROTOCOL;
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::task::TaskTracker;

use crate::config::{Account, RelayUrl};
use ringtail_outbound::proxy::Proxies;
use ringtail_outbound::trust::Trust;

pub(super) const ENDPOINT: &str = "demo-x1";
pub(super) const TOKEN: &str = "good-token";

pub(super) type RequestBody =
    http_body_util::combinators::UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A relay on the loopback.
pub(super) struct FakeRelay {
    pub(super) url: RelayUrl,
    dir: TempDir,
    links: mpsc::Receiver<Dialled>,
    script: Arc<Mutex<Script>>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Script {
    journal: String,
    refuse_api: VecDeque<Refused>,
    refuse_link: VecDeque<Refused>,
    asked: usize,
}

#[derive(Clone)]
struct Refused {
    status: StatusCode,
    body: String,
}

/// A client that dialled.
pub(super) struct Dialled {
    pub(super) query: String,
    stream: ByteStream<TokioIo<Upgraded>>,
}

impl FakeRelay {
    pub(super) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(certificate(&dir)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // By its name: wine finds no address in a certificate.
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://localhost:{port}");
        let script = Arc::new(Mutex::new(Script {
            journal: "j1".into(),
            ..Script::default()
        }));
        let (dialled, links) = mpsc::channel(8);
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&script);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (acceptor, script) = (acceptor.clone(), Arc::clone(&shared));
                let dialled = dialled.clone();
                connections.spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let upgrades = TaskTracker::new();
                    let service = service_fn(|request| {
                        let answer = answer(&script, &dialled, &upgrades, request);
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    let served = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(tls), service)
                        .with_upgrades()
                        .await;
                    drop(served);
                    upgrades.close();
                    upgrades.wait().await;
                });
            }
        });
        Self {
            url: url.parse().unwrap(),
            dir,
            links,
            script,
            _tasks: tasks,
        }
    }

    /// An account that trusts this relay.
    pub(super) fn account(&self) -> Account {
        Account {
            relay: self.url.clone(),
            token: TOKEN.into(),
            trust: Trust::load(Some(&self.dir.path().join("ca.pem"))).unwrap(),
            proxies: Proxies::default(),
        }
    }

    pub(super) fn refuse_api(&self, status: StatusCode, code: &str) {
        let refused = Refused::new(status, code);
        self.script.lock().unwrap().refuse_api.push_back(refused);
    }

    pub(super) fn refuse_link(&self, status: StatusCode, code: &str) {
        let refused = Refused::new(status, code);
        self.script.lock().unwrap().refuse_link.push_back(refused);
    }

    pub(super) fn journal(&self, journal: &str) {
        self.script.lock().unwrap().journal = journal.into();
    }

    /// How many calls came.
    pub(super) fn asked(&self) -> usize {
        self.script.lock().unwrap().asked
    }

    /// Waits for the next client.
    pub(super) async fn dialled(&mut self) -> Dialled {
        self.links.recv().await.unwrap()
    }
}

impl Refused {
    fn new(status: StatusCode, code: &str) -> Self {
        let refusal = Refusal {
            error: code.into(),
            message: format!("said {code}"),
        };
        Self {
            status,
            body: serde_json::to_string(&refusal).unwrap(),
        }
    }
}

fn certificate(dir: &TempDir) -> ServerConfig {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    // Not the name of the leaf, which would then be its own issuer.
    let name = &mut ca.distinguished_name;
    name.push(rcgen::DnType::CommonName, "authority");
    let pem = ca.self_signed(&ca_key).unwrap().pem();
    std::fs::write(dir.path().join("ca.pem"), pem).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap()
}

fn answer(
    script: &Mutex<Script>,
    dialled: &mpsc::Sender<Dialled>,
    upgrades: &TaskTracker,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let mut script = script.lock().unwrap();
    script.asked += 1;
    let reply = |status: StatusCode, body: String| {
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        response
    };
    let token = format!("Bearer {TOKEN}");
    assert_eq!(request.headers()[header::AUTHORIZATION], token);
    match request.uri().path() {
        ENDPOINTS => {
            if let Some(refused) = script.refuse_api.pop_front() {
                return reply(refused.status, refused.body);
            }
            let info = EndpointInfo {
                endpoint: ENDPOINT.into(),
                url: format!("https://relay.example/{ENDPOINT}"),
                journal: script.journal.clone(),
            };
            reply(StatusCode::OK, serde_json::to_string(&info).unwrap())
        }
        LINK => {
            if let Some(refused) = script.refuse_link.pop_front() {
                return reply(refused.status, refused.body);
            }
            let headers = request.headers();
            assert_eq!(headers[header::SEC_WEBSOCKET_PROTOCOL], SUBPROTOCOL);
            let accept = derive_accept_key(headers[header::SEC_WEBSOCKET_KEY].as_bytes());
            let query = request.uri().query().unwrap_or_default().to_owned();
            let dialled = dialled.clone();
            upgrades.spawn(async move {
                let upgraded = hyper::upgrade::on(request).await.unwrap();
                let socket = WebSocketStream::from_raw_socket(
                    TokioIo::new(upgraded),
                    Role::Server,
                    Some(websocket_config()),
                );
                let stream = ByteStream::new(socket.await);
                drop(dialled.send(Dialled { query, stream }).await);
            });
            Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(header::CONNECTION, "upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_ACCEPT, accept)
                .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
                .body(Full::default())
                .unwrap()
        }
        path => panic!("the client asked for {path}"),
    }
}

/// The relay's end of a link.
pub(super) struct RelayEnd {
    pub(super) send: SendRequest<RequestBody>,
    frames: mpsc::Sender<Bytes>,
    cursors: Incoming,
    decoder: Decoder,
    connection: JoinSet<()>,
}

impl Dialled {
    /// Opens the event stream.
    pub(super) async fn open(self) -> RelayEnd {
        open(self.stream).await
    }
}

/// Opens the event stream over any connection.
pub(super) async fn open<S>(stream: ByteStream<S>) -> RelayEnd
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut send, connection) = ringtail_protocol::http2::client()
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    let (frames, body) = mpsc::channel::<Bytes>(8);
    let body = StreamBody::new(stream::unfold(body, |mut body| async move {
        let bytes = body.recv().await?;
        Some((Ok(Frame::data(bytes)), body))
    }));
    let request = call(Method::POST, "/events", body.boxed_unsync());
    let response = send.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let relay = RelayEnd {
        send,
        frames,
        cursors: response.into_body(),
        decoder: Decoder::up(),
        connection: tasks,
    };
    relay.send(&[Down::Head { seq: 1 }]).await;
    relay
}

/// A request on the link.
pub(super) fn call(method: Method, path: &str, body: RequestBody) -> Request<RequestBody> {
    Request::builder()
        .method(method)
        .uri(format!("http://ringtail{path}"))
        .body(body)
        .unwrap()
}

/// No body.
pub(super) fn empty() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

impl RelayEnd {
    pub(super) async fn send(&self, frames: &[Down]) {
        let mut bytes = BytesMut::new();
        for frame in frames {
            frame.encode(&mut bytes);
        }
        self.send_raw(bytes.freeze()).await;
    }

    /// Ends the link as a relay does that stops: streams first, then the connection.
    pub(super) async fn goodbye(mut self) {
        drop((self.frames, self.cursors));
        // The client has seen the end of the streams when it answers what was asked after them.
        let after = self.send.send_request(call(Method::GET, "/", empty()));
        assert_eq!(after.await.unwrap().status(), StatusCode::NOT_FOUND);
        drop(self.send);
        self.connection.join_next().await;
    }

    pub(super) async fn send_raw(&self, bytes: Bytes) {
        self.frames.send(bytes).await.unwrap();
    }

    /// Reads cursors until this one comes.
    pub(super) async fn cursor(&mut self, wanted: u64) {
        loop {
            while let Some(up) = self.decoder.next_up().unwrap() {
                let Up::Cursor { seq } = up else { continue };
                assert!(seq <= wanted, "{seq} was never sent");
                if seq == wanted {
                    return;
                }
            }
            let frame = self.cursors.frame().await.unwrap().unwrap();
            self.decoder.push(&frame.into_data().unwrap());
        }
    }
}

/// A notification.
pub(super) fn event(seq: u64) -> Down {
    let request = Received {
        method: "POST".into(),
        path: "/hook".into(),
        peer: "192.0.2.1:1".into(),
        headers: Vec::new(),
        body: format!("{{\"n\":{seq}}}").into(),
    };
    Down::Event(Event {
        seq,
        id: EventId::fresh(),
        received_at: Timestamp::now(),
        kind: Kind::Notification,
        disposition: Disposition::Pending,
        duplicate_of: None,
        request: request.encode().unwrap(),
    })
}
