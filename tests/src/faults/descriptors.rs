//! No file descriptors left: connections continue, new ones wait.

use tokio::net::TcpStream;

use super::{Row, SOME, Scene, row};
use ringtail_kit::caller::Hook;

use crate::client::Home;
use crate::relay::{Setup, TestRelay};
use crate::stores;
use ringtail_kit::eventually;

/// Enough for the relay and some connections.
const LIMIT: usize = 80;

pub(super) async fn exhausted() -> anyhow::Result<Row> {
    let setup = Setup {
        wrapper: ["prlimit".to_owned(), format!("--nofile={LIMIT}:{LIMIT}")].into(),
        ..Setup::default()
    };
    let relay = TestRelay::start_as(tempfile::tempdir()?, setup).await?;
    let token = relay.account("link").await?;
    let home = Home::new(&relay, &token)?;
    let client = home.listen(&["--no-forward", "--endpoint", "link"]).await?;
    let linked = relay.caller()?;
    let mut before = linked.connect(&client.url()?).await?;
    let mut scene = Scene::on(relay).await?;
    let mut crowd = Vec::new();
    for _ in 0..LIMIT {
        crowd.push(TcpStream::connect(scene.relay.address()).await?);
    }
    eventually!(
        scene
            .relay
            .log()
            .contains("could not accept a connection; pausing"),
        "the relay to run out"
    )?;
    let probe = scene.probe()?;
    scene.traffic.more(SOME).await?;
    let hook = Hook::notification(crate::hooks::numbered(99, 0));
    let answer = before.post(&hook).await?;
    eventually!(
        stores::history_len(&home.data()).is_ok_and(|count| count == 1),
        "the event in the client's history"
    )?;
    drop(crowd);
    scene.traffic.more(SOME).await?;
    let seen = probe.finish().await?;
    let again = scene.probe()?;
    scene.traffic.more(SOME).await?;
    let later = again.finish().await?;
    let (mut relay, load) = scene.finish().await?;
    relay.stop().await?;
    let good =
        answer.status == 200 && seen.failed == 0 && later.all_right() && load.unanswered == 0;
    Ok(row(
        format!(
            "{LIMIT} descriptors used up: accepting pauses, journal and link go on, accepting comes back by itself"
        ),
        format!(
            "200 on connections that it has; a new one waits until descriptors are free: {seen}; afterwards {later}"
        ),
        load,
        good,
    ))
}
