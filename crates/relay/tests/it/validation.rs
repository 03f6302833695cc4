//! RingCentral's validation request.

use http::{HeaderName, Request, StatusCode};
use http_body_util::Full;
use ringtail_protocol::event::{Disposition, Kind};
use ringtail_relay::limits;

use crate::kit::{Caller, Conn, TestRelay, post_head, text_app};

#[tokio::test]
async fn the_response_has_the_token_and_no_other_fields() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    for below in ["", "/", "/any/path", "?auth_token=MySecretToken"] {
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: relay.test\r\nContent-Type: application/json\r\n\
             Accept-Encoding: UTF-8\r\nValidation-Token: aB3-token\r\nContent-Length: 0\r\n\r\n",
            endpoint.path(below)
        );
        conn.write(request.as_bytes()).await;
        let answer = String::from_utf8(conn.read_head().await).unwrap();
        assert!(answer.len() < 1024, "{} bytes", answer.len());
        let (known, date) = answer.split_once("date: ").unwrap();
        assert_eq!(
            known,
            "HTTP/1.1 200 OK\r\nvalidation-token: aB3-token\r\n\
             content-type: application/json\r\ncontent-length: 0\r\n"
        );
        assert_eq!(date.len(), "Sat, 21 Nov 2026 22:31:34 GMT\r\n\r\n".len());
    }
}

#[tokio::test]
async fn the_longest_token_fits_every_response_and_one_more_is_refused() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let longest = ringtail_ringcentral::validation::TOKEN_MAX_BYTES;
    let kept = ("HTTP/1.0", "Connection: keep-alive\r\n");
    let closed = ("HTTP/1.1", "Connection: close\r\n");
    for (version, connection) in [("HTTP/1.1", ""), closed, kept] {
        for (len, status) in [(longest, "200"), (longest + 1, "400")] {
            let mut conn = Conn::open(&relay, &["http/1.1"]).await;
            let field = format!("Validation-Token: {}\r\n{connection}", "t".repeat(len));
            let request = post_head(&endpoint.path(""), &field).replace("HTTP/1.1", version);
            conn.write(request.as_bytes()).await;
            let answer = conn.read_head().await;
            assert!(
                answer.len() < 1024,
                "{version} {connection}: {}",
                answer.len()
            );
            assert_eq!(&answer[9..12], status.as_bytes());
        }
    }
}

#[tokio::test]
async fn the_response_over_http2_is_the_same() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http2(&relay).await;
    let request = Request::post(endpoint.path("/x"))
        .header("validation-token", "abc")
        .body(Full::default())
        .unwrap();
    let answer = caller.send(request).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.is_empty());
    let mut names: Vec<&str> = answer.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    names.retain(|name| *name != "content-length");
    assert_eq!(names, ["content-type", "date", "validation-token"]);
    assert_eq!(answer.headers["validation-token"], "abc");
}

#[tokio::test]
async fn a_name_that_http1_does_not_know_is_refused_over_http2() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut caller = Caller::http2(&relay).await;
    let request = Request::post(endpoint.path(""))
        .header("validation-token", "abc")
        .header(HeaderName::from_lowercase(b"x\"y").unwrap(), "1")
        .body(Full::default())
        .unwrap();
    assert_eq!(caller.send(request).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_beside_the_token_is_an_event_and_the_token_comes_back() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("never asked")).await;
    client.head().await;
    let mut caller = Caller::http1(&relay).await;
    let button = r#"{"type":"button_submit"}"#;
    for body in ["{}", "null", "\r\n", button, "\u{feff}{}", "\x1f\u{8b}"] {
        let request = Request::post(endpoint.path("/hook"))
            .header("validation-token", "abc")
            .body(Full::from(body))
            .unwrap();
        let answer = caller.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}");
        assert_eq!(answer.headers["validation-token"], "abc", "{body}");
        assert!(answer.body.is_empty(), "{body}");
        let (event, request) = client.event().await;
        assert_eq!(event.kind, Kind::Notification);
        assert_eq!(request.body, body.as_bytes());
    }
}

#[tokio::test]
async fn tokens_that_cannot_be_echoed_are_a_400() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    for token in [&b""[..], b"  ", b"t\xf6ken", b"\xff\xfe", b"caf\xc3\xa9"] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let mut request = format!(
            "POST {} HTTP/1.1\r\nHost: relay.test\r\nValidation-Token: ",
            endpoint.path("")
        )
        .into_bytes();
        request.extend_from_slice(token);
        request.extend_from_slice(b"\r\n\r\n");
        conn.write(&request).await;
        let head = conn.read_head().await;
        assert!(head.starts_with(b"HTTP/1.1 400 "), "{token:?}");
    }
}

#[tokio::test]
async fn a_validation_is_stored_as_answered() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut client = relay.attach(&endpoint, text_app("never asked")).await;
    client.head().await;
    let mut caller = Caller::http1(&relay).await;
    let request = Request::post(endpoint.path("/hook"))
        .header("validation-token", "abc")
        .body(Full::default())
        .unwrap();
    assert_eq!(caller.send(request).await.status, StatusCode::OK);
    let (event, request) = client.event().await;
    assert_eq!(event.kind, Kind::Validation);
    assert_eq!(event.disposition, Disposition::Answered);
    assert_eq!(request.path, "/hook");
}

#[tokio::test]
async fn a_flood_is_answered_and_partly_stored() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let mut conn = Conn::open(&relay, &["http/1.1"]).await;
    let request = post_head(&endpoint.path(""), "Validation-Token: t\r\n");
    let began = std::time::Instant::now();
    for _ in 0..30 {
        conn.write(request.repeat(100).as_bytes()).await;
        for _ in 0..100 {
            assert!(conn.read_head().await.starts_with(b"HTTP/1.1 200 "));
        }
    }
    let seconds = began.elapsed().as_secs() + 2;
    let mut client = relay.attach(&endpoint, text_app("")).await;
    let noted = client.head().await;
    let (rate, burst) = (limits::STORED_VALIDATIONS, limits::STORED_VALIDATIONS_BURST);
    assert!(noted >= u64::from(burst.get()), "{noted}");
    assert!(
        noted <= u64::from(burst.get()) + seconds * u64::from(rate.get()),
        "{noted}"
    );
}
