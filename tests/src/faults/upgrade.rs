//! One relay replaced by another behind a socket that stays open, as `systemctl restart` does with
//! `deploy/ringtail-relay.socket`, under validation and notifications, with a link and a passthrough request in flight.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::probe::LIMIT;
use super::{Load, Plan, Row, SOME, Scene, row};
use crate::client::Home;
use crate::relay::{Setup, TestRelay};
use crate::stores;
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;

pub(super) async fn replaced(plan: Plan) -> anyhow::Result<Row> {
    let times = plan.upgrades;
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let setup = Setup {
        socket: Some(socket),
        ..Setup::default()
    };
    let relay = TestRelay::start_as(tempfile::tempdir()?, setup).await?;
    let token = relay.account("link").await?;
    let app = super::silent_app();
    let home = Home::new(&relay, &token)?;
    let client = home.listen(&[&app.url("/"), "--endpoint", "link"]).await?;
    let linked = client.url()?;
    let mut scene = Scene::on(relay).await?;
    let caller = scene.relay.caller()?;
    let probe = scene.probe()?;
    let mut longest_away = Duration::ZERO;
    let mut unfinished = 0;
    for upgrade in 0..times {
        let mut passthrough = JoinSet::new();
        let (asked, url) = (caller.clone(), linked.clone());
        passthrough.spawn(async move { asked.post(&url, &Hook::new("GET", "")).await });
        eventually!(super::unanswered(&app) > upgrade, "the app to be asked")?;
        let began = Instant::now();
        scene.relay.end().await?;
        scene.relay.resume().await?;
        longest_away = longest_away.max(began.elapsed());
        let answer = passthrough.join_next().await.transpose()?.transpose()?;
        unfinished += usize::from(answer.is_some_and(|answer| answer.status == 503));
        scene.traffic.more(SOME).await?;
        let mark = Hook::notification(crate::hooks::numbered(99, 0));
        caller.post(&linked, &mark).await?;
        eventually!(
            stores::history(&home.data()).is_ok_and(|history| {
                let marked =
                    |event: &&stores::Stored| crate::hooks::number_of(&event.body).is_some();
                history.iter().filter(marked).count() == upgrade + 1
            }),
            "the link to be back"
        )?;
    }
    let seen = probe.finish().await?;
    let sent = scene.traffic.finish().await?;
    let mut relay = scene.relay;
    relay.end().await?;
    let load = Load::of(&sent, &relay)?;
    let failed = load.unanswered + load.refused + sent.unconnected;
    let good = seen.all_right()
        && failed == 0
        && unfinished == times
        && (!plan.judges_time || seen.slowest.max(sent.slowest) < LIMIT);
    Ok(row(
        format!(
            "{times} times, each with a passthrough request in flight: from the signal to the next one's being ready {} ms at most; \
             the client's link came back each time",
            longest_away.as_millis()
        ),
        format!(
            "{seen}; notifications: {failed} failed, longest {} ms (limit {} ms); 503 to {unfinished} of {times} passthroughs",
            sent.slowest.as_millis(),
            LIMIT.as_millis()
        ),
        load,
        good,
    ))
}
