//! Links: opening, event stream, end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt as _;
use http_body_util::BodyExt as _;
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_protocol::frame::Down;
use ringtail_protocol::path::code;
use tokio_tungstenite::tungstenite::Message;

use crate::kit::{Caller, Conn, Dial, Endpoint, TestRelay, name, soon, text_app};

async fn post(relay: &TestRelay, endpoint: &Endpoint, count: usize) {
    let mut caller = Caller::http1(relay).await;
    for _ in 0..count {
        let answer = caller
            .post(&endpoint.path(""), r#"{"uuid":"u","event":"/e","body":{}}"#)
            .await;
        assert_eq!(answer.status, 200);
    }
}

fn journal(relay: &TestRelay) -> String {
    relay.server().journal_id().to_owned()
}

#[tokio::test]
async fn two_links_each_get_every_event() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    post(&relay, &endpoint, 2).await;
    let dial = Dial::to(&relay, &endpoint);
    let mut one = dial.clone().attach(&relay, text_app("")).await;
    let mut two = dial.clone().inspecting().attach(&relay, text_app("")).await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.head().await, 2);
        assert_eq!(client.event().await.0.seq, 1);
        assert_eq!(client.event().await.0.seq, 2);
    }
    post(&relay, &endpoint, 1).await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.event().await.0.seq, 3);
        client.store(3).await;
    }
}

#[tokio::test]
async fn a_link_only_gets_events_of_its_endpoint() {
    let relay = TestRelay::start().await;
    let (sms, calls) = (relay.endpoint().await, relay.endpoint_named("calls").await);
    post(&relay, &calls, 1).await;
    let mut client = relay.attach(&sms, text_app("")).await;
    assert_eq!(client.head().await, 0);
    post(&relay, &sms, 1).await;
    assert_eq!(client.event().await.0.seq, 1);
}

#[tokio::test]
async fn a_link_resumes_after_the_cursor() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    post(&relay, &endpoint, 3).await;
    let mut client = Dial::to(&relay, &endpoint)
        .after(&journal(&relay), 2)
        .attach(&relay, text_app(""))
        .await;
    assert_eq!(client.head().await, 3);
    assert_eq!(client.event().await.0.seq, 3);
}

#[tokio::test]
async fn a_cursor_of_another_journal_starts_at_the_oldest() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    post(&relay, &endpoint, 1).await;
    let mut client = Dial::to(&relay, &endpoint)
        .after("another", 1)
        .attach(&relay, text_app(""))
        .await;
    assert_eq!(client.head().await, 1);
    assert_eq!(client.event().await.0.seq, 1);
}

#[tokio::test]
async fn a_cursor_of_events_that_the_journal_lost_is_refused() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    post(&relay, &endpoint, 3).await;
    let dial = Dial::to(&relay, &endpoint);
    let mut client = dial.clone().attach(&relay, text_app("")).await;
    client.head().await;
    let second = [client.event().await.0, client.event().await.0].map(|event| event.id)[1];
    let (mut set_back, mut kept) = (vec![(4, None)], vec![(3, None)]);
    set_back.push((3, Some((2, EventId::fresh()))));
    kept.push((3, Some((2, second))));
    // It may have been deleted.
    kept.push((3, Some((0, second))));
    for (cursors, status) in [(set_back, 409), (kept, 101)] {
        for (after, event) in cursors {
            let dial = dial.clone().after(&journal(&relay), after).knowing(event);
            match dial.socket(&relay).await {
                Ok(_) => assert_eq!(status, 101, "{after} {event:?}"),
                Err((found, refusal)) => {
                    assert_eq!((found, refusal.error.as_str()), (status, code::SET_BACK));
                }
            }
        }
    }
}

#[tokio::test]
async fn deleted_events_after_the_cursor_are_a_gap() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    post(&relay, &endpoint, 4).await;
    let later = Timestamp(Timestamp::now().0 + 40 * 24 * 60 * 60 * 1_000_000);
    relay.server().retain(later).await.unwrap();
    let dial = Dial::to(&relay, &endpoint);
    let mut knew = dial
        .clone()
        .after(&journal(&relay), 1)
        .attach(&relay, text_app(""))
        .await;
    assert_eq!(knew.head().await, 4);
    assert_eq!(knew.frame().await, Some(Down::Gap { first: 2, last: 4 }));
    let mut fresh = dial.attach(&relay, text_app("")).await;
    assert_eq!(fresh.head().await, 4);
    post(&relay, &endpoint, 1).await;
    for client in [&mut knew, &mut fresh] {
        assert_eq!(client.event().await.0.seq, 5);
    }
}

#[tokio::test]
async fn bad_dials_are_refused_with_a_reason() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let stranger = relay.accounts().add(&name("berta")).unwrap();
    let good = Dial::to(&relay, &endpoint);
    let cases = [
        (
            Dial {
                token: "wrong".into(),
                ..good.clone()
            },
            401,
            code::UNAUTHORIZED,
        ),
        (
            Dial {
                token: format!("rt_{}", "A".repeat(43)),
                ..good.clone()
            },
            401,
            code::UNAUTHORIZED,
        ),
        (
            Dial {
                token: stranger.expose().to_owned(),
                ..good.clone()
            },
            404,
            code::NO_ENDPOINT,
        ),
        (
            Dial {
                endpoint: "sms-none".into(),
                ..good.clone()
            },
            404,
            code::NO_ENDPOINT,
        ),
        (
            Dial {
                subprotocol: "ringtail.v0".into(),
                ..good.clone()
            },
            426,
            code::VERSION,
        ),
        (good.clone().after("j", 1), 101, ""),
    ];
    let mut another = None;
    for (dial, status, error) in cases {
        match dial.socket(&relay).await {
            Ok(_) => assert_eq!(status, 101),
            Err((found, refusal)) => {
                assert_eq!((found, refusal.error.as_str()), (status, error));
                assert!(!refusal.message.is_empty());
                if error == code::VERSION {
                    assert!(refusal.message.contains("install ringtail"));
                }
                if status == 404 {
                    // The same as for an endpoint that does not exist.
                    assert_eq!(another.get_or_insert_with(|| refusal.clone()), &refusal);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_request_without_websocket_upgrade_is_refused() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let request = format!(
        "GET /_ringtail/v1/link?endpoint={}&forward=true HTTP/1.1\r\nHost: relay.test\r\n\
         Authorization: Bearer {}\r\nSec-WebSocket-Protocol: ringtail.v1\r\n\r\n",
        endpoint.id,
        relay.token()
    );
    conn.write(request.as_bytes()).await;
    let head = conn.read_head().await;
    assert!(head.starts_with(b"HTTP/1.1 400 "));
}

#[tokio::test]
async fn links_of_a_revoked_or_rotated_token_end() {
    let relay =
        TestRelay::with(|config| config.limits.accounts_interval = Duration::from_millis(10)).await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("up")).await;
    client.head().await;
    relay.attached(&endpoint, "up").await;
    // Another account's change leaves it alone.
    let stranger = relay.accounts().add(&name("berta")).unwrap();
    relay.accounts().revoke(&name("berta")).unwrap();
    let refused = Dial {
        token: stranger.expose().to_owned(),
        ..Dial::to(&relay, &endpoint)
    };
    assert_eq!(refused.socket(&relay).await.unwrap_err().0, 401);
    relay.attached(&endpoint, "up").await;

    let token = relay.accounts().rotate(&name("anna")).unwrap();
    client.ended().await;
    let dial = Dial {
        token: token.expose().to_owned(),
        ..Dial::to(&relay, &endpoint)
    };
    let client = dial.clone().attach(&relay, text_app("again")).await;
    relay.attached(&endpoint, "again").await;
    relay.accounts().revoke(&name("anna")).unwrap();
    client.ended().await;
    let (status, refusal) = dial.socket(&relay).await.unwrap_err();
    assert_eq!((status, refusal.error.as_str()), (401, code::UNAUTHORIZED));
}

#[tokio::test]
async fn garbage_ends_the_link() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let dial = Dial::to(&relay, &endpoint);
    let garbage = [
        Message::binary(&b"GET / HTTP/1.1\r\n\r\n padding padding padding"[..]),
        Message::binary(vec![0xff; 4096]),
        Message::text("hello"),
    ];
    for message in garbage {
        let mut socket = dial.socket(&relay).await.unwrap();
        socket.send(message).await.unwrap();
        soon("the end", async {
            use futures_util::StreamExt as _;
            while let Some(Ok(_)) = socket.next().await {}
        })
        .await;
    }
    // A frame that is longer than any frame up may be.
    let mut client = dial.attach(&relay, text_app("")).await;
    client.head().await;
    client
        .say(Bytes::from_static(b"\xff\xff\xff\xff\x01"))
        .await;
    client.ended().await;
}

#[tokio::test]
async fn a_silent_client_loses_its_link() {
    let relay =
        TestRelay::with(|config| config.limits.link_timeout = Duration::from_millis(50)).await;
    let endpoint = relay.endpoint().await;
    let mut socket = Dial::to(&relay, &endpoint).socket(&relay).await.unwrap();
    let began = std::time::Instant::now();
    soon("the end", async {
        use futures_util::StreamExt as _;
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    // Sooner than keep-alive would end it.
    assert!(began.elapsed() < ringtail_protocol::http2::KEEP_ALIVE_INTERVAL);
}

#[tokio::test]
async fn the_head_is_sent_once_the_link_is_attached() {
    let relay =
        TestRelay::with(|config| config.limits.link_timeout = Duration::from_millis(50)).await;
    let endpoint = relay.endpoint().await;
    let socket = Dial::to(&relay, &endpoint).socket(&relay).await.unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    // It takes the event stream and does not answer, so it is not attached, until the relay has enough.
    let count = told.clone();
    let silent =
        hyper::service::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            let told = count.clone();
            async move {
                while let Some(Ok(frame)) = request.body_mut().frame().await {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    told.fetch_add(bytes, Ordering::Relaxed);
                }
                std::future::pending::<Result<http::Response<String>, std::convert::Infallible>>()
                    .await
            }
        });
    let io = hyper_util::rt::TokioIo::new(ringtail_protocol::stream::ByteStream::new(socket));
    let served = ringtail_protocol::http2::server().serve_connection(io, silent);
    drop(soon("the end", served).await);
    assert_eq!(told.load(Ordering::Relaxed), 0);
}
