//! Faults of a real relay under load, and how many acknowledged notifications are lost.
//!
//! Each fault is a function that returns a [`Row`]. File systems are mounted in a namespace of this process ([`mounts`]),
//! so that they end with it.

mod clock;
mod damage;
mod descriptors;
mod disk;
mod laptop;
pub mod mounts;
mod probe;
mod stop;
mod upgrade;

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context;

use self::clock::When;
use self::probe::Probe;
use crate::crash;
use crate::relay::TestRelay;
use crate::stores;
use crate::traffic::{Sent, Traffic, Volume};
use ringtail_kit::app::{App, Reply, Seen};

/// Something in flight at every moment, and little enough for a debug build.
const VOLUME: Volume = Volume {
    callers: 4,
    pause: Duration::from_millis(4),
};

/// Acknowledged notifications between two steps of a fault.
const SOME: u64 = 50;

/// Outcome of one fault.
#[derive(Debug)]
pub struct Row {
    /// The fault.
    pub fault: &'static str,
    /// What the relay did.
    pub happened: String,
    /// What RingCentral saw.
    pub seen: String,
    /// Notifications.
    pub load: Load,
    /// Whether relay and RingCentral's view were as they should be.
    pub good: bool,
    /// How long it took.
    pub took: Duration,
}

/// Notifications, counted.
#[derive(Debug, Default)]
pub struct Load {
    /// Sent, whole or in part.
    pub sent: u64,
    /// Answered 200.
    pub acknowledged: usize,
    /// Answered otherwise.
    pub refused: u64,
    /// Not answered.
    pub unanswered: u64,
    /// Answered 200, and not in the journal.
    pub lost: usize,
}

impl Load {
    /// Counts what the journal lacks.
    fn of(sent: &Sent, relay: &TestRelay) -> anyhow::Result<Self> {
        let stored: std::collections::BTreeSet<u64> = stores::journal(relay)?
            .iter()
            .filter_map(stores::Stored::number)
            .collect();
        Ok(Self {
            sent: sent.sent,
            acknowledged: sent.acknowledged.len(),
            refused: sent.refused,
            unanswered: sent.unanswered,
            lost: sent.acknowledged.difference(&stored).count(),
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_clean() { "ok  " } else { "FAIL" };
        writeln!(
            f,
            "{verdict} {}  ({:.1} s)",
            self.fault,
            self.took.as_secs_f64()
        )?;
        writeln!(
            f,
            "     sent {}  acknowledged {}  refused {}  unanswered {}  lost {}",
            self.load.sent,
            self.load.acknowledged,
            self.load.refused,
            self.load.unanswered,
            self.load.lost
        )?;
        writeln!(f, "     relay        {}", self.happened)?;
        write!(f, "     RingCentral  {}", self.seen)
    }
}

impl Row {
    /// Returns whether nothing was lost and all else was as it should be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.good && self.load.lost == 0
    }
}

/// Size of a run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Kills of each end.
    pub kills: u64,
    /// Replacements of the relay.
    pub upgrades: usize,
    /// Whether to wait for the minute after which a program that runs cleans up.
    pub waits: bool,
    /// Whether a slow validation is a failure: not on a busy machine.
    pub judges_time: bool,
}

impl Plan {
    /// For CI.
    pub const QUICK: Self = Self {
        kills: 2,
        upgrades: 3,
        waits: false,
        judges_time: false,
    };
    /// For a release.
    pub const FULL: Self = Self {
        kills: 20,
        upgrades: 20,
        waits: true,
        judges_time: true,
    };
}

/// Injects every fault whose name contains `only`, and shows each row. Returns whether all are clean.
///
/// # Errors
/// When something goes wrong that no row shows.
pub async fn run(plan: Plan, only: &str, mut show: impl FnMut(&Row)) -> anyhow::Result<bool> {
    let mut clean = true;
    let mut done = |row: Row| {
        clean &= row.is_clean();
        show(&row);
    };
    macro_rules! fault {
        ($name:literal, $fault:expr) => {
            if $name.contains(only) {
                let began = Instant::now();
                let mut row: Row = Box::pin($fault).await.context($name)?;
                row.fault = $name;
                row.took = began.elapsed();
                done(row);
            }
        };
    }
    fault!("disk full, then space again", disk::full());
    fault!("read-only file system at the start", disk::read_only());
    fault!("file system turns read-only", disk::turns_read_only());
    fault!("bytes of the database flipped", damage::flipped());
    fault!("database cut short", damage::cut());
    fault!("database begins with garbage", damage::garbage());
    fault!("write-ahead log damaged", damage::log());
    fault!("file descriptors exhausted", descriptors::exhausted());
    fault!("disk of the laptop full, then space again", laptop::full());
    fault!(
        "clock of the relay wrong at the start",
        clock::of_relays(When::AtStart)
    );
    fault!(
        "clock of the client wrong at the start",
        clock::of_clients(When::AtStart)
    );
    if plan.waits {
        fault!("clock of the relay jumps", clock::of_relays(When::Running));
        fault!(
            "clock of the client jumps",
            clock::of_clients(When::Running)
        );
    }
    fault!("two relays on one data directory", stop::two_relays());
    fault!("SIGTERM under load", stop::terminated());
    fault!("SIGTERM with an app that never answers", stop::cut_off());
    fault!("SIGKILL of relay and client", killed(plan.kills));
    fault!("relay replaced", upgrade::replaced(plan));
    Ok(clean)
}

async fn killed(kills: u64) -> anyhow::Result<Row> {
    let report = Box::pin(crash::run(kills, 7)).await?;
    Ok(row(
        format!(
            "{kills} kills of each: {} acknowledged are in the client's history once, {} doubled",
            report.delivered,
            report.doubled.len()
        ),
        "no answer while the relay is away; 200 before and after",
        Load {
            sent: report.sent,
            acknowledged: report.acknowledged,
            refused: 0,
            unanswered: report.sent - report.acknowledged as u64,
            lost: report.lost.len(),
        },
        report.is_clean(),
    ))
}

fn row(happened: impl Into<String>, seen: impl Into<String>, load: Load, good: bool) -> Row {
    Row {
        fault: "",
        happened: happened.into(),
        seen: seen.into(),
        load,
        good,
        took: Duration::ZERO,
    }
}

/// An app that answers notifications only.
fn silent_app() -> App {
    App::replying(|seen| match seen.method.as_str() {
        "POST" => Reply::status(200),
        _ => Reply::status(200).after(Duration::from_secs(600)),
    })
}

/// Counts the requests that it does not answer.
fn unanswered(app: &App) -> usize {
    let waits = |seen: &&Seen| seen.method != "POST";
    app.seen().iter().filter(waits).count()
}

/// A relay with an endpoint, and load on it.
struct Scene {
    relay: TestRelay,
    url: String,
    traffic: Traffic,
}

impl Scene {
    async fn on(relay: TestRelay) -> anyhow::Result<Self> {
        let token = relay.account("faults").await?;
        let url = relay.endpoint(&token, "faults").await?.url;
        let mut traffic = Traffic::start(&relay.caller()?, &url, VOLUME);
        traffic.more(SOME).await?;
        Ok(Self {
            relay,
            url,
            traffic,
        })
    }

    /// Starts validating, one request after the other.
    fn probe(&self) -> anyhow::Result<Probe> {
        Ok(Probe::start(&self.relay.caller()?, &self.url))
    }

    /// Ends the load and counts.
    async fn finish(self) -> anyhow::Result<(TestRelay, Load)> {
        let sent = self.traffic.finish().await?;
        let load = Load::of(&sent, &self.relay)?;
        Ok((self.relay, load))
    }
}
