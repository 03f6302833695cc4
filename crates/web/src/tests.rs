//! The server over real sockets, attacked and used.

mod attacks;
mod keys;
mod limits;
mod requests;

use std::time::Duration;

use ringtail_model::secrets::AllSecrets;
use ringtail_model::signature::Reveal;
use ringtail_protocol::event::EventId;
use ringtail_store::testing::TestHistory;
use ringtail_views::replayer::{ReplayReport, ReplayStep};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::*;

/// What a test waits for at most; it fails then.
const PATIENCE: Duration = Duration::from_secs(20);

/// Replays are the program's, and the end-to-end tests have them; this one only counts its steps.
struct Steps;

impl Replayer for Steps {
    async fn replay(
        &self,
        _: Vec<EventId>,
        _: String,
        steps: mpsc::Sender<ReplayStep>,
        _: CancellationToken,
    ) -> Result<ReplayReport, String> {
        for accepted in [true, false, true] {
            let _unwatched = steps.send(ReplayStep::Sent { accepted }).await;
        }
        Ok(ReplayReport {
            sent: 3,
            accepted: 2,
            ..ReplayReport::default()
        })
    }

    async fn edit(&self, _: Vec<EventId>, _: String) -> Result<Option<EventId>, String> {
        Ok(None)
    }
}

struct Page {
    kept: TestHistory,
    server: Server,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert!(
            self.head.contains("content-type: application/json"),
            "{}",
            self.head
        );
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }
}

fn store(kept: &TestHistory) -> Store {
    Store::new(
        Vec::new(),
        kept.history.clone(),
        kept.dir.path().to_owned(),
        Reveal::No,
        AllSecrets::default(),
    )
}

fn options(mask: bool) -> Options {
    Options {
        port: 0,
        mask,
        noise: Noise::default(),
        check_options: |line| OptionsCheck {
            error: (line == "--wrong").then(|| "no such option".to_owned()),
            edits: line == "--edit",
            ..OptionsCheck::default()
        },
    }
}

/// What handlers share, without a server.
pub(crate) fn shared(kept: &TestHistory) -> Shared {
    let (token, page_token) = tokens(kept.dir.path()).unwrap();
    Shared {
        store: store(kept),
        others: tokio::sync::watch::channel(Vec::new()).1,
        options: options(false),
        gate: Gate::new(0, token, page_token),
        streams: Arc::new(Semaphore::new(1)),
        cancel: CancellationToken::new(),
    }
}

impl Page {
    async fn open(mask: bool) -> Self {
        let kept = TestHistory::open();
        let server = Server::spawn(store(&kept), Steps, options(mask));
        let server = server.await.unwrap();
        Self { kept, server }
    }

    fn token(&self) -> &str {
        self.server.token.text()
    }

    fn host(&self) -> String {
        self.server.address.to_string()
    }

    fn cookie(&self) -> String {
        let port = self.server.address.port();
        format!("cookie: ringtail-{port}={}", self.token())
    }

    fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.token())
    }

    /// Sends a request line, header lines and a body, all as given.
    async fn send(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.server.address).await.unwrap();
        let mut head = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        for header in headers {
            head += &format!("{header}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer));
        read.await.expect("an answer in time").unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let host = format!("host: {}", self.host());
        self.send(&format!("GET {path}"), &[&host, &self.bearer()], "")
            .await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let host = format!("host: {}", self.host());
        let headers = [&*host, &self.bearer(), "content-type: application/json"];
        let line = format!("POST /api/v1{path}");
        self.send(&line, &headers, &body.to_string()).await
    }

    /// The token that a page of this process has, as its script reads it.
    async fn page_token(&self) -> String {
        let host = format!("host: {}", self.host());
        let page = self.send("GET /", &[&host, &self.cookie()], "").await;
        assert_eq!(page.status, 200);
        let marker = "name=\"ringtail-page\" content=\"";
        let rest = page.body.split_once(marker).unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    }
}
