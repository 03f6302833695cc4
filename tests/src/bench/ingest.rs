//! Notifications made durable: POST of 1 kB, 200 after the disk has it.

use anyhow::Context;

use super::Plan;
use super::edge::OURS;
use super::load::{self, Mode};
use super::peers::Own;
use super::servers::Kind;
use super::shot::{self, Aim, Expect, Shot};
use super::slow_sync::SlowSync;
use super::table::Table;
use crate::control_group::ControlGroup;
use crate::procfs;
use crate::relay::{ANY_RATE, Setup, TestRelay};
use ringtail_kit::postgres::PostgresServer;
use ringtail_kit::tls::Identity;
use tokio::task::JoinSet;

/// Name of the row of hyper with SQLite's group commit and nothing else, the limit for us.
pub(crate) const PROTOTYPE: &str = "hyper + group commit";
/// The relay with its journal in PostgreSQL, whose own CPU time is not counted.
const IN_POSTGRES: &str = "ringtail, PostgreSQL";
/// Two of them on one database, with half of the connections each.
const TWO: &str = "two of these relays";
/// The same, with every sync 2 ms slower.
const SLOW: &str = "ringtail, sync + 2 ms";
const SLOW_IN_POSTGRES: &str = "ringtail, PostgreSQL, sync + 2 ms";
const SLOW_TWO: &str = "two of these relays, sync + 2 ms";
/// The same, each with a quarter of a core: as if it had a machine of its own, and the database a larger one.
const QUARTER: &str = "ringtail, PostgreSQL, quarter of a core";
const QUARTER_TWO: &str = "two of these relays, quarter of a core";
const UNDURABLE: &str = "hyper, nothing stored";

const COLUMNS: [(usize, &str); 4] = [(1, "1"), (16, "16"), (64, "64"), (256, "256")];
const CPU: &str = "CPU s/1k at 64";
const P99: &str = "p99 ms at 64";
const RSS: &str = "RSS MiB";

/// Measures durable notifications a second.
///
/// # Errors
/// When a server does not come up or answers anything but 200.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<String> {
    let identity = Identity::new()?;
    let ca = identity.directory().join("cert.pem");
    let prototype = Own::start(Kind::Durable, &identity).await?;
    let undurable = Own::start(Kind::Hello, &identity).await?;
    let aim_at = |own: &Own| Aim::new(own.address, "https://localhost/", &ca);
    let slow = SlowSync::compile()?;
    let (usual, slower) = (Ours::start(None).await?, Ours::start(Some(&slow)).await?);
    let limited = Ours::start(None).await?;
    let mut contenders = vec![
        (OURS, vec![usual.at(SQLITE)?]),
        (IN_POSTGRES, vec![usual.at(FIRST)?]),
        (TWO, vec![usual.at(FIRST)?, usual.at(SECOND)?]),
        (SLOW, vec![slower.at(SQLITE)?]),
        (SLOW_IN_POSTGRES, vec![slower.at(FIRST)?]),
        (SLOW_TWO, vec![slower.at(FIRST)?, slower.at(SECOND)?]),
        (PROTOTYPE, vec![(prototype.pid()?, aim_at(&prototype)?)]),
        (UNDURABLE, vec![(undurable.pid()?, aim_at(&undurable)?)]),
    ];
    let relays = [limited.at(FIRST)?, limited.at(SECOND)?];
    let groups = relays
        .each_ref()
        .map(|(pid, _)| ControlGroup::of_quarter_core(*pid));
    let is_limited = groups.iter().all(Option::is_some);
    if is_limited {
        contenders.push((QUARTER, vec![limited.at(FIRST)?]));
        contenders.push((QUARTER_TWO, relays.into()));
    }
    let columns: Vec<&'static str> = COLUMNS
        .iter()
        .map(|(_, column)| *column)
        .chain([P99, CPU, RSS])
        .collect();
    let mut table = Table::new(
        "Durable ingest: POST 1 kB, 200 once it is on disk, a second, by connections",
        &columns,
    );
    for _ in 0..plan.rounds {
        for (name, servers) in &contenders {
            let sum = |of: fn(u32) -> anyhow::Result<f64>| -> anyhow::Result<f64> {
                servers.iter().map(|(pid, _)| of(*pid)).sum()
            };
            for (connections, column) in COLUMNS {
                let before = sum(cpu_seconds)?;
                let mut loads = JoinSet::new();
                for (at, (_, aim)) in servers.iter().enumerate() {
                    let share = (connections + at) / servers.len();
                    let shot = Shot::new(aim, &shot::notification(), Expect::Accepted)?;
                    let (aim, cell) = (aim.clone(), plan.cell);
                    if share > 0 {
                        loads.spawn(async move {
                            load::closed(&aim, &shot, Mode::KeepAlive, share, cell).await
                        });
                    }
                }
                let (mut rate, mut requests, mut p99) = (0.0, 0, 0.0_f64);
                while let Some(measured) = loads.join_next().await {
                    let measured = measured??;
                    rate += measured.rate;
                    requests += measured.requests;
                    p99 = p99.max(measured.millis(99.0));
                }
                table.add(name, column, rate);
                if connections == 64 {
                    table.add(name, P99, p99);
                    let spent = sum(cpu_seconds)? - before;
                    table.add(name, CPU, spent * 1000.0 / requests as f64);
                }
            }
            table.add(
                name,
                RSS,
                sum(|pid| Ok(procfs::rss_kib(pid)? as f64 / 1024.0))?,
            );
        }
    }
    if !is_limited {
        table.note("relays with a quarter of a core were skipped: control groups need root");
    }
    limited.end().await?;
    let mut text = table.render(OURS, &[IN_POSTGRES, TWO, PROTOTYPE, UNDURABLE]);
    for (two, one) in [
        (TWO, IN_POSTGRES),
        (SLOW_TWO, SLOW_IN_POSTGRES),
        (QUARTER_TWO, QUARTER),
    ] {
        text += &table.ratios(two, one);
    }
    Ok(text)
}

const SQLITE: usize = 0;
const FIRST: usize = 1;
const SECOND: usize = 2;

/// A relay on SQLite, and two on one PostgreSQL.
struct Ours {
    /// By [`SQLITE`], [`FIRST`] and [`SECOND`].
    relays: [(TestRelay, String); 3],
    _server: PostgresServer,
}

impl Ours {
    async fn start(slow: Option<&SlowSync>) -> anyhow::Result<Self> {
        let environment: Vec<_> = slow.map(SlowSync::variable).into_iter().collect();
        let server = PostgresServer::start_in(
            &std::env::temp_dir(),
            "-c max_wal_size=4GB",
            environment.clone(),
        )?;
        let database = server.database();
        let start = async |database: Option<&String>| {
            let setup = Setup {
                options: ANY_RATE.iter().map(ToString::to_string).collect(),
                environment: environment.clone(),
                database: database.cloned(),
                ..Setup::default()
            };
            TestRelay::start_as(tempfile::tempdir()?, setup).await
        };
        let sqlite = start(None).await?;
        let token = sqlite.account("bench").await?;
        let url = sqlite.endpoint(&token, "bench").await?.url;
        let first = start(Some(&database)).await?;
        let token = first.account("bench").await?;
        let first_url = first.endpoint(&token, "bench").await?.url;
        let second = start(Some(&database)).await?;
        // Another endpoint: two relays that store events of one take turns.
        let second_url = second.endpoint(&token, "second").await?.url;
        Ok(Self {
            relays: [(sqlite, url), (first, first_url), (second, second_url)],
            _server: server,
        })
    }

    async fn end(self) -> anyhow::Result<()> {
        for (mut relay, _) in self.relays {
            relay.kill().await?;
        }
        Ok(())
    }

    fn at(&self, relay: usize) -> anyhow::Result<(u32, Aim)> {
        let (relay, url) = &self.relays[relay];
        let pid = relay.pid().context("the relay has ended")?;
        Ok((pid, Aim::new(relay.address(), url, relay.ca())?))
    }
}

fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    Ok(procfs::cpu(pid)?.as_secs_f64())
}
