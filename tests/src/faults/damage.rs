//! Damage to the journal's files while no relay runs: found at the start, and mended with a copy.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::disk::first_line;
use super::{Load, Row, Scene, row};
use crate::relay::TestRelay;

const PAGE: u64 = 4096;

pub(super) async fn flipped() -> anyhow::Result<Row> {
    damaged(Ended::InOrder, |data| {
        let database = data.join("relay.db");
        let middle = fs::metadata(&database)?.len() / PAGE / 2 * PAGE;
        overwrite(&database, middle, &[0xff; 256])
    })
    .await
}

pub(super) async fn cut() -> anyhow::Result<Row> {
    damaged(Ended::InOrder, |data| {
        let database = OpenOptions::new().write(true).open(data.join("relay.db"))?;
        Ok(database.set_len(database.metadata()?.len() / 2)?)
    })
    .await
}

pub(super) async fn garbage() -> anyhow::Result<Row> {
    damaged(Ended::InOrder, |data| {
        overwrite(&data.join("relay.db"), 0, &[0xa5; 4096])
    })
    .await
}

pub(super) async fn log() -> anyhow::Result<Row> {
    damaged(Ended::Killed, |data| {
        let log = data.join("relay.db-wal");
        let middle = fs::metadata(&log)?.len() / 2;
        overwrite(&log, middle, &[0xff; 64])
    })
    .await
}

/// How the relay had ended before: only a killed one leaves a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    InOrder,
    Killed,
}

async fn damaged(
    ended: Ended,
    damage: impl Fn(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<Row> {
    let scene = Scene::on(TestRelay::start().await?).await?;
    let mut relay = scene.relay;
    let sent = match ended {
        Ended::InOrder => {
            let sent = scene.traffic.finish().await?;
            relay.stop().await?;
            sent
        }
        Ended::Killed => {
            relay.kill().await?;
            scene.traffic.finish().await?
        }
    };
    let copies = tempfile::tempdir()?;
    copy(relay.data(), copies.path())?;
    damage(relay.data())?;
    let (code, said) = relay.refusal().await?;
    copy(copies.path(), relay.data())?;
    relay.resume().await?;
    relay.stop().await?;
    let load = Load::of(&sent, &relay)?;
    Ok(row(
        format!(
            "does not start: exit {code:?}, {}",
            first_line(&said).replace(&relay.data().display().to_string(), "DATA")
        ),
        "nobody listens, until a copy is put back and the relay is started",
        load,
        code == Some(1) && said.contains("error[RT-630]"),
    ))
}

/// Copies the database's files; those that the other directory lacks are removed.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    for name in ["relay.db", "relay.db-wal", "relay.db-shm"] {
        let (from, to): (PathBuf, PathBuf) = (from.join(name), to.join(name));
        if from.exists() {
            fs::copy(&from, &to)?;
        } else if to.exists() {
            fs::remove_file(&to)?;
        }
    }
    Ok(())
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(at))?;
    Ok(file.write_all(bytes)?)
}
