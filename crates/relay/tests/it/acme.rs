//! Certificates that the relay gets by itself, from the real `pebble`.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ringtail_relay::accounts::Accounts;
use ringtail_relay::config::Config;
use ringtail_relay::limits::PLAIN_TIMEOUT;
use ringtail_relay::server::{Server, Stopped};
use ringtail_relay::store::DataDir;
use ringtail_relay::tls::Certificate;
use ringtail_relay::tls::{CertificateState, Clock};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::kit::pebble::{DOMAIN, Pebble, store};
use super::kit::{name, soon, state};

/// Pebble's certificates are valid for five years.
const TWO_THIRDS: Duration = Duration::from_secs(5 * 365 * 24 * 60 * 60 / 3 * 2 + 7 * 24 * 60 * 60);

/// A relay that has its certificates from pebble, and a data directory that outlives it.
struct Site {
    pebble: Pebble,
    data: TempDir,
    clock: Clock,
}

impl Site {
    async fn new() -> Self {
        Self {
            pebble: Pebble::start().await,
            data: TempDir::new().unwrap(),
            clock: Clock::default(),
        }
    }

    async fn relay(&self) -> Server {
        self.relay_with(|_| {}).await
    }

    async fn relay_with(&self, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::dev("127.0.0.1:0".parse().unwrap(), self.data.path().to_owned());
        self.pebble.configure(&mut config);
        config.clock = self.clock.clone();
        change(&mut config);
        Server::spawn(config).await.unwrap()
    }

    /// As `certificate renew` does.
    fn ask_to_renew(&self) {
        fs::write(self.data.path().join("acme/renew"), "").unwrap();
    }

    fn orders(&self) -> Vec<Value> {
        let text = fs::read(store(self.data.path()).join("orders.json")).unwrap();
        let orders: Value = serde_json::from_slice(&text).unwrap();
        orders["placed"].as_array().unwrap().clone()
    }
}

async fn certified(relay: &Server) -> CertificateState {
    state(relay, "a certificate", |state| {
        !state.shown.is_empty() && state.orders.placed == state.orders.issued + state.orders.failed
    })
    .await
}

/// Sends a validation request on a new connection, and returns the server's chain.
async fn validate(
    tls: &Arc<ClientConfig>,
    address: SocketAddr,
    path: &str,
) -> Result<Vec<CertificateDer<'static>>, Box<dyn std::error::Error + Send + Sync>> {
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from(DOMAIN).unwrap();
    let stream = Box::pin(TlsConnector::from(tls.clone()).connect(name, socket)).await?;
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    let chain = chain.iter().map(|der| der.clone().into_owned()).collect();
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut driver = JoinSet::new();
    driver.spawn(async move { drop(connection.await) });
    let request = Request::post(path)
        .header("host", DOMAIN)
        .header("validation-token", "a-token")
        .body(Full::<bytes::Bytes>::default())?;
    let answer = send.send_request(request).await?;
    if answer.status() != StatusCode::OK || answer.headers()["validation-token"] != "a-token" {
        return Err(format!("{answer:?}").into());
    }
    answer.into_body().collect().await?;
    Ok(chain)
}

async fn endpoint(relay: &Server, data: &Path) -> String {
    let token = Accounts::open(&DataDir::open(data).unwrap())
        .unwrap()
        .add(&name("anna"))
        .unwrap();
    let accounts = relay.accounts();
    let account = accounts.authenticate(token).await.unwrap().unwrap();
    let endpoint = accounts.endpoint(account, name("sms"), None).await.unwrap();
    format!("/{}", endpoint.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn from_no_certificate_to_a_validation_over_a_chain_that_verifies() {
    let site = Site::new().await;
    let relay = site.relay().await;
    assert!(relay.certificate().borrow().shown.is_empty());
    soon("a certificate", relay.certified()).await;
    let state = certified(&relay).await;
    assert_eq!(state.shown[0].names, [DOMAIN]);
    assert!(state.shown[0].issuer.contains("Pebble"));
    assert_eq!((state.orders.placed, state.orders.issued), (1, 1));
    assert_eq!(state.error, None);

    let path = endpoint(&relay, site.data.path()).await;
    for alpn in [&["http/1.1"][..], &[]] {
        let tls = site.pebble.trust(alpn).await;
        let chain = validate(&tls, relay.local_addr(), &path).await.unwrap();
        assert_eq!(chain.len(), 2, "the whole chain but the root");
    }
    soon("the end", relay.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_the_owners_alone_and_a_restart_orders_nothing() {
    let site = Site::new().await;
    let relay = site.relay().await;
    let first = certified(&relay).await;
    soon("the end", relay.shutdown()).await;
    let directory = store(site.data.path());
    for (path, mode) in [
        (site.data.path().join("acme"), 0o700),
        (directory.clone(), 0o700),
        (directory.join("account.json"), 0o600),
        (directory.join("orders.json"), 0o600),
        (directory.join("certificate.pem"), 0o600),
    ] {
        let found = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);

    let relay = site.relay().await;
    let second = certified(&relay).await;
    assert_eq!(second.shown, first.shown);
    let next = state(&relay, "a plan", |state| state.next_renewal.is_some()).await;
    let two_thirds = (first.shown[0].not_after)
        .duration_since(first.shown[0].not_before)
        .unwrap()
        * 2
        / 3;
    assert_eq!(
        next.next_renewal,
        Some(first.shown[0].not_before + two_thirds)
    );
    assert_eq!(site.orders().len(), 1);
    soon("the end", relay.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_under_traffic_fails_no_request() {
    let site = Site::new().await;
    let relay = site.relay().await;
    let before = certified(&relay).await;
    let path = endpoint(&relay, site.data.path()).await;
    let tls = site.pebble.trust(&["http/1.1"]).await;
    let (stop, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut callers = JoinSet::new();
    for _ in 0..4 {
        let (tls, address, path) = (tls.clone(), relay.local_addr(), path.clone());
        let (stop, done) = (stop.clone(), done.clone());
        callers.spawn(async move {
            let mut last = None;
            while !stop.load(Ordering::Relaxed) {
                let chain = validate(&tls, address, &path).await;
                last = Some(chain.map_err(|error| error.to_string()).unwrap());
                done.fetch_add(1, Ordering::Relaxed);
            }
            last
        });
    }
    let grown = async |by: usize| {
        let from = done.load(Ordering::Relaxed);
        soon("traffic", async {
            while done.load(Ordering::Relaxed) < from + by {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    grown(20).await;
    site.ask_to_renew();
    let after = state(&relay, "another certificate", |state| {
        state.shown != before.shown
    })
    .await;
    grown(20).await;
    stop.store(true, Ordering::Relaxed);
    let now = validate(&tls, relay.local_addr(), &path).await.unwrap();
    while let Some(ended) = callers.join_next().await {
        let last = ended.expect("a caller that no request of failed");
        assert_eq!(last, Some(now.clone()));
    }
    assert_ne!(after.shown[0].serial, before.shown[0].serial);
    soon("the end", relay.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_01_is_the_fallback_and_comes_first_once_it_has_worked() {
    let site = Site::new().await;
    let relay = site
        .relay_with(|config| {
            // Port 443 leads elsewhere.
            config.listen = site.pebble.nowhere();
            let Certificate::Acme(acme) = &mut config.certificate else {
                panic!()
            };
            acme.http = ringtail_relay::tls::HttpListen::At(site.pebble.http);
            // Less than the plain listener gives a connection.
            config.limits.drain_timeout = PLAIN_TIMEOUT / 2;
        })
        .await;
    let state = certified(&relay).await;
    assert_eq!((state.orders.placed, state.orders.failed), (2, 1));
    site.ask_to_renew();
    super::acme::state(&relay, "another certificate", |state| {
        state.orders.issued == 2
    })
    .await;
    let kinds: Vec<_> = site
        .orders()
        .iter()
        .map(|order| order["challenge"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["tls-alpn-01", "http-01", "http-01"]);

    // The tokens are gone with their order, and the rest is led away.
    let silent = TcpStream::connect(relay.http_addr().unwrap())
        .await
        .unwrap();
    let mut socket = TcpStream::connect(relay.http_addr().unwrap())
        .await
        .unwrap();
    let head = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut socket, head)
        .await
        .unwrap();
    let mut answer = String::new();
    let read = tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut answer);
    soon("an answer", read).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    // A silent connection blocks no other.
    let stopped = soon("the end", relay.shutdown()).await;
    assert_eq!(stopped, Stopped::Drained);
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_fails_leaves_the_old_certificate_and_waits() {
    let site = Site::new().await;
    let relay = site.relay().await;
    let before = certified(&relay).await;
    let path = endpoint(&relay, site.data.path()).await;
    let tls = site.pebble.trust(&["http/1.1"]).await;
    let old = validate(&tls, relay.local_addr(), &path).await.unwrap();

    site.pebble.lead_to(IpAddr::from([127, 0, 0, 1])).await;
    // Of an account that has proven the name before, pebble asks for no proof in one of a hundred orders.
    fs::remove_file(store(site.data.path()).join("account.json")).unwrap();
    site.clock.advance(TWO_THIRDS);
    let failed = state(&relay, "a failure", |state| {
        state.error.is_some() && state.next_renewal > Some(site.clock.now())
    })
    .await;
    assert_eq!(failed.shown, before.shown);
    assert_eq!(failed.orders.issued, 1);
    let message = failed.error.unwrap();
    assert!(message.contains(DOMAIN), "{message}");
    let wait = failed
        .next_renewal
        .unwrap()
        .duration_since(site.clock.now());
    assert!(wait.unwrap() <= Duration::from_secs(60));
    assert_eq!(
        validate(&tls, relay.local_addr(), &path).await.unwrap(),
        old
    );

    site.pebble.lead_back().await;
    site.clock.advance(Duration::from_secs(60));
    let renewed = state(&relay, "another certificate", |state| {
        state.shown != before.shown
    })
    .await;
    assert_eq!(renewed.error, None);
    assert_ne!(
        validate(&tls, relay.local_addr(), &path).await.unwrap(),
        old
    );
    soon("the end", relay.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_does_not_answer_gets_no_order() {
    let mut site = Site::new().await;
    site.pebble.kill();
    let relay = site.relay().await;
    let failed = state(&relay, "a failure", |state| {
        state.error.is_some() && state.next_renewal > Some(SystemTime::now())
    })
    .await;
    assert_eq!(failed.orders.placed, 0);
    assert!(failed.shown.is_empty());
    let message = failed.error.unwrap();
    assert!(
        message.contains("the authority did not answer"),
        "{message}"
    );
    soon("the end", relay.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_restarted_again_and_again_places_four_orders_an_hour() {
    let site = Site::new().await;
    site.pebble.lead_to(IpAddr::from([127, 0, 0, 1])).await;
    for _ in 0..8 {
        let relay = site.relay().await;
        state(&relay, "a failure or a wait", |state| {
            state.error.is_some() || state.next_renewal > Some(SystemTime::now())
        })
        .await;
        soon("the end", relay.shutdown()).await;
    }
    assert_eq!(site.orders().len(), 4);
    site.clock.advance(Duration::from_secs(60 * 60));
    site.pebble.lead_back().await;
    let relay = site.relay().await;
    certified(&relay).await;
    assert_eq!(site.orders().len(), 5);
    soon("the end", relay.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_has_a_running_relay_renew() {
    let site = Site::new().await;
    let relay = site.relay().await;
    let before = certified(&relay).await;
    let renew = async || {
        tokio::process::Command::new(env!("CARGO_BIN_EXE_ringtail-relay"))
            .args(["certificate", "renew", "--data"])
            .arg(site.data.path())
            .output()
            .await
            .unwrap()
    };
    let asked = soon("the command", renew()).await;
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    state(&relay, "another certificate", |state| {
        state.shown != before.shown
    })
    .await;
    soon("the end", relay.shutdown()).await;
    let refused = soon("the command", renew()).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.starts_with("error[RT-611]: no relay serves"), "{said}");
}
