//! The relay's API.

use std::time::Instant;

use http::{Request, StatusCode};
use http_body_util::Full;
use ringtail_protocol::path::{ENDPOINTS, EndpointAnswer, EndpointInfo, Refusal, code};

use crate::kit::{Answered, Caller, Conn, TestRelay, post_head};

async fn create(relay: &TestRelay, token: &str, body: &str) -> Answered {
    let mut caller = Caller::http2(relay).await;
    let request = Request::post(ENDPOINTS)
        .header("authorization", format!("Bearer {token}"))
        .body(Full::from(body.to_owned()))
        .unwrap();
    caller.send(request).await
}

#[tokio::test]
async fn an_endpoint_is_created_once() {
    let relay = TestRelay::start().await;
    let answer = create(&relay, relay.token(), r#"{"name":"sms-bot"}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    let made: EndpointInfo = serde_json::from_slice(&answer.body).unwrap();
    assert!(made.endpoint.starts_with("sms-bot-"));
    assert_eq!(
        made.url,
        format!("https://localhost:{}/{}", relay.port(), made.endpoint)
    );
    assert_eq!(made.journal, relay.server().journal_id());
    let answer = create(&relay, relay.token(), r#"{"name":"sms-bot"}"#).await;
    let found: EndpointInfo = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(found, made);
}

#[tokio::test]
async fn an_endpoint_can_be_found_without_being_created() {
    let relay = TestRelay::start().await;
    let find = r#"{"name":"sms-bot","create":false}"#;
    for _ in 0..2 {
        let answer = create(&relay, relay.token(), find).await;
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status.as_u16(), refusal.error.as_str()),
            (404, code::NO_ENDPOINT)
        );
    }
    let made = create(&relay, relay.token(), r#"{"name":"sms-bot"}"#).await;
    let found = create(&relay, relay.token(), find).await;
    assert_eq!((found.status.as_u16(), found.body), (200, made.body));
}

#[tokio::test]
async fn the_newest_validation_is_told_with_its_response() {
    let relay = TestRelay::start().await;
    let made = create(&relay, relay.token(), r#"{"name":"sms"}"#).await;
    let last = async || {
        let answer = create(&relay, relay.token(), r#"{"name":"sms"}"#).await;
        let answer: EndpointAnswer = serde_json::from_slice(&answer.body).unwrap();
        answer.last_validation
    };
    assert_eq!(last().await, None);
    let made: EndpointAnswer = serde_json::from_slice(&made.body).unwrap();
    let mut before = 0;
    for (token, status) in [("aB3-token", 200), (&"t".repeat(1025), 400)] {
        let mut conn = Conn::open(&relay, &["http/1.1"]).await;
        let field = format!("Validation-Token: {token}\r\n");
        let path = format!("/{}/hook", made.info.endpoint);
        let began = Instant::now();
        conn.write(post_head(&path, &field).as_bytes()).await;
        let head = String::from_utf8(conn.read_head().await).unwrap();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        let it = last().await.unwrap();
        assert_eq!(
            (it.status, it.bytes),
            (status, (head.len() + length) as u64)
        );
        let most = u64::try_from(began.elapsed().as_micros()).unwrap();
        assert!(it.took_us <= it.age_us && it.age_us <= most, "{it:?}");
        assert!(it.received_at > before, "{it:?}");
        before = it.received_at;
    }
    // Notifications are none.
    let mut caller = Caller::http1(&relay).await;
    let path = format!("/{}", made.info.endpoint);
    caller
        .post(&path, r#"{"uuid":"1","event":"/x","subscriptionId":"s"}"#)
        .await;
    assert_eq!(last().await.unwrap().received_at, before);
}

#[tokio::test]
async fn refusals_have_a_code() {
    let relay = TestRelay::start().await;
    let long = format!(r#"{{"name":"{}"}}"#, "a".repeat(5000));
    for (token, body, status, error) in [
        ("", r#"{"name":"sms"}"#, 401, code::UNAUTHORIZED),
        ("rt_wrong", r#"{"name":"sms"}"#, 401, code::UNAUTHORIZED),
        ("rt_wrong", &long, 401, code::UNAUTHORIZED),
        (relay.token(), r#"{"name":"_x"}"#, 400, code::BAD_NAME),
        (
            relay.token(),
            r#"{"name":"a\u001b[2J"}"#,
            400,
            code::BAD_NAME,
        ),
        (relay.token(), "", 400, code::BAD_REQUEST),
        (relay.token(), "\u{fffd}{", 400, code::BAD_REQUEST),
        (relay.token(), &long, 400, code::BAD_REQUEST),
        (relay.token(), &"[".repeat(4000), 400, code::BAD_REQUEST),
    ] {
        let answer = create(&relay, token, body).await;
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status.as_u16(), refusal.error.as_str()),
            (status, error)
        );
        assert!(!refusal.message.contains('\u{1b}'));
    }
}

#[tokio::test]
async fn health_is_ok() {
    let relay = TestRelay::start().await;
    let mut caller = Caller::http1(&relay).await;
    let answer = caller.get("/_ringtail/health").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"ok\n"[..]));
    assert_eq!(caller.post("/_ringtail/health", "").await.status, 405);
}
