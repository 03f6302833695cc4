//! What an operator asks a running relay.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use http::StatusCode;
use ringtail_relay::server::Stopped;
use ringtail_relay::tls::Certificate;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::kit::{Caller, TestRelay, soon, text_app};

async fn watched() -> (TestRelay, SocketAddr) {
    let relay = TestRelay::with(|config| {
        config.metrics = Some("127.0.0.1:0".parse().unwrap());
    })
    .await;
    let address = relay.server().metrics_addr().unwrap();
    (relay, address)
}

/// Asks and returns status, head and body.
async fn ask(door: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> (u16, String, String) {
    ask_as(door, path, "localhost:9100").await
}

async fn ask_as(
    mut door: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    host: &str,
) -> (u16, String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    door.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("an answer", door.read_to_string(&mut answer))
        .await
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

async fn ask_tcp(address: SocketAddr, path: &str) -> (u16, String, String) {
    ask(TcpStream::connect(address).await.unwrap(), path).await
}

async fn numbers(address: SocketAddr) -> String {
    ask_tcp(address, "/metrics").await.2
}

#[track_caller]
fn has(numbers: &str, row: &str) {
    assert!(numbers.lines().any(|it| it == row), "{row} in\n{numbers}");
}

#[tokio::test]
async fn answers_are_counted_by_kind_and_status() {
    let (relay, address) = watched().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    let validation = http::Request::post(endpoint.path(""))
        .header("validation-token", "t")
        .body(Default::default())
        .unwrap();
    assert_eq!(caller.send(validation).await.status, StatusCode::OK);
    let event = "{\"uuid\":\"u\",\"event\":\"/restapi/v1.0/account/~/extension/~/message-store\",\"subscriptionId\":\"s\",\"body\":{}}";
    for _ in 0..2 {
        let stored = caller.post(&endpoint.path(""), event).await;
        assert_eq!(stored.status, StatusCode::OK);
    }
    caller.get(&endpoint.path("/oauth")).await;
    caller.get("/no-such-endpoint").await;
    caller.get("/_ringtail/health").await;
    let numbers = numbers(address).await;
    for row in [
        "ringtail_answers_total{kind=\"validation\",status=\"200\"} 1",
        "ringtail_answers_total{kind=\"notification\",status=\"200\"} 2",
        "ringtail_answers_total{kind=\"passthrough\",status=\"503\"} 1",
        "ringtail_answers_total{kind=\"stray\",status=\"404\"} 1",
        "ringtail_answers_total{kind=\"api\",status=\"200\"} 1",
        "ringtail_answer_seconds_count{kind=\"notification\"} 2",
        "ringtail_connections 1",
        "ringtail_limit_hits_total{limit=\"connections\"} 0",
        "# EOF",
    ] {
        has(&numbers, row);
    }
    // RingCentral does not wait for the relay's own paths.
    assert!(!numbers.contains("ringtail_answer_seconds_count{kind=\"api\"}"));
}

/// A web page can resolve its own name to this machine; what it reads then is the page's.
#[tokio::test]
async fn metrics_are_not_for_web_pages() {
    let (_relay, address) = watched().await;
    for (host, status) in [
        ("evil.example", 403),
        ("localhost.evil.example:9100", 403),
        ("", 403),
        ("localhost", 200),
        ("127.0.0.1:9100", 200),
        ("[::1]:9100", 200),
    ] {
        let door = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask_as(door, "/metrics", host).await.0, status, "{host}");
        let door = TcpStream::connect(address).await.unwrap();
        let from_page = format!("{host}\r\nOrigin: https://evil.example");
        assert_eq!(ask_as(door, "/metrics", &from_page).await.0, 403, "{host}");
    }
}

#[tokio::test]
async fn limits_that_were_reached_are_counted() {
    let relay = TestRelay::with(|config| {
        config.metrics = Some("127.0.0.1:0".parse().unwrap());
        config.limits.body_bytes = 8;
        config.limits.connections_per_address = 1;
    })
    .await;
    let address = relay.server().metrics_addr().unwrap();
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    let socket = TcpStream::connect(("127.0.0.1", relay.port())).await;
    let mut second = socket.unwrap();
    let ended = soon("the end", second.read_u8()).await;
    assert!(ended.is_err());
    let refused = caller.post(&endpoint.path(""), "123456789").await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    let numbers = numbers(address).await;
    has(
        &numbers,
        "ringtail_limit_hits_total{limit=\"body-bytes\"} 1",
    );
    has(
        &numbers,
        "ringtail_limit_hits_total{limit=\"connections-per-address\"} 1",
    );
    has(
        &numbers,
        "ringtail_answers_total{kind=\"unread\",status=\"413\"} 1",
    );
}

#[tokio::test]
async fn only_the_admin_listener_has_health_and_metrics() {
    let (relay, address) = watched().await;
    for (path, status, says) in [
        ("/health", 200, "ok\n"),
        ("/ready", 200, "ready\n"),
        ("/", 404, "try /health"),
        ("/_ringtail/v1/endpoints", 404, "try /health"),
    ] {
        let (found, _, body) = ask_tcp(address, path).await;
        assert_eq!(found, status, "{path}");
        assert!(body.starts_with(says), "{path}: {body}");
    }
    let (_, head, _) = ask_tcp(address, "/metrics").await;
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.contains(kind), "{head}");
    // The public listener does not have them.
    let mut caller = Caller::http1(&relay).await;
    for path in [
        "/metrics",
        "/ready",
        "/health",
        "/status",
        "/_ringtail/metrics",
    ] {
        assert_eq!(
            caller.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_relay_whose_proxy_has_the_certificate_is_ready() {
    let relay = TestRelay::with(|config| {
        config.certificate = Certificate::Proxy;
        config.metrics = Some("127.0.0.1:0".parse().unwrap());
    })
    .await;
    let address = relay.server().metrics_addr().unwrap();
    assert_eq!(ask_tcp(address, "/ready").await.2, "ready\n");
}

#[tokio::test]
async fn the_socket_in_the_data_directory_answers_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let relay = TestRelay::start().await;
    assert_eq!(relay.server().metrics_addr(), None);
    let path = relay.dir().join("control.sock");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let door = tokio::net::UnixStream::connect(&path).await.unwrap();
    assert_eq!(ask(door, "/health").await.2, "ok\n");
}

#[tokio::test]
async fn a_socket_that_a_killed_relay_left_makes_room() {
    let (_, dir) = TestRelay::start().await.shutdown().await;
    let path = dir.path().join("control.sock");
    std::fs::remove_file(&path).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let relay = TestRelay::with(|config| config.data = dir.path().to_owned()).await;
    let door = tokio::net::UnixStream::connect(&path).await.unwrap();
    assert_eq!(ask(door, "/ready").await.2, "ready\n");
    drop(relay);
}

#[tokio::test]
async fn a_relay_that_drains_lives_and_is_not_ready() {
    let (mut relay, address) = watched().await;
    let endpoint = relay.endpoint().await;
    // A passthrough request without an end holds the drain.
    let app: crate::kit::App = std::sync::Arc::new(|_| Box::pin(std::future::pending()));
    let client = relay.attach(&endpoint, app).await;
    let mut caller = Caller::http1(&relay).await;
    let path = endpoint.path("/oauth");
    let asked = caller.get(&path);
    let stopping = async {
        let mut link = client;
        link.head().await;
        while !numbers(address)
            .await
            .contains("ringtail_links{forwards=\"true\"} 1")
        {}
        let server = relay.take_server();
        let stop = server.shutdown();
        let look = async {
            loop {
                let (status, _, body) = ask_tcp(address, "/ready").await;
                if status == 503 {
                    assert_eq!(body, "not ready: the relay is stopping\n");
                    break;
                }
            }
            assert_eq!(ask_tcp(address, "/health").await.0, 200);
            drop(link);
        };
        tokio::join!(stop, look).0
    };
    let (_, stopped) = tokio::join!(asked, stopping);
    assert_eq!(stopped, Stopped::Drained);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn how_far_clients_are_behind_is_told() {
    let (relay, address) = watched().await;
    let endpoint = relay.endpoint().await;
    let labels = "account=\"anna\",endpoint=\"sms\"";
    let before = numbers(address).await;
    assert!(
        !before.contains("ringtail_endpoint_waiting_events{"),
        "nobody was there"
    );
    let mut client = relay.attach(&endpoint, text_app("hello")).await;
    client.head().await;
    let mut caller = Caller::http1(&relay).await;
    let event =
        "{\"uuid\":\"u\",\"event\":\"/restapi/v1.0/x\",\"subscriptionId\":\"s\",\"body\":{}}";
    for seq in 1..=3 {
        caller.post(&endpoint.path(""), event).await;
        assert_eq!(client.event().await.0.seq, seq);
    }
    has(
        &numbers(address).await,
        &format!("ringtail_endpoint_waiting_events{{{labels}}} 3"),
    );
    client.store(2).await;
    let row = format!("ringtail_endpoint_waiting_events{{{labels}}} 1");
    soon("the cursor", async {
        while !numbers(address).await.lines().any(|it| it == row) {}
    })
    .await;
    client.store(3).await;
    let row = format!("ringtail_endpoint_waiting_events{{{labels}}} 0");
    soon("the cursor", async {
        while !numbers(address).await.lines().any(|it| it == row) {}
    })
    .await;
    let caught_up = numbers(address).await;
    has(
        &caught_up,
        &format!("ringtail_endpoint_cursor_age_seconds{{{labels}}} 0"),
    );
    has(
        &caught_up,
        &format!("ringtail_endpoint_links{{{labels}}} 1"),
    );
    assert!(
        !caught_up.contains(&endpoint.id),
        "the address is nobody's business"
    );
}

#[tokio::test]
async fn operators_have_sixteen_connections_and_room_comes_back() {
    let (relay, address) = watched().await;
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut door = TcpStream::connect(address).await.unwrap();
        // Answered, and so accepted; kept open.
        door.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut first = [0; 12];
        soon("an answer", door.read_exact(&mut first))
            .await
            .unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(door);
    }
    let mut over = TcpStream::connect(address).await.unwrap();
    let ended = soon("the end", over.read_u8()).await;
    assert!(ended.is_err());
    // The socket's connections are limited separately, so this is answered.
    relay.hits("connections").await;
    held.clear();
    soon("room", async {
        loop {
            let mut door = TcpStream::connect(address).await.unwrap();
            let asked = door
                .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
                .await;
            if asked.is_ok() && door.read_u8().await.is_ok() {
                break;
            }
        }
    })
    .await;
}

/// Names, kinds, labels and help of every number.
fn table(numbers: &str) -> String {
    let mut families: Vec<(&str, &str)> = Vec::new();
    let mut kinds = BTreeMap::new();
    let mut labels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in numbers.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            families.push(help.split_once(' ').unwrap());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            kinds.insert(name, kind);
        } else if !line.starts_with('#') {
            let (name, _) = families.last().unwrap();
            let found = labels.entry(*name).or_default();
            let set = line.split_once('{').map_or("", |(_, rest)| rest);
            let set = set.split_once("} ").map_or("", |(set, _)| set);
            for label in set.split(',').filter_map(|it| it.split_once('=')) {
                if label.0 != "le" && !found.contains(&label.0) {
                    found.push(label.0);
                }
            }
        }
    }
    let mut table = "| name | kind | labels | what it is |\n|---|---|---|---|\n".to_owned();
    for (name, help) in families {
        let kind = kinds[name];
        let end = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let shown: Vec<String> = labels[name].iter().map(|it| format!("`{it}`")).collect();
        writeln!(
            table,
            "| `{name}{end}` | {kind} | {} | {} |",
            shown.join(", "),
            help.trim_end_matches('.')
        )
        .unwrap();
    }
    table
}

/// Every number with a row, and `docs/METRICS.md` with every number.
#[tokio::test]
async fn the_documentation_lists_every_number() {
    let (relay, address) = watched().await;
    let endpoint = relay.endpoint().await;
    let client = relay.attach(&endpoint, text_app("hello")).await;
    relay.attached(&endpoint, "hello").await;
    let table = table(&numbers(address).await);
    drop(client);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains(&table),
        "put this into docs/METRICS.md:\n{table}"
    );
    for (limit, _) in limits(&numbers(address).await) {
        assert!(
            page.contains(&format!("`{limit}`")),
            "docs/METRICS.md lacks {limit}"
        );
    }
}

fn limits(numbers: &str) -> Vec<(String, u64)> {
    let rows = numbers.lines().filter_map(|line| {
        let row = line.strip_prefix("ringtail_limit_hits_total{limit=\"")?;
        let (name, count) = row.split_once("\"} ")?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    rows.collect()
}
