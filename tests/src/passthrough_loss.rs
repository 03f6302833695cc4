//! Callbacks that RingCentral sends once, with the client killed, stopped or cut off at a random moment of each: every one
//! must be answered 200, be one event, and reach the app once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fastrand::Rng;
use ringtail_kit::app::{App, Reply};
use ringtail_kit::caller::Hook;
use ringtail_kit::eventually;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::chaos::ChaosProxy;
use crate::client::{Home, TestClient};
use crate::process::locked;
use crate::relay::TestRelay;
use crate::stores;

/// The longest time from the request to the fault: a little longer than the app takes, so that faults come before, in and
/// after each step.
const MOMENTS: Duration = Duration::from_millis(120);

/// The longest time that the app takes.
const APP_TIME: Duration = Duration::from_millis(40);

/// What happens to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// SIGKILL, and another start.
    Kill,
    /// SIGSTOP until the relay has answered, and SIGCONT.
    Freeze,
    /// Its connections break.
    Cut,
    /// Its connections carry nothing any more.
    Silence,
}

impl Fault {
    /// Silence lasts until the keep-alive of the link notices, so there is little of it.
    fn any(rng: &mut Rng) -> Self {
        match rng.u8(..20) {
            0 => Self::Silence,
            1..=6 => Self::Kill,
            7..=12 => Self::Freeze,
            _ => Self::Cut,
        }
    }
}

/// Outcome of all runs.
#[derive(Debug)]
pub struct Report {
    runs: usize,
    seed: u64,
    took: Duration,
    /// Answered otherwise than with 200.
    refused: usize,
    /// Answered with the app's response.
    by_app: usize,
    lost: Vec<usize>,
    /// Runs of which there is more than one event.
    doubled: Vec<usize>,
    /// Runs that reached the app again although the client was not killed in between.
    again: Vec<usize>,
    /// Runs that reached the app again after such a kill.
    again_after_kill: usize,
}

impl Report {
    /// Returns whether nothing was refused, lost or doubled.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let wrong = [&self.lost, &self.doubled, &self.again];
        self.refused == 0 && wrong.iter().all(|runs| runs.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, took) = (self.runs, self.took.as_secs_f64());
        writeln!(f, "{runs} callbacks in {took:.1} s, seed {}", self.seed)?;
        let by_relay = runs - self.by_app - self.refused;
        writeln!(
            f,
            "answered    {} by the app, {by_relay} by the relay, {} otherwise",
            self.by_app, self.refused
        )?;
        writeln!(f, "lost        {} {:?}", self.lost.len(), self.lost)?;
        writeln!(f, "doubled     {} {:?}", self.doubled.len(), self.doubled)?;
        write!(
            f,
            "again       {} {:?}, and {} whose client was killed between the app's reading and the attempt's record",
            self.again.len(),
            self.again,
            self.again_after_kill
        )
    }
}

/// When the app got each run's callback.
type Got = Arc<Mutex<BTreeMap<usize, Vec<Instant>>>>;

/// Runs that many callbacks.
///
/// # Errors
/// When a program cannot be started, or a callback is not answered or not delivered in time.
pub async fn run(runs: usize, seed: u64) -> anyhow::Result<Report> {
    let began = Instant::now();
    let got = Got::default();
    let log = Arc::clone(&got);
    let app = App::replying(move |seen| {
        let number = number_of(&seen.body);
        locked(&log).entry(number).or_default().push(Instant::now());
        let time = APP_TIME.mul_f64(Rng::with_seed(number as u64).f64());
        Reply::status(200).body("the app").after(time)
    });
    let relay = TestRelay::start_with(&["--passthrough-deadline", "1"]).await?;
    let proxy = ChaosProxy::to(relay.address());
    let home = Home::new(&relay, &relay.account("dev").await?)?;
    let home = home.via(&relay.url_at(proxy.address())?);
    let mut client = home.listen(&[&app.url("/"), "--endpoint", "bot"]).await?;
    let url = client.url()?;
    let caller = relay.caller()?;
    let mut rng = Rng::with_seed(seed);
    let mut report = Report {
        runs,
        seed,
        took: Duration::ZERO,
        refused: 0,
        by_app: 0,
        lost: Vec::new(),
        doubled: Vec::new(),
        again: Vec::new(),
        again_after_kill: 0,
    };
    let mut kills = Vec::new();
    for number in 0..runs {
        let fault = Fault::any(&mut rng);
        let hook = Hook::notification(pressed(number));
        let moment = MOMENTS.mul_f64(rng.f64());
        let (answer, happened) = tokio::join!(caller.post(&url, &hook), async {
            sleep(moment).await;
            happen(fault, &mut client, &proxy).await
        });
        happened?;
        let answer = answer.with_context(|| format!("run {number}, {fault:?} after {moment:?}"))?;
        match (answer.status, &*answer.body) {
            (200, b"the app") => report.by_app += 1,
            (200, _) => {}
            _ => report.refused += 1,
        }
        match fault {
            Fault::Kill => {
                kills.push(Instant::now());
                client.resume().await?;
            }
            Fault::Freeze => client.signal("-CONT").await?,
            Fault::Cut | Fault::Silence => {}
        }
        let arrived = || locked(&got).contains_key(&number);
        if eventually!(arrived(), "the callback of run {number} at the app").is_err() {
            report.lost.push(number);
        }
    }
    // What comes after the last callback has come would have come before.
    let last = Hook::notification(pressed(runs));
    ensure!(
        caller.post(&url, &last).await?.status == 200,
        "the last callback was refused"
    );
    eventually!(
        locked(&got).contains_key(&runs),
        "the last callback at the app"
    )?;
    client.stop().await?;
    count(&home, &locked(&got), &kills, &mut report)?;
    report.took = began.elapsed();
    Ok(report)
}

pub(crate) fn pressed(number: usize) -> Vec<u8> {
    json!({"type": "button_submit", "data": {"number": number}})
        .to_string()
        .into_bytes()
}

pub(crate) fn number_of(body: &[u8]) -> usize {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let number = body["data"]["number"].as_u64();
    number
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(usize::MAX)
}

async fn happen(fault: Fault, client: &mut TestClient, proxy: &ChaosProxy) -> anyhow::Result<()> {
    match fault {
        Fault::Kill => client.kill().await?,
        Fault::Freeze => client.signal("-STOP").await?,
        Fault::Cut => proxy.cut(),
        Fault::Silence => proxy.go_silent(),
    }
    Ok(())
}

fn count(
    home: &Home,
    got: &BTreeMap<usize, Vec<Instant>>,
    kills: &[Instant],
    report: &mut Report,
) -> anyhow::Result<()> {
    for (number, times) in got {
        if times.len() < 2 {
            continue;
        }
        // The kill of the next run may come while the app still answers this one.
        let has_kill = |pair: &[Instant]| kills.iter().any(|at| pair[0] < *at && *at < pair[1]);
        let after_kill = times.windows(2).all(has_kill);
        match after_kill {
            true => report.again_after_kill += 1,
            false => report.again.push(*number),
        }
    }
    let mut events: BTreeMap<usize, usize> = BTreeMap::new();
    for event in stores::history(&home.data())? {
        *events.entry(number_of(&event.body)).or_default() += 1;
    }
    for number in 0..report.runs {
        match events.get(&number) {
            Some(1) => {}
            Some(_) => report.doubled.push(number),
            None if report.lost.contains(&number) => {}
            None => report.lost.push(number),
        }
    }
    Ok(())
}
