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

/// Name of the row of hyper with SQLite's group commit and nothing else, the limit for us.
pub(crate) const PROTOTYPE: &str = "hyper + group commit";
/// The relay with its journal in PostgreSQL, whose own CPU time is not counted.
const IN_POSTGRES: &str = "ringtail, PostgreSQL";
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
    let clustered = TestRelay::start_as(tempfile::tempdir()?, setup).await?;
    let token = clustered.account("bench").await?;
    let clustered_url = clustered.endpoint(&token, "bench").await?.url;
    let prototype = Own::start(Kind::Durable, &identity).await?;
    let undurable = Own::start(Kind::Hello, &identity).await?;
    let aim_at = |own: &Own| Aim::new(own.address, "https://localhost/", &ca);
    let contenders = [
        (
            OURS,
            relay.pid().context("the relay has ended")?,
            Aim::new(relay.address(), &url, relay.ca())?,
        ),
        (
            IN_POSTGRES,
            clustered.pid().context("the relay has ended")?,
            Aim::new(clustered.address(), &clustered_url, clustered.ca())?,
        ),
        (PROTOTYPE, prototype.pid()?, aim_at(&prototype)?),
        (UNDURABLE, undurable.pid()?, aim_at(&undurable)?),
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
        for (name, pid, aim) in &contenders {
            let shot = Shot::new(aim, &shot::notification(), Expect::Accepted)?;
            for (connections, column) in COLUMNS {
                let before = procfs::cpu(*pid)?;
                let measured =
                    load::closed(aim, &shot, Mode::KeepAlive, connections, plan.cell).await?;
                table.add(name, column, measured.rate);
                if connections == 64 {
                    table.add(name, P99, measured.millis(99.0));
                    let spent = procfs::cpu(*pid)?.saturating_sub(before).as_secs_f64();
                    table.add(name, CPU, spent * 1000.0 / measured.requests as f64);
                }
            }
            table.add(name, RSS, procfs::rss_kib(*pid)? as f64 / 1024.0);
        }
    }
    Ok(table.render(OURS, &[IN_POSTGRES, PROTOTYPE, UNDURABLE]))
}
