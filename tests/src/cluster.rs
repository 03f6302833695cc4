//! Two relays on one PostgreSQL with a synchronous standby, under load, and at random: a relay is killed or frozen, PostgreSQL
//! freezes, crashes or fails over, a relay dies with a spool. What was answered 200 must be in the client's history once, and in
//! order; what the app answers comes in at both relays, and the client's link is at one.

mod asker;
mod order;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fastrand::Rng;
use memchr::memmem;
use ringtail_kit::eventually;
use ringtail_kit::postgres::PostgresServer;
use serde_json::Value;

use self::asker::{Asked, Asker};
use self::order::Read;
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
    RelayFrozen,
    PostgresFrozen,
    PostgresCrashed,
    PostgresFailedOver,
    RelayKilledWithSpool,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::RelayKilled,
        Self::RelayFrozen,
        Self::PostgresFrozen,
        Self::PostgresCrashed,
        Self::PostgresFailedOver,
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
    asked: Vec<Asked>,
    callbacks_lost: usize,
    callbacks_doubled: usize,
    /// Bytes of an event in the database with its indexes, and in the database's write-ahead log with all that goes with it.
    event_bytes: usize,
    log_bytes: usize,
    /// What the check of the recorded history found.
    wrong: Vec<String>,
    clients: usize,
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
            && self.callbacks_lost == 0
            && self.callbacks_doubled == 0
            && self.wrong.is_empty()
    }
}

impl Report {
    /// Returns the sum, or the greatest for times.
    fn count(&self, of: fn(&Asked) -> u64) -> usize {
        self.asked.iter().map(of).sum::<u64>() as usize
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        write!(
            f,
            "two relays on one PostgreSQL with a synchronous standby, {took:.1} s, seed {}",
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
            ("pages by the app", self.count(|it| it.pages)),
            ("pages refused", self.count(|it| it.pages_refused)),
            ("callbacks by the app", self.count(|it| it.callbacks)),
            ("callbacks' fallbacks", self.count(|it| it.fallbacks)),
            ("table bytes an event", self.event_bytes),
            ("log bytes an event", self.log_bytes),
            ("callbacks lost", self.callbacks_lost),
            ("callbacks doubled", self.callbacks_doubled),
            ("neither answered", self.count(|it| it.unanswered)),
            (
                "slowest of these, ms",
                self.count(|it| it.slowest.as_millis() as u64),
            ),
        ] {
            write!(f, "\n  {name:<22} {count}")?;
        }
        write!(
            f,
            "\n  readings of {} clients that are no prefix of the one order: {}",
            self.clients,
            self.wrong.len()
        )?;
        for wrong in self.wrong.iter().take(10) {
            write!(f, "\n    {wrong}")?;
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
    let mut servers = [PostgresServer::start("")?, PostgresServer::start("")?];
    let database = servers[0].database();
    stand_by(&servers[1], &servers[0])?;
    let database = servers[0].or_else(&servers[1], &database);
    let mut relays = Vec::new();
    for _ in 0..2 {
        let options = ANY_RATE.iter().chain(&["--cluster", "127.0.0.1:0"]);
        let setup = Setup {
            options: options.map(ToString::to_string).collect(),
            ..Setup::in_postgres(&database)
        };
        relays.push(TestRelay::start_as(tempfile::tempdir()?, setup).await?);
    }
    let token = relays[0].account("cluster").await?;
    let home = Home::new(&relays[0], &token)?;
    let app = asker::app();
    let client = home
        .listen(&[&app.url("/hook"), "--endpoint", "cluster"])
        .await?;
    // Another developer looks on at the other relay.
    let onlooker = Home::new(&relays[1], &token)?;
    let looking = onlooker.listen(&["--endpoint", "cluster"]).await?;
    let url = client.url()?;
    let id = url.rsplit('/').next().context("a URL without an id")?;
    let mut load = Vec::new();
    for (relay, first) in relays.iter().zip([0, SECOND]) {
        let url = format!("{}/{id}", relay.url());
        load.push(Load {
            traffic: Traffic::start_at(&relay.caller()?, &url, VOLUME, first),
            asker: Asker::start(relay.caller()?, url, usize::try_from(first)?),
        });
    }

    let log_at = "SELECT pg_current_wal_lsn() - '0/0'";
    let log_began: usize = servers[0].sql(&database, log_at).parse()?;
    let mut happened: BTreeMap<Fault, u64> = BTreeMap::new();
    for _ in 0..faults {
        let fault = Fault::ALL[rng.usize(..Fault::ALL.len())];
        *happened.entry(fault).or_default() += 1;
        linked(&mut load).await?;
        more(&mut load, &mut rng).await?;
        let victim = rng.usize(..relays.len());
        let server = &servers[0];
        match fault {
            Fault::RelayKilled => restart(&mut relays, &load, victim).await?,
            Fault::RelayFrozen => {
                relays[victim].signal("-STOP").await?;
                // The other one goes on.
                let others = load.iter_mut().enumerate();
                for (_, other) in others.filter(|(at, _)| *at != victim) {
                    other.traffic.more(1 + rng.u64(..LASTS)).await?;
                }
                relays[victim].signal("-CONT").await?;
            }
            Fault::PostgresFrozen => {
                server.freeze()?;
                more(&mut load, &mut rng).await?;
                server.thaw()?;
            }
            Fault::PostgresCrashed => {
                server.crash()?;
                more(&mut load, &mut rng).await?;
                server.resume()?;
            }
            Fault::PostgresFailedOver => {
                eventually!(within SETTLE_TIME, server.is_followed(), "a standby")?;
                server.crash()?;
                more(&mut load, &mut rng).await?;
                servers[1].promote()?;
                more(&mut load, &mut rng).await?;
                servers.swap(0, 1);
                // The old one comes back as the standby.
                servers[1].follow(&servers[0])?;
            }
            Fault::RelayKilledWithSpool => {
                server.crash()?;
                more(&mut load, &mut rng).await?;
                load[victim].flow(false);
                relays[victim].kill().await?;
                server.resume()?;
                relays[victim].resume().await?;
                load[victim].flow(true);
            }
        }
    }
    more(&mut load, &mut rng).await?;
    let (mut sent, mut asked) = (Vec::new(), Vec::new());
    for one in load {
        sent.push(one.traffic.finish().await?);
        asked.push(one.asker.finish().await?);
    }
    for relay in &relays {
        eventually!(within SETTLE_TIME, spooled(relay).await == Some(0), "an empty spool")?;
    }
    let server = &servers[0];
    let stored: usize = server
        .sql(&database, "SELECT count(*) FROM ringtail.event")
        .parse()?;
    let bytes = server.sql(&database, "SELECT pg_total_relation_size('ringtail.event')");
    let bytes: usize = bytes.parse()?;
    let log_ended: usize = server.sql(&database, log_at).parse()?;
    let gaps = "SELECT next_seq - 1 - (SELECT count(*) FROM ringtail.event WHERE endpoint = key) FROM ringtail.endpoint";
    let gaps = server.sql(&database, gaps).parse()?;
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
    let select = "SELECT seq, replace(id::text, '-', '') FROM ringtail.event ORDER BY seq";
    let order = server.sql(&database, select);
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
    let report = report(&history, &sent);
    let report = Report {
        seed,
        took: began.elapsed(),
        faults: happened,
        stored,
        gaps,
        asked,
        callbacks_lost,
        event_bytes: bytes / stored.max(1),
        log_bytes: log_ended.saturating_sub(log_began) / stored.max(1),
        callbacks_doubled: callbacks.values().filter(|times| **times > 1).count(),
        wrong,
        clients: readings.len(),
        ..report
    };
    if report.is_clean() {
        delivered?;
    }
    Ok(report)
}

/// What goes on at a relay.
struct Load {
    traffic: Traffic,
    asker: Asker,
}

impl Load {
    /// Pauses or resumes it.
    fn flow(&self, flows: bool) {
        match flows {
            true => self.traffic.resume(),
            false => self.traffic.pause(),
        }
        self.asker.flow(flows);
    }
}

fn read(seq: u64, id: String) -> Read {
    Read { seq, id }
}

/// Makes a server the standby of another.
fn stand_by(standby: &PostgresServer, primary: &PostgresServer) -> anyhow::Result<()> {
    standby.crash()?;
    standby.follow(primary)
}

async fn restart(relays: &mut [TestRelay], load: &[Load], victim: usize) -> anyhow::Result<()> {
    relays[victim].kill().await?;
    load[victim].flow(false);
    relays[victim].resume().await?;
    load[victim].flow(true);
    Ok(())
}

/// Waits until each relay has acknowledged some more.
async fn more(load: &mut [Load], rng: &mut Rng) -> anyhow::Result<()> {
    let count = 1 + rng.u64(..LASTS);
    for one in load {
        one.traffic.more(count).await?;
    }
    Ok(())
}

/// Waits until the client's link is back, at either relay: faults are to hit requests that the app would answer.
async fn linked(load: &mut [Load]) -> anyhow::Result<()> {
    for one in load {
        one.asker.more(SETTLE_TIME).await?;
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
        asked: Vec::new(),
        callbacks_lost: 0,
        callbacks_doubled: 0,
        event_bytes: 0,
        log_bytes: 0,
        wrong: Vec::new(),
        clients: 0,
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
