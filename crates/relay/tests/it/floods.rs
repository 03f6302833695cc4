//! Abuse of HTTP/2 and WebSockets: it ends its own connection only.

use std::pin::pin;
use std::time::Duration;

use futures_util::SinkExt as _;
use ringtail_protocol::stream::MAX_MESSAGE_BYTES;
use ringtail_relay::limits::{HEADER_LIST_BYTES, Limits, RESETS, STREAMS};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::kit::{Caller, Conn, Dial, EVENT, Endpoint, NEVER, TestRelay, after, soon, text_app};
use ringtail_kit::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, REFUSED_STREAM, RST_STREAM,
    SETTINGS, frame, post,
};

/// Fills all buffers on most machines; where it does not, the test tries less.
const A_WHILE: Duration = Duration::from_millis(100);

/// `ENHANCE_YOUR_CALM` of RFC 9113, 7.
const CALM: u8 = 11;

/// Checks that the relay still accepts events.
async fn answers(relay: &TestRelay, endpoint: &Endpoint) {
    for mut caller in [Caller::http1(relay).await, Caller::http2(relay).await] {
        let answer = caller.post(&endpoint.path(""), EVENT).await;
        assert_eq!(answer.status, 200);
    }
}

/// Streams have odd numbers.
fn streams(count: usize) -> impl Iterator<Item = u32> {
    (1..).step_by(2).take(count)
}

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::http2(&relay).await;
    let block = post(&endpoint.path(""));
    let mut flood = Vec::new();
    for stream in streams(2 * RESETS) {
        flood.extend(frame(HEADERS, END_HEADERS, stream, &block));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    // In one record of TLS, so that the relay sees them together.
    assert!(flood.len() < 16 * 1024);
    conn.write(&flood).await;
    assert_eq!(conn.errors().await, [(GOAWAY, CALM)]);
    relay.has_hit("http2", 1).await;
    answers(&relay, &endpoint).await;
}

#[tokio::test]
async fn streams_over_the_limit_are_refused_and_too_many_of_them_end_the_connection() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::http2(&relay).await;
    // Bodies that do not come keep the streams open. The limit holds once the relay's settings are acknowledged.
    conn.write(&frame(SETTINGS, 1, 0, b"")).await;
    let block = post(&endpoint.path(""));
    let most = usize::try_from(STREAMS).unwrap();
    let mut flood = Vec::new();
    for stream in streams(most + 10) {
        flood.extend(frame(HEADERS, END_HEADERS, stream, &block));
    }
    conn.write(&flood).await;
    let mut refused = 0;
    while refused < 10 {
        let (kind, stream, payload) = conn.frame().await.unwrap();
        if kind == RST_STREAM {
            assert!(stream > 2 * STREAMS);
            assert_eq!(payload[3], REFUSED_STREAM);
            refused += 1;
        }
    }
    flood.clear();
    for stream in streams(4 * most).skip(most + 10) {
        flood.extend(frame(HEADERS, END_HEADERS, stream, &block));
    }
    // The relay may hang up within this.
    drop(conn.stream.write_all(&flood).await);
    drop(conn.stream.flush().await);
    let errors = conn.errors().await;
    assert_eq!(errors.last(), Some(&(GOAWAY, CALM)));
    relay.has_hit("http2", 1).await;
    answers(&relay, &endpoint).await;
}

#[tokio::test]
async fn an_endless_head_ends_the_connection() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    for piece in [
        vec![],
        vec![0; 1],
        [&[0, 1, b'x', 127, 0x80, 0x3e][..], &[b'y'; 8127]].concat(),
    ] {
        let mut conn = Conn::http2(&relay).await;
        let head = post(&endpoint.path(""));
        conn.write(&frame(HEADERS, END_STREAM, 1, &head)).await;
        let continuation = frame(CONTINUATION, 0, 1, &piece);
        let enough = HEADER_LIST_BYTES as usize * 8;
        let mut sent = 0;
        while sent < enough && conn.stream.write_all(&continuation).await.is_ok() {
            drop(conn.stream.flush().await);
            sent += continuation.len();
        }
        let errors = conn.errors().await;
        assert!(errors.iter().all(|(kind, _)| *kind == GOAWAY), "{errors:?}");
    }
    relay.has_hit("http2", 3).await;
    answers(&relay, &endpoint).await;
}

#[tokio::test]
async fn a_sender_that_never_reads_replies_to_pings_is_disconnected() {
    let relay = TestRelay::start().await;
    let limit = Limits::default().establish_timeout;
    let endpoint = relay.endpoint().await;
    for noise in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, b"")] {
        let mut conn = Conn::http2(&relay).await;
        let flood = noise.repeat(1000);
        let mut flooding = pin!(async { while conn.stream.write_all(&flood).await.is_ok() {} });
        // The relay replies until its send buffer is full, and then stops reading.
        drop(timeout(A_WHILE, &mut flooding).await);
        after(limit, "the end", flooding).await;
    }
    relay.has_hit("establish-time", 2).await;
    answers(&relay, &endpoint).await;
}

/// They cost a CPU as much as frames with 16 KiB, and an attacker 9 bytes.
#[tokio::test]
async fn frames_without_data_are_read_slowly() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    answers(&relay, &endpoint).await;
    assert_eq!(relay.hits("empty-frames").await, 0, "a usual caller waits");
    let mut conn = Conn::http2(&relay).await;
    // Replies to PINGs that were not sent are ignored.
    let noise = frame(PING, 1, 0, &[0; 8]).repeat(1000);
    let mut flooding = pin!(async { while conn.stream.write_all(&noise).await.is_ok() {} });
    tokio::select! {
        () = &mut flooding => panic!("the relay ended it"),
        () = relay.has_hit("empty-frames", 1) => {}
    }
    answers(&relay, &endpoint).await;
    // A link is paced as well, by messages and by HTTP/2 inside it.
    let dial = Dial::to(&relay, &endpoint);
    for message in [Message::binary(vec![]), Message::binary(noise.clone())] {
        let before = relay.hits("empty-frames").await;
        let mut socket = dial.socket(&relay).await.unwrap();
        let first = frame(SETTINGS, 0, 0, b"");
        socket.send(Message::binary(first)).await.unwrap();
        let mut flooding = pin!(async { while socket.feed(message.clone()).await.is_ok() {} });
        tokio::select! {
            () = &mut flooding => panic!("the relay ended it"),
            () = relay.has_hit("empty-frames", before + 1) => {}
        }
    }
    answers(&relay, &endpoint).await;
}

#[tokio::test]
async fn empty_body_frames_do_not_extend_the_time_limit() {
    let relay = TestRelay::with(|config| config.limits.establish_timeout = NEVER).await;
    let limit = Limits::default().body_timeout;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::http2(&relay).await;
    conn.write(&frame(HEADERS, END_HEADERS, 1, &post(&endpoint.path(""))))
        .await;
    let empty = frame(DATA, 0, 1, b"");
    after(limit, "the answer", async {
        let (mut read, mut write) = tokio::io::split(&mut conn.stream);
        let write = async {
            // Until the relay ends the connection or the answer is there.
            while write.write_all(&empty).await.is_ok() && write.flush().await.is_ok() {
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        };
        let read = async {
            use tokio::io::AsyncReadExt as _;
            // 408 is not in HPACK's static table: the status stands there in digits, plain or coded. Any head will do.
            let mut head = [0; 9];
            while head[3] != HEADERS && head[3] != GOAWAY {
                read.read_exact(&mut head).await.unwrap();
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                read.read_exact(&mut payload).await.unwrap();
            }
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
    })
    .await;
    answers(&relay, &endpoint).await;
}

#[tokio::test]
async fn endless_fragments_end_the_link_and_small_messages_do_no_harm() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let dial = Dial::to(&relay, &endpoint);
    let fragment =
        |opcode| Message::Frame(Frame::message(vec![0; 1024], OpCode::Data(opcode), false));
    let mut socket = dial.socket(&relay).await.unwrap();
    let mut sent = 0;
    drop(socket.feed(fragment(Data::Binary)).await);
    soon("the end of the link", async {
        while socket.send(fragment(Data::Continue)).await.is_ok() {
            sent += 1024;
        }
    })
    .await;
    // What is beyond the limit was on its way when the relay hung up.
    assert!(sent >= MAX_MESSAGE_BYTES - 2048, "{sent}");
    for message in [Message::Ping(vec![0; 125].into()), Message::binary(vec![0])] {
        let mut socket = dial.socket(&relay).await.unwrap();
        for _ in 0..10_000 {
            if socket.feed(message.clone()).await.is_err() {
                break;
            }
        }
        drop(socket.flush().await);
    }
    relay.has_hit("links", 2).await;
    let mut client = dial.attach(&relay, text_app("")).await;
    assert_eq!(client.head().await, 0);
    answers(&relay, &endpoint).await;
}
