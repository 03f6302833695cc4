//! One relay, and two on one PostgreSQL, with events of many endpoints: what an event costs must not grow with the endpoints.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use fastrand::Rng;
use hdrhistogram::Histogram;
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::Plan;
use super::idle::link;
use super::load::{Measured, micros};
use super::shot::Aim;
use super::spent::Spent;
use super::table::Table;
use crate::hooks;
use crate::procfs;
use crate::relay::{ANY_RATE, TestRelay, Token};

/// Events a second, at all relays together.
const RATE: u32 = 500;

/// Connections that share them, as many at each relay.
const CONNECTIONS: usize = 50;

/// Endpoints of an account: it may have 256.
const OF_AN_ACCOUNT: usize = 250;

const P50: &str = "answer p50 ms";
const P99: &str = "answer p99 ms";
const RELAY_CPU: &str = "relays' CPU ms an event";
const POSTGRES_CPU: &str = "PostgreSQL's";
const STATEMENTS: &str = "statements an event";
const RSS: &str = "RSS MiB a relay";
const EVENTS: &str = "events";

/// Endpoints of one relay, first few and then many.
const OF_A_RELAY: [usize; 2] = [1, 1_000];

/// Measures with few endpoints, and again with many.
///
/// # Errors
/// When a relay answers anything but 200.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<String> {
    let one = Spread::of(vec![TestRelay::start_with(ANY_RATE).await?], None);
    let title = "One relay, 500 events a second of all endpoints, and clients of some";
    let one = one.table(title, plan, OF_A_RELAY, plan.arrival).await?;
    let options = "-c shared_preload_libraries=pg_stat_statements -c max_wal_size=4GB";
    let server = PostgresServer::start(options)?;
    let database = server.database();
    server.sql(&database, "CREATE EXTENSION pg_stat_statements");
    let relays = TestRelay::pair(&database, ANY_RATE).await?;
    let two = Spread::of(relays.into(), Some((server, database)));
    let title =
        "Two relays on PostgreSQL, 500 events a second of all endpoints, and clients of some";
    let two = two.table(title, plan, plan.endpoints, plan.spread).await?;
    Ok(one + &two)
}

fn row(endpoints: usize) -> String {
    format!("endpoints: {endpoints}")
}

/// Relays with endpoints, and links of some.
struct Spread {
    relays: Vec<TestRelay>,
    database: Option<(PostgresServer, String)>,
    endpoints: Vec<String>,
    links: JoinSet<anyhow::Result<()>>,
}

impl Spread {
    fn of(relays: Vec<TestRelay>, database: Option<(PostgresServer, String)>) -> Self {
        Self {
            relays,
            database,
            endpoints: Vec::new(),
            links: JoinSet::new(),
        }
    }

    async fn table(
        mut self,
        title: &str,
        plan: Plan,
        [few, many]: [usize; 2],
        time: Duration,
    ) -> anyhow::Result<String> {
        let columns = [P50, P99, RELAY_CPU, POSTGRES_CPU, STATEMENTS, RSS, EVENTS];
        let mut table = Table::new(title, &columns);
        let mut token = None;
        for count in [few, many] {
            while self.endpoints.len() < count {
                self.add(&mut token, plan.clients).await?;
            }
            self.round(time, &mut table).await?;
            if let Some(ended) = self.links.try_join_next() {
                bail!("a link ended: {:?}", ended?);
            }
        }
        Ok(table.render(&row(many), &[&row(few)]))
    }

    /// Adds an endpoint, with a link if it is one of the first.
    async fn add(&mut self, token: &mut Option<Token>, clients: usize) -> anyhow::Result<()> {
        let [first, ..] = &self.relays[..] else {
            bail!("there is no relay");
        };
        let number = self.endpoints.len();
        if number.is_multiple_of(OF_AN_ACCOUNT) {
            let account = format!("bench-{}", number / OF_AN_ACCOUNT);
            *token = Some(first.account(&account).await?);
        }
        let token = token.as_ref().context("the first has an account")?;
        let name = format!("bench-{number}");
        let endpoint = first.endpoint(token, &name).await?.endpoint;
        self.endpoints.push(endpoint.clone());
        if number < clients {
            let relay = &self.relays[number % self.relays.len()];
            let aim = Aim::new(relay.address(), relay.url(), relay.ca())?;
            let streaming = watch::Sender::new(0);
            let held = link(aim, token.clone(), endpoint, streaming.clone());
            self.links.spawn(held);
            eventually!(*streaming.borrow() > 0, "the link {number}")?;
        }
        Ok(())
    }

    async fn round(&self, time: Duration, table: &mut Table) -> anyhow::Result<()> {
        let pids: Vec<u32> = self.relays.iter().filter_map(TestRelay::pid).collect();
        ensure!(pids.len() == self.relays.len(), "a relay has ended");
        let before = (Spent::of(&pids)?, self.in_database()?);
        let endpoints: Arc<[String]> = self.endpoints[..].into();
        let row = row(endpoints.len());
        let mut senders = JoinSet::new();
        for at in 0..CONNECTIONS {
            let relay = &self.relays[at % self.relays.len()];
            let (caller, url) = (relay.caller()?, relay.url().to_owned());
            senders.spawn(send(caller, url, Arc::clone(&endpoints), time, at as u64));
        }
        let mut latency = Measured::empty()?;
        while let Some(sent) = senders.join_next().await {
            latency.add(sent??)?;
        }
        let events = latency.len() as f64;
        let millis = |percentile| latency.value_at_percentile(percentile) as f64 / 1000.0;
        table.add(&row, P50, millis(50.0));
        table.add(&row, P99, millis(99.0));
        table.add(
            &row,
            RELAY_CPU,
            Spent::of(&pids)?.since(&before.0, events).0,
        );
        if let (Some((calls, cpu)), Some(before)) = (self.in_database()?, before.1) {
            table.add(&row, STATEMENTS, (calls - before.0) / events);
            let millis = cpu.saturating_sub(before.1).as_secs_f64() * 1000.0;
            table.add(&row, POSTGRES_CPU, millis / events);
        }
        let kib = pids.iter().map(|pid| procfs::rss_kib(*pid));
        let kib = kib.sum::<anyhow::Result<u64>>()?;
        table.add(&row, RSS, kib as f64 / 1024.0 / pids.len() as f64);
        table.add(&row, EVENTS, events);
        Ok(())
    }

    /// Returns how many statements PostgreSQL has run, and the CPU time that it has used.
    fn in_database(&self) -> anyhow::Result<Option<(f64, Duration)>> {
        let Some((server, database)) = &self.database else {
            return Ok(None);
        };
        let statements = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements";
        let calls = server.sql(database, statements).parse()?;
        let cpu = procfs::cpu_with_ended_children(server.pid()?)?;
        Ok(Some((calls, cpu)))
    }
}

/// Sends one connection's share, each to an endpoint at random, and times it from the moment it was due.
async fn send(
    caller: FakeRingCentral,
    url: String,
    endpoints: Arc<[String]>,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Histogram<u64>> {
    let mut rng = Rng::with_seed(seed);
    let mut latency = Measured::empty()?;
    let mut connection = caller.connect(&url).await?;
    let began = Instant::now();
    let mut ticks = interval(Duration::from_secs(CONNECTIONS as u64) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0.. {
        let due = ticks.tick().await.into_std();
        if began.elapsed() >= time {
            break;
        }
        let endpoint = &endpoints[rng.usize(..endpoints.len())];
        let body = hooks::numbered(usize::try_from(seed)?, number);
        let hook = Hook::notification(body).below(&format!("/{endpoint}"));
        let answer = connection.post(&hook).await?;
        ensure!(answer.status == 200, "answered {}", answer.status);
        latency.saturating_record(micros(due.elapsed()));
    }
    Ok(latency)
}
