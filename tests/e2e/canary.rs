//! `ringtail canary` and `listen --canary`: each hop that loses a canary is named.

use anyhow::ensure;
use ringtail_kit::app::App;
use ringtail_kit::eventually;
use serde_json::Value;

use super::World;

/// Runs `ringtail canary` with a short deadline, and returns its line and its exit code.
async fn canary(world: &World, more: &[&str]) -> anyhow::Result<(Value, Option<i32>)> {
    let common = ["canary", "-e", "hooks", "-o", "json", "--timeout", "1"];
    let output = world.home.run([&common, more].concat()).await?;
    let line = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Ok((line, output.status.code()))
}

#[tokio::test]
async fn a_canary_passes_every_hop_and_is_no_event() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (line, code) = canary(&world, &[]).await?;
    ensure!(code == Some(0) && line["state"] == "arrived", "{line}");
    for hop in ["relay_ms", "history_ms", "app_ms"] {
        ensure!(line[hop].is_number(), "{line}");
    }
    ensure!(world.app.count() == 0, "the app got it");
    let (line, code) = canary(&world, &["--to-app"]).await?;
    ensure!(code == Some(0) && world.app.count() == 1, "{line}");
    ensure!(world.client.count_of("event") == 0, "it is listed");
    // What comes after it has the next number, and no gap before it.
    world
        .notify("{\"uuid\":\"1\",\"event\":\"/x\",\"body\":{}}")
        .await?;
    eventually!(world.client.count_of("event") == 1, "the event")?;
    ensure!(world.client.lines_of("event")[0]["seq"] == 3);
    ensure!(world.client.count_of("gap") == 0);
    Ok(())
}

#[tokio::test]
async fn the_hop_that_loses_a_canary_is_named() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let lost = async |world: &World, hop: &str| {
        let (line, code) = canary(world, &[]).await?;
        ensure!(code == Some(69) && line["hop"] == hop, "{hop}: {line}");
        anyhow::Ok(())
    };
    world.app = App::down(|_| unreachable!("nothing is sent to it"));
    lost(&world, "app").await?;
    world.client.stop().await?;
    lost(&world, "client").await?;
    world.relay.stop().await?;
    let (_, code) = canary(&world, &[]).await?;
    ensure!(
        code == Some(69),
        "the endpoint's URL was asked of a relay that is gone"
    );
    Ok(())
}

#[tokio::test]
async fn listen_sends_canaries_and_reports_a_loss_once_and_its_end() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world.client.stop().await?;
    let app = world.app.url("");
    let client = world
        .home
        .listen(&[&app, "-e", "hooks", "--canary", "1s"])
        .await?;
    let seen = |state: &str| {
        let lines = client.lines_of("canary");
        lines.into_iter().find(|line| line["state"] == state)
    };
    eventually!(seen("arrived").is_some(), "a canary that arrives")?;
    world.relay.kill().await?;
    eventually!(seen("lost").is_some(), "a canary that is lost")?;
    ensure!(seen("lost").is_some_and(|line| line["hop"] == "relay"));
    world.relay.resume().await?;
    let before = client.count_of("canary");
    eventually!(
        client.lines_of("canary")[before..]
            .iter()
            .any(|line| line["state"] == "arrived"),
        "a canary that arrives again"
    )?;
    Ok(())
}
