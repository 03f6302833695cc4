//! Attacks on a relay, and RingCentral's validations meanwhile.
//!
//! Every attack is a process of its own, at a lower priority: it stands for other people's machines, and this one has to
//! be shared. Nothing leaves `127.0.0.0/8`; attackers of our own call from many of its addresses, so that the limit of one
//! address does not stop them before the limits that are meant.

pub mod attack;
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tokio::process::Command;
use tokio::time::{Interval, MissedTickBehavior, interval};

pub use self::attack::Attack;
pub use self::report::{Report, Row};
use crate::bench::load::Measured;
use crate::process::Process;
use crate::procfs;
use crate::relay::TestRelay;
use crate::ringcentral::{FakeRingCentral, Hook};
use crate::validations::check;

/// Pause between two validations of one kind: RingCentral does not hurry, and a queue of our own would not be the relay's.
const PAUSE: Duration = Duration::from_millis(10);

/// Connections that the relay is left with beside those that are held.
const SPARE: usize = 256;

/// How long and how hard.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Time of each attack.
    pub time: Duration,
    /// Connections that the relay allows.
    pub connections: usize,
    /// Whether the programs of others attack, too.
    pub tools: bool,
}

impl Plan {
    /// The whole: the relay's own limit, half a minute each.
    pub const WHOLE: Self = Self {
        time: Duration::from_secs(30),
        connections: 4096,
        tools: true,
    };

    /// In brief: our own attackers, on a relay with few connections.
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

/// Attacks, and tells how RingCentral fared.
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
            // It may have ended by itself: its time is the plan's, too.
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
            .args(["--attack", &attack.word(), "--seconds", &seconds])
            .args(["--address", &relay.address().to_string(), "--url", url])
            .arg("--ca")
            .arg(relay.ca()),
    };
    // What is killed is `nice`, which has become the attacker.
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
    let (new, kept) = tokio::join!(on_new(&caller, url, end), on_kept(&caller, url, end));
    Ok(Row {
        name,
        new: new?,
        kept: kept?,
        peak_kib: 0,
    })
}

/// Validations on one kind of connection.
#[derive(Debug)]
pub struct Shaken {
    /// From the first byte of TCP, or of the request on a kept connection, to the last of the answer.
    pub latency: Histogram<u64>,
    /// Validations that were not answered, or not as RingCentral wants it; the first of them in words.
    pub failed: Vec<String>,
}

impl Shaken {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            latency: Measured::empty()?,
            failed: Vec::new(),
        })
    }

    fn add(&mut self, began: Instant, answered: anyhow::Result<()>) {
        match answered {
            Ok(()) => {
                let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.latency.saturating_record(micros.max(1));
            }
            Err(error) => self.failed.push(format!("{error:#}")),
        }
    }
}

fn turns() -> Interval {
    let mut turns = interval(PAUSE);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turns
}

async fn on_new(caller: &FakeRingCentral, url: &str, end: Instant) -> anyhow::Result<Shaken> {
    let mut shaken = Shaken::new()?;
    let mut turns = turns();
    for number in 0.. {
        turns.tick().await;
        if Instant::now() >= end {
            break;
        }
        let token = format!("new-{number}");
        let began = Instant::now();
        let answer = caller.post(url, &Hook::validation(&token)).await;
        shaken.add(began, answer.and_then(|answer| check(&answer, &token)));
    }
    Ok(shaken)
}

async fn on_kept(caller: &FakeRingCentral, url: &str, end: Instant) -> anyhow::Result<Shaken> {
    let mut shaken = Shaken::new()?;
    let mut connection = caller.connect(url).await?;
    let mut turns = turns();
    for number in 0.. {
        turns.tick().await;
        if Instant::now() >= end {
            break;
        }
        let token = format!("kept-{number}");
        let began = Instant::now();
        let answer = connection.post(&Hook::validation(&token)).await;
        let broken = answer.is_err();
        shaken.add(began, answer.and_then(|answer| check(&answer, &token)));
        if broken {
            connection = caller.connect(url).await?;
        }
    }
    Ok(shaken)
}

/// Runs one of our own attacks, as a process of its own.
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
    // Out of time is what ends it.
    tokio::time::timeout(time, world.run(attack)).await.ok();
    Ok(())
}
