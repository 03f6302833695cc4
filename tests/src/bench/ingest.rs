//! Notifications made durable: POST of 1 kB, 200 after the disk has it.

use anyhow::Context;

use super::Plan;
use super::edge::OURS;
use super::load::{self, Mode};
use super::peers::Own;
use super::servers::Kind;
use super::shot::{self, Aim, Expect, Shot};
use super::table::Table;
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
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let token = relay.account("bench").await?;
    let url = relay.endpoint(&token, "bench").await?.url;
    let server = PostgresServer::start("-c max_wal_size=4GB")?;
    let setup = Setup {
        options: ANY_RATE.iter().map(ToString::to_string).collect(),
        ..Setup::in_postgres(&server.database())
    };
    let another = Setup {
        options: setup.options.clone(),
        ..Setup::in_postgres(setup.database.as_deref().unwrap_or_default())
    };
    let clustered = TestRelay::start_as(tempfile::tempdir()?, setup).await?;
    let token = clustered.account("bench").await?;
    let clustered_url = clustered.endpoint(&token, "bench").await?.url;
    let second = TestRelay::start_as(tempfile::tempdir()?, another).await?;
    // Another endpoint: two relays that store events of one take turns.
    let second_url = second.endpoint(&token, "second").await?.url;
    let prototype = Own::start(Kind::Durable, &identity).await?;
    let undurable = Own::start(Kind::Hello, &identity).await?;
    let aim_at = |own: &Own| Aim::new(own.address, "https://localhost/", &ca);
    let at = |relay: &TestRelay, url: &str| -> anyhow::Result<(u32, Aim)> {
        let pid = relay.pid().context("the relay has ended")?;
        Ok((pid, Aim::new(relay.address(), url, relay.ca())?))
    };
    let first = at(&clustered, &clustered_url)?;
    let contenders = [
        (OURS, vec![at(&relay, &url)?]),
        (IN_POSTGRES, vec![first.clone()]),
        (TWO, vec![first, at(&second, &second_url)?]),
        (PROTOTYPE, vec![(prototype.pid()?, aim_at(&prototype)?)]),
        (UNDURABLE, vec![(undurable.pid()?, aim_at(&undurable)?)]),
    ];
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
    Ok(table.render(OURS, &[IN_POSTGRES, TWO, PROTOTYPE, UNDURABLE]))
}

fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    Ok(procfs::cpu(pid)?.as_secs_f64())
}
