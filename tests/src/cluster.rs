//! Two relays on one PostgreSQL under load, and at random: a relay is killed, PostgreSQL freezes or crashes, a relay dies with
//! a spool. What was answered 200 must be in the client's history once, and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fastrand::Rng;
use memchr::memmem;
use ringtail_kit::app::App;
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use serde_json::Value;

use crate::client::Home;
use crate::relay::{ANY_RATE, Setup, TestRelay};
use crate::stores;
use crate::traffic::{Sent, Traffic, Volume};

/// At each relay. Small, so that a debug build on a busy machine keeps up.
const VOLUME: Volume = Volume {
    callers: 3,
    pause: Duration::from_millis(25),
};

/// Numbers of the second relay's notifications begin here.
const SECOND: u64 = 1_000_000_000;

/// A fault lasts until at most this many more notifications are acknowledged, at each relay.
const LASTS: u64 = 60;

/// After the last fault, everything is delivered within this time.
const SETTLE_TIME: Duration = Duration::from_secs(180);

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    RelayKilled,
    PostgresFrozen,
    PostgresCrashed,
    RelayKilledWithSpool,
}

impl Fault {
    const ALL: [Self; 4] = [
        Self::RelayKilled,
        Self::PostgresFrozen,
        Self::PostgresCrashed,
        Self::RelayKilledWithSpool,
    ];
}

/// Outcome of a run.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    took: Duration,
    faults: BTreeMap<Fault, u64>,
    /// Notifications sent.
    pub sent: u64,
    /// Notifications answered 200.
    pub acknowledged: usize,
    refused: u64,
    unanswered: u64,
    slowest: Duration,
    stored: usize,
    delivered: usize,
    /// Numbers answered 200 that the history lacks.
    pub lost: Vec<u64>,
    /// Numbers that the history has more than once.
    pub doubled: Vec<u64>,
    disordered: usize,
    gaps: usize,
}

impl Report {
    /// Returns whether nothing was lost, doubled or disordered, and nothing refused.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.doubled.is_empty()
            && self.disordered == 0
            && self.gaps == 0
            && self.refused == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        write!(
            f,
            "two relays on one PostgreSQL, {took:.1} s, seed {}",
            self.seed
        )?;
        for (fault, times) in &self.faults {
            write!(f, "\n  {:<22} {times}", format!("{fault:?}"))?;
        }
        for (name, count) in [
            ("sent", self.sent as usize),
            ("acknowledged", self.acknowledged),
            ("refused", self.refused as usize),
            ("without an answer", self.unanswered as usize),
            ("slowest answer, ms", self.slowest.as_millis() as usize),
            ("stored", self.stored),
            ("delivered", self.delivered),
            ("lost", self.lost.len()),
            ("doubled", self.doubled.len()),
            ("out of order", self.disordered),
            ("gaps", self.gaps),
        ] {
            write!(f, "\n  {name:<22} {count}")?;
        }
        Ok(())
    }
}

/// Lets `faults` faults happen.
///
/// # Errors
/// When a program does not come back, or does not settle afterwards.
pub async fn run(faults: u64, seed: u64) -> anyhow::Result<Report> {
    let began = Instant::now();
    let mut rng = Rng::with_seed(seed);
    let server = PostgresServer::start("")?;
    let database = server.database();
    let mut relays = Vec::new();
    for _ in 0..2 {
        let setup = Setup {
            options: ANY_RATE.iter().map(ToString::to_string).collect(),
            ..Setup::in_postgres(&database)
        };
        relays.push(TestRelay::start_as(tempfile::tempdir()?, setup).await?);
    }
    let token = relays[0].account("cluster").await?;
    let home = Home::new(&relays[0], &token)?;
    let app = App::accepting();
    let client = home
        .listen(&[&app.url("/hook"), "--endpoint", "cluster"])
        .await?;
    let url = client.url()?;
    let id = url.rsplit('/').next().context("a URL without an id")?;
    let mut traffic = Vec::new();
    for (relay, first) in relays.iter().zip([0, SECOND]) {
        let url = format!("{}/{id}", relay.url());
        traffic.push(Traffic::start_at(&relay.caller()?, &url, VOLUME, first));
    }

    let mut happened: BTreeMap<Fault, u64> = BTreeMap::new();
    for _ in 0..faults {
        let fault = Fault::ALL[rng.usize(..Fault::ALL.len())];
        *happened.entry(fault).or_default() += 1;
        more(&mut traffic, &mut rng).await?;
        let victim = rng.usize(..relays.len());
        match fault {
            Fault::RelayKilled => restart(&mut relays, &traffic, victim).await?,
            Fault::PostgresFrozen => {
                server.freeze()?;
                more(&mut traffic, &mut rng).await?;
                server.thaw()?;
            }
            Fault::PostgresCrashed => {
                server.crash()?;
                more(&mut traffic, &mut rng).await?;
                server.resume()?;
            }
            Fault::RelayKilledWithSpool => {
                server.crash()?;
                more(&mut traffic, &mut rng).await?;
                traffic[victim].pause();
                relays[victim].kill().await?;
                server.resume()?;
                relays[victim].resume().await?;
                traffic[victim].resume();
            }
        }
    }
    more(&mut traffic, &mut rng).await?;
    let mut sent = Vec::new();
    for one in traffic {
        sent.push(one.finish().await?);
    }
    for relay in &relays {
        eventually!(within SETTLE_TIME, spooled(relay).await == Some(0), "an empty spool")?;
    }
    let stored: usize = server
        .sql(&database, "SELECT count(*) FROM ringtail.event")
        .parse()?;
    let gaps = "SELECT next_seq - 1 - (SELECT count(*) FROM ringtail.event WHERE endpoint = key) FROM ringtail.endpoint";
    let gaps = server.sql(&database, gaps).parse()?;
    let delivered = eventually!(
        within SETTLE_TIME,
        stores::history_len(&home.data()).is_ok_and(|count| count >= stored),
        "all {stored} stored events in the history"
    );
    ensure!(client.pid().is_some(), "the client is gone");
    let report = report(&stores::history(&home.data())?, &sent);
    let report = Report {
        seed,
        took: began.elapsed(),
        faults: happened,
        stored,
        gaps,
        ..report
    };
    if report.is_clean() {
        delivered?;
    }
    Ok(report)
}

async fn restart(
    relays: &mut [TestRelay],
    traffic: &[Traffic],
    victim: usize,
) -> anyhow::Result<()> {
    relays[victim].kill().await?;
    traffic[victim].pause();
    relays[victim].resume().await?;
    traffic[victim].resume();
    Ok(())
}

/// Waits until each relay has acknowledged some more.
async fn more(traffic: &mut [Traffic], rng: &mut Rng) -> anyhow::Result<()> {
    let count = 1 + rng.u64(..LASTS);
    for one in traffic {
        one.more(count).await?;
    }
    Ok(())
}

/// Returns how many events wait in a relay's spool.
async fn spooled(relay: &TestRelay) -> Option<u64> {
    let status = relay.run(["status", "--output", "json"]).await.ok()?;
    let status: Value = serde_json::from_slice(&status.stdout).ok()?;
    status["journal"]["spooled_events"].as_u64()
}

fn report(history: &[stores::Stored], sent: &[Sent]) -> Report {
    let acknowledged: BTreeSet<u64> = sent
        .iter()
        .flat_map(|it| it.acknowledged.iter().copied())
        .collect();
    let mut delivered = BTreeSet::new();
    let mut doubled = Vec::new();
    let mut disordered = 0;
    // A caller sends its next notification after the answer to the one before.
    let mut last: BTreeMap<(bool, Vec<u8>), u64> = BTreeMap::new();
    let mut last_seq = 0;
    for event in history {
        let Some(number) = event.number() else {
            continue;
        };
        if !delivered.insert(number) {
            doubled.push(number);
        }
        let caller = (number >= SECOND, conversation(&event.body));
        let before = last.insert(caller, number);
        if before.is_some_and(|before| before > number) || event.seq <= last_seq {
            disordered += 1;
        }
        last_seq = event.seq;
    }
    Report {
        seed: 0,
        took: Duration::ZERO,
        faults: BTreeMap::new(),
        sent: sent.iter().map(|it| it.sent).sum(),
        acknowledged: acknowledged.len(),
        refused: sent.iter().map(|it| it.refused).sum(),
        unanswered: sent.iter().map(|it| it.unanswered).sum(),
        slowest: sent.iter().map(|it| it.slowest).max().unwrap_or_default(),
        stored: 0,
        delivered: history.len(),
        lost: acknowledged.difference(&delivered).copied().collect(),
        doubled,
        disordered,
        gaps: 0,
    }
}

/// Returns the conversation that [`crate::hooks::numbered`] wrote.
fn conversation(body: &[u8]) -> Vec<u8> {
    let mark = b"\"conversation\":{\"id\":\"";
    let start = memmem::find(body, mark).map_or(body.len(), |at| at + mark.len());
    let rest = body.get(start..).unwrap_or_default();
    rest.iter()
        .copied()
        .take_while(|byte| *byte != b'"')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks;

    #[test]
    fn what_is_lost_doubled_or_disordered_is_seen() {
        let event = |seq, conversation, number| stores::Stored {
            seq,
            body: hooks::numbered(conversation, number),
        };
        let sent = Sent {
            acknowledged: (0..6).collect(),
            ..Sent::default()
        };
        let sent = [sent];
        let whole: Vec<_> = (0..6).map(|n| event(n + 1, 0, n)).collect();
        assert!(report(&whole, &sent).is_clean());
        // Callers are not ordered among each other.
        let mut two: Vec<_> = [0, 2, 1, 3, 4, 5]
            .into_iter()
            .enumerate()
            .map(|(at, n)| event(at as u64 + 1, (n == 2).into(), n))
            .collect();
        assert!(report(&two, &sent).is_clean());
        two[1] = event(2, 0, 2);
        assert_eq!(report(&two, &sent).disordered, 1);
        assert_eq!(report(&whole[..5], &sent).lost, [5]);
        let mut doubled = whole;
        doubled.push(event(7, 0, 5));
        assert_eq!(report(&doubled, &sent).doubled, [5]);
    }
}
