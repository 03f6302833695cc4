//! The system's clock jumps, by faketime's library: retention must not take the jump for age.

use anyhow::Context;

use super::{Row, SOME, Scene, row};
use crate::eventually;
use crate::relay::TestRelay;

/// Longer than the month that events are kept.
const AHEAD: &str = "+60d";

pub(super) async fn jumps() -> anyhow::Result<Row> {
    let library = library()?;
    let relay = TestRelay::start().await?;
    let mut scene = Scene::on(relay).await?;
    scene.traffic.hold();
    scene.relay.stop().await?;
    scene.relay.setup().environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", AHEAD),
        // Only the clock on the wall is wrong.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    scene.relay.resume().await?;
    eventually!(
        scene.relay.log().contains("clock jumped"),
        "the relay to doubt the clock"
    )?;
    scene.traffic.flow();
    // Retention takes turns with these, and has been through all there is when they are stored.
    scene.traffic.more(4 * SOME).await?;
    scene.traffic.hold();
    scene.relay.stop().await?;
    scene.relay.setup().environment.clear();
    scene.relay.resume().await?;
    scene.traffic.flow();
    let probe = scene.probe()?;
    scene.traffic.more(SOME).await?;
    let seen = probe.finish().await?;
    let (mut relay, load) = scene.finish().await?;
    relay.stop().await?;
    Ok(row(
        format!(
            "started {AHEAD} ahead of its events it doubts the clock and keeps them; then started in time"
        ),
        format!("200 throughout ({seen})"),
        load,
        seen.all_right(),
    ))
}

fn library() -> anyhow::Result<String> {
    let found = std::fs::read_dir("/usr/lib")?
        .flatten()
        .map(|arch| arch.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists());
    let library = found.context("faketime is not installed\nhint: apt-get install faketime")?;
    Ok(library.display().to_string())
}
