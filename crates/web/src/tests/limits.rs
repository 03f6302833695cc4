//! What the server bounds, and how it stops.

use std::time::Duration;

use ringtail_store::testing::event;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::requests::Events;
use super::{PATIENCE, Page};
use crate::STREAMS;
use crate::connection::{CONNECTIONS, HEAD_BYTES, HEAD_TIMEOUT};

#[tokio::test]
async fn open_streams_are_bounded_and_end_with_the_server() {
    let page = Page::open(false).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let mut stream = Events::open(&page, "", "").await;
        stream.next("status").await;
        streams.push(stream);
    }
    assert_eq!(page.get("/api/v1/stream").await.status, 503);
    let stopped = timeout(PATIENCE, page.server.stop()).await;
    stopped.expect("the server stops while streams are open");
}

#[tokio::test]
async fn a_caller_that_stalls_does_not_keep_the_server_from_stopping() {
    let page = Page::open(false).await;
    let mut stalled = TcpStream::connect(page.server.address).await.unwrap();
    let head = format!(
        "POST /api/v1/pause HTTP/1.1\r\nhost: {}\r\n{}\r\ncontent-type: application/json\r\n\
         content-length: 99\r\nexpect: 100-continue\r\n\r\n",
        page.host(),
        page.bearer()
    );
    stalled.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stalled.read_exact(&mut answer).await.unwrap();
    // The body is awaited, and never comes.
    assert_eq!(&answer, b"HTTP/1.1 100");
    tokio::time::pause();
    let stopped = timeout(PATIENCE, page.server.stop()).await;
    stopped.expect("the server stops without the body");
}

#[tokio::test]
async fn a_connection_over_the_limit_is_closed() {
    let page = Page::open(false).await;
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        open.push(TcpStream::connect(page.server.address).await.unwrap());
    }
    let mut one_more = TcpStream::connect(page.server.address).await.unwrap();
    let mut byte = [0];
    let closed = timeout(PATIENCE, one_more.read(&mut byte)).await;
    assert_eq!(closed.expect("an end in time").unwrap(), 0);
}

#[tokio::test]
async fn a_head_is_bounded_in_size_and_time() {
    let page = Page::open(false).await;
    let long = format!("x-long: {}", "x".repeat(HEAD_BYTES));
    assert_eq!(page.send("GET /", &[&long], "").await.status, 431);
    let mut idle = TcpStream::connect(page.server.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // The server has answered, and waits for the next head.
    idle.read_exact(&mut [0; 12]).await.unwrap();
    tokio::time::pause();
    let mut rest = Vec::new();
    let closed = timeout(
        HEAD_TIMEOUT + Duration::from_secs(1),
        idle.read_to_end(&mut rest),
    );
    closed.await.expect("an end in time").unwrap();
}

/// As many as the page asks for.
#[tokio::test]
async fn five_hundred_events_are_exported_by_their_ids() {
    let page = Page::open(false).await;
    let received = event(1, "{}");
    let ids = vec![received.id.to_string(); 500].join("%2C");
    page.kept.receives(vec![received]).await;
    let export = format!("/api/v1/export?as=ndjson&events={ids}");
    let export = page.get(&export).await;
    assert_eq!(export.body.lines().count(), 500);
}

#[tokio::test]
async fn replays_are_bounded() {
    let page = Page::open(false).await;
    page.kept.receives(vec![event(1, "{}")]).await;
    let many = json!({"events": vec!["1"; 1001]});
    assert_eq!(page.post("/replay", &many).await.status, 400);
}

/// Longest answer with a part of a body or of a list.
const PART: usize = 2 << 20;

#[tokio::test]
async fn a_long_body_is_answered_in_part() {
    let page = Page::open(false).await;
    let body = format!("{{\"items\":[{}0]}}", "{\"n\":1},".repeat(250_000));
    page.kept.receives(vec![event(1, &body)]).await;
    for (path, form) in [("", "json"), ("?form=raw", "raw"), ("?form=hex", "hex")] {
        let answer = page.get(&format!("/api/v1/events/1/body{path}")).await;
        let shown = answer.json();
        assert_eq!(shown["form"], form);
        let more = shown["more"].as_u64().unwrap();
        assert!(more > 900_000 && answer.body.len() < PART, "{path}: {more}");
    }
    for (path, most) in [
        ("/events", 64 << 10),
        ("/events/1?bodies=false", 64 << 10),
        ("/events/1/timeline.svg", 64 << 10),
        ("/events/1/share", PART),
    ] {
        let answer = page.get(&format!("/api/v1{path}")).await;
        assert!(answer.status == 200 && answer.body.len() < most, "{path}");
    }
}

#[tokio::test]
async fn a_long_history_is_answered_in_pages() {
    let page = Page::open(false).await;
    let events = (1..=3_000).map(|seq| event(seq, "{}"));
    page.kept.receives(events.collect()).await;
    for path in [
        "/events",
        "/events?filter=seq:1..",
        "/events?before=2000",
        "/events?filter=nothing-has-this",
        "/stream?since=0.0.0.0.0",
        "/chart.svg",
    ] {
        if path.starts_with("/stream") {
            let mut stream = Events::open(&page, path.strip_prefix("/stream").unwrap(), "").await;
            let (_, first) = stream.next("updates").await;
            assert!(first["events"].as_array().unwrap().len() <= 500);
            continue;
        }
        let answer = page.get(&format!("/api/v1{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(
            answer.body.len() < PART,
            "{path}: {} bytes",
            answer.body.len()
        );
    }
}
