//! Attacks on a relay by strangers and four accounts, and the requests of a fifth account meanwhile.
//!
//! Every attack is its own process at the lowest priority, because attackers have other machines: they get what CPU the relay
//! and the victim leave. Nothing leaves `127.0.0.0/8`; our own attackers call from many of its addresses, so that the limit per
//! address does not stop them before the limits under test, and the victim's callers from one that nobody else has.

mod attack;
mod report;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use futures_util::future::{join_all, select_ok};
use hdrhistogram::Histogram;
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval, timeout};

pub use self::attack::Attack;
pub use self::report::{Report, Row};
use crate::bench::load::{Measured, micros};
use crate::client::Home;
use crate::control_group::ControlGroup;
use crate::hooks;
use crate::process::Process;
use crate::procfs;
use crate::relay::{TestRelay, Token};
use crate::validation::check;
use ringtail_kit::app::App;
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::eventually;

/// Pause between two validation requests: more would queue here and not in the relay.
const PAUSE: Duration = Duration::from_millis(10);

/// Where the victim's requests come from.
const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));

/// Accounts that attack.
const ACCOUNTS: usize = 4;

/// Endpoints of each, so that it can have all links that an account may have.
const ENDPOINTS: usize = 5;

/// MiB of events that the relay keeps; a quarter of them for an account.
const KEEP_MIB: u64 = 512;

/// Pause between two looks at what the relay holds.
const LOOK: Duration = Duration::from_millis(250);

/// An attacker gets so long until its attack is under way: it has the lowest priority.
const BEGIN: Duration = Duration::from_secs(25);

/// An attack by a tool that takes less was none.
const AT_LEAST: Duration = Duration::from_secs(1);

/// What an attacker of our own prints then.
pub const UNDER_WAY: &str = "under way";

/// Connections left to others.
const SPARE: usize = 256;

/// Duration and strength.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Duration of each attack.
    pub time: Duration,
    /// The relay's connection limit.
    pub connections: usize,
    /// Whether slowhttptest and h2load attack, too.
    pub tools: bool,
    /// Part of the name of the only attacks of interest.
    pub only: Option<String>,
    /// The slowest of a hundred of the victim's requests takes no longer; `None` where builds or a busy machine decide.
    pub p99: Option<Duration>,
}

impl Plan {
    /// The relay's default limit, half a minute each.
    pub const FULL: Self = Self {
        time: Duration::from_secs(30),
        connections: 3072,
        tools: true,
        only: None,
        p99: Some(Duration::from_millis(250)),
    };

    /// Our own attackers briefly, on a relay with few connections.
    pub const QUICK: Self = Self {
        time: Duration::from_secs(2),
        connections: 512,
        tools: false,
        only: None,
        p99: None,
    };

    fn attacks(&self) -> Vec<(String, Vec<Attack>)> {
        let own = [
            Attack::Held,
            Attack::Resets,
            Attack::Bodies,
            Attack::Links,
            Attack::Abandoned,
            Attack::Handshakes,
            Attack::EmptyFrames,
            Attack::Events,
        ];
        let tools = [
            Attack::SlowHeaders,
            Attack::SlowBodies,
            Attack::SlowRead,
            Attack::H2load,
        ];
        let tools: &[Attack] = if self.tools { &tools } else { &[] };
        let each = tools.iter().chain(&own);
        let alone = each
            .clone()
            .map(|attack| (attack.to_string(), vec![*attack]));
        let all = ("all at once".to_owned(), each.copied().collect());
        let mut attacks: Vec<_> = alone.chain([all]).collect();
        attacks.retain(|(name, _)| self.only.as_ref().is_none_or(|only| name.contains(only)));
        attacks.insert(0, ("none".to_owned(), Vec::new()));
        attacks
    }
}

/// Attacks and measures.
///
/// # Errors
/// When the relay or an attack does not start, or the relay does not survive.
pub async fn run(plan: Plan) -> anyhow::Result<Report> {
    let connections = plan.connections.to_string();
    let (keep, keep_account) = (KEEP_MIB << 20, KEEP_MIB << 18);
    let (keep, keep_account) = (keep.to_string(), keep_account.to_string());
    let options = [
        ["--max-connections", &connections],
        ["--keep-bytes", &keep],
        ["--keep-account-bytes", &keep_account],
    ];
    let options = options.concat();
    let relay = TestRelay::start_with(&options).await?;
    let pid = relay.pid().context("the relay has ended")?;
    let (time, rows) = (plan.time, plan.attacks());
    let held = plan.connections.saturating_sub(SPARE) / ACCOUNTS;
    ensure!(
        rows.len() > 1,
        "no attack has this name; without --only all are run"
    );
    let mut report = Report::new(plan);
    // Outlives the relay.
    let group = ControlGroup::of_memory(pid, report.ceiling_mib());
    report.is_in_group = group.is_some();
    let mut attackers = Vec::new();
    for number in 0..ACCOUNTS {
        let token = relay.account(&format!("attacker-{number}")).await?;
        let mut urls = Vec::new();
        for number in 0..ENDPOINTS {
            let name = format!("flood-{number}");
            urls.push(relay.endpoint(&token, &name).await?.url);
        }
        attackers.push((token, urls));
    }
    let token = relay.account("victim").await?;
    let app = App::accepting();
    let client = Home::new(&relay, &token)?
        .listen(&[&app.url(""), "--endpoint", "hooks"])
        .await?;
    let url = client.url()?;
    let is_up = |line: &serde_json::Value| line["state"] == "connected";
    eventually!(
        client.lines_of("link").iter().any(is_up),
        "the victim's link"
    )?;
    let mut outcomes = Vec::new();
    for (name, attacks) in rows {
        let mut under_way = Vec::new();
        for &attack in &attacks {
            let (token, urls) = &attackers[under_way.len() % ACCOUNTS];
            let aims: Vec<(&Token, &str)> = match attack {
                // Whoever learnt the victim's URL.
                Attack::Abandoned => vec![(token, &url)],
                // One account takes what it may; four take more.
                Attack::Links => attackers
                    .iter()
                    .flat_map(|(token, urls)| urls.iter().map(move |url| (token, url.as_str())))
                    .collect(),
                Attack::Bodies | Attack::Events | Attack::Held => attackers
                    .iter()
                    .map(|(token, urls)| (token, urls[0].as_str()))
                    .collect(),
                _ => vec![(token, &urls[0])],
            };
            for (token, url) in aims {
                under_way.push(UnderWay::begin(attack, held, &relay, url, token, time)?);
            }
        }
        let begun = attacks.iter().map(|&attack| begun(attack, &under_way));
        let begun = join_all(begun).await;
        let links = client.count_of("link");
        let held = Held::default();
        let row = tokio::select! {
            row = measure(name, &relay, &url, time) => row?,
            error = held.watch(pid, relay.data()) => return Err(error),
        };
        for (&attack, begun) in attacks.iter().zip(begun) {
            let of_it = under_way.extract_if(.., |it| it.attack == attack);
            let lasted = UnderWay::end(of_it.collect()).await;
            outcomes.push((attack, begun.and(lasted)));
        }
        report.rows.push(Row {
            pss_kib: held.pss_kib.get(),
            disk_bytes: held.disk_bytes.get(),
            link_changes: client.count_of("link") - links,
            ..row
        });
    }
    ensure!(relay.pid() == Some(pid), "the relay has ended");
    drop(relay);
    for (attack, outcome) in &outcomes {
        // Among all others it may be too slow.
        let came_about =
            |(other, outcome): &(Attack, anyhow::Result<()>)| other == attack && outcome.is_ok();
        if let Err(error) = outcome
            && !outcomes.iter().any(came_about)
        {
            bail!("{attack} never came about: {error:#}");
        }
    }
    Ok(report)
}

/// The most that the relay held.
#[derive(Debug, Default)]
struct Held {
    pss_kib: Cell<u64>,
    disk_bytes: Cell<u64>,
}

impl Held {
    /// Looks until there is nothing to see.
    async fn watch(&self, pid: u32, data: &Path) -> anyhow::Error {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            match (procfs::pss_kib(pid), disk_bytes(data)) {
                (Ok(pss), Ok(disk)) => {
                    self.pss_kib.set(self.pss_kib.get().max(pss));
                    self.disk_bytes.set(self.disk_bytes.get().max(disk));
                }
                (Err(error), _) | (_, Err(error)) => return error,
            }
        }
    }
}

/// Returns the bytes of the database and its log.
fn disk_bytes(data: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(data)? {
        let metadata = entry?.metadata()?;
        bytes += if metadata.is_file() {
            metadata.len()
        } else {
            0
        };
    }
    Ok(bytes)
}

/// A process that attacks.
struct UnderWay {
    attack: Attack,
    process: Process,
}

impl UnderWay {
    fn begin(
        attack: Attack,
        connections: usize,
        relay: &TestRelay,
        url: &str,
        token: &Token,
        time: Duration,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new("nice");
        command.args(["-n", "19"]);
        command.env(attack::TOKEN, token.expose());
        // It is ended before.
        let seconds = (2 * BEGIN + time).as_secs().to_string();
        match attack.arguments(url, &seconds) {
            Some(words) => command.args(words),
            None => command
                .arg(std::env::current_exe()?)
                .args([
                    "flood-attack",
                    &attack.to_string(),
                    &connections.to_string(),
                ])
                .args([&relay.address().to_string(), url])
                .arg(relay.ca())
                .arg(&seconds),
        };
        Ok(Self {
            attack,
            process: Process::spawn(&attack.to_string(), command)?,
        })
    }

    /// Ends the processes of an attack, of which one must still attack, or have ended well: that of a tool does once the relay
    /// has ended its connections.
    async fn end(attackers: Vec<Self>) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        let mut one_attacks = false;
        for Self { mut process, .. } in attackers {
            match process.status()? {
                None => {
                    process.kill().await?;
                    one_attacks = true;
                }
                Some(status) if status.success() => one_attacks = true,
                Some(status) => outcome = Err(anyhow!("{status}: {}", process.log())),
            }
        }
        if one_attacks { Ok(()) } else { outcome }
    }
}

/// Waits until one process of an attack is under way. Other people's programs do not say when they are, but last.
async fn begun(attack: Attack, attackers: &[UnderWay]) -> anyhow::Result<()> {
    let attackers = attackers.iter().filter(|it| it.attack == attack);
    if attack.is_a_tools() {
        for it in attackers {
            let ended = timeout(AT_LEAST, it.process.lines().first(|_| false)).await;
            ensure!(ended.is_err(), "over at once: {}", it.process.log());
        }
        return Ok(());
    }
    let lines = attackers.map(|it| {
        let line = it.process.line(2 * BEGIN, |line| line == UNDER_WAY);
        Box::pin(line)
    });
    select_ok(lines).await?;
    Ok(())
}

async fn measure(
    name: String,
    relay: &TestRelay,
    url: &str,
    time: Duration,
) -> anyhow::Result<Row> {
    let caller = relay.caller()?.from(CALLER);
    let end = Instant::now() + time;
    let (new, kept, notified, passed) = tokio::join!(
        request(&caller, url, end, Kind::NewValidation),
        request(&caller, url, end, Kind::KeptValidation),
        request(&caller, url, end, Kind::Notification),
        request(&caller, url, end, Kind::Passthrough),
    );
    Ok(Row {
        name,
        requests: [new?, kept?, notified?, passed?],
        pss_kib: 0,
        disk_bytes: 0,
        link_changes: 0,
    })
}

/// Requests of the victim's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// On a new connection each.
    NewValidation,
    /// The others on a connection that is kept.
    KeptValidation,
    Notification,
    Passthrough,
}

/// Requests of one kind.
#[derive(Debug)]
pub struct Requests {
    /// From dialling, or from the request on a kept connection, to the last byte of the answer.
    pub latency: Histogram<u64>,
    /// Errors of requests without a right answer.
    pub failed: Vec<String>,
}

async fn request(
    caller: &FakeRingCentral,
    url: &str,
    end: Instant,
    kind: Kind,
) -> anyhow::Result<Requests> {
    let mut requests = Requests {
        latency: Measured::empty()?,
        failed: Vec::new(),
    };
    let pause = match kind {
        Kind::NewValidation | Kind::KeptValidation => PAUSE,
        _ => 5 * PAUSE,
    };
    let mut turns = interval(pause);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept = None;
    for number in 0.. {
        turns.tick().await;
        if Instant::now() >= end {
            break;
        }
        let token = format!("{kind:?}-{number}");
        let hook = match kind {
            Kind::NewValidation | Kind::KeptValidation => Hook::validation(&token),
            Kind::Notification => Hook::notification(hooks::numbered(0, number)),
            Kind::Passthrough => Hook::new("GET", "").below("/passed"),
        };
        let began = Instant::now();
        let answer = async {
            if kind == Kind::NewValidation {
                return caller.post(url, &hook).await;
            }
            let connection = match &mut kept {
                Some(connection) => connection,
                None => kept.insert(caller.connect(url).await?),
            };
            connection.post(&hook).await
        };
        let answer = answer.await;
        let checked = answer.and_then(|answer| match kind {
            Kind::NewValidation | Kind::KeptValidation => check(&answer, &token),
            _ => {
                ensure!(answer.status == 200, "{kind:?}: {}", answer.status);
                Ok(())
            }
        });
        match checked {
            Ok(()) => requests.latency.saturating_record(micros(began.elapsed())),
            Err(error) => {
                kept = None;
                requests.failed.push(format!("{error:#}"));
            }
        }
    }
    Ok(requests)
}

/// Runs one of our own attacks for a time, with so many connections if it holds them, and calls a function once it is under way.
///
/// # Errors
/// When the CA cannot be read, the URL is none, or no attacker gets through.
pub async fn attack(
    attack: Attack,
    connections: usize,
    address: std::net::SocketAddr,
    url: &str,
    ca: &Path,
    time: Duration,
    under_way: impl FnOnce(),
) -> anyhow::Result<()> {
    let world = attack::World::new(address, url, ca)?;
    world.run(attack, connections, time, under_way).await
}
