//! Every limit of `limits.rs`, reached.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use ringtail_protocol::http2;
use ringtail_relay::limits::{HEADER_BYTES, Limits, PASSTHROUGHS_PER_ADDRESS};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::kit::{
    App, Caller, Conn, Dial, EVENT, NEVER, TestRelay, after, login, name, post_head, soon, text_app,
};

const SHORT: Duration = Duration::from_millis(100);

/// Reads until the relay closes a connection on which it may have said something first.
async fn closed(mut socket: TcpStream) {
    let mut all = Vec::new();
    drop(soon("the close", socket.read_to_end(&mut all)).await);
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let relay = TestRelay::start().await;
    let limit = Limits::default().establish_timeout;
    let silent = TcpStream::connect(("127.0.0.1", relay.port()))
        .await
        .unwrap();
    after(limit, "the close", closed(silent)).await;
    let incomplete = b"POST /x HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for (alpn, sent) in [
        ("http/1.1", &b""[..]),
        ("http/1.1", incomplete),
        ("h2", b""),
        ("h2", preface),
    ] {
        let mut conn = Conn::open(&relay, &[alpn]).await;
        conn.write(sent).await;
        after(limit, "the close", conn.read_to_end()).await;
    }
    relay.has_hit("establish-time", 5).await;
}

#[tokio::test]
async fn an_incomplete_second_head_times_out() {
    let relay = TestRelay::start().await;
    let limit = Limits::default().idle_timeout;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\n", endpoint.path(""));
    conn.write(format!("{head}Validation-Token: t\r\n\r\n").as_bytes())
        .await;
    conn.read_head().await;
    conn.write(head.as_bytes()).await;
    after(limit, "the close", conn.read_to_end()).await;
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let relay = TestRelay::start().await;
    let limit = Limits::default().idle_timeout;
    let mut caller = Caller::http2(&relay).await;
    assert_eq!(caller.get("/_ringtail/health").await.status, 200);
    let Caller::Http2(send, mut driver) = caller else {
        unreachable!()
    };
    drop(after(limit, "the close", driver.join_next()).await);
    drop(send);
}

#[tokio::test]
async fn an_http2_connection_that_only_answers_pings_is_idle() {
    let relay = TestRelay::start().await;
    let mut caller = Caller::http2(&relay).await;
    assert_eq!(caller.get("/_ringtail/health").await.status, 200);
    let Caller::Http2(_send, mut driver) = caller else {
        unreachable!()
    };
    // The limit's own time, in no time.
    tokio::time::pause();
    let closed = tokio::time::timeout(Duration::from_secs(600), driver.join_next()).await;
    assert!(closed.is_ok(), "not within ten minutes");
}

#[tokio::test]
async fn a_slow_body_is_a_408() {
    let relay = TestRelay::with(|config| config.limits.body_timeout = SHORT).await;
    let endpoint = relay.endpoint().await;
    for path in [endpoint.path(""), "/unknown".to_owned()] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
        conn.write(head.as_bytes()).await;
        let answer = conn.read_to_end().await;
        assert!(answer.starts_with(b"HTTP/1.1 408 "));
    }
    relay.has_hit("body-time", 2).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_announced_or_not() {
    let relay = TestRelay::with(|config| config.limits.body_bytes = 100).await;
    let endpoint = relay.endpoint().await;
    for mut caller in [Caller::http1(&relay).await, Caller::http2(&relay).await] {
        let fits = caller.post(&endpoint.path(""), vec![b'x'; 100]).await;
        assert_eq!(fits.status, StatusCode::SERVICE_UNAVAILABLE);
        let over = caller.post(&endpoint.path(""), vec![b'x'; 101]).await;
        assert_eq!(over.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    for path in [endpoint.path(""), "/unknown".to_owned()] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        conn.write(head.as_bytes()).await;
        for _ in 0..11 {
            conn.write(b"a\r\n0123456789\r\n").await;
        }
        assert!(conn.read_head().await.starts_with(b"HTTP/1.1 413 "));
    }
    relay.has_hit("body-bytes", 4).await;
}

#[tokio::test]
async fn large_and_many_header_fields_are_a_431() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let large = format!("X-Large: {}\r\n", "x".repeat(HEADER_BYTES));
    let many = "X-Many: 1\r\n".repeat(101);
    for fields in [large, many] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\n{fields}\r\n",
            endpoint.path("")
        );
        // The relay may answer and close before it has all of this.
        drop(conn.stream.write_all(head.as_bytes()).await);
        drop(conn.stream.flush().await);
        let answer = conn.read_to_end().await;
        assert!(answer.starts_with(b"HTTP/1.1 431 "));
    }
    let mut caller = Caller::http2(&relay).await;
    let mut request = Request::post(endpoint.path(""))
        .body(Full::<Bytes>::from(EVENT))
        .unwrap();
    for _ in 0..=ringtail_protocol::event::MAX_HEADERS {
        request
            .headers_mut()
            .append("x", HeaderValue::from_static("1"));
    }
    assert_eq!(caller.send(request.clone()).await.status, 431);
    // A passthrough request has no more room.
    *request.body_mut() = Full::default();
    assert_eq!(caller.send(request).await.status, 431);
    let mut request = Request::post(endpoint.path(""))
        .body(Full::<Bytes>::default())
        .unwrap();
    let huge = HeaderValue::try_from("x".repeat(usize::try_from(http2::MAX_HEADER_LIST).unwrap()));
    request.headers_mut().append("x-huge", huge.unwrap());
    let refused = caller.begin(request).await;
    assert!(refused.map_or(true, |answer| answer.status() == 431));
    relay.has_hit("header-bytes", 2).await;
    relay.has_hit("header-fields", 2).await;
}

#[tokio::test]
async fn bytes_that_are_not_http_are_a_400() {
    let relay = TestRelay::start().await;
    for garbage in [
        &b"GARBAGE\r\n\r\n"[..],
        b"GET /x HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header: x\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        conn.write(garbage).await;
        let answer = conn.read_to_end().await;
        assert!(
            answer.starts_with(b"HTTP/1.1 400 "),
            "{} to {}",
            answer.escape_ascii(),
            garbage.escape_ascii()
        );
    }
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    conn.write(b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n")
        .await;
    assert!(conn.read_to_end().await.starts_with(b"HTTP/1.1 400 "));
    let mut conn = Conn::open(&relay, &["h2"]).await;
    conn.write(b"this is not the preface of HTTP/2, by far\r\n\r\n")
        .await;
    assert!(conn.read_to_end().await.starts_with(b"HTTP/1.1 400 "));
    relay.has_hit("not-http", 7).await;
}

#[tokio::test]
async fn an_unknown_transfer_coding_is_a_501() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("")).await;
    assert_eq!(client.head().await, 0);
    for codings in ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked"] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let head = post_head(
            &endpoint.path(""),
            &format!("Transfer-Encoding: {codings}\r\n"),
        );
        conn.write(format!("{head}2\r\n{{}}\r\n0\r\n\r\n").as_bytes())
            .await;
        let answer = conn.read_to_end().await;
        assert!(answer.starts_with(b"HTTP/1.1 501 "));
        assert!(answer.ends_with(b"the only transfer coding that this relay knows is chunked\n"));
    }
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let known = post_head(&endpoint.path(""), "Transfer-Encoding: Chunked\r\n");
    let known = known + "2\r\n{}\r\n0\r\n\r\n";
    conn.write(known.as_bytes()).await;
    // A passthrough request, and the first event: what was refused left nothing.
    assert!(conn.read_head().await.starts_with(b"HTTP/1.1 200 "));
    assert_eq!(client.event().await.0.seq, 1);
    assert_eq!(relay.hits("transfer-coding").await, 2);
}

#[tokio::test]
async fn events_over_the_rate_are_a_503_and_validations_are_answered() {
    let relay = TestRelay::with(|config| {
        config.limits.events_per_second = std::num::NonZeroU32::MIN;
    })
    .await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    let mut stored = 0;
    let refused = soon("a refusal", async {
        loop {
            let answer = caller.post(&endpoint.path(""), EVENT).await;
            if answer.status != 200 {
                break answer;
            }
            stored += 1;
        }
    })
    .await;
    assert!(stored >= ringtail_relay::limits::EVENT_BURST_SECONDS.get());
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(
        refused.body,
        "this endpoint or its account gets more events than the relay takes\n"
    );
    let validation = Request::post(endpoint.path(""))
        .header("validation-token", "t")
        .body(Full::default())
        .unwrap();
    assert_eq!(
        caller.send(validation).await.headers["validation-token"],
        "t"
    );
    let other = relay.endpoint_named("other").await;
    assert_eq!(caller.post(&other.path(""), EVENT).await.status, 200);
    // All endpoints of the account together have twice as many, and other accounts their own.
    let mut of_account = stored + 1;
    soon("a refusal at a new endpoint", async {
        for number in 0.. {
            let another = relay.endpoint_named(&format!("another-{number}")).await;
            let mut here = 0;
            while caller.post(&another.path(""), EVENT).await.status == 200 {
                (here, of_account) = (here + 1, of_account + 1);
            }
            if here == 0 {
                break;
            }
        }
    })
    .await;
    let burst = ringtail_relay::limits::EVENT_BURST_SECONDS.get();
    let expected = burst * ringtail_relay::limits::ACCOUNT_EVENT_RATE.get();
    assert!(
        (expected..2 * expected).contains(&of_account),
        "{of_account}"
    );
    let berta = relay.accounts().add(&name("berta")).unwrap();
    let theirs = relay.endpoint_of(&berta, "sms").await;
    assert_eq!(caller.post(&theirs.path(""), EVENT).await.status, 200);
    soon("room for another", async {
        while caller.post(&endpoint.path(""), EVENT).await.status != 200 {}
    })
    .await;
    assert!(relay.hits("events-per-second").await >= 1);
}

#[tokio::test]
async fn too_many_failed_logins_are_a_429() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http1(&relay).await;
    for _ in 0..ringtail_relay::limits::FAILED_LOGINS {
        assert_eq!(caller.send(login("rt_wrong")).await.status, 401);
    }
    let answer = caller.send(login("rt_wrong")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds = answer.headers["retry-after"].to_str().unwrap();
    let seconds: u64 = seconds.parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    // What others guessed at the same address does not keep out the holder of a token.
    assert_eq!(caller.send(login(relay.token())).await.status, 200);
    assert!(Dial::to(&relay, &endpoint).socket(&relay).await.is_ok());
    // The edge is for everybody.
    assert_eq!(caller.post(&endpoint.path(""), EVENT).await.status, 200);
    assert_eq!(relay.hits("failed-logins").await, 1);
}

/// What a web page can make a browser send: no token, so nothing was guessed.
#[tokio::test]
async fn requests_without_a_token_are_no_failed_logins() {
    let relay = TestRelay::start().await;
    let mut caller = Caller::http1(&relay).await;
    for _ in 0..2 * ringtail_relay::limits::FAILED_LOGINS {
        let request = Request::post("/_ringtail/v1/endpoints")
            .header("origin", "https://evil.example")
            .header("content-type", "text/plain")
            .body(Full::from("{}"))
            .unwrap();
        assert_eq!(caller.send(request).await.status, 401);
    }
    assert_eq!(relay.hits("failed-logins").await, 0);
}

#[tokio::test]
async fn bytes_that_are_not_tls_end_the_connection() {
    let relay = TestRelay::start().await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096]] {
        let mut socket = TcpStream::connect(("127.0.0.1", relay.port()))
            .await
            .unwrap();
        socket.write_all(garbage).await.unwrap();
        closed(socket).await;
    }
    let mut caller = Caller::http1(&relay).await;
    assert_eq!(caller.get("/_ringtail/health").await.status, 200);
}

#[tokio::test]
async fn connections_over_the_limit_are_closed() {
    for in_all in [true, false] {
        let relay = TestRelay::with(|config| {
            if in_all {
                config.limits.connections = 1;
            } else {
                config.limits.connections_per_address = 1;
            }
        })
        .await;
        let endpoint = relay.endpoint().await;
        // A link keeps its place.
        let app = text_app("a");
        let mut link = relay.attach(&endpoint, app).await;
        link.head().await;
        assert!(Conn::try_open(&relay, &["http/1.1"]).await.is_err());
        link.kill();
        soon("room", async {
            while Conn::try_open(&relay, &["http/1.1"]).await.is_err() {}
        })
        .await;
    }
}

#[tokio::test]
async fn idle_connections_are_evicted_and_validations_answered() {
    let relay = TestRelay::with(|config| config.limits.connections = 4).await;
    let endpoint = relay.endpoint().await;
    let (asked, mut was_asked) = tokio::sync::mpsc::channel(1);
    let (answer, answered) = tokio::sync::watch::channel(false);
    let app: App = Arc::new(move |_| {
        let (asked, mut answered) = (asked.clone(), answered.clone());
        Box::pin(async move {
            asked.send(()).await.unwrap();
            drop(answered.wait_for(|yes| *yes).await);
            Response::new(Full::from("thought").boxed())
        })
    });
    let mut link = relay.attach(&endpoint, app).await;
    link.head().await;
    // An app thinks, and others have the rest of the places: silent, and in the middle of a body.
    let mut caller = Conn::open(&relay, &["http/1.1"]).await;
    let get = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", endpoint.path("/"));
    caller.write(get.as_bytes()).await;
    soon("the question", was_asked.recv()).await;
    let mut half = Conn::open(&relay, &["http/1.1"]).await;
    let post = post_head(&endpoint.path(""), "Content-Length: 9\r\n") + "half";
    half.write(post.as_bytes()).await;
    let mut silent = Conn::open(&relay, &["http/1.1"]).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut ringcentral = Conn::open(&relay, &["http/1.1"]).await;
        let validation = post_head(
            &endpoint.path(""),
            "Validation-Token: t\r\nContent-Length: 0\r\n",
        );
        ringcentral.write(validation.as_bytes()).await;
        let head = ringcentral.read_head().await;
        assert!(head.starts_with(b"HTTP/1.1 200 "));
        open.push(ringcentral);
    }
    half.read_to_end().await;
    silent.read_to_end().await;
    answer.send(true).unwrap();
    assert!(caller.read_head().await.starts_with(b"HTTP/1.1 200 "));
    relay.has_hit("connections", 10).await;
}

/// How long an answer may be left unread: less than the link's keep-alive takes, which sees the clock turned on as well.
const UNREAD: Duration = Duration::from_secs(8);

/// An app whose answers have no end but that of `/short`, and the end of the first of them.
fn endless() -> (App, oneshot::Receiver<()>) {
    let (held, ended) = oneshot::channel::<()>();
    let held = std::sync::Mutex::new(Some(held));
    let app: App = Arc::new(move |request| {
        let held = held.lock().unwrap().take();
        Box::pin(async move {
            if request.uri().path().ends_with("/short") {
                return Response::new(Full::from("short").boxed());
            }
            let pieces = futures_util::stream::repeat_with(move || {
                // Dropped with the answer.
                let _held = &held;
                Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))
            });
            Response::new(StreamBody::new(pieces).boxed())
        })
    });
    (app, ended)
}

#[tokio::test]
async fn callers_that_do_not_read_free_their_passthrough_permits() {
    let relay = TestRelay::with(|config| {
        config.limits.idle_timeout = NEVER;
        config.limits.answer_idle_timeout = UNREAD;
    })
    .await;
    let endpoint = relay.endpoint().await;
    let (app, given_up) = endless();
    let mut link = relay.attach(&endpoint, app).await;
    link.head().await;
    let mut caller = Caller::http2(&relay).await;
    let mut unread = Vec::new();
    for _ in 0..PASSTHROUGHS_PER_ADDRESS {
        let request = Request::get(endpoint.path("/endless")).body(Full::default());
        unread.push(caller.begin(request.unwrap()).await.unwrap());
    }
    after(UNREAD, "the relay's patience to end", given_up)
        .await
        .unwrap_err();
    let mut other = Caller::http1(&relay).await;
    assert_eq!(other.get(&endpoint.path("/short")).await.body, "short");
    relay.has_hit("idle-time", 1).await;
    // What they would read yet ends as an answer that broke off.
    let broken = soon("the end", unread.remove(0).into_body().collect()).await;
    assert!(broken.is_err());
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    let relay = TestRelay::start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = rustls::RootCertStore::empty();
        let pem = std::fs::read(relay.server().ca().unwrap()).unwrap();
        let ca = rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap();
        roots.add(ca).unwrap();
        let config = rustls::ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(("127.0.0.1", relay.port()))
            .await
            .unwrap();
        let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
        let stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
            .connect(name, socket)
            .await
            .unwrap();
        let spoken = stream.get_ref().1.protocol_version().unwrap();
        assert_eq!(spoken, version.version);
    }
}

#[tokio::test]
async fn a_caller_that_does_not_read_is_disconnected() {
    let relay = TestRelay::with(|config| config.limits.answer_idle_timeout = UNREAD).await;
    let endpoint = relay.endpoint().await;
    let (app, given_up) = endless();
    let mut client = relay.attach(&endpoint, app).await;
    client.head().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let head = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", endpoint.path("/"));
    conn.write(head.as_bytes()).await;
    assert!(conn.read_head().await.starts_with(b"HTTP/1.1 200 "));
    after(UNREAD, "the relay's patience to end", given_up)
        .await
        .unwrap_err();
    conn.read_to_end().await;
    relay.has_hit("idle-time", 1).await;
}

#[tokio::test]
async fn large_bodies_are_classified_like_small_ones() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("the app")).await;
    assert_eq!(client.head().await, 0);
    let filler = "x".repeat(2 * ringtail_relay::limits::LARGE_BODY_BYTES);
    let event = format!(r#"{{"body":{{"x":"{filler}"}},"uuid":"u","event":"/e"}}"#);
    let mut caller = Caller::http1(&relay).await;
    for duplicate_of in [None, Some(1)] {
        let answer = caller.post(&endpoint.path(""), event.clone()).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b""[..]));
        let (stored, request) = client.event().await;
        assert_eq!(stored.duplicate_of, duplicate_of);
        assert!(request.body == event);
    }
    let passthrough = caller.post(&endpoint.path("/"), filler).await;
    assert_eq!(passthrough.body, "the app");
}
