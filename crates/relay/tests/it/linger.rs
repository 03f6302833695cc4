//! Callers that are still sending a refused body get the response.

use std::time::Duration;

use ringtail_relay::limits::{LINGER_BYTES, Limits};
use ringtail_relay::server::Stopped;
use ringtail_relay::tls::Certificate;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::kit::{Conn, Endpoint, NEVER, TestRelay, after, post_head, soon};

/// More than the kernel buffers hold, and less than `LINGER_BYTES`.
const REST: usize = 12 * 1024 * 1024;

#[tokio::test]
async fn a_caller_that_writes_before_reading_gets_the_refusal() {
    let relay = TestRelay::with(|config| config.limits.body_bytes = 100).await;
    let full = TestRelay::with(|config| {
        config.limits.buffered_bytes = 100;
        config.limits.stray_bytes = 100;
    })
    .await;
    let endpoint = relay.endpoint().await;
    let at_full = full.endpoint().await;
    let plain = format!("Content-Length: {REST}\r\n\r\n");
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{REST:x}\r\n");
    let coded = format!("Transfer-Encoding: gzip, chunked\r\n\r\n{REST:x}\r\n");
    for (relay, path, framing, status) in [
        (&relay, endpoint.path(""), &plain, "413"),
        (&relay, endpoint.path(""), &chunked, "413"),
        (&relay, "/unknown".to_owned(), &plain, "413"),
        (&relay, "/unknown".to_owned(), &chunked, "413"),
        (&relay, endpoint.path(""), &coded, "501"),
        (&full, at_full.path(""), &plain, "503"),
        (&full, "/unknown".to_owned(), &plain, "503"),
    ] {
        let mut conn = Conn::open(relay, &["http/1.1"]).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{framing}");
        conn.write(head.as_bytes()).await;
        soon("room for the body", conn.write(&vec![b'x'; REST])).await;
        if *framing != plain {
            conn.write(b"\r\n0\r\n\r\n").await;
        }
        let answer = conn.read_to_end().await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(expected.as_bytes()),
            "{path} {framing:?}: {}",
            answer.escape_ascii()
        );
    }
}

#[tokio::test]
async fn a_refused_body_is_read_up_to_a_length() {
    let relay = TestRelay::with(|config| config.limits.body_bytes = 100).await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let head = post_head(&endpoint.path(""), "Content-Length: 1000000000\r\n");
    conn.write(head.as_bytes()).await;
    let mut sent = 0;
    let piece = [b'x'; 64 * 1024];
    soon("the end", async {
        while conn.stream.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
    })
    .await;
    assert!(sent >= LINGER_BYTES, "{sent} bytes");
    // The rest was in the kernels' buffers.
    assert!(sent < LINGER_BYTES + 2 * REST, "{sent} bytes");
}

#[tokio::test]
async fn a_refused_body_has_the_usual_time_limit() {
    let relay = TestRelay::with(|config| {
        config.limits.body_bytes = 100;
        config.limits.body_timeout = Duration::from_millis(100);
    })
    .await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let head = post_head(&endpoint.path(""), "Content-Length: 1000\r\n") + "half";
    conn.write(head.as_bytes()).await;
    let answer = conn.read_to_end().await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_caller_that_keeps_writing_gets_the_408() {
    let relay = TestRelay::with(|config| {
        config.certificate = Certificate::Proxy;
        config.limits.establish_timeout = NEVER;
    })
    .await;
    let limit = Limits::default().body_timeout;
    let endpoint = relay.endpoint().await;
    for path in [endpoint.path(""), "/unknown".to_owned()] {
        let mut socket = TcpStream::connect(("127.0.0.1", relay.port()))
            .await
            .unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {REST}\r\n\r\nhalf");
        socket.write_all(head.as_bytes()).await.unwrap();
        after(limit, "the answer", socket.readable()).await.unwrap();
        let rest = vec![b'x'; REST - "half".len()];
        let written = soon("room for the rest", socket.write_all(&rest)).await;
        written.unwrap();
        let mut answer = Vec::new();
        let ended = soon("the end", socket.read_to_end(&mut answer)).await;
        ended.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{path}");
    }
}

#[tokio::test]
async fn a_caller_that_expects_100_gets_the_refusal() {
    let relay = TestRelay::with(|config| config.limits.body_bytes = 100).await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let head = expecting(&endpoint);
    conn.write(head.as_bytes()).await;
    let answer = conn.read_head().await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_caller_that_expects_100_and_does_not_wait_gets_the_refusal() {
    let relay = TestRelay::with(|config| config.limits.body_bytes = 100).await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    conn.write(expecting(&endpoint).as_bytes()).await;
    soon("room for the body", conn.write(&vec![b'x'; REST])).await;
    let answer = conn.read_to_end().await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "));
}

fn expecting(endpoint: &Endpoint) -> String {
    post_head(
        &endpoint.path(""),
        &format!("Content-Length: {REST}\r\nExpect: 100-continue\r\n"),
    )
}

/// Refuses every request that comes through a proxy at this address.
async fn refusing_callers_of_a_proxy() -> TestRelay {
    TestRelay::with(|config| {
        config.certificate = Certificate::Proxy;
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.proxies.forwarded = true;
        config.limits.connections_per_address = 0;
    })
    .await
}

#[tokio::test]
async fn a_refused_caller_does_not_end_its_proxys_connection() {
    let relay = refusing_callers_of_a_proxy().await;
    let mut conn = Conn::open(&relay, &[]).await;
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nContent-Length: {REST}\r\n\r\n"
    );
    conn.write(head.as_bytes()).await;
    // A `#` in the rest of this body is none in the next request's target.
    soon("room for the body", conn.write(&vec![b'#'; REST])).await;
    assert!(conn.read_head().await.starts_with(b"HTTP/1.1 503 "));
    conn.write(b"GET /_ringtail/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let answers = conn.read_to_end().await;
    let next = b"HTTP/1.1 200 ";
    let answered = answers.windows(next.len()).any(|part| part == next);
    assert!(answered, "{}", answers.escape_ascii());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_refused_bodies() {
    let relay = refusing_callers_of_a_proxy().await;
    let mut conn = Conn::open(&relay, &[]).await;
    let head = b"POST /x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nContent-Length: 1000\r\n\r\nhalf";
    conn.write(head).await;
    conn.read_head().await;
    let (stopped, _dir) = relay.shutdown().await;
    assert_eq!(stopped, Stopped::Drained);
}
