//! A relay in this process, and its callers and clients.

mod caller;
mod client;
pub(crate) mod frames;
pub(crate) mod pebble;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use ringtail_kit::tls::trusting;
use ringtail_kit::wait::PATIENCE;
pub(crate) use ringtail_kit::wait::{after, soon};
use ringtail_protocol::event::Event;
use ringtail_protocol::name::Name;
use ringtail_relay::accounts::{Account, Accounts, Token};
use ringtail_relay::config::Config;
use ringtail_relay::journal::sqlite::SqliteJournal;
use ringtail_relay::journal::{EndpointKey, Journal as _, Retention};
use ringtail_relay::server::{Server, Stopped};
use ringtail_relay::store::DataDir;
use ringtail_relay::tls::Certificate;
use ringtail_relay::tls::CertificateState;
use rustls::ClientConfig;
use tempfile::TempDir;
use tokio::time::timeout;

pub(crate) use self::caller::{Answered, Caller, Conn, EVENT, post_head};
pub(crate) use self::client::{App, Client, Dial, text_app};

/// Disables a time limit that the test is not about.
pub(crate) const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Waits for a state of the relay's certificates.
pub(crate) async fn state(
    relay: &Server,
    what: &str,
    wanted: impl FnMut(&CertificateState) -> bool,
) -> CertificateState {
    let mut state = relay.certificate();
    match timeout(PATIENCE, state.wait_for(wanted)).await {
        Ok(state) => state.unwrap().clone(),
        Err(_elapsed) => panic!("{what} did not happen: {:?}", *relay.certificate().borrow()),
    }
}

pub(crate) struct TestRelay {
    server: Option<Server>,
    dir: TempDir,
    port: u16,
    token: Token,
    is_plain: bool,
}

/// An endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
}

impl Endpoint {
    pub(crate) fn path(&self, below: &str) -> String {
        format!("/{}{below}", self.id)
    }
}

impl TestRelay {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        ringtail_kit::tls::install();
        let dir = TempDir::new().unwrap();
        let mut config = Config::dev("127.0.0.1:0".parse().unwrap(), dir.path().to_owned());
        change(&mut config);
        let token = accounts(dir.path()).add(&name("anna")).unwrap();
        let is_plain = config.certificate == Certificate::Proxy;
        let server = Server::spawn(config).await.unwrap();
        Self {
            is_plain,
            port: server.local_addr().port(),
            server: Some(server),
            dir,
            token,
        }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Opens the accounts as another process does.
    pub(crate) fn accounts(&self) -> Accounts {
        accounts(self.dir.path())
    }

    /// Returns the data directory, unless the test configured another.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn token(&self) -> &str {
        self.token.expose()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Returns how often a limit was reached, from the metrics.
    pub(crate) async fn hits(&self, limit: &str) -> u64 {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let door = self.dir.path().join("control.sock");
        let mut door = tokio::net::UnixStream::connect(door).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n";
        door.write_all(request).await.unwrap();
        let mut numbers = String::new();
        soon("the numbers", door.read_to_string(&mut numbers))
            .await
            .unwrap();
        let row = format!("ringtail_limit_hits_total{{limit=\"{limit}\"}} ");
        let count = numbers.lines().find_map(|line| line.strip_prefix(&row));
        count.unwrap().parse().unwrap()
    }

    /// Waits until a limit was reached that often.
    pub(crate) async fn has_hit(&self, limit: &str, times: u64) {
        soon(limit, async { while self.hits(limit).await < times {} }).await;
    }

    pub(crate) async fn endpoint(&self) -> Endpoint {
        self.endpoint_named("sms").await
    }

    pub(crate) async fn endpoint_named(&self, endpoint: &str) -> Endpoint {
        self.endpoint_of(&self.token, endpoint).await
    }

    /// Returns an endpoint of the account with this token.
    pub(crate) async fn endpoint_of(&self, token: &Token, endpoint: &str) -> Endpoint {
        let accounts = self.server().accounts();
        let account: Account = accounts.authenticate(token.clone()).await.unwrap().unwrap();
        let endpoint = accounts
            .endpoint(account, name(endpoint), None)
            .await
            .unwrap();
        Endpoint {
            id: endpoint.id.clone(),
        }
    }

    /// Waits until a passthrough request is answered with this text, which identifies the attached client.
    pub(crate) async fn attached(&self, endpoint: &Endpoint, answer: &str) {
        let mut caller = Caller::http1(self).await;
        soon("the client to be attached", async {
            while caller.get(&endpoint.path("/attached")).await.body != answer {}
        })
        .await;
    }

    /// Attaches a client that forwards to `app`.
    pub(crate) async fn attach(&self, endpoint: &Endpoint, app: App) -> Client {
        Dial::to(self, endpoint).attach(self, app).await
    }

    /// Returns the TLS settings of a client that trusts this relay.
    pub(crate) fn tls(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        let ca = std::fs::read(self.dir.path().join("ca.pem")).unwrap();
        trusting(&ca, alpn).unwrap()
    }

    pub(crate) async fn shutdown(mut self) -> (Stopped, TempDir) {
        let server = self.server.take().unwrap();
        let stopped = soon("shutdown", server.shutdown()).await;
        (stopped, self.dir)
    }

    pub(crate) fn take_server(&mut self) -> Server {
        self.server.take().unwrap()
    }
}

fn accounts(dir: &Path) -> Accounts {
    Accounts::open(&DataDir::open(dir).unwrap()).unwrap()
}

/// Returns the events in the data directory of a relay that has stopped.
pub(crate) async fn stored_events(dir: &Path, endpoint: EndpointKey) -> Vec<Event> {
    let data = DataDir::open(dir).unwrap();
    let journal = SqliteJournal::open(&data, Retention::default()).unwrap();
    journal.read(endpoint, 0, 9, 9999).await.unwrap().events
}

/// Returns a call of the API with a token.
pub(crate) fn login(token: &str) -> Request<Full<Bytes>> {
    Request::post("/_ringtail/v1/endpoints")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::from(r#"{"name":"sms"}"#))
        .unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}
