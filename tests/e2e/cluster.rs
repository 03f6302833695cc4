//! Relays that share a PostgreSQL database.

use ringtail_kit::app::App;
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use ringtail_tests::client::{Home, body_of};
use ringtail_tests::hooks;
use ringtail_tests::proxies::Front;
use ringtail_tests::relay::{Setup, TestRelay};
use serde_json::Value;

use super::World;

async fn relay(database: &str) -> anyhow::Result<TestRelay> {
    TestRelay::start_as(tempfile::tempdir()?, Setup::in_postgres(database)).await
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
async fn a_relay_that_dies_behind_haproxy_is_replaced_by_the_other() -> anyhow::Result<()> {
    let database = PostgresServer::shared().database();
    let front = Front::new("localhost")?;
    let start = async || {
        TestRelay::start_behind_as(&front.url(), &front.ca(), Setup::in_postgres(&database)).await
    };
    let (mut first, second) = (start().await?, start().await?);
    let proxy = front.start_haproxy([&first, &second]).await?;
    let token = first.account("dev").await?;
    let app = App::accepting();
    let client = Home::new(&first, &token)?
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
    first.kill().await?;
    // Nothing was in flight, so no caller sees the change.
    for mark in 10..20 {
        assert_eq!(post(mark).await?, 200, "{}", proxy.log());
    }
    // The client's link moved, too.
    eventually!(app.count() == 20, "20 requests at the app")?;
    assert_eq!(hooks::numbers(&app), (0..20).collect::<Vec<_>>());
    Ok(())
}
