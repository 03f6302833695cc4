//! Requests answered by the app, through the tunnel and back.

use std::time::Duration;

use anyhow::Context;

use super::Plan;
use super::edge::{NGINX, OURS};
use super::load::{self, Mode};
use super::open_loop;
use super::peers::{ByteTunnel, Nginx, Own};
use super::servers::Kind;
use super::shot::{self, Aim, Expect, Shot};
use super::spent::Spent;
use super::table::Table;
use crate::client::Home;
use crate::procfs;
use crate::relay::{ANY_RATE, TestRelay};
use ringtail_kit::postgres::PostgresServer;
use ringtail_kit::tls::Identity;

/// Bytes of the body, connections, column.
const CELLS: [(usize, usize, &str); 6] = [
    (1_000, 1, "1 kB: 1"),
    (1_000, 16, "1 kB: 16"),
    (1_000, 64, "1 kB: 64"),
    (1_000, 256, "1 kB: 256"),
    (10_000, 1, "10 kB: 1"),
    (10_000, 64, "10 kB: 64"),
];
const P50: &str = "p50 ms at 1";
const RELAY_CPU: &str = "relay CPU ms at 64";
const CLIENT_CPU: &str = "client CPU ms at 64";

/// Columns of a rate.
macro_rules! columns {
    ($rate:literal) => {
        [
            concat!($rate, "/s p50 ms"),
            concat!($rate, "/s p99 ms"),
            concat!($rate, "/s relay CPU ms"),
            concat!($rate, "/s client CPU ms"),
            concat!($rate, "/s relay switches"),
            concat!($rate, "/s client switches"),
        ]
    };
}

/// Requests a second of the open loop, and its columns: latencies of the answer, and what relay and client spent on a request.
const OPEN: [(u32, [&str; 6]); 2] = [(200, columns!(200)), (500, columns!(500))];
const RSS: &str = "RSS MiB";

/// Over PostgreSQL, at a relay that carries the request to the one with the client's link.
const ACROSS: &str = "ringtail, over two relays";

/// Name of the row of the limit.
const COPY: &str = "TLS, bytes copied twice";

struct Contender {
    name: String,
    aim: Aim,
    /// Processes that do the relay's part.
    relay: Vec<u32>,
    /// Processes that do the client's part.
    client: Vec<u32>,
}

/// Measures passthrough requests a second. The app sends back the body that it got.
///
/// # Errors
/// When a server does not come up or an answer is wrong.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<String> {
    let identity = Identity::new()?;
    let ca = identity.directory().join("cert.pem");
    let app = Own::start(Kind::App, &identity).await?;
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let token = relay.account("bench").await?;
    let target = format!("http://{}", app.address);
    let client = Home::new(&relay, &token)?
        .listen(&[&target, "--endpoint", "bench"])
        .await?;

    let columns: Vec<&'static str> = CELLS
        .iter()
        .map(|(_, _, column)| *column)
        .chain([P50, RELAY_CPU, CLIENT_CPU, RSS])
        .collect();
    let mut table = Table::new(
        "Passthrough: POST answered by the app, a second, by body and connections",
        &columns,
    );
    let columns: Vec<&'static str> = OPEN.iter().flat_map(|(_, columns)| *columns).collect();
    let mut open = Table::new(
        "Passthrough: open loop, 1 kB; CPU and context switches of each side for a request",
        &columns,
    );
    let mut contenders = vec![Contender {
        name: OURS.to_owned(),
        aim: Aim::new(relay.address(), &client.url()?, relay.ca())?,
        relay: vec![relay.pid().context("the relay has ended")?],
        client: vec![client.pid().context("the client has ended")?],
    }];
    let server = PostgresServer::start("")?;
    let options = [ANY_RATE, &["--cluster", "127.0.0.1:0"]].concat();
    let [linked, other] = TestRelay::pair(&server.database(), &options).await?;
    let there = Home::new(&linked, &linked.account("bench").await?)?;
    let there = there.listen(&[&target, "--endpoint", "bench"]).await?;
    let url = there.url()?;
    let path = url.strip_prefix(linked.url()).context("the relay's URL")?;
    contenders.push(Contender {
        name: ACROSS.to_owned(),
        aim: Aim::new(
            other.address(),
            &format!("{}{path}", other.url()),
            other.ca(),
        )?,
        relay: vec![
            other.pid().context("the relay has ended")?,
            linked.pid().context("the relay has ended")?,
        ],
        client: vec![there.pid().context("the client has ended")?],
    });
    let nginx = Nginx::start(&identity, app.address).await?;
    match &nginx {
        Some(nginx) => contenders.push(Contender {
            name: format!("{NGINX} to the app, no tunnel"),
            aim: Aim::new(nginx.address, "https://localhost", &ca)?,
            relay: vec![nginx.pid()?],
            client: Vec::new(),
        }),
        None => table.note("nginx is not installed and was skipped: apt-get install nginx"),
    }
    // The limit: two processes that only copy bytes, and keep no connection between them.
    let near = Own::before(Kind::Copy, &identity, app.address).await?;
    let far = Own::before(Kind::TlsCopy, &identity, near.address).await?;
    contenders.push(Contender {
        name: COPY.to_owned(),
        aim: Aim::new(far.address, "https://localhost", &ca)?,
        relay: vec![far.pid()?],
        client: vec![near.pid()?],
    });
    let mut tunnels = Vec::new();
    for (name, tunnel) in [
        ("bore", ByteTunnel::bore(app.address).await?),
        ("wstunnel", ByteTunnel::wstunnel(app.address).await?),
        ("rathole", ByteTunnel::rathole(app.address).await?),
        ("ssh", ByteTunnel::ssh(app.address).await?),
    ] {
        let Some(tunnel) = tunnel else {
            table.note(format!(
                "{name} is not installed and was skipped: the head of scripts/bench says how to get it"
            ));
            continue;
        };
        let Some(front) = Nginx::start(&identity, tunnel.address).await? else {
            table.note(format!(
                "{name} was skipped: nginx, which speaks TLS for it, is missing"
            ));
            continue;
        };
        let (server, near) = tunnel.pids()?;
        contenders.push(Contender {
            name: tunnel.name.to_owned(),
            aim: Aim::new(front.address, "https://localhost", &ca)?,
            relay: vec![front.pid()?, server],
            client: vec![near],
        });
        tunnels.push((tunnel, front));
    }
    let with_logs = |name: &str| {
        let (relay, client) = (relay.log(), client.log());
        format!("{name}; the relay's log:\n{relay}\nthe client's log:\n{client}")
    };
    // First, since the client goes on storing and indexing for a while after the closed loops.
    for _ in 0..plan.rounds {
        for contender in &contenders {
            let measured = contender.open_round(plan.open, &mut open).await;
            measured.with_context(|| with_logs(&contender.name))?;
        }
    }
    for _ in 0..plan.rounds {
        for contender in &contenders {
            let measured = contender.round(plan.cell, &mut table).await;
            measured.with_context(|| with_logs(&contender.name))?;
        }
    }
    let peers: Vec<&str> = contenders
        .iter()
        .skip(1)
        .map(|peer| peer.name.as_str())
        .collect();
    Ok(table.render(OURS, &peers) + &open.render(OURS, &peers))
}

impl Contender {
    /// Measures requests that leave at fixed rates.
    async fn open_round(&self, time: Duration, table: &mut Table) -> anyhow::Result<()> {
        let shot = Shot::new(&self.aim, &shot::passthrough(1_000), Expect::Body(1_000))?;
        for (rate, columns) in OPEN {
            let before = [Spent::of(&self.relay)?, Spent::of(&self.client)?];
            let measured = open_loop::open(&self.aim, &shot, rate, time, |_, _| ()).await?;
            let requests = measured.requests as f64;
            let relay = Spent::of(&self.relay)?.since(&before[0], requests);
            let client = Spent::of(&self.client)?.since(&before[1], requests);
            let figures = [
                measured.millis(50.0),
                measured.millis(99.0),
                relay.0,
                client.0,
                relay.1,
                client.1,
            ];
            for (column, figure) in columns.into_iter().zip(figures) {
                table.add(&self.name, column, figure);
            }
        }
        Ok(())
    }

    async fn round(&self, time: Duration, table: &mut Table) -> anyhow::Result<()> {
        for (bytes, connections, column) in CELLS {
            let shot = Shot::new(&self.aim, &shot::passthrough(bytes), Expect::Body(bytes))?;
            let before = (Spent::of(&self.relay)?, Spent::of(&self.client)?);
            let measured =
                load::closed(&self.aim, &shot, Mode::KeepAlive, connections, time).await?;
            table.add(&self.name, column, measured.rate);
            match (bytes, connections) {
                (1_000, 1) => table.add(&self.name, P50, measured.millis(50.0)),
                (1_000, 64) => {
                    let requests = measured.requests as f64;
                    let (relay, _) = Spent::of(&self.relay)?.since(&before.0, requests);
                    let (client, _) = Spent::of(&self.client)?.since(&before.1, requests);
                    table.add(&self.name, RELAY_CPU, relay);
                    table.add(&self.name, CLIENT_CPU, client);
                }
                _ => {}
            }
        }
        let mut kib = 0;
        for pid in self.relay.iter().chain(&self.client) {
            kib += procfs::rss_kib(*pid)?;
        }
        table.add(&self.name, RSS, kib as f64 / 1024.0);
        Ok(())
    }
}
