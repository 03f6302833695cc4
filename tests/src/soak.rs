//! Random keys and window sizes under load: the screen must keep working, memory must not grow, and every acknowledged
//! notification must be in the history.

mod key_monkey;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use fastrand::Rng;
use memchr::memmem;
use ringtail_properties::mutants::{self, Mutant};
use ringtail_properties::payloads::compact;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::key_monkey::KeyMonkey;
use crate::binaries;
use crate::client::Home;
use crate::hooks;
use crate::procfs;
use crate::relay::TestRelay;
use crate::stores;
use crate::terminal::{Stroke, Terminal};
use crate::traffic::{Traffic, Volume};
use ringtail_kit::app::App;
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::eventually;
use ringtail_kit::wait;

/// 190 notifications a second; with the mutants 200.
const VOLUME: Volume = Volume {
    callers: 19,
    pause: Duration::from_millis(100),
};

/// Pause between two mutants.
const MUTANT_PAUSE: Duration = Duration::from_millis(100);

/// Pause between two bursts of keys.
const PAUSE: Duration = Duration::from_millis(100);

/// One burst in this many is followed by a resize.
const RESIZES: u64 = 8;

/// Longest time between two samples.
const SAMPLE: Duration = Duration::from_secs(60);

/// Fewest samples after the first.
const SAMPLES: u32 = 4;

/// Time for the screen to be redrawn after a key.
const REDRAWN: Duration = Duration::from_millis(500);

/// Bursts after which a paused view is resumed.
const RESUMES: u64 = 20;

/// Pending events are delivered within this time after the last key.
const SETTLE_TIME: Duration = Duration::from_secs(600);

/// Text of the last event, which fits in the list.
const LAST: &str = "finis";

/// Bursts that are shown when something fails.
const SHOWN: usize = 50;

/// Limit of the client's resident memory in MiB, with its caches full, in a debug build.
const MOST_MIB: u64 = 300;

/// Allowed growth from the second third of the time to the last, in MiB.
const GROWTH_MIB: u64 = 32;

/// Duration, mutants and seed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Duration.
    pub time: Duration,
    /// Mutants, sent in a cycle. During the first cycle, notices of new fields hide the footer by which the list is recognised.
    pub mutants: usize,
    /// Seed of the keys and sizes.
    pub seed: u64,
}

/// State at one time.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    at: Duration,
    client_kib: u64,
    relay_kib: u64,
    /// Events stored in the history so far, including those that retention removed.
    events: u64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: u64| kib as f64 / 1024.0;
        write!(
            f,
            "{:7.1} min   client {:6.1} MiB   relay {:6.1} MiB   {:8} events in the history",
            self.at.as_secs_f64() / 60.0,
            mib(self.client_kib),
            mib(self.relay_kib),
            self.events
        )
    }
}

/// Outcome of a run.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    took: Duration,
    keys: u64,
    of: usize,
    resizes: u64,
    sent: u64,
    acknowledged: usize,
    mutants: u64,
    events: u64,
    samples: Vec<Sample>,
    peak_kib: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.took.as_secs_f64() / 60.0;
        writeln!(
            f,
            "{minutes:.1} min of random keys, seed {}: {} bursts of {} keys, {} resizes",
            self.seed, self.keys, self.of, self.resizes
        )?;
        writeln!(
            f,
            "  sent          {} notifications and {} mutants, {:.0} a second",
            self.sent,
            self.mutants,
            (self.sent + self.mutants) as f64 / self.took.as_secs_f64()
        )?;
        writeln!(
            f,
            "  acknowledged  {} of the notifications, all of them in the history",
            self.acknowledged
        )?;
        writeln!(
            f,
            "  history       {} events, no number missing",
            self.events
        )?;
        let third = self.samples.len() / 3;
        let shown = [0, third, third * 2, self.samples.len().saturating_sub(1)];
        for sample in shown.into_iter().filter_map(|at| self.samples.get(at)) {
            writeln!(f, "  {sample}")?;
        }
        write!(
            f,
            "  peak          {:.1} MiB; the screen redrawn at each of {} samples, the terminal restored",
            self.peak_kib as f64 / 1024.0,
            self.samples.len()
        )
    }
}

/// Presses keys.
///
/// # Errors
/// When the client ends, panics, does not draw, loses an event, or grows.
pub async fn run(plan: Plan, say: fn(Sample)) -> anyhow::Result<Report> {
    let monkey = KeyMonkey::new()?;
    let relay = TestRelay::start().await?;
    let token = relay.account("soak").await?;
    let app = App::accepting();
    let home = Home::new(&relay, &token)?;
    let endpoint = relay.endpoint(&token, "soak").await?;
    let screen = Screen::start(&home, &app).await?;
    screen.terminal.shows("connected").await?;

    let caller = relay.caller()?;
    let traffic = Traffic::start(&caller, &endpoint.url, VOLUME);
    let stop = CancellationToken::new();
    let mut sender = JoinSet::new();
    let mutants = mutants::make(plan.mutants, plan.seed);
    sender.spawn(send_mutants(
        caller.clone(),
        endpoint.url.clone(),
        mutants,
        stop.clone(),
    ));

    let mut soak = Soak {
        plan,
        began: Instant::now(),
        rng: Rng::with_seed(plan.seed),
        screen,
        data: home.data(),
        endpoint: endpoint.endpoint.clone(),
        seq: 0,
        numbers: BTreeSet::new(),
        samples: Vec::new(),
        last: Vec::new(),
        keys: 0,
        resizes: 0,
    };
    let pressed = soak.press(&monkey, &relay, &app, say).await;
    let took = soak.began.elapsed();
    if let Err(error) = pressed {
        let last = soak.last.len().saturating_sub(SHOWN);
        bail!(
            "{error:#}\nthe last keys: {:?}\nthe screen:\n{}",
            &soak.last[last..],
            soak.screen.terminal.screen().await
        );
    }
    stop.cancel();
    let mutants = sender.join_next().await.context("no mutants")??;
    let sent = traffic.finish().await?;

    let head = stores::journal_head(&relay)?;
    eventually!(
        within SETTLE_TIME,
        soak.read_history().is_ok_and(|()| soak.seq >= head),
        "all {head} events in the history"
    )?;
    ensure!(
        soak.seq == head,
        "{} events in a history of {head}",
        soak.seq
    );
    let missing = sent.acknowledged.difference(&soak.numbers).count();
    ensure!(
        missing == 0,
        "{missing} acknowledged notifications are not in the history"
    );
    if let Err(error) = soak.screen.ends_well(&caller, &endpoint.url, &app).await {
        bail!(
            "{error:#}\nthe screen:\n{}",
            soak.screen.terminal.screen().await
        );
    }
    ensure_flat(&soak.samples)?;
    Ok(Report {
        seed: plan.seed,
        took,
        keys: soak.keys,
        of: monkey.count(),
        resizes: soak.resizes,
        sent: sent.sent,
        acknowledged: sent.acknowledged.len(),
        mutants,
        events: head,
        peak_kib: soak.screen.peak_kib,
        samples: soak.samples,
    })
}

struct Soak {
    plan: Plan,
    began: Instant,
    rng: Rng,
    screen: Screen,
    data: std::path::PathBuf,
    endpoint: String,
    /// Last number read from the history.
    seq: u64,
    numbers: BTreeSet<u64>,
    samples: Vec<Sample>,
    /// Strokes since the last sample.
    last: Vec<Vec<Stroke>>,
    keys: u64,
    resizes: u64,
}

impl Soak {
    async fn press(
        &mut self,
        monkey: &KeyMonkey,
        relay: &TestRelay,
        app: &App,
        say: fn(Sample),
    ) -> anyhow::Result<()> {
        let between = SAMPLE.min(self.plan.time / SAMPLES);
        let mut due = Duration::ZERO;
        let mut ticks = interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.began.elapsed() < self.plan.time {
            if self.began.elapsed() >= due {
                self.sample(relay, app).await?;
                due = self.began.elapsed() + between;
                if let Some(sample) = self.samples.last() {
                    say(*sample);
                }
            }
            ticks.tick().await;
            let strokes = monkey.next(&mut self.rng);
            self.screen.terminal.send(&strokes).await?;
            self.last.push(strokes);
            self.keys += 1;
            if self.keys.is_multiple_of(RESUMES)
                && self.screen.terminal.screen().await.contains("H resumes")
            {
                self.screen.terminal.press("H").await?;
            }
            if self.rng.u64(..RESIZES) == 0 {
                let size = (20 + self.rng.u64(..181), 5 + self.rng.u64(..56));
                self.screen.terminal.resize(size.0, size.1).await?;
                self.resizes += 1;
            }
        }
        self.sample(relay, app).await
    }

    /// Checks that the client draws and stores, and takes a sample.
    async fn sample(&mut self, relay: &TestRelay, app: &App) -> anyhow::Result<()> {
        self.screen.comes_back().await?;
        self.last.clear();
        self.read_history()?;
        app.forget();
        self.samples.push(Sample {
            at: self.began.elapsed(),
            client_kib: procfs::rss_kib(self.screen.pid)?,
            relay_kib: procfs::rss_kib(relay.pid().context("the relay is gone")?)?,
            events: self.seq,
        });
        self.screen.peak_kib = procfs::peak_kib(self.screen.pid)?;
        Ok(())
    }

    /// Reads the events since the last sample.
    fn read_history(&mut self) -> anyhow::Result<()> {
        for event in stores::history_after(&self.data, &self.endpoint, self.seq)? {
            ensure!(
                event.seq == self.seq + 1,
                "event {} follows event {} in the history",
                event.seq,
                self.seq
            );
            self.seq = event.seq;
            self.numbers.extend(event.number());
        }
        Ok(())
    }
}

/// The client in its terminal.
struct Screen {
    terminal: Terminal,
    pid: u32,
    peak_kib: u64,
}

impl Screen {
    async fn start(home: &Home, app: &App) -> anyhow::Result<Self> {
        let client = binaries::find(binaries::CLIENT)?;
        let pid = home.path().join("pid");
        // In the home directory, because the UI writes files. `fg` resumes it whenever it suspends itself.
        let script = format!(
            "cd {}; export EDITOR=true VISUAL=true\nset -m\n\
             sh -c 'echo $$ > {}; exec {} listen {} --endpoint soak'; code=$?\n\
             while [ $code -eq 147 ] || [ $code -eq 148 ]; do fg; code=$?; done\n\
             echo \"left with $code\"\nstty -a | grep -o -- ' -\\?echo '\nwhile :; do read line; done\n",
            home.path().display(),
            pid.display(),
            client.display(),
            app.url("/hook"),
        );
        let terminal = Terminal::run(home, &script).await?;
        let read = |path: &Path| std::fs::read_to_string(path).ok()?.trim().parse().ok();
        let pid = wait::until(
            wait::PATIENCE,
            || "the client's process".to_owned(),
            async || read(&pid),
        );
        Ok(Self {
            pid: pid.await?,
            terminal,
            peak_kib: 0,
        })
    }

    /// Returns to the list at a known size from any state, and opens and closes the help.
    async fn comes_back(&self) -> anyhow::Result<()> {
        self.terminal.resize(100, 30).await?;
        self.after(to_list).await?;
        // Keys that were sent before may still open something.
        self.after(|screen| match screen.contains("Keys and signs") {
            true => None,
            false => to_list(screen).or(Some("?")),
        })
        .await?;
        self.after(to_list).await
    }

    /// Presses the wanted key until none is wanted.
    ///
    /// Not faster than the screen is drawn: an Escape directly before another key is read as Alt.
    async fn after(&self, wanted: fn(&str) -> Option<&'static str>) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut ticks = interval(REDRAWN);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let screen = self.terminal.screen().await;
            ensure!(!screen.contains("left with"), "the client has ended");
            let Some(key) = wanted(&screen) else {
                return Ok(());
            };
            ensure!(began.elapsed() < SETTLE_TIME, "{key} changes nothing");
            self.terminal.press(key).await?;
        }
    }

    /// Checks that a last event is shown and forwarded, and that the terminal is restored.
    async fn ends_well(
        &self,
        caller: &FakeRingCentral,
        url: &str,
        app: &App,
    ) -> anyhow::Result<()> {
        self.comes_back().await?;
        self.terminal.press("/").await?;
        let clear = [Stroke::Key("C-u".to_owned()), key_monkey::enter()];
        self.terminal.send(&clear).await?;
        self.after(to_list).await?;
        let hook = Hook::notification(compact(&hooks::sms("1", 0, LAST)));
        let answer = caller.post(url, &hook).await?;
        ensure!(answer.status == 200, "answered {}", answer.status);
        self.after(|screen| match screen {
            seen if seen.contains(LAST) => None,
            masked if footer(masked).contains("masked") => Some("P"),
            _ => Some("G"),
        })
        .await?;
        let came = |needle: &[u8]| {
            app.seen()
                .iter()
                .any(|seen| memmem::find(&seen.body, needle).is_some())
        };
        eventually!(within SETTLE_TIME, came(LAST.as_bytes()), "the last event at the app")?;
        self.terminal.press("q").await?;
        self.terminal.shows("left with").await?;
        let all = self
            .terminal
            .tmux(&["capture-pane", "-p", "-S", "-"])
            .await?;
        ensure!(all.contains("left with 0"), "{all}");
        ensure!(!all.contains("panicked"), "{all}");
        ensure!(!all.contains("-echo"), "echo is off:\n{all}");
        let modes = [
            "display-message",
            "-p",
            "#{cursor_flag}#{alternate_on}#{mouse_any_flag}",
        ];
        let modes = self.terminal.tmux(&modes).await?;
        ensure!(modes.trim() == "100", "cursor, screen and mouse: {modes}");
        Ok(())
    }
}

/// Returns the key that leads to the list, or resumes it if it is paused; `None` on the list.
fn to_list(screen: &str) -> Option<&'static str> {
    match footer(screen) {
        // A running replay takes the footer's place.
        replays if replays.contains("X stops it") => Some("X"),
        list if !is_list(list) => Some("Escape"),
        _ if screen.contains("H resumes") => Some("H"),
        _ => None,
    }
}

fn footer(screen: &str) -> &str {
    screen.trim_end().lines().last().unwrap_or_default()
}

fn is_list(footer: &str) -> bool {
    footer.starts_with("Enter open") || footer.starts_with(": actions")
}

/// Sends mutants in a cycle and returns how many were acknowledged.
async fn send_mutants(
    caller: FakeRingCentral,
    url: String,
    mutants: Vec<Mutant>,
    stop: CancellationToken,
) -> u64 {
    let mut acknowledged = 0;
    let mut ticks = interval(MUTANT_PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for mutant in mutants.iter().cycle() {
        ticks.tick().await;
        if stop.is_cancelled() {
            break;
        }
        let hook = Hook::notification(mutant.body.clone());
        let answer = caller.post(&url, &hook).await;
        acknowledged += u64::from(answer.is_ok_and(|answer| answer.status == 200));
    }
    acknowledged
}

fn ensure_flat(samples: &[Sample]) -> anyhow::Result<()> {
    let most = |samples: &[Sample]| {
        let mib = samples.iter().map(|sample| sample.client_kib / 1024);
        mib.max().unwrap_or(0)
    };
    let peak = most(samples);
    ensure!(peak <= MOST_MIB, "the client has {peak} MiB");
    let third = samples.len() / 3;
    let [middle, end] = [&samples[third..third * 2], &samples[third * 2..]].map(most);
    ensure!(
        end <= middle + GROWTH_MIB,
        "the client grew from {middle} MiB in the second third of the time to {end} MiB in the last"
    );
    Ok(())
}
