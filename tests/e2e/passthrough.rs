//! Requests whose answer is the app's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use ringtail_kit::app::{App, Reply, say};
use ringtail_kit::caller::{Hook, endpoint};
use ringtail_kit::eventually;
use ringtail_properties::payloads;
use ringtail_tests::client::Home;
use ringtail_tests::relay::TestRelay;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
async fn an_app_that_does_not_answer_in_time_is_a_504() -> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let home = Home::new(&relay, &token)?;
    let app = App::start(async |_| std::future::pending().await);
    let client = home.listen(&[&app.url("/"), "--timeout", "1"]).await?;
    let caller = relay.caller()?;
    let answer = caller.post(&client.url()?, &Hook::new("GET", "")).await?;
    assert_eq!(
        (answer.status, &*answer.body),
        (504, &b"the app did not answer in time\n"[..])
    );
    eventually!(client.count_of("attempt") == 1, "the attempt")?;
    assert_eq!(client.lines_of("attempt")[0]["error_kind"], "timed-out");
    Ok(())
}

#[tokio::test]
async fn a_callback_that_comes_once_is_one_event_and_reaches_the_app_once() -> anyhow::Result<()> {
    let mut app = App::down(|_| Reply::status(200).body(r#"{"type":"dialog"}"#));
    app.up();
    let mut world = World::with(app, &["--passthrough-deadline", "1"]).await?;
    let press = |number: usize| {
        let mut body = payloads::list("interactive-message-button-submit")[0].clone();
        body["data"]["number"] = number.into();
        Hook::notification(payloads::compact(&body))
    };
    let answer = world.caller.post(&world.url, &press(0)).await?;
    assert_eq!(
        (answer.status, &*answer.body),
        (200, &br#"{"type":"dialog"}"#[..])
    );

    // Frozen while it holds the request, and then thawed.
    world.client.signal("-STOP").await?;
    let answer = world.caller.post(&world.url, &press(1)).await?;
    world.client.signal("-CONT").await?;
    assert_eq!((answer.status, &*answer.body), (200, &b"{}"[..]));
    eventually!(
        world.app.count() == 2,
        "the press that came while the client was frozen"
    )?;

    // The app refuses connections, and then does not.
    world.app.go_down().await;
    let answer = world.caller.post(&world.url, &press(2)).await?;
    assert_eq!((answer.status, &*answer.body), (200, &b"{}"[..]));
    eventually!(world.client.count_of("attempt") == 3, "a refused attempt")?;
    world.app.up();
    eventually!(
        world.client.count_of("attempt") == 4,
        "an attempt that got through"
    )?;
    let events: Vec<_> = world
        .client
        .lines_of("event")
        .iter()
        .map(|it| it["seq"].clone())
        .collect();
    assert_eq!(events, [1, 2, 3], "one event each");
    let attempts = world.client.lines_of("attempt");
    let said: Vec<_> = attempts
        .iter()
        .map(|it| (&it["cause"], &it["error_kind"], &it["status"]))
        .collect();
    let (none, ok) = (Value::Null, json!(200));
    let (forward, passthrough) = (json!("forward"), json!("passthrough"));
    assert_eq!(
        said,
        [
            (&forward, &none, &ok),
            (&forward, &none, &ok),
            (&passthrough, &json!("refused"), &none),
            (&forward, &none, &ok)
        ]
    );
    let pressed: Vec<_> = world
        .app
        .seen()
        .iter()
        .map(|it| it.json()["data"]["number"].clone())
        .collect();
    assert_eq!(pressed, [0, 1, 2], "once each");
    Ok(())
}

/// An app that keeps each request's head as it came, and answers with a status of its own.
fn raw_app(heads: Arc<Mutex<Vec<String>>>) -> App {
    App::on_connect(move |mut stream| {
        let heads = Arc::clone(&heads);
        async move {
            let mut head = Vec::new();
            let is_whole = |head: &[u8]| head.windows(4).any(|part| part == b"\r\n\r\n");
            while !is_whole(&head) && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
            heads
                .lock()
                .expect("nothing panics while it is locked")
                .push(String::from_utf8_lossy(&head).into_owned());
            say(
                stream,
                "HTTP/1.1 419 unknown status\r\nConnection: close\r\n\r\n",
            )
            .await;
        }
    })
}

#[tokio::test]
async fn names_of_header_fields_and_the_reason_phrase_come_as_they_were_sent() -> anyhow::Result<()>
{
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let world = World::with(raw_app(Arc::clone(&heads)), &[]).await?;
    let path = endpoint(&world.url)?.path().to_owned();
    let fields = "hOST: localhost\r\nX-App-Token: t\r\nX-FOO: 1\r\nx-Foo: 2\r\nX-Forwarded-FOR: 10.0.0.1\r\n";
    let notification = r#"{"uuid":"u","event":"/e","subscriptionId":"s","body":{}}"#;
    for (request, answer) in [
        (
            format!("GET {path}/page HTTP/1.1\r\n{fields}\r\n"),
            "HTTP/1.1 419 unknown status\r\n",
        ),
        (
            format!(
                "POST {path} HTTP/1.1\r\n{fields}Content-LENGTH: {}\r\n\r\n{notification}",
                notification.len()
            ),
            "HTTP/1.1 200 OK\r\n",
        ),
    ] {
        let seen = heads
            .lock()
            .expect("nothing panics while it is locked")
            .len();
        let mut raw = world.caller.connect_raw(&world.url).await?;
        raw.write_all(request.as_bytes()).await?;
        let mut head = vec![0; answer.len()];
        raw.read_exact(&mut head).await?;
        assert_eq!(String::from_utf8(head)?, answer);
        eventually!(
            heads
                .lock()
                .expect("nothing panics while it is locked")
                .len()
                > seen,
            "the request at the app"
        )?;
        let head = heads.lock().expect("nothing panics while it is locked")[seen].clone();
        for line in [
            "hOST: 127.0.0.1:",
            "X-App-Token: t\r\n",
            "X-FOO: 1\r\nx-Foo: 2\r\n",
            "X-Forwarded-FOR: 10.0.0.1, 127.0.0.1\r\n",
            "X-Forwarded-Proto: https\r\n",
            &format!("X-Forwarded-Prefix: {path}\r\n"),
            "Ringtail-Event-Id: ",
        ] {
            assert!(
                head.contains(&format!("\r\n{line}")),
                "{line:?} in {head:?}"
            );
        }
    }
    eventually!(world.client.count_of("event") == 2, "both event lines")?;
    for event in world.client.lines_of("event") {
        let names: Vec<_> = event["headers"]
            .as_array()
            .context("headers")?
            .iter()
            .map(|it| it[0].clone())
            .collect();
        assert_eq!(
            names[..5],
            ["hOST", "X-App-Token", "X-FOO", "x-Foo", "X-Forwarded-FOR"],
            "{event}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn each_event_is_told_before_its_attempts_which_have_their_verdicts() -> anyhow::Result<()> {
    let app = App::replying(|_| Reply::status(500));
    let world = World::with(app, &[]).await?;
    let filtering = world.home.sibling()?;
    let other = App::replying(|_| Reply::status(500));
    let filtering = filtering
        .listen(&[
            &other.url(""),
            "--endpoint",
            "hooks",
            "--filter",
            "status:5xx",
        ])
        .await?;
    let mut connection = world.caller.connect(&world.url).await?;
    // As from RingCX Digital, so that the response is judged.
    let hook = Hook::new("GET", "").below("/?hub.challenge=x");
    for _ in 0..60 {
        assert_eq!(connection.post(&hook).await?.status, 500);
    }
    eventually!(filtering.count_of("attempt") == 60, "sixty attempts")?;
    let lines = filtering.lines();
    let mut told = HashMap::new();
    for line in lines.iter().filter(|line| line["type"] == "event") {
        *told.entry(line["id"].to_string()).or_insert(0) += 1;
    }
    assert_eq!(told.len(), 60);
    assert!(told.values().all(|times| *times == 1), "{told:?}");
    told.clear();
    for line in &lines {
        if line["type"] == "event" {
            told.insert(line["id"].to_string(), 0);
        } else if line["type"] == "attempt" {
            assert!(told.contains_key(&line["event_id"].to_string()), "{line}");
            assert_eq!(line["verdict"], "status", "{line}");
        }
    }
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
