//! The relay behind a proxy: plain HTTP, and who calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use ringtail_relay::config::Config;
use ringtail_relay::tls::Certificate;
use tokio::sync::Notify;

use crate::kit::{App, Caller, Conn, Endpoint, TestRelay, login, stored_events, text_app};

/// Everybody in this process calls from here, so here stand the proxies.
const LOOPBACK: &str = "127.0.0.0/8";

fn behind_proxy(config: &mut Config) {
    config.certificate = Certificate::Proxy;
    config.proxies.trusted = vec![LOOPBACK.parse().unwrap()];
    config.proxies.forwarded = true;
}

/// A PROXY header for a caller at 203.0.113.9, port 4660.
const INTRODUCED: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x0a\0\0\x01\x12\x34\x01\xbb";

fn health(forwarded: &[&str]) -> Request<Full<Bytes>> {
    posted("/_ringtail/health", "GET", forwarded)
}

fn posted(path: &str, method: &str, forwarded: &[&str]) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    for value in forwarded {
        request = request.header("x-forwarded-for", *value);
    }
    request
        .body(Full::from(r#"{"event":"/x","uuid":"u"}"#))
        .unwrap()
}

#[tokio::test]
async fn plain_http1_http2_and_links_work() {
    let relay = TestRelay::with(behind_proxy).await;
    let endpoint = relay.endpoint().await;
    let _client = relay.attach(&endpoint, text_app("the app")).await;
    relay.attached(&endpoint, "the app").await;
    for mut caller in [Caller::http1(&relay).await, Caller::http2(&relay).await] {
        let validation = Request::post(endpoint.path("/any"))
            .header("validation-token", "t-1")
            .body(Full::default())
            .unwrap();
        let answer = caller.send(validation).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["validation-token"], "t-1");
        assert_eq!(caller.get(&endpoint.path("/page")).await.body, "the app");
    }
}

#[tokio::test]
async fn the_event_names_the_caller_and_keeps_every_byte() {
    let relay = TestRelay::with(behind_proxy).await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("")).await;
    client.head().await;
    let spoofed = ["127.0.0.1, 1.2.3.4", "198.51.100.7 ,127.0.0.3"];
    for mut caller in [Caller::http1(&relay).await, Caller::http2(&relay).await] {
        let path = endpoint.path("/hook");
        let answer = caller.send(posted(&path, "POST", &spoofed)).await;
        assert_eq!(answer.status, StatusCode::OK);
        let (_, request) = client.event().await;
        assert_eq!(request.peer, "198.51.100.7");
        let kept: Vec<&[u8]> = (request.headers.iter())
            .filter(|field| field.name == "x-forwarded-for")
            .map(|field| field.value.as_ref())
            .collect();
        assert_eq!(kept, spoofed.map(str::as_bytes));
    }
}

#[tokio::test]
async fn an_untrusted_peer_is_not_believed() {
    let relay = TestRelay::with(|config| {
        behind_proxy(config);
        config.proxies.trusted = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("")).await;
    client.head().await;
    let mut caller = Caller::http1(&relay).await;
    let request = posted(&endpoint.path("/hook"), "POST", &["198.51.100.7"]);
    assert_eq!(caller.send(request).await.status, StatusCode::OK);
    let (_, request) = client.event().await;
    assert!(request.peer.starts_with("127.0.0.1:"), "{}", request.peer);
}

#[tokio::test]
async fn callers_of_a_proxy_have_separate_limits() {
    let relay = TestRelay::with(|config| {
        behind_proxy(config);
        config.limits.connections_per_address = 1;
    })
    .await;
    let endpoint = relay.endpoint().await;
    let asked = Arc::new(Notify::new());
    let mut client = relay.attach(&endpoint, thinking_app(&asked)).await;
    client.head().await;
    let busy = "203.0.113.9";
    // The proxy's own connections do not count for an address.
    let (mut first, mut second) = (Caller::http2(&relay).await, Caller::http1(&relay).await);
    let path = endpoint.path("/think");
    // No event, so the app answers it.
    let put = posted(&path, "PUT", &[busy]).map(|_| Full::from("{}"));
    let thinking = first.begin(put);
    tokio::pin!(thinking);
    // Otherwise the next request may take the only place.
    tokio::select! {
        biased;
        answer = &mut thinking => unreachable!("the app thinks: {answer:?}"),
        () = asked.notified() => {}
    }
    let answer = tokio::select! {
        biased;
        answer = &mut thinking => unreachable!("the app thinks: {answer:?}"),
        answer = second.send(health(&[busy])) => answer,
    };
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(second.send(health(&["203.0.113.10"])).await.status, 200);
    assert_eq!(second.send(health(&[])).await.status, 200);
}

/// An app that never answers, and tells when it is asked.
fn thinking_app(asked: &Arc<Notify>) -> App {
    let asked = Arc::clone(asked);
    Arc::new(move |_| {
        asked.notify_one();
        Box::pin(std::future::pending())
    })
}

#[tokio::test]
async fn an_incomplete_plain_request_times_out() {
    for said in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"POST / HTTP/1.1\r\n",
    ] {
        let relay = TestRelay::with(|config| {
            behind_proxy(config);
            config.limits.establish_timeout = Duration::from_millis(100);
        })
        .await;
        let mut conn = Conn::open(&relay, &[]).await;
        conn.write(said).await;
        conn.read_to_end().await;
    }
}

#[tokio::test]
async fn a_proxy_header_names_the_caller_of_a_connection() {
    for plain in [true, false] {
        let relay = TestRelay::with(|config| {
            behind_proxy(config);
            config.proxies.proxy_protocol = true;
            config.proxies.forwarded = plain;
            if !plain {
                config.certificate = Certificate::Dev;
            }
        })
        .await;
        let endpoint = relay.endpoint().await;
        let mut conn = Conn::introduced(&relay, INTRODUCED).await;
        // A stranger by now, whose word on others does not count.
        conn.write(&event(&endpoint, "X-Forwarded-For: 198.51.100.7\r\n"))
            .await;
        assert!(conn.read_head().await.starts_with(b"HTTP/1.1 200 "));
        assert_eq!(peer_of_first(relay, &endpoint).await, "203.0.113.9:4660");
    }
}

#[tokio::test]
async fn a_missing_or_forged_proxy_header_is_refused() {
    let relay = TestRelay::with(|config| {
        behind_proxy(config);
        config.proxies.proxy_protocol = true;
    })
    .await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::introduced(&relay, b"").await;
    conn.write(&event(&endpoint, "")).await;
    assert_eq!(conn.read_to_end().await, b"");

    let relay = TestRelay::with(|config| {
        behind_proxy(config);
        config.proxies.proxy_protocol = true;
        config.proxies.trusted = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::introduced(&relay, INTRODUCED).await;
    conn.write(&event(&endpoint, "")).await;
    let answer = conn.read_to_end().await;
    assert!(
        answer.starts_with(b"HTTP/1.1 400 "),
        "{}",
        answer.escape_ascii()
    );
}

#[tokio::test]
async fn connections_count_for_the_address_in_their_proxy_header() {
    let relay = TestRelay::with(|config| {
        behind_proxy(config);
        config.proxies.proxy_protocol = true;
        config.limits.connections_per_address = 1;
    })
    .await;
    let ask = b"GET /_ringtail/health HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut first = Conn::introduced(&relay, INTRODUCED).await;
    first.write(ask).await;
    first.read_head().await;
    let mut second = Conn::introduced(&relay, INTRODUCED).await;
    assert_eq!(second.read_to_end().await, b"");
    let mut other = INTRODUCED.to_vec();
    other[19] += 1;
    let mut third = Conn::introduced(&relay, &other).await;
    third.write(ask).await;
    assert!(third.read_head().await.starts_with(b"HTTP/1.1 200 "));
}

fn event(endpoint: &Endpoint, field: &str) -> Vec<u8> {
    let path = endpoint.path("/hook");
    let body = r#"{"event":"/x","uuid":"u"}"#;
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{field}Content-Length: \
         {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn peer_of_first(relay: TestRelay, endpoint: &Endpoint) -> String {
    let key = relay.server().accounts().table().find(&endpoint.id);
    let key = key.unwrap().key;
    let (_, dir) = relay.shutdown().await;
    let events = stored_events(dir.path(), key).await;
    events[0].request.decode().unwrap().peer.to_string()
}

#[tokio::test]
async fn failed_logins_do_not_lock_out_a_proxy_that_names_no_caller() {
    let relay = TestRelay::with(behind_proxy).await;
    let mut caller = Caller::http1(&relay).await;
    for _ in 0..ringtail_relay::limits::FAILED_LOGINS + 1 {
        assert_eq!(caller.send(login("rt_wrong")).await.status, 401);
    }
    assert_eq!(caller.send(login(relay.token())).await.status, 200);
}
