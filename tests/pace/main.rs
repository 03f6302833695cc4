//! `ringtail check` against servers that are slow on purpose: 2.9 s against 3.1 s, 0.9 s against 1.1 s.
//!
//! What it says of them is held against what it measured, which on a busy machine may be more. Cargo runs this program
//! while no other test does, so that mostly it is not.

use std::time::Duration;

use ringtail_tests::check_servers::{
    Asked, Case, Chain, Greeting, Pki, RawServer, Reply, Server, Table, check, validation,
};

fn after(asked: &Asked, millis: u64) -> Reply {
    let answer = validation(asked, "200 OK", &[], b"");
    Reply::Bytes(answer, Duration::from_millis(millis))
}

#[tokio::test(flavor = "multi_thread")]
async fn late_is_told_from_just_in_time_and_from_never() -> anyhow::Result<()> {
    let pki = Pki::new()?;
    let config = pki.server(Chain::Good)?;
    let slow = |millis| Server::start(Some(config.clone()), move |asked| after(asked, millis));
    let answers = [
        ("0.9 s", 900_u32),
        ("1.1 s", 1100),
        ("2.9 s", 2900),
        ("3.1 s", 3100),
    ];
    let cold = Server::start(Some(config.clone()), |asked| {
        after(asked, if asked.before == 0 { 700 } else { 0 })
    });
    let mut servers = vec![("a cold start", cold.await?, Case::passing(), 700.0)];
    for (name, millis) in answers {
        servers.push((
            name,
            slow(millis.into()).await?,
            Case::passing(),
            millis.into(),
        ));
    }
    let silent = Server::start(Some(config.clone()), |_| Reply::Silence).await?;
    let late = Server::start(Some(config.clone()), |asked| {
        after(asked, if asked.body.is_empty() { 0 } else { 3100 })
    });
    let never = Case::failing("answer", "SUB-521", "nothing within 10 s");
    let notified = Case::notified("notification-time", " ms");
    servers.push(("never answers", silent, never, 0.0));
    servers.push(("notification after 3.1 s", late.await?, notified, 0.0));
    let mute = RawServer::start(Greeting::Silence).await?;
    let hello = Case::failing("tls-version", "SUB-521", "says nothing for 5 s");
    let cases: Vec<_> = servers
        .iter()
        .map(|(name, server, case, least)| (*name, server.port(), case, *least))
        .chain([("never answers TLS", mute.port(), &hello, 0.0)])
        .collect();
    let mut table = Table::new(pki.ca());
    let checks = cases.iter().map(|(_, port, case, _)| {
        let more = [case.more, &["--tries", "2"]].concat();
        let ca = pki.ca();
        async move { check(&format!("https://localhost:{port}/hook"), ca, &more).await }
    });
    let seen = futures_util::future::try_join_all(checks).await?;
    for ((name, _, case, least), seen) in cases.iter().zip(&seen) {
        table.take(name, case, seen);
        let first = seen.times().next().unwrap_or_default();
        assert!(first >= *least, "{name}: {first} ms");
    }
    table.print();
    table.assert();
    Ok(())
}
