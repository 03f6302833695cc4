//! Ends that are asked for.

use std::time::Instant;

use super::disk::first_line;
use super::{Row, SOME, Scene, row};
use crate::client::Home;
use crate::relay::TestRelay;
use crate::stores;
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;

pub(super) async fn two_relays() -> anyhow::Result<Row> {
    let mut scene = Scene::on(TestRelay::start().await?).await?;
    let probe = scene.probe()?;
    let (code, said) = scene.relay.refusal().await?;
    scene.traffic.more(SOME).await?;
    let seen = probe.finish().await?;
    let (mut relay, load) = scene.finish().await?;
    let data = relay.data().display().to_string();
    relay.stop().await?;
    let refused = code == Some(1) && said.contains("error[RT-603]");
    Ok(row(
        format!(
            "the second does not start: exit {code:?}, {}",
            first_line(&said).replace(&data, "DATA")
        ),
        format!("200 from the first throughout ({seen})"),
        load,
        refused && seen.all_right(),
    ))
}

pub(super) async fn terminated() -> anyhow::Result<Row> {
    let relay = TestRelay::start().await?;
    let token = relay.account("link").await?;
    let home = Home::new(&relay, &token)?;
    let client = home.listen(&["--no-forward", "--endpoint", "link"]).await?;
    let linked = client.url()?;
    let mut scene = Scene::on(relay).await?;
    let began = Instant::now();
    let (code, _) = scene.relay.end().await?;
    let ended = began.elapsed();
    scene.traffic.pause();
    scene.relay.resume().await?;
    scene.traffic.resume();
    let hook = Hook::notification(crate::hooks::numbered(99, 0));
    let answer = scene.relay.caller()?.post(&linked, &hook).await?;
    let came = Instant::now();
    eventually!(
        stores::history_len(&home.data()).is_ok_and(|count| count == 1),
        "the client to come back"
    )?;
    let back = came.elapsed();
    scene.traffic.more(SOME).await?;
    let (mut relay, load) = scene.finish().await?;
    relay.stop().await?;
    Ok(row(
        format!(
            "exit {code:?} after {} ms; started again, the client's link is back after {} ms",
            ended.as_millis(),
            back.as_millis()
        ),
        "200 until the end, then nobody listens until the next start",
        load,
        code == Some(0) && answer.status == 200,
    ))
}

pub(super) async fn cut_off() -> anyhow::Result<Row> {
    let mut relay = TestRelay::start_with(&["--drain", "1"]).await?;
    let token = relay.account("link").await?;
    let app = super::silent_app();
    let home = Home::new(&relay, &token)?;
    let client = home.listen(&[&app.url("/"), "--endpoint", "link"]).await?;
    let linked = client.url()?;
    let caller = relay.caller()?;
    let asked = caller.clone();
    let mut passthrough = tokio::task::JoinSet::new();
    passthrough.spawn(async move { asked.post(&linked, &Hook::new("GET", "")).await });
    eventually!(super::unanswered(&app) > 0, "the app to be asked")?;
    let scene_relay = relay.endpoint(&token, "faults").await?;
    let mut traffic = super::Traffic::start(&caller, &scene_relay.url, super::VOLUME);
    traffic.more(SOME).await?;
    let (code, _) = relay.end().await?;
    let sent = traffic.finish().await?;
    let load = super::Load::of(&sent, &relay)?;
    let answer = passthrough.join_next().await.transpose()?.transpose()?;
    let status = answer.map(|answer| answer.status);
    Ok(row(
        format!("exit {code:?} when --drain 1 is over"),
        format!(
            "{status:?} to the passthrough that was waiting; 200 to notifications until the end"
        ),
        load,
        code == Some(75) && status == Some(503),
    ))
}
