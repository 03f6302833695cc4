//! Chance keys and sizes under load, for as long as one has: the screen must go on, memory must not grow, and what
//! was acknowledged must be in the history.

mod hands;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::hands::Hands;
use crate::binaries;
use crate::chance::Chance;
use crate::client::Home;
use crate::eventually;
use crate::hooks;
use crate::mutants::{self, Mutant};
use crate::payloads::compact;
use crate::procfs;
use crate::relay::TestRelay;
use crate::ringcentral::{FakeRingCentral, Hook};
use crate::stores;
use crate::target::LocalTarget;
use crate::terminal::{Stroke, Terminal};
use crate::traffic::{Traffic, Volume};
use crate::wait;

/// 190 notifications a second; the mutants make it 200.
const VOLUME: Volume = Volume {
    callers: 19,
    pause: Duration::from_millis(100),
};

/// Pause between two mutants.
const ODD_PAUSE: Duration = Duration::from_millis(100);

/// Mutants, sent again and again.
const ODD: usize = 1000;

/// Pause between two handfuls of keys.
const PAUSE: Duration = Duration::from_millis(100);

/// One handful in so many is followed by another size of the window.
const RESIZES: u64 = 8;

/// The longest time between two looks at how it goes.
const LOOK: Duration = Duration::from_secs(60);

/// Looks at the least, after the first.
const LOOKS: u32 = 4;

/// Pause between a key that is to change the screen and the next look at it.
const REDRAWN: Duration = Duration::from_millis(500);

/// After so many handfuls events that are held back are let go.
const HOLDS: u64 = 20;

/// What is still owed when the keys are over is there within this time.
const SETTLE_TIME: Duration = Duration::from_secs(600);

/// Text of the last event: short enough for its place in the list.
const LAST: &str = "finis";

/// Handfuls of keys that are shown when something fails.
const SHOWN: usize = 50;

/// Resident memory that a client may have, in MiB: its caches and selections at their limits, in a debug build.
const MOST_MIB: u64 = 300;

/// What the last third of the time may have more than the third before, in MiB.
const GROWTH_MIB: u64 = 32;

/// How long, and which keys.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long keys are pressed.
    pub time: Duration,
    /// Seed of the keys and sizes.
    pub seed: u64,
}

/// How it stood at one time.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Time since the beginning.
    pub at: Duration,
    /// Resident memory of the client in KiB.
    pub client_kib: u64,
    /// Resident memory of the relay in KiB.
    pub relay_kib: u64,
    /// Events in the history since the beginning, those that retention removed again among them.
    pub events: u64,
}

impl fmt::Display for Look {
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

/// What was found.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    took: Duration,
    keys: u64,
    of: usize,
    resizes: u64,
    sent: u64,
    acknowledged: usize,
    odd: u64,
    events: u64,
    looks: Vec<Look>,
    peak_kib: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.took.as_secs_f64() / 60.0;
        writeln!(
            f,
            "{minutes:.1} min of chance keys, seed {}: {} handfuls of {} keys, {} sizes",
            self.seed, self.keys, self.of, self.resizes
        )?;
        writeln!(
            f,
            "  sent          {} notifications and {} mutants, {:.0} a second",
            self.sent,
            self.odd,
            (self.sent + self.odd) as f64 / self.took.as_secs_f64()
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
        let third = self.looks.len() / 3;
        let shown = [0, third, third * 2, self.looks.len().saturating_sub(1)];
        for look in shown.into_iter().filter_map(|at| self.looks.get(at)) {
            writeln!(f, "  {look}")?;
        }
        write!(
            f,
            "  peak          {:.1} MiB; the screen redrawn at each of {} looks, the terminal as it was before",
            self.peak_kib as f64 / 1024.0,
            self.looks.len()
        )
    }
}

/// Presses keys.
///
/// # Errors
/// When the client ends, panics, does not draw, loses an event, or grows.
pub async fn run(plan: Plan, say: fn(&str)) -> anyhow::Result<Report> {
    let hands = Hands::new()?;
    let relay = TestRelay::start().await?;
    let token = relay.account("soak").await?;
    let app = LocalTarget::start()?;
    let home = Home::new(&relay, &token)?;
    let endpoint = relay.endpoint(&token, "soak").await?;
    let screen = Screen::start(&home, &app).await?;
    screen.terminal.shows("connected").await?;

    let caller = relay.caller()?;
    let traffic = Traffic::start(&caller, &endpoint.url, VOLUME);
    let stop = CancellationToken::new();
    let mut odd = JoinSet::new();
    let mutants = mutants::make(ODD, plan.seed)?;
    odd.spawn(send_mutants(
        caller.clone(),
        endpoint.url.clone(),
        mutants,
        stop.clone(),
    ));

    let mut soak = Soak {
        plan,
        began: Instant::now(),
        chance: Chance::seeded(plan.seed),
        screen,
        data: home.data(),
        endpoint: endpoint.endpoint.clone(),
        seq: 0,
        marks: BTreeSet::new(),
        looks: Vec::new(),
        last: Vec::new(),
        keys: 0,
        resizes: 0,
    };
    let pressed = soak.press(&hands, &relay, &app, say).await;
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
    let odd = odd.join_next().await.context("no mutants")??;
    let sent = traffic.finish().await?;

    let head = stores::journal_head(relay.data())?;
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
    let missing = sent.acknowledged.difference(&soak.marks).count();
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
    ensure_flat(&soak.looks)?;
    Ok(Report {
        seed: plan.seed,
        took,
        keys: soak.keys,
        of: hands.count(),
        resizes: soak.resizes,
        sent: sent.sent,
        acknowledged: sent.acknowledged.len(),
        odd,
        events: head,
        peak_kib: soak.screen.peak_kib,
        looks: soak.looks,
    })
}

struct Soak {
    plan: Plan,
    began: Instant,
    chance: Chance,
    screen: Screen,
    data: std::path::PathBuf,
    endpoint: String,
    /// The last number that was read from the history.
    seq: u64,
    marks: BTreeSet<u64>,
    looks: Vec<Look>,
    /// What was pressed since the last look.
    last: Vec<Vec<Stroke>>,
    keys: u64,
    resizes: u64,
}

impl Soak {
    async fn press(
        &mut self,
        hands: &Hands,
        relay: &TestRelay,
        app: &LocalTarget,
        say: fn(&str),
    ) -> anyhow::Result<()> {
        let between = LOOK.min(self.plan.time / LOOKS);
        let mut due = Duration::ZERO;
        let mut ticks = interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.began.elapsed() < self.plan.time {
            if self.began.elapsed() >= due {
                self.look(relay, app).await?;
                due = self.began.elapsed() + between;
                if let Some(look) = self.looks.last() {
                    say(&look.to_string());
                }
            }
            ticks.tick().await;
            let strokes = hands.next(&mut self.chance);
            self.screen.terminal.send(&strokes).await?;
            self.last.push(strokes);
            self.keys += 1;
            if self.keys.is_multiple_of(HOLDS)
                && self.screen.terminal.screen().await.contains("held back")
            {
                self.screen.terminal.press("H").await?;
            }
            if self.chance.below(RESIZES) == 0 {
                let size = (20 + self.chance.below(181), 5 + self.chance.below(56));
                self.screen.terminal.resize(size.0, size.1).await?;
                self.resizes += 1;
            }
        }
        self.look(relay, app).await
    }

    /// Looks whether the client lives, draws, and has stored what came.
    async fn look(&mut self, relay: &TestRelay, app: &LocalTarget) -> anyhow::Result<()> {
        self.screen.comes_back().await?;
        self.last.clear();
        self.read_history()?;
        app.forget();
        self.looks.push(Look {
            at: self.began.elapsed(),
            client_kib: procfs::rss_kib(self.screen.pid)?,
            relay_kib: procfs::rss_kib(relay.pid().context("the relay is gone")?)?,
            events: self.seq,
        });
        self.screen.peak_kib = procfs::peak_kib(self.screen.pid)?;
        Ok(())
    }

    /// Reads what the history has got since the last time.
    fn read_history(&mut self) -> anyhow::Result<()> {
        for event in stores::history_after(&self.data, &self.endpoint, self.seq)? {
            ensure!(
                event.seq == self.seq + 1,
                "event {} follows event {} in the history",
                event.seq,
                self.seq
            );
            self.seq = event.seq;
            self.marks.extend(hooks::mark_of(&event.body));
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
    async fn start(home: &Home, app: &LocalTarget) -> anyhow::Result<Self> {
        let client = binaries::find(binaries::CLIENT)?;
        let pid = home.path().join("pid");
        // In a directory of its own, because it copies into files. Whenever it is suspended, it is taken back.
        let script = format!(
            "cd {}; export EDITOR=true VISUAL=true\nset -m\n\
             sh -c 'echo $$ > {}; exec {} listen {} --endpoint soak'; code=$?\n\
             while [ $code -eq 147 ] || [ $code -eq 148 ]; do fg; code=$?; done\n\
             echo \"left with $code\"\nstty -a | grep -o -- ' -\\?echo '\nread line\n",
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

    /// Goes back to the list at a known size, from wherever it is, and opens and closes the help.
    async fn comes_back(&self) -> anyhow::Result<()> {
        self.terminal.resize(100, 30).await?;
        self.list().await?;
        self.after(|screen| match screen.contains("Keys and signs") {
            true => None,
            false => Some("?"),
        })
        .await?;
        self.list().await
    }

    /// Goes back to the list, and lets go of what is held back.
    async fn list(&self) -> anyhow::Result<()> {
        self.after(|screen| match footer(screen) {
            // What is being replayed has the footer's place.
            replays if replays.contains("X stops it") => Some("X"),
            list if !is_list(list) => Some("Escape"),
            _ if screen.contains("held back") => Some("H"),
            _ => None,
        })
        .await
    }

    /// Presses what the screen asks for until it asks for nothing more.
    ///
    /// Not faster than it is drawn: an Escape that meets the next key is another key.
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

    /// Shows a last event, forwards it, and gives the terminal back.
    async fn ends_well(
        &self,
        caller: &FakeRingCentral,
        url: &str,
        app: &LocalTarget,
    ) -> anyhow::Result<()> {
        self.comes_back().await?;
        self.terminal.press("/").await?;
        let clear = [Stroke::Key("C-u".to_owned()), hands::enter()];
        self.terminal.send(&clear).await?;
        self.list().await?;
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
                .any(|seen| crate::http1::find(&seen.body, needle).is_some())
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
        ensure!(!all.contains("-echo"), "what is typed is not seen:\n{all}");
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

fn footer(screen: &str) -> &str {
    screen.trim_end().lines().last().unwrap_or_default()
}

fn is_list(footer: &str) -> bool {
    footer.starts_with("Enter open") || footer.starts_with(": actions")
}

/// Sends mutants one after the other, and returns how many were acknowledged.
async fn send_mutants(
    caller: FakeRingCentral,
    url: String,
    mutants: Vec<Mutant>,
    stop: CancellationToken,
) -> u64 {
    let mut acknowledged = 0;
    let mut ticks = interval(ODD_PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for mutant in mutants.iter().cycle() {
        ticks.tick().await;
        if stop.is_cancelled() {
            break;
        }
        let hook = Hook::notification(mutant.body.clone());
        // A passthrough request may be answered by nobody; what counts is what was acknowledged.
        let answer = caller.post(&url, &hook).await;
        acknowledged += u64::from(answer.is_ok_and(|answer| answer.status == 200));
    }
    acknowledged
}

fn ensure_flat(looks: &[Look]) -> anyhow::Result<()> {
    let most = |looks: &[Look]| {
        looks
            .iter()
            .map(|look| look.client_kib / 1024)
            .max()
            .unwrap_or(0)
    };
    ensure!(
        most(looks) <= MOST_MIB,
        "the client has {} MiB",
        most(looks)
    );
    let third = looks.len() / 3;
    let [middle, end] = [&looks[third..third * 2], &looks[third * 2..]].map(most);
    ensure!(
        end <= middle + GROWTH_MIB,
        "the client grew from {middle} MiB in the second third of the time to {end} MiB in the last"
    );
    Ok(())
}
