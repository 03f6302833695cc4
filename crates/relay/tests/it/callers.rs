//! Requests as odd callers send them.

use std::sync::Arc;

use http::Response;
use http_body_util::{BodyExt as _, Full};
use tokio::io::AsyncWriteExt as _;

use crate::kit::{App, Conn, EVENT, TestRelay, post_head};

#[tokio::test]
async fn a_request_has_one_host() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    for (host, status) in [
        ("", "400"),
        ("Host: a\r\n", "200"),
        ("Host: a\r\nHost: a\r\n", "400"),
        ("Host: a/b\r\n", "400"),
        ("Host: me@a\r\n", "400"),
        ("Host:\r\n", "200"),
    ] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let head = format!(
            "POST {} HTTP/1.1\r\n{host}Validation-Token: t\r\n\r\n",
            endpoint.path("")
        );
        conn.write(head.as_bytes()).await;
        let answer = conn.read_head().await;
        assert!(
            answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()),
            "{host:?}"
        );
    }
}

/// RFC 9112, 3.2: a target has none. hyper would drop it, and the app get another target than was sent.
#[tokio::test]
async fn a_target_with_a_fragment_is_a_400() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    for (below, status) in [
        ("", "200"),
        ("/a#b", "400"),
        ("?a#", "400"),
        ("/a%23b", "503"),
    ] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let body = if status == "200" { EVENT } else { "#" };
        let fields = format!("X-A: #\r\nContent-Length: {}\r\n", body.len());
        let whole = post_head(&endpoint.path(below), &fields) + body;
        conn.write(whole.as_bytes()).await;
        let answer = conn.read_head().await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(expected.as_bytes()),
            "{below}: {}",
            answer.escape_ascii()
        );
    }
}

#[tokio::test]
async fn a_caller_that_closes_its_side_after_the_request_is_answered() {
    let relay = TestRelay::start().await;
    let endpoint = relay.endpoint().await;
    let app: App = Arc::new(|_| {
        Box::pin(async {
            // The relay has seen the end by then.
            tokio::task::yield_now().await;
            Response::new(Full::from("the app").boxed())
        })
    });
    let mut link = relay.attach(&endpoint, app).await;
    link.head().await;
    let path = endpoint.path("");
    let length = format!("Content-Length: {}\r\n", EVENT.len());
    for (request, status, body) in [
        (
            post_head(&path, "Validation-Token: t\r\nContent-Length: 0\r\n"),
            "200",
            "",
        ),
        (post_head(&path, &length) + EVENT, "200", ""),
        (post_head(&path, "Content-Length: 0\r\n"), "200", "the app"),
    ] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        conn.write(request.as_bytes()).await;
        conn.stream.shutdown().await.unwrap();
        let answer = String::from_utf8(conn.read_to_end().await).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
        assert!(answer.ends_with(body), "{request}: {answer}");
    }
}
