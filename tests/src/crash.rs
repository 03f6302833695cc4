//! Relay and client killed (SIGKILL) at chance points under load: what was answered 200 must be in the client's
//! history, once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::chance::Chance;
use crate::client::Home;
use crate::eventually;
use crate::hooks;
use crate::relay::{ANY_RATE, TestRelay};
use crate::stores::{self, Stored};
use crate::target::LocalTarget;
use crate::traffic::{Traffic, Volume};

/// Bounded on purpose: a hundred kills of each end at up to 2,000 notifications a second make some ten thousand
/// events, which a debug build stores and forwards in time.
const VOLUME: Volume = Volume {
    callers: 8,
    pause: Duration::from_millis(4),
};

/// A kill comes after at most this many more acknowledged notifications.
const KILL_WITHIN: u64 = 60;

/// Once the killing is over, everything is delivered and forwarded within this time.
const SETTLE_TIME: Duration = Duration::from_secs(120);

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// Kills of each end.
    pub kills: u64,
    /// Seed of the kill points.
    pub seed: u64,
    /// Bodies sent.
    pub sent: u64,
    /// Bodies answered 200.
    pub acknowledged: usize,
    /// Bodies in the relay's journal.
    pub stored: usize,
    /// Bodies in the client's history.
    pub delivered: usize,
    /// Bodies that the app got.
    pub forwarded: usize,
    /// Bodies that the app got more than once: an attempt that was cut off is made again.
    pub forwarded_again: usize,
    /// Marks answered 200 that the history lacks.
    pub lost: Vec<u64>,
    /// Marks that the history has more than once.
    pub doubled: Vec<u64>,
    /// Marks in the history that the app never got.
    pub not_forwarded: Vec<u64>,
    /// Conversations whose events are out of order in the history.
    pub disordered: usize,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Says whether nothing was lost, doubled, withheld or disordered.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.doubled.is_empty()
            && self.not_forwarded.is_empty()
            && self.disordered == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} kills of the relay and of the client in {:.1} s, seed {}",
            self.kills,
            self.took.as_secs_f64(),
            self.seed
        )?;
        writeln!(f, "  sent           {}", self.sent)?;
        writeln!(f, "  acknowledged   {}   (answered 200)", self.acknowledged)?;
        writeln!(f, "  stored         {}   (relay's journal)", self.stored)?;
        writeln!(
            f,
            "  delivered      {}   (client's history)",
            self.delivered
        )?;
        writeln!(
            f,
            "  forwarded      {}   (to the app; {} of them more than once, after a kill within the attempt)",
            self.forwarded, self.forwarded_again
        )?;
        writeln!(
            f,
            "  lost           {}   {}",
            self.lost.len(),
            some(&self.lost)
        )?;
        writeln!(
            f,
            "  doubled        {}   {}",
            self.doubled.len(),
            some(&self.doubled)
        )?;
        writeln!(
            f,
            "  not forwarded  {}   {}",
            self.not_forwarded.len(),
            some(&self.not_forwarded)
        )?;
        write!(f, "  out of order   {}", self.disordered)
    }
}

fn some(marks: &[u64]) -> String {
    match marks {
        [] => String::new(),
        marks => format!("{:?}", marks.iter().take(10).collect::<Vec<_>>()),
    }
}

/// Kills each end so many times.
///
/// # Errors
/// When a program does not come back, or does not settle afterwards.
pub async fn run(kills: u64, seed: u64) -> anyhow::Result<Report> {
    let began = Instant::now();
    let mut chance = Chance::seeded(seed);
    let mut relay = TestRelay::start_with(ANY_RATE).await?;
    let token = relay.account("crash").await?;
    let app = LocalTarget::start()?;
    let home = Home::new(&relay, &token)?;
    let mut client = home
        .listen(&[&app.url("/hook"), "--endpoint", "crash"])
        .await?;
    let url = client.url()?;

    let mut traffic = Traffic::start(&relay.caller()?, &url, VOLUME);
    for _ in 0..kills {
        traffic.more(1 + chance.below(KILL_WITHIN)).await?;
        relay.kill().await?;
        traffic.hold();
        relay.resume().await?;
        traffic.flow();
        traffic.more(1 + chance.below(KILL_WITHIN)).await?;
        client.kill().await?;
        client.launch()?;
    }
    traffic.more(KILL_WITHIN).await?;
    let sent = traffic.finish().await?;

    let stored = stores::journal(relay.data())?;
    let marks = distinct(&stored);
    let settled = async {
        eventually!(
            within SETTLE_TIME,
            stores::history_len(&home.data()).is_ok_and(|count| count >= stored.len()),
            "all {} stored events in the history",
            stored.len()
        )?;
        eventually!(
            within SETTLE_TIME,
            marks_of(&app).len() >= marks.len(),
            "all {} stored bodies at the app",
            marks.len()
        )
    };
    // What does not settle is counted below, with numbers; only a client that is gone has nothing to count.
    let settled = settled.await;
    ensure!(client.pid().is_some(), "the client is gone");
    let history = stores::history(&home.data())?;
    let delivered = distinct(&history);
    let forwarded = marks_of(&app);
    let report = Report {
        kills,
        seed,
        sent: sent.sent,
        acknowledged: sent.acknowledged.len(),
        stored: stored.len(),
        delivered: history.len(),
        forwarded: forwarded.len(),
        forwarded_again: forwarded.values().filter(|times| **times > 1).count(),
        lost: sent.acknowledged.difference(&delivered).copied().collect(),
        doubled: doubled(&history),
        not_forwarded: delivered
            .iter()
            .filter(|mark| !forwarded.contains_key(mark))
            .copied()
            .collect(),
        disordered: disordered(&history),
        took: began.elapsed(),
    };
    if report.is_clean() {
        settled?;
    }
    Ok(report)
}

fn mark_of(event: &Stored) -> Option<u64> {
    hooks::mark_of(&event.body)
}

fn distinct(events: &[Stored]) -> BTreeSet<u64> {
    events.iter().filter_map(mark_of).collect()
}

fn doubled(events: &[Stored]) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    let again = |mark: &u64| !seen.insert(*mark);
    events.iter().filter_map(mark_of).filter(again).collect()
}

/// Counts events whose number is not greater than the one before.
fn disordered(history: &[Stored]) -> usize {
    let pairs = history.iter().zip(history.iter().skip(1));
    pairs.filter(|(one, next)| next.seq <= one.seq).count()
}

fn marks_of(app: &LocalTarget) -> BTreeMap<u64, usize> {
    let mut marks = BTreeMap::new();
    for mark in app.marks() {
        *marks.entry(mark).or_default() += 1;
    }
    marks
}
