//! Answers to validations.

use std::time::Duration;

use anyhow::Context;

use super::Plan;
use super::load::{self, Measured, Mode};
use super::load_http2;
use super::peers::{Nginx, Own};
use super::servers::Kind;
use super::shot::{self, Aim, Expect, Shot};
use super::table::Table;
use crate::client::Home;
use crate::procfs;
use crate::relay::{ANY_RATE, TestRelay};
use ringtail_kit::tls::Identity;

/// Name of our row, in every table.
pub(crate) const OURS: &str = "ringtail";
/// Name of the row of a relay with a client, which gets what is stored of the validations.
const ATTACHED: &str = "ringtail, a client attached";
/// Name of nginx's row.
pub(crate) const NGINX: &str = "nginx";
/// Name of the row of the bare server, the limit for us.
pub(crate) const HELLO: &str = "hyper + rustls";

/// Connections and streams that make 64 requests in flight over HTTP/2.
const HTTP2_SHAPE: (usize, usize) = (4, 16);

const COLUMNS: [&str; 8] = [
    "keep-alive 1",
    "keep-alive 64",
    "h2 64",
    "new TLS 1",
    "new TLS 16",
    "CPU s/1k k-a",
    "CPU s/1k new",
    "RSS MiB",
];

struct Contender {
    name: &'static str,
    pid: u32,
    aim: Aim,
    shot: Shot,
}

/// Measures validations a second, CPU seconds for a thousand of them, and memory.
///
/// # Errors
/// When a server does not come up or gives one wrong answer.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<String> {
    let identity = Identity::new()?;
    let ca = identity.directory().join("cert.pem");
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let token = relay.account("bench").await?;
    let url = relay.endpoint(&token, "bench").await?.url;
    let watched = TestRelay::start_with(ANY_RATE).await?;
    let token = watched.account("bench").await?;
    let client = Home::new(&watched, &token)?
        .listen(&["--endpoint", "bench"])
        .await?;
    let hello = Own::start(Kind::Hello, &identity).await?;
    let nginx = Nginx::start(&identity, hello.address).await?;

    let contender = |name, pid, aim: Aim| {
        let shot = Shot::new(&aim, &shot::validation(), Expect::Echo)?;
        Ok::<_, anyhow::Error>(Contender {
            name,
            pid,
            aim,
            shot,
        })
    };
    let mut contenders = vec![
        contender(
            OURS,
            relay.pid().context("the relay has ended")?,
            Aim::new(relay.address(), &url, relay.ca())?,
        )?,
        contender(
            ATTACHED,
            watched.pid().context("the relay has ended")?,
            Aim::new(watched.address(), &client.url()?, watched.ca())?,
        )?,
        contender(
            HELLO,
            hello.pid()?,
            Aim::new(hello.address, "https://localhost/", &ca)?,
        )?,
    ];
    let mut table = Table::new(
        "Edge: validations answered, a second (every echo checked)",
        &COLUMNS,
    );
    match &nginx {
        Some(nginx) => contenders.push(contender(
            NGINX,
            nginx.pid()?,
            Aim::new(nginx.address, "https://localhost/", &ca)?,
        )?),
        None => table.note("nginx is not installed and was skipped: apt-get install nginx"),
    }
    for _ in 0..plan.rounds {
        for contender in &mut contenders {
            contender.round(plan.cell, &mut table).await?;
        }
    }
    Ok(table.render(OURS, &[ATTACHED, NGINX, HELLO]))
}

impl Contender {
    async fn round(&mut self, time: Duration, table: &mut Table) -> anyhow::Result<()> {
        let closed = async |mode, connections| {
            load::closed(&self.aim, &self.shot, mode, connections, time).await
        };
        let measured = closed(Mode::KeepAlive, 1).await?;
        table.add(self.name, "keep-alive 1", measured.rate);

        let before = procfs::cpu_with_children(self.pid)?;
        let measured = closed(Mode::KeepAlive, 64).await?;
        table.add(self.name, "keep-alive 64", measured.rate);
        table.add(self.name, "CPU s/1k k-a", self.cost(before, &measured)?);

        let (connections, streams) = HTTP2_SHAPE;
        let measured = load_http2::validations(&self.aim, connections, streams, time).await?;
        table.add(self.name, "h2 64", measured.rate);

        let measured = closed(Mode::NewTls, 1).await?;
        table.add(self.name, "new TLS 1", measured.rate);

        let before = procfs::cpu_with_children(self.pid)?;
        let measured = closed(Mode::NewTls, 16).await?;
        table.add(self.name, "new TLS 16", measured.rate);
        table.add(self.name, "CPU s/1k new", self.cost(before, &measured)?);

        let rss = procfs::rss_kib(self.pid)? as f64 / 1024.0;
        table.add(self.name, "RSS MiB", rss);
        Ok(())
    }

    fn cost(&self, before: Duration, measured: &Measured) -> anyhow::Result<f64> {
        let spent = procfs::cpu_with_children(self.pid)?.saturating_sub(before);
        Ok(spent.as_secs_f64() * 1000.0 / measured.requests as f64)
    }
}
