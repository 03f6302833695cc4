//! The disk under a client's history: full, then with room again.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use ringtail_kit::app::App;
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;

use super::{Load, Row, SOME, VOLUME, mounts, row};
use crate::client::Home;
use crate::relay::TestRelay;
use crate::stores::{self, Stored};
use crate::traffic::Traffic;

/// Passthrough requests while the disk is full.
const PASSED: u64 = 20;

pub(super) async fn full() -> anyhow::Result<Row> {
    let mut relay = TestRelay::start().await?;
    let home = Home::new(&relay, &relay.account("faults").await?)?;
    std::fs::create_dir(home.data())?;
    mounts::memory(&home.data(), 16)?;
    let ballast = home.data().join("ballast");
    std::fs::write(&ballast, vec![0; 8 << 20]).context("no ballast")?;
    let app = App::accepting();
    let mut client = home.listen(&[&app.url(""), "--endpoint", "faults"]).await?;
    let url = client.url()?;
    let mut traffic = Traffic::start(&relay.caller()?, &url, VOLUME);
    let said = |state: &str| {
        client
            .lines_of("link")
            .iter()
            .any(|line| line["state"] == state)
    };
    while !said("disk-full") {
        ensure!(
            !said("waiting"),
            "the link ended: {:?}",
            client.lines_of("link")
        );
        traffic.more(SOME).await?;
    }
    traffic.pause();
    let mut caller = relay.caller()?.connect(&url).await?;
    for number in 0..PASSED {
        let answer = caller.post(&Hook::new("GET", "").below("/passed")).await?;
        ensure!(answer.status == 200, "request {number}: {}", answer.status);
    }
    std::fs::remove_file(&ballast)?;
    let sent = traffic.finish().await?;
    let missing = || -> anyhow::Result<usize> {
        let events = stores::history(&home.data())?;
        let stored: BTreeSet<u64> = events.iter().filter_map(Stored::number).collect();
        Ok(sent.acknowledged.difference(&stored).count())
    };
    eventually!(
        missing().is_ok_and(|missing| missing == 0),
        "all in the history"
    )
    .ok();
    let good = said("connected") && !said("waiting");
    let load = Load {
        sent: sent.sent,
        acknowledged: sent.acknowledged.len(),
        refused: sent.refused,
        unanswered: sent.unanswered,
        lost: missing()?,
    };
    client.stop().await?;
    relay.stop().await?;
    mounts::unmount(&home.data())?;
    Ok(row(
        "a client whose disk is full says so, and takes what waited on the relay once there is room, on the same link",
        format!("200 to notifications and to {PASSED} passthrough requests meanwhile"),
        load,
        good,
    ))
}
