//! `ringtail check` against servers that are slow on purpose: 2.9 s against 3.1 s, 0.9 s against 1.1 s.
//!
//! The differences are 100 ms of real time, so this is a program of its own: cargo runs it while no other test does.

use std::time::Duration;

use ringtail_tests::check_servers::{
    Asked, Case, Chain, Greeting, Pki, RawServer, Reply, Server, Table, check, handshake,
};

/// Servers whose answers are 100 ms from a limit that they must keep.
const TIGHT: [&str; 2] = ["0.9 s", "2.9 s"];

fn after(asked: &Asked, millis: u64) -> Reply {
    let answer = handshake(asked, "200 OK", &[], b"");
    Reply::Bytes(answer, Duration::from_millis(millis))
}

#[tokio::test(flavor = "multi_thread")]
async fn late_is_told_from_just_in_time_and_from_never() -> anyhow::Result<()> {
    let pki = Pki::new()?;
    let config = pki.server(Chain::Good)?;
    let slow = |millis| Server::start(Some(config.clone()), move |asked| after(asked, millis));
    let old = "older editions of RingCentral's guide allow 1000 ms";
    let late = Case::failing("time", "SUB-521", "first 31");
    let servers = [
        ("0.9 s", slow(900).await?, Case::passing()),
        (
            "1.1 s",
            slow(1100).await?,
            Case::warning("old-time", Some("SUB-521"), old),
        ),
        (
            "2.9 s",
            slow(2900).await?,
            Case::warning("old-time", Some("SUB-521"), old),
        ),
        ("3.1 s", slow(3100).await?, late),
        (
            "a cold start",
            Server::start(Some(config.clone()), |asked| {
                after(asked, if asked.before == 0 { 700 } else { 0 })
            })
            .await?,
            Case::warning("cold-start", Some("SUB-521"), "the first answer takes 7"),
        ),
        (
            "never answers",
            Server::start(Some(config.clone()), |_| Reply::Silence).await?,
            Case::failing("answer", "SUB-521", "nothing within 10 s"),
        ),
        (
            "notification after 3.1 s",
            Server::start(Some(config.clone()), |asked| {
                after(asked, if asked.body.is_empty() { 0 } else { 3100 })
            })
            .await?,
            Case::notified("notification-time", "31"),
        ),
    ];
    let mute = RawServer::start(Greeting::Silence).await?;
    let hello = Case::failing("tls-version", "SUB-521", "says nothing for 5 s");
    let all = servers
        .iter()
        .map(|(name, server, case)| (*name, server.port(), case))
        .chain([("never answers TLS", mute.port(), &hello)]);
    // Those that are just in time have the machine to themselves.
    let (tight, loose): (Vec<_>, Vec<_>) = all.partition(|(name, ..)| TIGHT.contains(name));
    let mut table = Table::new(pki.ca());
    for cases in [tight, loose] {
        let checks = cases.iter().map(|(_, port, case)| {
            let more = [case.more, &["--tries", "2"]].concat();
            let ca = pki.ca();
            async move { check(&format!("https://localhost:{port}/hook"), ca, &more).await }
        });
        let seen = futures_util::future::try_join_all(checks).await?;
        for ((name, _, case), seen) in cases.iter().zip(&seen) {
            table.take(name, case, seen);
        }
    }
    table.print();
    table.assert();
    Ok(())
}
