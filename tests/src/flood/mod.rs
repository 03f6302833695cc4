//! Attacks on a relay, and RingCentral's validation meanwhile.
//!
//! Every attack is its own process at a lower priority, because attackers have other machines. Nothing leaves
//! `127.0.0.0/8`; our own attackers call from many of its addresses, so that the limit per address does not stop them
//! before the limits under test.

mod attack;
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval};

pub use self::attack::Attack;
pub use self::report::{Report, Row};
use crate::bench::load::{Measured, micros};
use crate::process::Process;
use crate::procfs;
use crate::relay::TestRelay;
use crate::validation::check;
use ringtail_kit::caller::{FakeRingCentral, Hook};

/// Pause between two validation requests: more would queue here and not in the relay.
const PAUSE: Duration = Duration::from_millis(10);

/// Connections left to others.
const SPARE: usize = 256;

/// Duration and strength.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Duration of each attack.
    pub time: Duration,
    /// The relay's connection limit.
    pub connections: usize,
    /// Whether slowhttptest and h2load attack, too.
    pub tools: bool,
}

impl Plan {
    /// The relay's default limit, half a minute each.
    pub const FULL: Self = Self {
        time: Duration::from_secs(30),
        connections: 4096,
        tools: true,
    };

    /// Our own attackers briefly, on a relay with few connections.
    pub const QUICK: Self = Self {
        time: Duration::from_secs(2),
        connections: 512,
        tools: false,
    };

    fn attacks(&self) -> Vec<(String, Vec<Attack>)> {
        let held = self.connections.saturating_sub(SPARE);
        let own = [
            Attack::Held { connections: held },
            Attack::Resets,
            Attack::Bodies,
        ];
        let tools = [
            Attack::SlowHeaders,
            Attack::SlowBodies,
            Attack::SlowRead,
            Attack::H2load,
        ];
        let tools: &[Attack] = if self.tools { &tools } else { &[] };
        let each = tools.iter().chain(&own);
        let mut attacks = vec![("none".to_owned(), Vec::new())];
        attacks.extend(
            each.clone()
                .map(|attack| (attack.to_string(), vec![*attack])),
        );
        attacks.push(("all at once".to_owned(), each.copied().collect()));
        attacks
    }
}

/// Attacks and measures.
///
/// # Errors
/// When the relay or an attack does not start, or the relay does not survive.
pub async fn run(plan: Plan) -> anyhow::Result<Report> {
    let connections = plan.connections.to_string();
    let options = ["--max-connections", &connections];
    let relay = TestRelay::start_with(&options).await?;
    let token = relay.account("flood").await?;
    let url = relay.endpoint(&token, "flood").await?.url;
    let pid = relay.pid().context("the relay has ended")?;
    let mut report = Report::new(plan.connections);
    for (name, attacks) in plan.attacks() {
        let mut under_way = Vec::new();
        for attack in &attacks {
            under_way.push(spawn(attack, &relay, &url, plan.time)?);
        }
        let row = measure(name, &relay, &url, plan.time).await?;
        for mut attack in under_way {
            // It may have ended by itself.
            attack.kill().await.ok();
        }
        report.rows.push(Row {
            peak_kib: procfs::peak_kib(pid)?,
            ..row
        });
    }
    ensure!(relay.pid() == Some(pid), "the relay has ended");
    Ok(report)
}

fn spawn(attack: &Attack, relay: &TestRelay, url: &str, time: Duration) -> anyhow::Result<Process> {
    let mut command = Command::new("nice");
    command.args(["-n", "10"]);
    let seconds = time.as_secs().to_string();
    match attack.arguments(url, &seconds) {
        Some(words) => command.args(words),
        None => command
            .arg(std::env::current_exe()?)
            .args(["flood-attack", &attack.word()])
            .args([&relay.address().to_string(), url])
            .arg(relay.ca())
            .arg(&seconds),
    };
    Process::spawn(&attack.to_string(), command)
}

async fn measure(
    name: String,
    relay: &TestRelay,
    url: &str,
    time: Duration,
) -> anyhow::Result<Row> {
    let caller = relay.caller()?;
    let end = Instant::now() + time;
    let (new, kept) = tokio::join!(
        validate(&caller, url, end, false),
        validate(&caller, url, end, true)
    );
    Ok(Row {
        name,
        new: new?,
        kept: kept?,
        peak_kib: 0,
    })
}

/// Validation on one kind of connection.
#[derive(Debug)]
pub struct Validated {
    /// From dialling, or from the request on a kept connection, to the last byte of the answer.
    pub latency: Histogram<u64>,
    /// Errors of requests without a right answer.
    pub failed: Vec<String>,
}

impl Validated {
    fn add(&mut self, began: Instant, answered: anyhow::Result<()>) {
        match answered {
            Ok(()) => self.latency.saturating_record(micros(began.elapsed())),
            Err(error) => self.failed.push(format!("{error:#}")),
        }
    }
}

async fn validate(
    caller: &FakeRingCentral,
    url: &str,
    end: Instant,
    keeps: bool,
) -> anyhow::Result<Validated> {
    let mut validated = Validated {
        latency: Measured::empty()?,
        failed: Vec::new(),
    };
    let mut turns = interval(PAUSE);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept = None;
    for number in 0.. {
        if keeps && kept.is_none() {
            kept = Some(caller.connect(url).await?);
        }
        turns.tick().await;
        if Instant::now() >= end {
            break;
        }
        let token = format!("{keeps}-{number}");
        let hook = Hook::validation(&token);
        let began = Instant::now();
        let answer = match &mut kept {
            Some(connection) => connection.post(&hook).await,
            None => caller.post(url, &hook).await,
        };
        if answer.is_err() {
            kept = None;
        }
        validated.add(began, answer.and_then(|answer| check(&answer, &token)));
    }
    Ok(validated)
}

/// Runs one of our own attacks.
///
/// # Errors
/// When the CA cannot be read or the URL is none.
pub async fn attack(
    attack: Attack,
    address: std::net::SocketAddr,
    url: &str,
    ca: &Path,
    time: Duration,
) -> anyhow::Result<()> {
    let world = attack::World::new(address, url, ca)?;
    tokio::time::timeout(time, world.run(attack)).await.ok();
    Ok(())
}
