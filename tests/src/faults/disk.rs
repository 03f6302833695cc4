//! The disk under the journal: full, read-only when the relay starts, read-only while it serves.

use anyhow::Context;

use super::{Load, Row, SOME, Scene, mounts, row};
use crate::relay::{Setup, TestRelay};
use ringtail_kit::eventually;

/// Takes room that is given back.
const BALLAST: &str = "ballast";

pub(super) async fn full() -> anyhow::Result<Row> {
    let data = tempfile::tempdir()?;
    mounts::memory(data.path(), 12)?;
    let ballast = data.path().join(BALLAST);
    std::fs::write(&ballast, vec![0; 4 << 20]).context("no ballast")?;
    let mut scene = Scene::on(TestRelay::start_as(data, Setup::default()).await?).await?;
    scene.traffic.more_refused(SOME).await?;
    let pid = scene.relay.pid();
    let probe = scene.probe()?;
    scene.traffic.more_refused(SOME).await?;
    let seen = probe.finish().await?;
    std::fs::remove_file(&ballast)?;
    scene.traffic.more(SOME).await?;
    let same = scene.relay.pid() == pid;
    let (mut relay, load) = scene.finish().await?;
    relay.stop().await?;
    let good = seen.all_right() && same && load.unanswered == 0;
    unmounted(relay)?;
    Ok(row(
        format!("12 MiB full; with 4 MiB freed it stores again, same process: {same}"),
        format!("503 to notifications, 200 to validations ({seen}); then 200 to both"),
        load,
        good,
    ))
}

pub(super) async fn read_only() -> anyhow::Result<Row> {
    let data = tempfile::tempdir()?;
    mounts::memory(data.path(), 64)?;
    let scene = Scene::on(TestRelay::start_as(data, Setup::default()).await?).await?;
    let sent = scene.traffic.finish().await?;
    let mut relay = scene.relay;
    relay.stop().await?;
    mounts::remount(relay.data(), "ro")?;
    let (code, said) = relay.refusal().await?;
    mounts::remount(relay.data(), "rw")?;
    relay.resume().await?;
    relay.stop().await?;
    let load = Load::of(&sent, &relay)?;
    let good = code == Some(1) && said.contains("error[RT-604]");
    unmounted(relay)?;
    Ok(row(
        format!("does not start: exit {code:?}, {}", first_line(&said)),
        "nobody listens, until the file system can be written again and the relay is started",
        load,
        good,
    ))
}

/// What ext4 does to itself when the disk under it fails.
pub(super) async fn turns_read_only() -> anyhow::Result<Row> {
    if !mounts::devices() {
        return Ok(row(
            "not tried: only root can mount the file system that this needs",
            "–",
            Load::default(),
            true,
        ));
    }
    let data = tempfile::tempdir()?;
    let images = tempfile::tempdir()?;
    let image = images.path().join("image");
    mounts::make_ext4(&image, 64)?;
    mounts::image(&image, data.path())?;
    let mut scene = Scene::on(TestRelay::start_as(data, Setup::default()).await?).await?;
    // With nothing in flight: of an fsync(2) that is under way at this moment the kernel may say that it succeeded, and
    // throw away what was written.
    scene.traffic.pause();
    eventually!(scene.traffic.is_quiet(), "the load to rest")?;
    mounts::remount(scene.relay.data(), "abort")?;
    scene.traffic.resume();
    scene.traffic.more_refused(SOME).await?;
    let probe = scene.probe()?;
    scene.traffic.more_refused(SOME).await?;
    let seen = probe.finish().await?;
    let sent = scene.traffic.finish().await?;
    let mut relay = scene.relay;
    let (code, _) = relay.end().await?;
    mounts::unmount(relay.data())?;
    mounts::image(&image, relay.data())?;
    relay.resume().await?;
    relay.stop().await?;
    let load = Load::of(&sent, &relay)?;
    let good = seen.all_right() && load.unanswered == 0;
    unmounted(relay)?;
    Ok(row(
        format!("goes on and stores nothing; told to stop: exit {code:?}; mounted anew it starts"),
        format!("503 to notifications, 200 to validations ({seen})"),
        load,
        good,
    ))
}

/// The directory can be removed only when nothing is mounted on it.
fn unmounted(relay: TestRelay) -> anyhow::Result<()> {
    mounts::unmount(relay.data())?;
    drop(relay);
    Ok(())
}

pub(super) fn first_line(said: &str) -> &str {
    said.lines()
        .find(|line| line.starts_with("error["))
        .unwrap_or_default()
}
