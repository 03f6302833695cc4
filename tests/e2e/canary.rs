//! `ringtail canary` and `listen --canary`: each hop that loses a canary is named.

use anyhow::{Context as _, ensure};
use ringtail_kit::app::App;
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use ringtail_tests::chaos::ChaosProxy;
use ringtail_tests::check_servers::{Chain, Pki, scripted_server};
use ringtail_tests::client::{Home, TestClient};
use ringtail_tests::relay::TestRelay;
use serde_json::{Value, json};

use super::World;

/// Makes a canary that will not arrive end soon.
const SOON: [&str; 2] = ["--timeout", "1"];

/// Runs `ringtail canary`, and returns its line and its exit code.
async fn canary(world: &World, more: &[&str]) -> anyhow::Result<(Value, Option<i32>)> {
    let common = ["canary", "-e", "hooks", "-o", "json"];
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
async fn a_canary_to_a_misspelt_name_creates_no_endpoint() -> anyhow::Result<()> {
    let world = World::new().await?;
    for _ in 0..2 {
        let output = world.home.run(["canary", "-e", "hook"]).await?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(
            error.starts_with("error[RT-311]: no such endpoint"),
            "{error}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_hop_that_loses_a_canary_is_named() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let lost = async |world: &World, hop: &str| {
        let (line, code) = canary(world, &SOON).await?;
        ensure!(code == Some(69) && line["hop"] == hop, "{hop}: {line}");
        anyhow::Ok(())
    };
    world.app = App::down(|_| unreachable!("nothing is sent to it"));
    lost(&world, "app").await?;
    world.client.stop().await?;
    lost(&world, "client").await?;
    world.relay.stop().await?;
    let (_, code) = canary(&world, &SOON).await?;
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

/// A client that sends canaries all the time, and the lines that tell of them.
struct Watched(TestClient);

impl Watched {
    async fn new(home: &Home, options: &[&str]) -> anyhow::Result<Self> {
        let common = ["-e", "hooks", "--canary", "1s"];
        Ok(Self(home.listen(&[options, &common].concat()).await?))
    }

    /// Waits for a canary that is lost after those that were told.
    async fn loses(&self, told: usize) -> anyhow::Result<Value> {
        self.next(told, "lost").await
    }

    async fn next(&self, told: usize, state: &str) -> anyhow::Result<Value> {
        let next = || {
            let lines = self.0.lines_of("canary");
            lines[told..]
                .iter()
                .find(|line| line["state"] == state)
                .cloned()
        };
        eventually!(next().is_some(), "a canary that is {state}")?;
        next().context("the line is gone")
    }

    fn told(&self) -> usize {
        self.0.count_of("canary")
    }
}

#[tokio::test]
async fn a_link_that_delivers_nothing_is_named_and_dialled_again() -> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let proxy = ChaosProxy::to(relay.address());
    let home = Home::new(&relay, &relay.account("dev").await?)?;
    let home = home.via(&relay.url_at(proxy.address())?);
    let client = Watched::new(&home, &[]).await?;
    client.next(0, "arrived").await?;
    let dialled = proxy.accepted();
    proxy.go_silent();
    let lost = client.loses(client.told()).await?;
    ensure!(lost["hop"] == "link", "{lost}");
    ensure!(
        lost["reason"].to_string().contains("seems to be up"),
        "{lost}"
    );
    client.next(client.told(), "arrived").await?;
    ensure!(proxy.accepted() > dialled, "the old link is in use");

    // Cut, and nobody answers the next dial.
    let told = client.told();
    drop(proxy);
    let lost = client.loses(told).await?;
    ensure!(lost["hop"] == "link", "{lost}");
    ensure!(
        lost["reason"].to_string().contains("the link is down"),
        "{lost}"
    );
    Ok(())
}

#[tokio::test]
async fn a_full_history_is_named() -> anyhow::Result<()> {
    let relay = TestRelay::start().await?;
    let home = Home::new(&relay, &relay.account("dev").await?)?;
    let app = App::down(|_| unreachable!("nothing is sent to it"));
    let target = app.url("");
    let client = Watched::new(&home, &[&target, "--keep-bytes", "1048576"]).await?;
    let mut connection = relay.caller()?.connect(&client.0.url()?).await?;
    let large = "x".repeat(512 * 1024);
    for number in 0..20 {
        let body = json!({"uuid": number.to_string(), "event": "/e", "body": large});
        connection
            .post(&Hook::notification(body.to_string()))
            .await?;
    }
    let full = |line: &Value| line["hop"] == "history" && line["state"] == "lost";
    eventually!(
        client.0.lines_of("canary").iter().any(full),
        "a canary that the history has no room for: {:?}",
        client.0.lines_of("canary")
    )?;
    Ok(())
}

#[tokio::test]
async fn an_expired_certificate_is_named() -> anyhow::Result<()> {
    let pki = Pki::new()?;
    // The public URL leads to a server whose certificate has ended; the link is up.
    let expired = scripted_server(Some(pki.server(Chain::Expired)?), |_| {
        unreachable!("nobody trusts it")
    });
    let url = format!("https://localhost:{}", expired.address.port());
    let relay = TestRelay::start_with(&["--public-url", &url]).await?;
    let home = Home::new(&relay, &relay.account("dev").await?)?;
    let both = home.path().join("ca.pem");
    let authorities = [std::fs::read(relay.ca())?, std::fs::read(pki.ca())?];
    std::fs::write(&both, authorities.concat())?;
    let home = home
        .via(&format!("https://localhost:{}", relay.address().port()))
        .variable("RINGTAIL_CA", &both.to_string_lossy());
    let client = Watched::new(&home, &[]).await?;
    let lost = client.loses(0).await?;
    ensure!(lost["hop"] == "relay", "{lost}");
    ensure!(lost["reason"].to_string().contains("expired"), "{lost}");
    Ok(())
}
