//! Relay and client killed (SIGKILL) at random points under load: what was answered 200 must be in the client's history
//! once, and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::ensure;
use fastrand::Rng;
use ringtail_kit::app::App;
use ringtail_kit::eventually;

use crate::client::Home;
use crate::hooks;
use crate::relay::{ANY_RATE, TestRelay};
use crate::stores::{self, Stored};
use crate::traffic::{Traffic, Volume};

/// A hundred kills of each end at up to 2,000 notifications a second make some ten thousand events, which a debug build
/// stores and forwards in time.
const VOLUME: Volume = Volume {
    callers: 8,
    pause: Duration::from_millis(4),
};

/// A kill comes after at most this many more acknowledged notifications.
const KILL_WITHIN: u64 = 60;

/// After the last kill, everything is delivered and forwarded within this time.
const SETTLE_TIME: Duration = Duration::from_secs(120);

/// Outcome of a run.
#[derive(Debug)]
pub struct Report {
    kills: u64,
    seed: u64,
    took: Duration,
    /// Notifications sent.
    pub sent: u64,
    /// Notifications answered 200.
    pub acknowledged: usize,
    stored: usize,
    /// Events in the client's history.
    pub delivered: usize,
    forwarded: usize,
    forwarded_again: usize,
    /// Numbers answered 200 that the history lacks.
    pub lost: Vec<u64>,
    /// Numbers that the history has more than once.
    pub doubled: Vec<u64>,
    not_forwarded: Vec<u64>,
    disordered: usize,
}

impl Report {
    /// Returns whether nothing was lost, doubled, withheld or disordered.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        [&self.lost, &self.doubled, &self.not_forwarded]
            .iter()
            .all(|numbers| numbers.is_empty())
            && self.disordered == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        write!(
            f,
            "{} kills of the relay and of the client in {took:.1} s, seed {}",
            self.kills, self.seed
        )?;
        let again = format!(
            "(app; {} more than once, after a kill during the attempt)",
            self.forwarded_again
        );
        for (name, count, note) in [
            ("sent", self.sent as usize, ""),
            ("acknowledged", self.acknowledged, "(answered 200)"),
            ("stored", self.stored, "(relay's journal)"),
            ("delivered", self.delivered, "(client's history)"),
            ("forwarded", self.forwarded, &again),
            ("out of order", self.disordered, ""),
        ] {
            write!(f, "\n  {name:<14} {count}   {note}")?;
        }
        for (name, numbers) in [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("not forwarded", &self.not_forwarded),
        ] {
            let first: Vec<&u64> = numbers.iter().take(10).collect();
            write!(f, "\n  {name:<14} {}   {first:?}", numbers.len())?;
        }
        Ok(())
    }
}

/// Kills each end `kills` times.
///
/// # Errors
/// When a program does not come back, or does not settle afterwards.
pub async fn run(kills: u64, seed: u64) -> anyhow::Result<Report> {
    let began = Instant::now();
    let mut rng = Rng::with_seed(seed);
    let mut relay = TestRelay::start_with(ANY_RATE).await?;
    let token = relay.account("crash").await?;
    let app = App::accepting();
    let home = Home::new(&relay, &token)?;
    let mut client = home
        .listen(&[&app.url("/hook"), "--endpoint", "crash"])
        .await?;
    let url = client.url()?;

    let mut traffic = Traffic::start(&relay.caller()?, &url, VOLUME);
    for _ in 0..kills {
        traffic.more(1 + rng.u64(..KILL_WITHIN)).await?;
        relay.kill().await?;
        traffic.pause();
        relay.resume().await?;
        traffic.resume();
        traffic.more(1 + rng.u64(..KILL_WITHIN)).await?;
        client.kill().await?;
        client.launch()?;
    }
    traffic.more(KILL_WITHIN).await?;
    let sent = traffic.finish().await?;

    let stored = stores::journal(&relay)?;
    let numbers = distinct(&stored);
    let settled = async {
        eventually!(
            within SETTLE_TIME,
            stores::history_len(&home.data()).is_ok_and(|count| count >= stored.len()),
            "all {} stored events in the history",
            stored.len()
        )?;
        eventually!(
            within SETTLE_TIME,
            times_forwarded(&app).len() >= numbers.len(),
            "all {} stored notifications at the app",
            numbers.len()
        )
    };
    // What does not settle is counted below; only a client that is gone has nothing to count.
    let settled = settled.await;
    ensure!(client.pid().is_some(), "the client is gone");
    let history = stores::history(&home.data())?;
    let delivered = distinct(&history);
    let forwarded = times_forwarded(&app);
    let mut once = BTreeSet::new();
    let not_forwarded = |number: &&u64| !forwarded.contains_key(number);
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
        doubled: numbers_of(&history)
            .filter(|it| !once.insert(*it))
            .collect(),
        not_forwarded: delivered.iter().filter(not_forwarded).copied().collect(),
        disordered: history
            .windows(2)
            .filter(|two| two[1].seq <= two[0].seq)
            .count(),
        took: began.elapsed(),
    };
    if report.is_clean() {
        settled?;
    }
    Ok(report)
}

fn numbers_of(events: &[Stored]) -> impl Iterator<Item = u64> {
    events.iter().filter_map(Stored::number)
}

fn distinct(events: &[Stored]) -> BTreeSet<u64> {
    numbers_of(events).collect()
}

fn times_forwarded(app: &App) -> BTreeMap<u64, usize> {
    let mut times = BTreeMap::new();
    for number in hooks::numbers(app) {
        *times.entry(number).or_default() += 1;
    }
    times
}
