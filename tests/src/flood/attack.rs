//! The attacks.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::BEGIN;
use ringtail_kit::caller::endpoint;
use ringtail_kit::http2::{
    ACK, CANCEL, DATA, END_HEADERS, END_STREAM, HEAD, HEADERS, PING, PREFACE, RST_STREAM, frame,
    head, hello, integer, no_window, post, request,
};
use ringtail_kit::tls;
use ringtail_protocol::path::LINK;
use ringtail_protocol::version::SUBPROTOCOL;

/// Addresses that our own attackers call from: `127.0.0.2` and those after it.
const ADDRESSES: usize = 16;

/// Connections of each slow program: fewer than one address may have, to leave some for the measured validations.
const TOOL_CONNECTIONS: &str = "40";

/// Pause between the first calls of two attackers, which bounds concurrent TLS handshakes: their CPU time is not under
/// test.
const PACE: Duration = Duration::from_millis(5);

/// Links that are dialled to one endpoint: more than that may have.
const LINKS: usize = 24;

/// Callers that dial, complete the handshake, and dial again.
const DIALLERS: usize = 32;

/// Connections that send frames which bring nothing.
const NOISY: usize = 32;

/// Pause between two bursts of a caller that abandons its requests: below the limit of events in a second.
const BURST: Duration = Duration::from_millis(400);

/// Environment variable with the token of an attacker's account.
pub(super) const TOKEN: &str = "FLOOD_TOKEN";

/// Streams that an HTTP/2 connection opens: what the relay allows.
const STREAMS: u32 = 128;

/// An attack, by the name that its row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Attack {
    /// `slowhttptest -H`: heads that do not end.
    SlowHeaders,
    /// `slowhttptest -B`: bodies that do not end.
    SlowBodies,
    /// `slowhttptest -X`: answers that are not read.
    SlowRead,
    /// `h2load`: as many requests over HTTP/2 as go.
    #[value(name = "h2load")]
    H2load,
    /// As many connections as there may be, from many addresses, each holding the most that it may.
    Held,
    /// HTTP/2 streams that are opened and reset at once.
    Resets,
    /// Bodies of 16 MiB that take long to look at.
    Bodies,
    /// As many links of an endpoint as there may be, which take no events, with two events of 15 MiB waiting.
    Links,
    /// Requests to an app that are taken back in bursts of 128.
    Abandoned,
    /// TLS handshakes, as many as go.
    Handshakes,
    /// HTTP/2 frames that bring nothing, as many as go.
    EmptyFrames,
    /// Notifications of the attacker's own, as many as go.
    Events,
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Attack {
    /// Whether a program of other people attacks.
    pub(super) fn is_a_tools(self) -> bool {
        matches!(
            self,
            Self::SlowHeaders | Self::SlowBodies | Self::SlowRead | Self::H2load
        )
    }

    /// Returns the command line of a program that attacks, `None` for an attack of our own.
    pub(super) fn arguments(self, url: &str, seconds: &str) -> Option<Vec<String>> {
        let slow = |mode: &str| {
            format!(
                "slowhttptest {mode} -c {TOOL_CONNECTIONS} -r 20 -l {seconds} -i 1 -v 0 -p 30 -u {url}"
            )
        };
        let line = match self {
            Self::SlowHeaders => slow("-H"),
            Self::SlowBodies => slow("-B -s 65536 -t POST"),
            Self::SlowRead => slow("-X -w 1 -y 16 -n 5 -z 1 -k 10"),
            Self::H2load => format!("h2load -D {seconds} -c 8 -m 100 -t 1 {url}"),
            _ => return None,
        };
        Some(line.split(' ').map(str::to_owned).collect())
    }
}

/// Whom an attack is aimed at.
#[derive(Debug, Clone)]
pub(super) struct World {
    address: SocketAddr,
    uri: http::Uri,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    /// The token of the endpoint's account, for links.
    token: String,
    course: Arc<Course>,
}

/// How an attack goes.
#[derive(Debug, Default)]
struct Course {
    /// That it has come about.
    came_about: Notify,
    /// Why it did not at first.
    error: OnceLock<anyhow::Error>,
}

impl World {
    pub(super) fn new(address: SocketAddr, url: &str, ca: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            uri: endpoint(url)?,
            token: std::env::var(TOKEN).unwrap_or_default(),
            http1: tls::caller(ca, tls::HTTP1)?,
            http2: tls::caller(ca, tls::HTTP2)?,
            course: Arc::default(),
        })
    }

    /// Attacks for a time, and calls a function once an attacker got through.
    ///
    /// # Errors
    /// When none does.
    pub(super) async fn run(
        self,
        attack: Attack,
        connections: usize,
        time: Duration,
        under_way: impl FnOnce(),
    ) -> anyhow::Result<()> {
        let count = match attack {
            Attack::Held => connections,
            Attack::Resets | Attack::Events => 8,
            Attack::Links => LINKS,
            Attack::Abandoned => 3,
            Attack::Handshakes => DIALLERS,
            Attack::EmptyFrames => NOISY,
            _ => 4,
        };
        let course = Arc::clone(&self.course);
        let attackers = async {
            let mut attackers = JoinSet::new();
            let mut pace = interval(PACE);
            for number in 0..count {
                pace.tick().await;
                attackers.spawn(self.clone().repeat(attack, number));
            }
            while attackers.join_next().await.is_some() {}
        };
        let tell = async {
            let begun = timeout(BEGIN, course.came_about.notified()).await;
            if begun.is_err() {
                let error = course.error.get();
                let why = error.map(|error| format!(": {error:#}"));
                bail!(
                    "no attacker got through in {BEGIN:?}{}",
                    why.unwrap_or_default()
                );
            }
            under_way();
            Ok(())
        };
        let all = async { tokio::try_join!(tell, attackers.map(Ok)) };
        match timeout(time, all).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    async fn repeat(self, attack: Attack, number: usize) {
        if attack == Attack::Links && number < 2 {
            let body = format!(
                r#"{{"uuid":"{number}","event":"/e","subscriptionId":"s","body":"{}"}}"#,
                "x".repeat(15 * 1024 * 1024)
            );
            drop(self.large_one(number, &body).await);
        }
        loop {
            // The relay or the attacker has timed out, as intended.
            if let Err(error) = self.once(attack, number).await {
                self.course.error.get_or_init(|| error);
            }
            match attack {
                Attack::Links => tokio::time::sleep(Duration::from_secs(1)).await,
                _ => tokio::task::yield_now().await,
            }
        }
    }

    async fn once(&self, attack: Attack, number: usize) -> anyhow::Result<()> {
        match attack {
            Attack::Held => self.hold_one(number).await,
            Attack::Resets => self.reset_one(number).await,
            Attack::Bodies => {
                let body = "[".repeat(16 * 1024 * 1024);
                self.large_one(number, &body).await
            }
            Attack::Links => self.link_one(number).await,
            Attack::Abandoned => self.abandon_one(number).await,
            Attack::Handshakes => {
                self.connect(number, &self.http1).await?;
                self.comes_about();
                Ok(())
            }
            Attack::EmptyFrames => self.send_nothing(number).await,
            Attack::Events => self.notify_one(number).await,
            Attack::SlowHeaders | Attack::SlowBodies | Attack::SlowRead | Attack::H2load => {
                bail!("{attack} is another program's")
            }
        }
    }

    fn comes_about(&self) {
        self.course.came_about.notify_one();
    }

    /// Holds a connection in one of five ways.
    async fn hold_one(&self, number: usize) -> anyhow::Result<()> {
        match number % 5 {
            0 => {
                let mut tcp = self.dial(number).await?;
                tcp.write_all(&half_a_hello()).await?;
                self.comes_about();
                to_end(tcp).await
            }
            1 => {
                let mut stream = self.connect(number, &self.http1).await?;
                stream.write_all(self.half_a_head().as_bytes()).await?;
                stream.flush().await?;
                self.comes_about();
                to_end(stream).await
            }
            2 => {
                let mut stream = self.connect(number, &self.http1).await?;
                let whole = "GET /_ringtail/health HTTP/1.1\r\nhost: x\r\n\r\n";
                stream.write_all(whole.as_bytes()).await?;
                stream.write_all(self.half_a_head().as_bytes()).await?;
                stream.flush().await?;
                self.comes_about();
                to_end(stream).await
            }
            3 => self.hold_streams(number, "/unknown").await,
            _ => self.hold_streams(number, self.uri.path()).await,
        }
    }

    /// Opens as many streams as there may be, each with the largest head and a body that does not end.
    async fn hold_streams(&self, number: usize, path: &str) -> anyhow::Result<()> {
        let mut stream = self.connect(number, &self.http2).await?;
        let mut wire = hello();
        for id in (1..).step_by(2).take(STREAMS as usize) {
            let mut block = post(path);
            if id == 1 {
                // Into the table of what was said before, from where one byte repeats it.
                block.extend([0x40, 1, b'x']);
                block.extend(integer(FIELD.len()));
                block.extend(FIELD);
            }
            block.extend([REPEAT; 14]);
            wire.extend(frame(HEADERS, END_HEADERS, id, &block));
            wire.extend(frame(DATA, 0, id, b"{"));
        }
        stream.write_all(&wire).await?;
        stream.flush().await?;
        self.comes_about();
        to_end(stream).await
    }

    /// Opens streams and resets them, a few at a time so that the relay does not end the connection at once.
    async fn reset_one(&self, number: usize) -> anyhow::Result<()> {
        let stream = self.connect(number, &self.http2).await?;
        let (mut read, mut write) = tokio::io::split(stream);
        let block = post(self.uri.path());
        let write = async {
            let mut wire = hello();
            for id in (1_u32..).step_by(2).take(100_000) {
                wire.extend(frame(HEADERS, END_HEADERS, id, &block));
                wire.extend(frame(RST_STREAM, 0, id, &CANCEL.to_be_bytes()));
                if id % 64 == 1 {
                    write.write_all(&wire).await?;
                    write.flush().await?;
                    self.comes_about();
                    wire.clear();
                    tokio::task::yield_now().await;
                }
            }
            anyhow::Ok(())
        };
        let read = async {
            let mut all = [0; 4096];
            while read.read(&mut all).await? > 0 {}
            anyhow::Ok(())
        };
        tokio::select! {
            ended = write => ended,
            ended = read => ended,
        }
    }

    /// Opens as many streams as there may be, and resets them once the relay has passed them on.
    async fn abandon_one(&self, number: usize) -> anyhow::Result<()> {
        let stream = self.connect(number, &self.http2).await?;
        let (mut read, mut write) = tokio::io::split(stream);
        let block = post(&format!("{}/abandoned", self.uri.path()));
        let write = async {
            write.write_all(&hello()).await?;
            let mut burst = interval(BURST);
            for first in (1_u32..).step_by(2 * STREAMS as usize) {
                let ids = || (first..).step_by(2).take(STREAMS as usize);
                let flags = END_HEADERS | END_STREAM;
                let opened: Vec<u8> = ids()
                    .flat_map(|id| frame(HEADERS, flags, id, &block))
                    .collect();
                let reset = ids().flat_map(|id| frame(RST_STREAM, 0, id, &CANCEL.to_be_bytes()));
                burst.tick().await;
                write.write_all(&opened).await?;
                write.flush().await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
                write.write_all(&reset.collect::<Vec<u8>>()).await?;
                write.flush().await?;
                self.comes_about();
            }
            anyhow::Ok(())
        };
        tokio::select! {
            ended = write => ended,
            ended = async {
                let mut all = [0; 4096];
                while read.read(&mut all).await? > 0 {}
                anyhow::Ok(())
            } => ended,
        }
    }

    /// Sends replies to PINGs that nobody sent.
    async fn send_nothing(&self, number: usize) -> anyhow::Result<()> {
        let frames = frame(PING, ACK, 0, &[0; 8]).repeat(1000);
        let mut stream = self.connect(number, &self.http2).await?;
        stream.write_all(&hello()).await?;
        loop {
            stream.write_all(&frames).await?;
            self.comes_about();
        }
    }

    /// Sends as many notifications as a connection takes, 64 at a time.
    async fn notify_one(&self, number: usize) -> anyhow::Result<()> {
        let fields = [
            (":method", &b"POST"[..]),
            (":scheme", b"https"),
            (":authority", b"x"),
            (":path", self.uri.path().as_bytes()),
            ("content-type", b"application/json"),
        ];
        let body = br#"{"uuid":"u","event":"/e","subscriptionId":"s","body":{}}"#;
        let mut stream = self.connect(number, &self.http2).await?;
        stream.write_all(&hello()).await?;
        let mut answers = 0;
        let mut received = Vec::new();
        for first in (1_u32..).step_by(128) {
            let ids = (first..).step_by(2).take(64);
            let wire: Vec<u8> = ids.flat_map(|id| request(id, &fields, body)).collect();
            stream.write_all(&wire).await?;
            stream.flush().await?;
            answers += 64;
            while answers > 0 {
                if stream.read_buf(&mut received).await? == 0 {
                    return Ok(());
                }
                while let Some((length, kind, _)) = head(&received)
                    && received.len() >= HEAD + length
                {
                    received.drain(..HEAD + length);
                    answers -= i32::from(kind == HEADERS);
                }
                if answers == 0 {
                    self.comes_about();
                }
            }
        }
        Ok(())
    }

    /// Holds a link: accepts the event stream, grants no window for it, and answers each PING.
    async fn link_one(&self, number: usize) -> anyhow::Result<()> {
        let id = self.uri.path().trim_start_matches('/');
        let url = format!("wss://localhost{LINK}?endpoint={id}&forward=true");
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", self.token).parse()?);
        headers.insert("sec-websocket-protocol", SUBPROTOCOL.parse()?);
        let stream = self.connect(number, &self.http1).await?;
        let (mut socket, _) = Box::pin(tokio_tungstenite::client_async(request, stream)).await?;
        socket.send(Message::binary(no_window())).await?;
        self.comes_about();
        let mut received = Vec::new();
        let mut skipped = PREFACE.len();
        while let Some(message) = socket.next().await {
            let data = message?.into_data();
            let preface = skipped.min(data.len());
            skipped -= preface;
            received.extend_from_slice(&data[preface..]);
            while let Some((length, kind, stream)) = head(&received)
                && received.len() >= HEAD + length
            {
                let whole: Vec<u8> = received.drain(..HEAD + length).collect();
                let answer = match kind {
                    PING if whole[4] & ACK == 0 => frame(PING, ACK, 0, &whole[HEAD..]),
                    // `:status 200` in HPACK's static table.
                    HEADERS => frame(HEADERS, END_HEADERS, stream, &[0x88]),
                    _ => continue,
                };
                socket.send(Message::binary(answer)).await?;
            }
        }
        Ok(())
    }

    async fn large_one(&self, number: usize, body: &str) -> anyhow::Result<()> {
        let mut stream = self.connect(number, &self.http1).await?;
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            self.uri.path(),
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.flush().await?;
        self.comes_about();
        to_end(stream).await
    }

    fn half_a_head(&self) -> String {
        let field = format!("x: {}\r\n", "x".repeat(1020));
        format!("POST /unknown HTTP/1.1\r\nhost: x\r\n{}", field.repeat(30))
    }

    async fn dial(&self, number: usize) -> anyhow::Result<TcpStream> {
        let last = u8::try_from(2 + number % ADDRESSES)?;
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
        Ok(socket.connect(self.address).await?)
    }

    async fn connect(
        &self,
        number: usize,
        config: &Arc<ClientConfig>,
    ) -> anyhow::Result<TlsStream<TcpStream>> {
        let tcp = self.dial(number).await?;
        let name = ServerName::try_from(self.uri.host().context("no host")?.to_owned())?;
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(connector.connect(name, tcp).await?)
    }
}

/// Reads what the relay says and waits until it hangs up.
async fn to_end(mut stream: impl tokio::io::AsyncRead + Unpin) -> anyhow::Result<()> {
    let mut some = [0; 4096];
    while stream.read(&mut some).await? > 0 {}
    Ok(())
}

/// Returns records of TLS with a `ClientHello` that says it is longer than it gets.
fn half_a_hello() -> Vec<u8> {
    const RECORD: usize = 16 * 1024;
    let mut wire = Vec::new();
    for first in [true, false, false] {
        wire.extend([22, 3, 1, (RECORD >> 8) as u8, 0]);
        let mut record = vec![0; RECORD];
        if first {
            record[..4].copy_from_slice(&[1, 0, 0xff, 0]);
        }
        wire.extend(record);
    }
    wire
}

/// HPACK's word for the field that was said last.
const REPEAT: u8 = 0xbe;

/// The value that is repeated: with name and overhead, as long as HPACK's table takes.
const FIELD: &[u8] = &[b'y'; 4096 - 32 - 1];
