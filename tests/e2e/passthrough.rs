//! Requests whose answer is the app's.

use std::time::Duration;

use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_properties::payloads;
use tokio::task::JoinSet;

use super::World;

#[tokio::test]
async fn the_apps_answer_reaches_the_caller_unchanged() -> anyhow::Result<()> {
    let answer_body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let body = answer_body.clone();
    let app = App::replying(move |_| {
        Reply::status(207)
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("x-odd", b"\xe9")
            .header("connection", "x-private")
            .header("x-private", "1")
            .body(body.clone())
    });
    let world = World::with(app, &[]).await?;
    let request_body: Vec<u8> = (0..=255).rev().cycle().take(70_000).collect();
    let hook = Hook::new("PUT", request_body.clone())
        .header("x-repeated", "one")
        .header("x-repeated", "two")
        .below("/a/b?c=%2F&d");
    let mut over_http1 = world.caller.connect(&world.url).await?;
    let mut over_http2 = world.caller.connect_http2(&world.url).await?;
    for answer in [over_http1.post(&hook).await?, over_http2.post(&hook).await?] {
        assert_eq!(answer.status, 207);
        assert_eq!(answer.values("set-cookie"), [b"a=1", b"b=2"]);
        assert_eq!(answer.values("x-odd"), [b"\xe9"]);
        assert!(
            answer.values("x-private").is_empty(),
            "hop-by-hop fields stay behind"
        );
        assert!(answer.body == answer_body, "{} bytes", answer.body.len());
    }
    let seen = world.app.seen();
    assert_eq!(seen.len(), 2);
    for request in seen {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("PUT", "/base/a/b?c=%2F&d")
        );
        assert_eq!(request.header("x-repeated"), [b"one", b"two"]);
        assert!(request.body == request_body);
    }
    eventually!(world.client.count_of("attempt") == 2, "two attempts told")?;
    Ok(())
}

#[tokio::test]
async fn without_a_client_a_passthrough_request_gets_its_fallback() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.client.kill().await?;
    let other = Hook::new("GET", "").below("/page");
    let answer = world.caller.post(&world.url, &other).await?;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());

    let pressed = payloads::compact(&payloads::list("interactive-message-button-submit")[0]);
    let answer = world
        .caller
        .post(&world.url, &Hook::notification(pressed.clone()))
        .await?;
    assert_eq!(answer.status, 200, "a button cannot be pressed again");

    world.client.resume().await?;
    eventually!(
        world.app.count() == 1,
        "the request that the relay accepted"
    )?;
    assert_eq!(world.app.seen()[0].body, pressed);
    Ok(())
}

#[tokio::test]
async fn an_app_that_is_down_or_slow_gets_a_stated_answer() -> anyhow::Result<()> {
    let app = App::replying(|_| Reply::status(200).after(Duration::from_secs(60)));
    let world = World::with(app, &["--passthrough-deadline", "1"]).await?;
    let hook = Hook::new("GET", "").below("/page");
    let slow = world.caller.post(&world.url, &hook).await?;
    assert_eq!(slow.status, 504);
    let mut world = World::new().await?;
    world.app.go_down().await;
    let down = world.caller.post(&world.url, &hook).await?;
    assert_eq!(down.status, 502);
    for answer in [slow, down] {
        assert!(answer.body.ends_with(b"\n"), "{answer:?}");
        assert!(answer.wire_bytes < 1024);
    }
    Ok(())
}

#[tokio::test]
async fn thousands_of_passthrough_requests_share_one_link() -> anyhow::Result<()> {
    let app = App::replying(|seen| Reply::status(200).body(seen.body.clone()));
    let world = World::with(app, &[]).await?;
    let links = world.client.count_of("link");
    let mut callers = JoinSet::new();
    for _ in 0..16 {
        let mut connection = world.caller.connect(&world.url).await?;
        callers.spawn(async move {
            let hook = Hook::new("POST", vec![b'x'; 1000]).below("/app");
            for _ in 0..200 {
                let answer = connection.post(&hook).await?;
                anyhow::ensure!(answer.status == 200, "{answer:?}");
                anyhow::ensure!(answer.body == hook.body, "another body");
            }
            Ok(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    assert_eq!(
        world.client.count_of("link"),
        links,
        "the link was replaced"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_with_too_large_a_head_for_the_link_is_a_502_that_says_so() -> anyhow::Result<()>
{
    const CARRIED: usize = 64 * 1024;
    let app = App::replying(|request| {
        let bytes: usize = request.header("x-wanted")[0]
            .escape_ascii()
            .to_string()
            .parse()
            .unwrap_or_default();
        Reply::status(200).header("x-large", "x".repeat(bytes))
    });
    let world = World::with(app, &[]).await?;
    let wants = |bytes: usize| {
        Hook::new("PUT", "x")
            .header("x-wanted", bytes.to_string())
            .below("/a")
    };
    let fits = world
        .caller
        .post(&world.url, &wants(CARRIED - 1024))
        .await?;
    assert_eq!(fits.status, 200);
    for bytes in [CARRIED, 2 * CARRIED] {
        let answer = world.caller.post(&world.url, &wants(bytes)).await?;
        assert_eq!(answer.status, 502);
        assert_eq!(
            answer.body.escape_ascii().to_string(),
            "the app\\'s answer has more than 64 KiB of header fields\\n"
        );
    }
    Ok(())
}
