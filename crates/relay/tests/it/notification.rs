//! Requests that are stored and then answered.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use ringtail_protocol::event::{Disposition, Kind};
use ringtail_relay::config::Config;
use ringtail_relay::server::Server;

use crate::kit::{Caller, Conn, TestRelay, post_head, stored_events, text_app};

const SMS: &str = r#"{"uuid":"u-1","event":"/restapi/v1.0/x","body":{"a":1}}"#;

#[tokio::test]
async fn acknowledged_events_survive_a_restart() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    let answer = caller.post(&endpoint.path("/hook"), SMS).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b""[..]));
    assert!(!answer.headers.contains_key("content-type"));
    drop(caller);
    let (_, dir) = relay.shutdown().await;

    let config = Config::dev("127.0.0.1:0".parse().unwrap(), dir.path().to_owned());
    let again = Server::spawn(config).await.unwrap();
    let found = again.accounts().table().find(&endpoint.id).unwrap();
    assert_eq!(found.id, endpoint.id);
    again.shutdown().await;
    let events = stored_events(dir.path(), found.key).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].request.decode().unwrap().body, SMS);
}

#[tokio::test]
async fn the_event_is_the_request_as_sent() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("")).await;
    client.head().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let request = format!(
        "POST /{}/a%2Fb//c?q=%20&q=2 HTTP/1.1\r\nHost: relay.test\r\nX-Twice: one\r\nConnection: \
         keep-alive, X-Hop\r\nX-Hop: gone\r\nx-TWICE: \u{e9}two\r\nTransfer-Encoding: \
         chunked\r\nValidation-Token: with a body this is a notification\r\n\r\n\
         5\r\n\x00\x01\x02{{}}\r\n1\r\nz\r\n0\r\n\r\n",
        endpoint.id
    );
    // The string above is UTF-8; on the wire the value is one Latin-1 byte.
    let latin: Vec<u8> = request.chars().map(|c| u8::try_from(c).unwrap()).collect();
    conn.write(&latin).await;
    assert!(conn.read_head().await.starts_with(b"HTTP/1.1 200 "));

    let (event, received) = client.event().await;
    assert_eq!(
        (event.kind, event.disposition),
        (Kind::Notification, Disposition::Pending)
    );
    assert_eq!(received.method, "POST");
    assert_eq!(received.path, "/a%2Fb//c?q=%20&q=2");
    assert_eq!(received.body, &b"\x00\x01\x02{}z"[..]);
    let fields: Vec<(&str, &[u8])> = received
        .headers
        .iter()
        .map(|header| (header.name.as_str(), &*header.value))
        .collect();
    assert_eq!(
        fields,
        [
            ("Host", &b"relay.test"[..]),
            ("X-Twice", b"one"),
            ("x-TWICE", b"\xe9two"),
            ("Validation-Token", b"with a body this is a notification"),
        ]
    );
    assert!(received.peer.starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn events_over_http2_have_a_host_field() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("")).await;
    client.head().await;
    let mut caller = Caller::http2(&relay).await;
    assert_eq!(caller.post(&endpoint.path(""), SMS).await.status, 200);
    let (_, received) = client.event().await;
    let host = received.headers.iter().find(|header| header.name == "host");
    assert_eq!(host.unwrap().value, "relay.test");
}

#[tokio::test]
async fn a_repeated_uuid_is_marked_and_kept() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    for _ in 0..2 {
        assert_eq!(caller.post(&endpoint.path(""), SMS).await.status, 200);
    }
    let mut client = relay.attach(&endpoint, text_app("")).await;
    assert_eq!(client.head().await, 2);
    assert_eq!(client.event().await.0.duplicate_of, None);
    assert_eq!(client.event().await.0.duplicate_of, Some(1));
}

#[tokio::test]
async fn a_caller_that_expects_100_continue_gets_it() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let fields = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", SMS.len());
    let head = post_head(&endpoint.path(""), &fields);
    conn.write(head.as_bytes()).await;
    assert!(conn.read_head().await.starts_with(b"HTTP/1.1 100 "));
    conn.write(SMS.as_bytes()).await;
    assert!(conn.read_head().await.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn unusual_requests_get_a_response() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let path = endpoint.path("");
    for (line, status) in [
        (format!("TRACE {path}"), "405"),
        ("CONNECT relay.test:443".to_owned(), "405"),
        ("OPTIONS *".to_owned(), "404"),
        (format!("GET https://relay.test{path}"), "503"),
        ("GET /_ringtail/nothing".to_owned(), "404"),
        ("GET /_ringtail".to_owned(), "404"),
        ("GET /".to_owned(), "404"),
        ("GET //".to_owned(), "404"),
    ] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        conn.write(format!("{line} HTTP/1.1\r\nHost: relay.test\r\n\r\n").as_bytes())
            .await;
        let head = String::from_utf8(conn.read_head().await).unwrap();
        assert_eq!(&head[9..12], status, "{line}");
    }
    for mut caller in [Caller::http1(&relay).await, Caller::http2(&relay).await] {
        let head = Request::head(&path).body(Full::<Bytes>::default()).unwrap();
        let answer = caller.send(head).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (503, 0));
    }
}

#[tokio::test]
async fn an_unknown_endpoint_is_a_404() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let nearly = &endpoint.id[..endpoint.id.len() - 1];
    for mut caller in [Caller::http1(&relay).await, Caller::http2(&relay).await] {
        for path in [
            format!("/{nearly}"),
            format!("/{nearly}/x?y"),
            "/sms".to_owned(),
        ] {
            assert_eq!(caller.get(&path).await.status, 404);
            assert_eq!(caller.post(&path, SMS).await.status, 404);
        }
    }
}
