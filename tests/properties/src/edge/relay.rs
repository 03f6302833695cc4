//! The relay that every check calls, and its database.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ringtail_protocol::event::{Disposition, EncodedRequest, Kind, Request};
use ringtail_protocol::name::Name;
use ringtail_relay::accounts::{Accounts, VerifyTokenHash};
use ringtail_relay::config::Config;
use ringtail_relay::public_url::PublicUrl;
use ringtail_relay::server::Server;
use ringtail_relay::store::{DataDir, open_reader};
use ringtail_relay::tls::Certificate;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{NOTIFICATION, SETTLING, VERIFY_TOKEN, http2};

/// Longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection of HTTP/2 may be silent before its end is asked for.
const SILENCE: Duration = Duration::from_millis(200);

/// Bytes of events that are kept, so that a night's fuzzing fits in memory.
const KEPT_BYTES: u64 = 16 * 1024 * 1024;

/// PROXY header of a connection that the proxy makes for itself.
const PROXY_ITSELF: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// Names of the runtime's and the journal's threads, whose panics are the relay's.
const THREADS: [&str; 2] = ["relay", "journal"];

/// Set when a task of the relay panics, which ends it quietly.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// One relay that speaks plain HTTP, and one that is first told who calls.
static RELAYS: [OnceLock<Mutex<Relay>>; 2] = [OnceLock::new(), OnceLock::new()];

pub(super) struct Relay {
    pub(super) endpoint: String,
    pub(super) token: String,
    told: bool,
    key: i64,
    address: SocketAddr,
    database: Connection,
    /// Key of the last event that was checked.
    last: i64,
    _server: Server,
    _runtime: Runtime,
    _dir: TempDir,
}

/// An event as the database has it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) kind: Kind,
    pub(super) disposition: Disposition,
    request: Bytes,
}

impl Stored {
    pub(super) fn read(&self) -> Request {
        let request = EncodedRequest::from_stored(self.request.clone());
        request.decode().expect("the journal keeps whole requests")
    }
}

impl Relay {
    /// Returns a relay, for one check at a time; `told` chooses the one that expects PROXY headers.
    pub(super) fn shared(told: bool) -> MutexGuard<'static, Self> {
        RELAYS[usize::from(told)]
            .get_or_init(|| Mutex::new(Self::start(told)))
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn start(told: bool) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if THREADS.contains(&std::thread::current().name().unwrap_or_default()) {
                PANICKED.store(true, Ordering::SeqCst);
            }
            before(panic);
        }));
        let dir = crate::place::directory();
        let mut config = Config::dev((Ipv4Addr::LOCALHOST, 0).into(), dir.path().to_owned());
        config.certificate = Certificate::Proxy;
        config.proxies.trusted = vec!["127.0.0.0/8".parse().expect("a network")];
        config.proxies.forwarded = !told;
        config.proxies.proxy_protocol = told;
        config.public_url = Some(PublicUrl::localhost(443));
        config.retention.max_bytes = KEPT_BYTES;
        config.limits.passthrough_deadline = Duration::from_secs(1);
        config.limits.events_per_second = NonZeroU32::new(1_000_000).expect("it is not 0");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(THREADS[0])
            .enable_all()
            .build()
            .expect("a runtime");
        let data = DataDir::open(dir.path()).expect("a data directory");
        let accounts = Accounts::open(&data).expect("accounts");
        let token = accounts.add(&name("anna")).expect("an account");
        let (server, endpoint) = runtime.block_on(async {
            let server = Server::spawn(config).await.expect("a relay");
            let accounts = server.accounts();
            let account = accounts.authenticate(token.clone()).await;
            let account = account.expect("accounts").expect("the account");
            let verify_token = Some(VerifyTokenHash::of(VERIFY_TOKEN));
            let endpoint = accounts.endpoint(account, name("sms"), verify_token).await;
            (server, endpoint.expect("an endpoint"))
        });
        let database = open_reader(&data).expect("a database");
        Self {
            endpoint: endpoint.id.clone(),
            token: token.expose().to_owned(),
            told,
            key: endpoint.key.0,
            address: server.local_addr(),
            database,
            last: 0,
            _server: server,
            _runtime: runtime,
            _dir: dir,
        }
    }

    /// Sends the bytes and a last request, and reads what comes until the relay ends the connection. Returns what came
    /// and what was sent.
    pub(super) fn ask(&self, bytes: &[u8], last: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let sent = [bytes, last].concat();
        let mut socket = self.connect();
        // The relay may refuse what comes before it has all.
        drop(socket.write_all(&sent));
        drop(socket.shutdown(Shutdown::Write));
        (read_to_end(&mut socket), sent)
    }

    /// As [`Relay::ask`] over HTTP/2, where the end of the input cancels unanswered requests: waits for the answer to the
    /// last request first, which comes after all others because events are stored in order.
    pub(super) fn ask_http2(&self, bytes: &[u8], last: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (whole, rest) = http2::whole_frames(bytes);
        let mut sent = [whole, last].concat();
        let mut socket = self.connect();
        drop(socket.write_all(&sent));
        let patience = socket.set_read_timeout(Some(SILENCE));
        patience.expect("a socket has a time-out");
        let mut answered = Vec::new();
        let mut buffer = [0; 4096];
        while !http2::is_last_answered(&answered) {
            match socket.read(&mut buffer) {
                // Something in the bytes may have made the last request impossible.
                Ok(0) | Err(_) => break,
                Ok(count) => answered.extend_from_slice(&buffer[..count]),
            }
        }
        drop(socket.write_all(rest));
        sent.extend_from_slice(rest);
        drop(socket.shutdown(Shutdown::Write));
        answered.extend(read_to_end(&mut socket));
        (answered, sent)
    }

    /// Sends a valid notification, which must be answered. Events are stored in order, so all before it are on disk then.
    pub(super) fn settle(&self) {
        let proxy = if self.told { PROXY_ITSELF } else { b"" };
        let request = format!(
            "POST /{}{SETTLING} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{NOTIFICATION}",
            self.endpoint,
            NOTIFICATION.len()
        );
        let mut socket = self.connect();
        let sent = socket.write_all(&[proxy, request.as_bytes()].concat());
        sent.expect("the relay takes the request");
        // The relay would take the end of the input for the end of the caller.
        let answer = read_to_end(&mut socket);
        let status = b"HTTP/1.1 200 OK\r\n";
        assert!(answer.starts_with(status), "{}", answer.escape_ascii());
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).expect("the relay accepts connections");
        let set = socket.set_nodelay(true);
        set.expect("a socket has no delay");
        socket
    }

    /// Returns what was stored since the last time. An event's key is the endpoint's, shifted by the bits of `seq`.
    pub(super) fn stored(&mut self) -> Vec<Stored> {
        let mut query = self
            .database
            .prepare_cached(
                "SELECT key, kind, disposition, request FROM event
                 WHERE key >> 42 = ?1 AND key > ?2 ORDER BY key",
            )
            .expect("the journal's schema");
        let rows = query.query_map((self.key, self.last), |row| {
            let stored = Stored {
                kind: Kind::from_code(row.get(1)?),
                disposition: Disposition::from_code(row.get(2)?),
                request: row.get::<_, Vec<u8>>(3)?.into(),
            };
            Ok((row.get(0)?, stored))
        });
        let rows: Vec<(i64, Stored)> = rows
            .and_then(Iterator::collect)
            .expect("the journal can be read");
        if let Some((last, _)) = rows.last() {
            self.last = *last;
        }
        rows.into_iter().map(|(_, stored)| stored).collect()
    }
}

/// Panics when any part of the relay has.
pub(super) fn assert_nothing_panicked() {
    assert!(!PANICKED.load(Ordering::SeqCst), "the relay panicked");
}

/// Reads what the relay has to say until it ends the connection.
fn read_to_end(socket: &mut TcpStream) -> Vec<u8> {
    let patience = socket.set_read_timeout(Some(PATIENCE));
    patience.expect("a socket has a time-out");
    let mut read = Vec::new();
    match socket.read_to_end(&mut read) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            panic!("the relay did not end the connection")
        }
        // A relay that does not want the rest of the bytes resets the connection.
        _ => read,
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}
