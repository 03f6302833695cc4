//! The relay's API.

use http::{Request, StatusCode};
use http_body_util::Full;
use ringtail_protocol::path::{ENDPOINTS, EndpointInfo, Refusal, code};

use crate::kit::{Answered, Caller, TestRelay};

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
