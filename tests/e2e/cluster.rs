//! Relays that share a PostgreSQL database.

use std::sync::Arc;

use anyhow::Context as _;
use futures_util::future::join_all;
use ringtail_kit::app::{App, Reply, response};
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use ringtail_kit::wait::PATIENCE;
use ringtail_properties::payloads;
use ringtail_tests::client::{Home, body_of};
use ringtail_tests::hooks;
use ringtail_tests::proxies::Front;
use ringtail_tests::relay::{Setup, TestRelay};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::World;

async fn relay(database: &str) -> anyhow::Result<TestRelay> {
    relay_with(database, &[]).await
}

async fn relay_with(database: &str, options: &[&str]) -> anyhow::Result<TestRelay> {
    let options = ["--cluster", "127.0.0.1:0"].iter().chain(options);
    let setup = Setup {
        options: options.map(ToString::to_string).collect(),
        ..Setup::in_postgres(database)
    };
    TestRelay::start_as(tempfile::tempdir()?, setup).await
}

/// Waits until a relay's status shows that some relay has a link that forwards.
async fn knows_of_link(relay: &TestRelay) -> anyhow::Result<()> {
    let knows = async || {
        let status = relay.run(["status", "--output", "json"]).await.ok()?;
        let status: Value = serde_json::from_slice(&status.stdout).ok()?;
        let relays = status["relays"].as_array()?;
        Some(relays.iter().any(|it| it["forwarding"] == 1))
    };
    eventually!(knows().await == Some(true), "a relay with a link")
}

/// The endpoint's URL at another relay.
fn at(relay: &TestRelay, url: &str) -> anyhow::Result<String> {
    let id = url.rsplit('/').next().unwrap_or_default();
    Ok(format!("{}/{id}", relay.url()))
}

#[tokio::test]
async fn every_byte_reaches_the_app_over_postgresql_once_and_in_order() -> anyhow::Result<()> {
    let database = PostgresServer::shared().database();
    let mut world = World::on(relay(&database).await?, App::accepting()).await?;
    for mark in 0..20 {
        world.notify(hooks::numbered(1, mark)).await?;
    }
    // Killed, not stopped: everything acknowledged is in the database.
    world.relay.restart().await?;
    for mark in 20..40 {
        world.notify(hooks::numbered(1, mark)).await?;
    }
    let odd = Hook::notification(&b"\x00\x01\xff{"[..]).header("x-repeated", b"two \xe9");
    for _ in 0..2 {
        assert_eq!(world.caller.post(&world.url, &odd).await?.status, 200);
    }
    eventually!(world.client.count_of("event") == 42, "42 events")?;
    eventually!(world.app.count() == 42, "42 requests at the app")?;
    let marks = hooks::numbers(&world.app);
    assert_eq!(marks, (0..40).collect::<Vec<_>>());
    let events = world.client.lines_of("event");
    let seqs: Vec<u64> = events.iter().filter_map(|it| it["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=42).collect::<Vec<_>>());
    assert_eq!(body_of(&events[40])?, odd.body);
    let status = world.relay.run(["status", "--output", "json"]).await?;
    let status: Value = serde_json::from_slice(&status.stdout)?;
    assert_eq!(status["endpoints"][0]["head"], 42, "{status}");
    let listed = world.relay.run(["endpoints", "list"]).await?;
    let listed = String::from_utf8(listed.stdout)?;
    assert!(listed.starts_with("dev/hooks\t42\t"), "{listed}");
    Ok(())
}

#[tokio::test]
async fn a_client_of_one_relay_gets_what_comes_in_on_another() -> anyhow::Result<()> {
    let database = PostgresServer::shared().database();
    let there = relay(&database).await?;
    let world = World::on(relay(&database).await?, App::accepting()).await?;
    let url = at(&there, &world.url)?;
    // Created at the first relay a moment ago.
    let mut connection = there.caller()?.connect(&url).await?;
    for mark in 0..40 {
        let hook = Hook::notification(hooks::numbered(1, mark));
        if mark % 2 == 0 {
            assert_eq!(connection.post(&hook).await?.status, 200);
        } else {
            world.notify(hook.body).await?;
        }
    }
    eventually!(world.app.count() == 40, "40 requests at the app")?;
    assert_eq!(hooks::numbers(&world.app), (0..40).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_token_is_revoked_at_every_relay() -> anyhow::Result<()> {
    let database = PostgresServer::shared().database();
    let there = relay(&database).await?;
    let mut world = World::on(relay(&database).await?, App::accepting()).await?;
    // Not at the relay that has the link.
    let revoked = there.run(["accounts", "revoke", "dev"]).await?;
    assert!(revoked.status.success(), "{revoked:?}");
    let code = world.client.ended().await?;
    assert_ne!(code, Some(0), "it cannot log in");
    // RingCentral is still answered.
    world.notify(hooks::numbered(1, 1)).await?;
    Ok(())
}

#[tokio::test]
async fn a_frozen_postgresql_costs_ringcentral_a_second_and_nobody_an_event() -> anyhow::Result<()>
{
    let server = PostgresServer::start("")?;
    let mut world = World::on(relay(&server.database()).await?, App::accepting()).await?;
    for mark in 0..10 {
        world.notify(hooks::numbered(1, mark)).await?;
    }
    server.freeze()?;
    for mark in 10..20 {
        // Answered 200, though nothing can be stored there.
        world.notify(hooks::numbered(1, mark)).await?;
    }
    let status = world.relay.run(["status"]).await?;
    let said = String::from_utf8(status.stdout)?;
    assert!(said.contains("SPOOLING: 10 events"), "{said}");
    assert!(said.contains("ready"), "{said}");
    // The relay dies with them, and the database comes back.
    world.relay.kill().await?;
    server.thaw()?;
    world.relay.resume().await?;
    for mark in 20..30 {
        world.notify(hooks::numbered(1, mark)).await?;
    }
    eventually!(world.app.count() == 30, "30 requests at the app")?;
    assert_eq!(hooks::numbers(&world.app), (0..30).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_frozen_postgresql_holds_up_neither_a_callback_nor_the_end() -> anyhow::Result<()> {
    let server = PostgresServer::start("")?;
    let relay = relay_with(&server.database(), &["--passthrough-deadline", "600"]).await?;
    let mut world = World::on(relay, App::accepting()).await?;
    server.freeze()?;
    let pressed = payloads::compact(&payloads::list("interactive-message-button-submit")[0]);
    let pressed = Hook::notification(pressed);
    // No client can have it yet, and none is waited for.
    let answer = world.caller.post(&world.url, &pressed);
    let answer = timeout(PATIENCE, answer).await??;
    assert_eq!((answer.status, &*answer.body), (200, &b"{}"[..]));
    // Its success says that no request was cut off.
    world.relay.stop().await?;
    server.thaw()
}

#[tokio::test]
async fn a_relay_starts_without_postgresql_and_answers_for_the_endpoints_it_knew()
-> anyhow::Result<()> {
    let server = PostgresServer::start("")?;
    let database = server.database();
    let mut world = World::on(relay(&database).await?, App::accepting()).await?;
    world.notify(hooks::numbered(1, 0)).await?;
    world.relay.kill().await?;
    server.crash()?;
    world.relay.resume().await?;
    for mark in 1..5 {
        world.notify(hooks::numbered(1, mark)).await?;
    }
    let other = format!("{}/nobody-knows", world.relay.url());
    let answer = world.caller.post(&other, &Hook::notification("{}")).await?;
    assert_eq!(answer.status, 404);
    // A relay that knows nothing yet could only refuse.
    let new = relay(&database).await;
    let refused = format!("{:?}", new.expect_err("it has no endpoints"));
    assert!(
        refused.contains("PostgreSQL cannot be reached"),
        "{refused}"
    );
    server.resume()?;
    world.notify(hooks::numbered(1, 5)).await?;
    eventually!(world.app.count() == 6, "6 requests at the app")?;
    assert_eq!(hooks::numbers(&world.app), (0..6).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_relay_that_dies_behind_haproxy_is_replaced_by_the_other() -> anyhow::Result<()> {
    let database = PostgresServer::shared().database();
    let front = Front::new("localhost")?;
    let start = async || {
        TestRelay::start_behind_as(&front.url(), &front.ca(), Setup::in_postgres(&database)).await
    };
    let mut relays = [start().await?, start().await?];
    let proxy = front.start_haproxy(&relays, "").await?;
    let token = relays[0].account("dev").await?;
    let app = App::accepting();
    let client = Home::new(&relays[0], &token)?
        .listen(&[&app.url(""), "--endpoint", "hooks"])
        .await?;
    let url = client.url()?;
    let caller = FakeRingCentral::new(front.address(), &front.ca())?;
    let post = async |mark| {
        let hook = Hook::notification(hooks::numbered(1, mark));
        caller.post(&url, &hook).await.map(|answer| answer.status)
    };
    for mark in 0..10 {
        assert_eq!(post(mark).await?, 200, "{}", proxy.log());
    }
    relays[0].kill().await?;
    // Nothing was in flight, so no caller sees the change.
    for mark in 10..20 {
        assert_eq!(post(mark).await?, 200, "{}", proxy.log());
    }
    // The client's link moved, too.
    eventually!(app.count() == 20, "20 requests at the app")?;
    assert_eq!(hooks::numbers(&app), (0..20).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn the_app_answers_what_comes_in_on_another_relay() -> anyhow::Result<()> {
    let database = PostgresServer::shared().database();
    let there = relay(&database).await?;
    let large: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let body = large.clone();
    let app = App::replying(move |seen| match seen.method.as_str() {
        "PUT" => Reply::status(207)
            .header("x-odd", b"\xe9")
            .header("ringtail-relay-none", "busy")
            .body(body.clone()),
        _ => Reply::status(200).body(r#"{"type":"dialog"}"#),
    });
    let world = World::on(relay(&database).await?, app).await?;
    knows_of_link(&there).await?;
    let hook = Hook::new("PUT", large.clone())
        .header("X-Name", "as sent")
        .header("ringtail-relay-endpoint", "1")
        .below("/a/b?c=%2F&d");
    let caller = there.caller()?;
    let url = at(&there, &world.url)?;
    let mut over_http1 = caller.connect(&url).await?;
    let mut over_http2 = caller.connect_http2(&url).await?;
    for answer in [over_http1.post(&hook).await?, over_http2.post(&hook).await?] {
        assert_eq!(answer.status, 207, "{}", there.log());
        assert_eq!(answer.values("x-odd"), [b"\xe9"]);
        assert!(answer.body == large, "{} bytes", answer.body.len());
    }
    let seen = world.app.seen();
    assert_eq!(seen.len(), 2);
    for request in &seen {
        assert_eq!(
            (request.method.as_str(), &*request.path),
            ("PUT", "/base/a/b?c=%2F&d")
        );
        assert_eq!(request.header("x-name"), [b"as sent"]);
        assert!(request.body == large);
    }
    // One that comes once has the app's answer, too.
    let pressed = payloads::compact(&payloads::list("interactive-message-button-submit")[0]);
    let answer = caller.post(&url, &Hook::notification(pressed)).await?;
    assert_eq!(
        (answer.status, &*answer.body),
        (200, &br#"{"type":"dialog"}"#[..])
    );
    assert_eq!(world.app.count(), 3);
    eventually!(world.client.count_of("attempt") == 3, "three attempts")?;
    let status = String::from_utf8(there.run(["status"]).await?.stdout)?;
    let relays: Vec<&str> = status
        .lines()
        .filter(|it| it.starts_with("relay "))
        .collect();
    assert_eq!(relays.len(), 2, "{status}");
    assert!(
        relays
            .iter()
            .any(|it| it.contains("(this one): ") && it.contains(" 0 forwarding"))
    );
    assert!(
        relays
            .iter()
            .any(|it| it.contains("(present): ") && it.contains(" 1 forwarding"))
    );
    Ok(())
}

/// A relay has memory for 40 of a caller's requests, the one with the link for 26 that another one carries, and the link
/// places for 24.
#[tokio::test]
async fn requests_of_another_relay_wait_for_memory_and_a_place() -> anyhow::Result<()> {
    let database = PostgresServer::shared().database();
    let there = relay(&database).await?;
    let came = Arc::new(Semaphore::new(0));
    let (go, going) = watch::channel(false);
    let app = App::start({
        let came = came.clone();
        move |_| {
            let mut going = going.clone();
            came.add_permits(1);
            async move {
                drop(going.wait_for(|go| *go).await);
                response(200, "")
            }
        }
    });
    let world = World::on(relay(&database).await?, app).await?;
    knows_of_link(&there).await?;
    let caller = there.caller()?;
    let url = at(&there, &world.url)?;
    let mut connections = Vec::new();
    for _ in 0..128 {
        connections.push(caller.connect(&url).await?);
    }
    let post = Hook::new("POST", "x".repeat(1000));
    let all = join_all(connections.iter_mut().map(|it| it.post(&post)));
    let begins = async {
        let all_places = timeout(PATIENCE, came.acquire_many(24)).await;
        go.send_replace(true);
        drop(all_places.context("a request in each of the link's places")??);
        anyhow::Ok(())
    };
    let (answers, begun) = tokio::join!(all, begins);
    begun?;
    for answer in answers {
        assert_eq!(answer?.status, 200, "{}", there.log());
    }
    Ok(())
}

#[tokio::test]
async fn a_relay_that_dies_with_a_callback_of_another_loses_and_doubles_nothing()
-> anyhow::Result<()> {
    let database = PostgresServer::shared().database();
    let there = relay(&database).await?;
    let came = Arc::new(Semaphore::new(0));
    let (go, going) = watch::channel(false);
    let coming = came.clone();
    let app = App::start(move |seen| {
        let mut going = going.clone();
        let waits = !seen.path.ends_with("/first");
        coming.add_permits(usize::from(waits));
        async move {
            if waits {
                drop(going.wait_for(|go| *go).await);
            }
            response(200, "late")
        }
    });
    let mut world = World::on(relay(&database).await?, app).await?;
    knows_of_link(&there).await?;
    let caller = there.caller()?;
    let url = at(&there, &world.url)?;
    let answers = async |page: &Hook| {
        let answer = caller.post(&url, page).await;
        answer.is_ok_and(|it| it.status == 200)
    };
    // The relays' connection is there before it matters.
    let first = Hook::new("GET", "").below("/first");
    eventually!(answers(&first).await, "the client's link")?;
    world.app.forget();
    let pressed = payloads::compact(&payloads::list("interactive-message-button-submit")[0]);
    let pressed = Hook::notification(pressed);
    let page = Hook::new("GET", "").below("/page");
    let asked = async { tokio::join!(caller.post(&url, &pressed), caller.post(&url, &page)) };
    let dies = async {
        let both = timeout(PATIENCE, came.acquire_many(2)).await;
        drop(both.context("both requests at the app")??);
        world.relay.kill().await
    };
    let ((pressed, page), died) = tokio::join!(asked, dies);
    died?;
    let pressed = pressed?;
    assert_eq!((pressed.status, &*pressed.body), (200, &b"{}"[..]));
    // The app may have done it, so that nobody may do it again but the caller.
    assert_eq!(page?.status, 502);
    go.send_replace(true);
    world.relay.resume().await?;
    let last = Hook::new("GET", "").below("/last");
    eventually!(
        answers(&last).await,
        "the client's link to the relay that is back"
    )?;
    assert_eq!(world.app.count(), 3, "each once");
    Ok(())
}
