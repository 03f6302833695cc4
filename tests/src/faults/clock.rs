//! The system's clock jumps, by faketime's library: retention must not take the jump for age.

use anyhow::Context;

use super::{Row, SOME, Scene, row};
use crate::relay::TestRelay;
use ringtail_kit::eventually;

/// Longer than the month that events are kept.
const AHEAD: &str = "+60d";

pub(super) async fn jumps() -> anyhow::Result<Row> {
    let library = library()?;
    let shared = tempfile::tempdir()?;
    let offset = shared.path().join("offset");
    std::fs::write(&offset, "+0")?;
    let relay = TestRelay::start().await?;
    let mut scene = Scene::on(relay).await?;
    scene.traffic.pause();
    scene.relay.stop().await?;
    scene.relay.setup().environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", &offset.display().to_string()),
        ("FAKETIME_NO_CACHE", "1"),
        // Only the clock on the wall is wrong.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
        ("RUST_LOG", "info,ringtail_relay::clock=debug"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    scene.relay.resume().await?;
    scene.traffic.resume();
    scene.traffic.more(SOME).await?;

    // While the relay runs. A file that is written in place could be read half.
    let next = shared.path().join("next");
    std::fs::write(&next, AHEAD)?;
    std::fs::rename(&next, &offset)?;
    eventually!(
        scene.relay.log().contains("clock jumped"),
        "the relay to doubt a clock that jumped"
    )?;
    // Retention takes turns with these, and has been through all there is when they are stored.
    scene.traffic.more(4 * SOME).await?;

    // A start with the wrong time.
    scene.traffic.pause();
    scene.relay.stop().await?;
    scene.relay.resume().await?;
    eventually!(
        scene.relay.log().contains("last known time is old"),
        "the relay to doubt the clock it was started with"
    )?;
    scene.traffic.resume();
    scene.traffic.more(4 * SOME).await?;

    // The right time again.
    scene.traffic.pause();
    scene.relay.stop().await?;
    scene.relay.setup().environment.clear();
    scene.relay.resume().await?;
    scene.traffic.resume();
    let probe = scene.probe()?;
    scene.traffic.more(SOME).await?;
    let seen = probe.finish().await?;
    let (mut relay, load) = scene.finish().await?;
    relay.stop().await?;
    Ok(row(
        format!(
            "doubts the clock and keeps its events: when it jumps {AHEAD}, and when started then; and after a start in time"
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
