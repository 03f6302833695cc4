//! Relays behind HAProxy, on PostgreSQL with a synchronous standby, under load, and at random: a relay is killed, replaced, frozen or
//! cut off, PostgreSQL freezes, crashes, fails over or has no room. What was answered 200 must be in the client's history once,
//! and in order. Callers and clients see HAProxy only, as RingCentral does.

mod asker;
mod fault;
pub mod network;
mod order;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::ValueEnum as _;
use fastrand::Rng;
use ringtail_kit::caller::FakeRingCentral;
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use tokio::sync::watch;

use self::asker::Asker;
pub use self::fault::Fault;
use self::fault::{Database, SETTLE_TIME, World, spooled};
use self::network::Cable;
use self::order::Read;
pub use self::report::Report;
use self::report::{Suffered, compare};
use crate::client::Home;
use crate::faults::mounts;
use crate::proxies::Front;
use crate::relay::{ANY_RATE, Setup, TestRelay};
use crate::stores;
use crate::traffic::{ANSWERED_BY, Traffic, Volume};

/// Callers for each relay, and their pause. Small, so that a debug build on a busy machine keeps up.
const VOLUME: Volume = Volume {
    callers: 2,
    pause: Duration::from_millis(60),
};

/// Clients keep all events: the comparison is with all that was acknowledged.
const WATCH: &[&str] = &["--endpoint", "cluster", "--keep-events", "100000000"];

/// Numbers of the next asker's requests begin so much later.
const ASKER: usize = 1_000_000_000;

/// A server's disk.
const DISK_MEBIBYTES: u32 = 2048;

/// A standby that lost its server tries again soon: its server's commits wait for it.
const SERVER: &str = "-c wal_retrieve_retry_interval=200ms -c max_wal_size=512MB";

/// What to run.
#[derive(Debug)]
pub struct Plan {
    /// How many faults.
    pub faults: u64,
    /// Seed of their order and length.
    pub seed: u64,
    /// How many relays, two or three.
    pub relays: usize,
    /// Only these faults, if any are named.
    pub only: Vec<Fault>,
    /// Another version of the relay's program, which takes turns with the built one.
    pub other: Option<PathBuf>,
}

/// Lets faults happen. Call [`network::enter`] first.
///
/// # Errors
/// When a program does not come back, or does not settle afterwards.
pub async fn run(plan: Plan, say: fn(String)) -> anyhow::Result<Report> {
    ensure!((2..=3).contains(&plan.relays), "two or three relays");
    network::connect(plan.relays)?;
    tempfile::env::override_temp_dir(Path::new(network::STORE)).ok();
    let mut rng = Rng::with_seed(plan.seed);
    let databases = [start_database(0)?, start_database(1)?];
    let local = databases[0].server.database();
    databases[1].server.crash()?;
    databases[1].server.follow(&databases[0].server)?;
    let name = local.trim_start_matches("postgres:///");
    let (name, _) = name.split_once('?').context("no database")?;
    let [first, second] = [0, 1].map(network::postgres);
    let database = format!(
        "postgres://ringtail@{first},{second}/{name}?target_session_attrs=read-write&sslmode=disable"
    );
    let front = Front::new("localhost")?;
    let mut relays = Vec::new();
    for at in 0..plan.relays {
        let own = [
            (
                "--cluster",
                network::relay(at, Cable::Inside, 8444).to_string(),
            ),
            ("--trusted-proxy", network::proxy().to_string()),
        ];
        let own = own
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value]);
        let setup = Setup {
            options: ANY_RATE
                .iter()
                .map(ToString::to_string)
                .chain(own)
                .collect(),
            wrapper: network::on(at),
            listen: Some(network::relay(at, Cable::Outside, 8443)),
            ..Setup::in_postgres(&database)
        };
        relays.push(TestRelay::start_behind_as(&front.url(), &front.ca(), setup).await?);
    }
    let named = format!("    http-response set-header {ANSWERED_BY} %s\n");
    let proxy = front.start_haproxy(&relays, &named).await?;
    let token = relays[0].account("cluster").await?;
    let home = Home::new(&relays[0], &token)?;
    let app = asker::app();
    let client = home
        .listen(&[&[&*app.url("/hook")], WATCH].concat())
        .await?;
    // Another developer looks on.
    let onlooker = Home::new(&relays[0], &token)?;
    let looking = onlooker.listen(WATCH).await?;
    let url = client.url()?;
    let caller = FakeRingCentral::new(front.address(), &front.ca())?;
    let volume = Volume {
        callers: VOLUME.callers * plan.relays,
        ..VOLUME
    };
    let (answered, by_app) = watch::channel(0);
    let askers = 0..plan.relays;
    let askers =
        askers.map(|at| Asker::start(caller.clone(), url.clone(), at * ASKER, answered.clone()));
    let mut world = World {
        databases,
        relays,
        other: plan.other,
        traffic: Traffic::start(&caller, &url, volume),
        askers: askers.collect(),
        by_app,
        rng: rng.fork(),
    };

    let began = Instant::now();
    let log_at = "SELECT pg_current_wal_lsn() - '0/0'";
    let log_began: usize = sql(&world, &database, log_at).parse()?;
    let kinds = match &plan.only[..] {
        [] => Fault::value_variants(),
        only => only,
    };
    let mut faults: Vec<Suffered> = Vec::new();
    world.settle().await?;
    for number in 1..=plan.faults {
        let fault = kinds[rng.usize(..kinds.len())];
        let began = Instant::now();
        let happened = world.suffer(fault).await;
        let lasted = began.elapsed();
        let settled = match happened {
            Ok(()) => world.settle().await,
            failed => failed,
        };
        settled.with_context(|| format!("fault {number}, {fault:?}"))?;
        let settled = began.elapsed() - lasted;
        say(format!(
            "{number} {fault:?}: {:.1} s, {:.1} s until it had settled",
            lasted.as_secs_f64(),
            settled.as_secs_f64()
        ));
        faults.push(Suffered {
            fault,
            began,
            lasted,
            settled,
        });
    }
    let mut asked = Vec::new();
    for asker in std::mem::take(&mut world.askers) {
        asked.push(asker.finish().await?);
    }
    let World {
        traffic,
        relays,
        databases,
        ..
    } = world;
    let sent = traffic.finish().await?;
    for relay in &relays {
        eventually!(within SETTLE_TIME, spooled(relay).await == Some(0), "an empty spool")?;
    }
    let sql = |select: &str| databases[0].server.sql(&database, select);
    let stored: usize = sql("SELECT count(*) FROM ringtail.event").parse()?;
    let bytes: usize = sql("SELECT pg_total_relation_size('ringtail.event')").parse()?;
    let log_ended: usize = sql(log_at).parse()?;
    let gaps = "SELECT next_seq - 1 - (SELECT count(*) FROM ringtail.event WHERE endpoint = key) FROM ringtail.endpoint";
    let gaps = sql(gaps).parse()?;
    let delivered = eventually!(
        within SETTLE_TIME,
        [&home, &onlooker].iter().all(|home| {
            stores::history_len(&home.data()).is_ok_and(|count| count >= stored)
        }),
        "all {stored} stored events in both histories"
    );
    for client in [&client, &looking] {
        ensure!(client.pid().is_some(), "a client is gone");
    }
    let order = sql("SELECT seq, replace(id::text, '-', '') FROM ringtail.event ORDER BY seq");
    let order = order.lines().filter_map(|line| line.split_once('|'));
    let order: Vec<Read> = order
        .map(|(seq, id)| Ok(read(seq.parse()?, id.to_owned())))
        .collect::<anyhow::Result<_>>()?;
    let mut readings = Vec::new();
    for home in [&home, &onlooker] {
        let reading = stores::reading(&home.data())?.into_iter();
        readings.push(reading.map(|(seq, id)| read(seq, id)).collect());
    }
    let mut wrong = order::check(&order, &readings);
    wrong.extend(asked.iter().flat_map(|it| it.wrong.iter().cloned()));
    let history = stores::history(&home.data())?;
    let mut callbacks: BTreeMap<usize, usize> = BTreeMap::new();
    for number in history.iter().filter_map(|it| asker::callback(&it.body)) {
        *callbacks.entry(number).or_default() += 1;
    }
    let acknowledged = asked.iter().flat_map(|it| &it.acknowledged);
    let callbacks_lost = acknowledged
        .filter(|it| !callbacks.contains_key(it))
        .count();
    let report = Report {
        seed: plan.seed,
        relays: plan.relays,
        took: began.elapsed(),
        faults,
        stored,
        gaps,
        asked,
        callbacks_lost,
        event_bytes: bytes / stored.max(1),
        log_bytes: log_ended.saturating_sub(log_began) / stored.max(1),
        callbacks_doubled: callbacks.values().filter(|times| **times > 1).count(),
        wrong,
        clients: readings.len(),
        ..compare(&history, sent)
    };
    if report.is_clean() {
        delivered?;
    }
    proxy.stop().await?;
    Ok(report)
}

/// Starts a server, the first or the second, on a disk of its own.
fn start_database(at: usize) -> anyhow::Result<Database> {
    let disk = Path::new(network::STORE).join(format!("disk{at}"));
    std::fs::create_dir(&disk)?;
    // The server's user removes its data.
    mounts::memory_for(&disk, DISK_MEBIBYTES, "1777")?;
    let options = format!("{SERVER} -c listen_addresses={}", network::postgres(at));
    let server = PostgresServer::start_in(&disk, &options, [])?;
    Ok(Database {
        server,
        disk,
        mebibytes: DISK_MEBIBYTES,
    })
}

fn sql(world: &World, database: &str, select: &str) -> String {
    world.databases[0].server.sql(database, select)
}

fn read(seq: u64, id: String) -> Read {
    Read { seq, id }
}
