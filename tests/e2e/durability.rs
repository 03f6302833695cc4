//! Nothing acknowledged is lost.

use std::time::Duration;

use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::{Connection, Hook};
use ringtail_kit::eventually;
use ringtail_tests::chaos::ChaosProxy;
use ringtail_tests::client::{Home, TestClient};
use ringtail_tests::relay::TestRelay;
use ringtail_tests::{catch_up, crash, hooks, set_back, stores};
use serde_json::Value;

use super::World;

#[tokio::test]
async fn kills_under_load_lose_nothing_and_double_nothing() -> anyhow::Result<()> {
    let report = crash::run(3, 7).await?;
    assert!(report.is_clean(), "{report}");
    assert!(report.acknowledged > 0, "{report}");
    Ok(())
}

/// The relay's disk, a backup, a copied and a cleared history, two clients.
#[tokio::test]
async fn disks_that_are_set_back_lose_nothing_in_silence() -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let clean = set_back::run(60, |row| rows.push(row.to_string())).await?;
    assert!(clean && rows.len() == 8, "{rows:#?}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_was_away_catches_up_and_is_told_of_what_is_gone() -> anyhow::Result<()> {
    let report = catch_up::run(500).await?;
    assert!(report.kept > 0, "{report}");
    assert!(report.gap.1 > report.gap.0, "{report}");
    Ok(())
}

async fn post(connection: &mut Connection, marks: std::ops::Range<u64>) -> anyhow::Result<()> {
    for mark in marks {
        let hook = Hook::notification(hooks::numbered(usize::try_from(mark % 3)?, mark));
        assert_eq!(connection.post(&hook).await?.status, 200);
    }
    Ok(())
}

/// Checks that each of the three conversations of [`post`] came whole and in order.
fn in_order(app: &App, count: u64) {
    for conversation in 0..3 {
        let mut marks = hooks::numbers(app);
        marks.retain(|mark| mark % 3 == conversation);
        let expected: Vec<u64> = (0..count).filter(|mark| mark % 3 == conversation).collect();
        assert_eq!(marks, expected, "conversation {conversation}");
    }
}

#[tokio::test]
async fn events_for_an_app_that_is_down_are_held_over_a_restart_and_drain_in_order()
-> anyhow::Result<()> {
    let mut world = World::with(App::down(|_| Reply::status(200)), &[]).await?;
    let mut connection = world.caller.connect(&world.url).await?;
    post(&mut connection, 0..30).await?;
    let holds = |client: &TestClient| {
        let last = client.lines_of("target").pop();
        last.is_some_and(|line| line["state"] == "down" && line["pending"].is_u64())
    };
    eventually!(
        holds(&world.client),
        "the client reports pending events: {:?}",
        world.client.lines_of("target")
    )?;
    world.client.kill().await?;
    post(&mut connection, 30..60).await?;
    world.client.resume().await?;
    let stored = || stores::history_len(&world.home.data());
    eventually!(
        stored().is_ok_and(|count| count == 60),
        "all in the history"
    )?;
    eventually!(holds(&world.client), "the client says so again")?;
    assert_eq!(world.app.count(), 0);

    world.app.up();
    eventually!(world.app.count() == 60, "everything at the app")?;
    in_order(&world.app, 60);
    let drained = |client: &TestClient| {
        let last = client.lines_of("target").pop();
        last.is_some_and(|line| line["state"] == "up" && line["pending"] == 0)
    };
    eventually!(
        drained(&world.client),
        "the client reports that the app is up and nothing is pending"
    )?;
    Ok(())
}

#[tokio::test]
async fn an_app_that_answers_badly_blocks_nothing() -> anyhow::Result<()> {
    let app = App::replying(|seen| match hooks::number_of(&seen.body) {
        Some(0) => Reply::status(404),
        Some(1) => Reply::status(500).body("x".repeat(2000)),
        Some(2) => Reply::hang_up(),
        _ => Reply::status(200),
    });
    let world = World::with(app, &[]).await?;
    let mut connection = world.caller.connect(&world.url).await?;
    for mark in 0..4 {
        let hook = Hook::notification(hooks::numbered(0, mark));
        assert_eq!(connection.post(&hook).await?.status, 200);
    }
    eventually!(world.client.count_of("attempt") >= 4, "four attempts")?;
    let attempts = world.client.lines_of("attempt");
    let told = |field: &str| -> Vec<Value> {
        attempts
            .iter()
            .map(|attempt| attempt[field].clone())
            .collect()
    };
    assert_eq!(
        told("status"),
        [Value::from(404), 500.into(), Value::Null, 200.into()]
    );
    assert_eq!(attempts[2]["error_kind"], "reset");
    assert_eq!(told("verdict")[3], "ok");
    assert_ne!(told("verdict")[0], "ok");
    Ok(())
}

/// A world whose client reaches the relay over a network that fails on purpose.
async fn behind_chaos() -> anyhow::Result<(World, ChaosProxy)> {
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let proxy = ChaosProxy::to(relay.address());
    let home = Home::new(&relay, &token)?.via(&relay.url_at(proxy.address())?);
    let app = App::accepting();
    Ok((World::at(relay, home, app).await?, proxy))
}

#[tokio::test]
async fn a_half_open_link_is_replaced_within_30_seconds_and_nothing_is_lost() -> anyhow::Result<()>
{
    let (world, proxy) = behind_chaos().await?;
    let mut connection = world.caller.connect(&world.url).await?;
    post(&mut connection, 0..10).await?;
    eventually!(world.app.count() == 10, "ten at the app")?;
    proxy.go_silent();
    let silent_since = std::time::Instant::now();
    post(&mut connection, 10..20).await?;
    eventually!(
        within Duration::from_secs(40),
        world.app.count() >= 20,
        "what came in meanwhile at the app"
    )?;
    let took = silent_since.elapsed();
    assert!(took < Duration::from_secs(30), "replaced after {took:?}");
    in_order(&world.app, 20);
    assert_eq!(stores::history_len(&world.home.data())?, 20);
    Ok(())
}

#[tokio::test]
async fn links_that_are_cut_under_traffic_lose_nothing() -> anyhow::Result<()> {
    let (world, proxy) = behind_chaos().await?;
    let mut connection = world.caller.connect(&world.url).await?;
    for cut in 0..5 {
        post(&mut connection, cut * 10..cut * 10 + 5).await?;
        let links = world.client.count_of("link");
        proxy.cut();
        post(&mut connection, cut * 10 + 5..cut * 10 + 10).await?;
        eventually!(world.client.count_of("link") > links, "the client says so")?;
    }
    eventually!(world.app.count() >= 50, "everything at the app")?;
    in_order(&world.app, 50);
    Ok(())
}

#[tokio::test]
async fn a_relay_that_is_told_to_stop_ends_well_and_the_client_comes_back() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let hook = Hook::notification(hooks::numbered(0, 0));
    assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    world.relay.stop().await?;
    let waiting = |line: &Value| line["state"] == "waiting" && line["reason"].is_string();
    eventually!(
        world.client.lines_of("link").iter().any(waiting),
        "the client says what it waits for"
    )?;
    world.relay.resume().await?;
    let hook = Hook::notification(hooks::numbered(0, 1));
    assert_eq!(world.caller.post(&world.url, &hook).await?.status, 200);
    eventually!(hooks::numbers(&world.app) == [0, 1], "both at the app")?;
    Ok(())
}

/// Whoever knows the URL could fill the disk of a laptop whose app is down: pending events are never deleted.
#[tokio::test]
async fn pending_events_that_fill_the_history_wait_on_the_relay() -> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let home = Home::new(&relay, &relay.account("dev").await?)?;
    let mut app = App::down(|_| Reply::status(200));
    let options = ["--endpoint", "hooks", "--keep-bytes", "1048576"];
    let client = home
        .listen(&[&[&*app.url("")], &options[..]].concat())
        .await?;
    let mut connection = relay.caller()?.connect(&client.url()?).await?;
    let large = "x".repeat(512 * 1024);
    for number in 0..40 {
        let body = serde_json::json!({
            "uuid": format!("{number}"), "event": "/e", "subscriptionId": "s", "body": large,
        });
        let hook = Hook::notification(body.to_string());
        assert_eq!(connection.post(&hook).await?.status, 200);
    }
    let is_full = |line: &Value| line["state"] == "full";
    eventually!(
        client.lines_of("link").iter().any(is_full),
        "the client says so"
    )?;
    // What was under way and one transaction come on top.
    let stored = stores::history_len(&home.data())?;
    assert!(stored < 20, "{stored} events of 512 KiB");
    app.up();
    eventually!(app.count() == 40, "everything at the app")?;
    let last = || client.lines_of("link").pop();
    eventually!(
        last().is_some_and(|line| line["state"] == "connected"),
        "the client says that there is room again"
    )?;
    Ok(())
}
