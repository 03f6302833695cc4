//! The system's clock jumps, by faketime's library: retention must not take the jump for age.
//!
//! Each program has more events than it may keep, so that their number tells when retention has been through.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use tempfile::TempDir;

use super::{Load, Row, row};
use crate::client::{Home, TestClient};
use crate::hooks;
use crate::relay::{Setup, TestRelay};
use crate::stores::{self, Stored};
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::eventually;
use ringtail_kit::tls::Identity;

/// Offsets as faketime knows them.
const JUMPS: [&str; 6] = ["+1h", "-1h", "+40d", "-40d", "+10y", "-10y"];

/// Events before a jump, of which about two thirds are kept.
const BEFORE: u64 = 40;

/// Events while the clock is wrong, and again once it is right.
const MORE: u64 = 10;

/// What a relay keeps of an account: about 28 events.
const KEPT_BYTES: &str = "40000";

/// What a client keeps.
const KEPT_EVENTS: &str = "25";

/// Both clean up when they start, and every minute.
const CLEANUP_TIME: Duration = Duration::from_secs(150);

/// When a clock jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    AtStart,
    Running,
}

pub(super) async fn of_relays(when: When) -> anyhow::Result<Row> {
    let kept = try_join_all(JUMPS.map(|jump| of_relay(when, jump))).await?;
    report("relay", &kept)
}

pub(super) async fn of_clients(when: When) -> anyhow::Result<Row> {
    let relay = TestRelay::start().await?;
    let token = relay.account("dev").await?;
    let home = Home::new(&relay, &token)?;
    let caller = relay.caller()?;
    let each = JUMPS.map(|jump| of_client(when, jump, home.sibling(), &caller));
    report("client", &try_join_all(each).await?)
}

/// Numbers of the events that one program has kept in the end.
type Kept = (&'static str, Vec<u64>);

fn report(whose: &str, kept: &[Kept]) -> anyhow::Result<Row> {
    let all = BEFORE + 2 * MORE;
    let is_newest = |numbers: &[u64]| {
        let first = numbers.first().copied().unwrap_or(all);
        first <= BEFORE && numbers.iter().copied().eq(first..all)
    };
    let wrong = kept.iter().filter(|(_, numbers)| !is_newest(numbers));
    let wrong: Vec<String> = wrong.map(|it| format!("{it:?}")).collect();
    let jumps: Vec<&str> = kept.iter().map(|(jump, _)| *jump).collect();
    let load = Load {
        sent: all * kept.len() as u64,
        acknowledged: usize::try_from(all)? * kept.len(),
        lost: wrong.len(),
        ..Load::default()
    };
    let happened = match wrong.is_empty() {
        true => format!(
            "the {whose} kept the newest events that it may, with a jump of {} and back",
            jumps.join(", ")
        ),
        false => format!(
            "the {whose} deleted by the wrong clock: {}",
            wrong.join("; ")
        ),
    };
    Ok(row(happened, "200 throughout", load, true))
}

async fn of_relay(when: When, jump: &'static str) -> anyhow::Result<Kept> {
    let clock = WrongClock::new()?;
    let identity = Identity::new()?;
    let setup = Setup {
        options: ["--keep-account-bytes", KEPT_BYTES]
            .map(str::to_owned)
            .into(),
        // Valid until 4096: one of its own would be of the wrong time.
        certificate: Some(identity.directory().to_owned()),
        environment: clock
            .environment()
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        ..Setup::default()
    };
    let mut relay = TestRelay::start_as(tempfile::tempdir()?, setup).await?;
    let token = relay.account("dev").await?;
    let url = relay.endpoint(&token, "hooks").await?.url;
    let caller = relay.caller()?;
    post(&caller, &url, 0..BEFORE).await?;
    if when == When::AtStart {
        relay.stop().await?;
    }
    clock.jump(jump)?;
    if when == When::AtStart {
        relay.resume().await?;
    }
    let posted = post(&caller, &url, BEFORE..BEFORE + MORE).await;
    posted.with_context(|| format!("clock at {jump}; log:\n{}", relay.log()))?;
    eventually!(
        within CLEANUP_TIME,
        journal(&relay).is_ok_and(|it| (it.len() as u64) < BEFORE),
        "the relay with its clock at {jump} to delete what is too much"
    )?;
    // The right time again, twice: retention goes through what came with the wrong time and after it.
    clock.jump("+0")?;
    for range in [BEFORE + MORE..BEFORE + 2 * MORE, 0..0] {
        relay.stop().await?;
        relay.resume().await?;
        let posted = post(&caller, &url, range).await;
        posted.with_context(|| format!("after {jump}; log:\n{}", relay.log()))?;
    }
    eventually!(
        within CLEANUP_TIME,
        journal(&relay).is_ok_and(|it| (it.len() as u64) < BEFORE),
        "the relay to delete what is too much"
    )?;
    relay.stop().await?;
    Ok((jump, journal(&relay)?))
}

fn journal(relay: &TestRelay) -> anyhow::Result<Vec<u64>> {
    let events = stores::journal(relay)?;
    Ok(events.iter().filter_map(Stored::number).collect())
}

async fn of_client(
    when: When,
    jump: &'static str,
    home: anyhow::Result<Home>,
    caller: &FakeRingCentral,
) -> anyhow::Result<Kept> {
    let clock = WrongClock::new()?;
    let mut home = home?;
    for (name, value) in clock.environment() {
        home = home.variable(name, &value);
    }
    let endpoint = match jump.strip_prefix('+') {
        Some(time) => format!("clock-{time}-ahead"),
        None => format!("clock{jump}-behind"),
    };
    let options = [
        "--no-forward",
        "--keep-events",
        KEPT_EVENTS,
        "--endpoint",
        &endpoint,
    ];
    let mut client = home.listen(&options).await?;
    let url = client.url()?;
    let newest = async |number: u64| {
        eventually!(
            within CLEANUP_TIME,
            numbers(&home).is_ok_and(|it| it.last() == Some(&number)),
            "event {number} in the history with a jump of {jump}"
        )
    };
    post(caller, &url, 0..BEFORE).await?;
    newest(BEFORE - 1).await?;
    if when == When::AtStart {
        client.stop().await?;
    }
    clock.jump(jump)?;
    if when == When::AtStart {
        // Its clock may contradict the relay's certificate, and then it is not ready.
        client.launch()?;
    }
    eventually!(
        within CLEANUP_TIME,
        numbers(&home).is_ok_and(|it| (it.len() as u64) < BEFORE),
        "the client with its clock at {jump} to delete what is too much"
    )?;
    post(caller, &url, BEFORE..BEFORE + MORE).await?;
    clock.jump("+0")?;
    restart(&mut client).await?;
    post(caller, &url, BEFORE + MORE..BEFORE + 2 * MORE).await?;
    newest(BEFORE + 2 * MORE - 1).await?;
    restart(&mut client).await?;
    let kept: usize = KEPT_EVENTS.parse()?;
    eventually!(
        within CLEANUP_TIME,
        numbers(&home).is_ok_and(|it| it.len() <= kept),
        "the client to delete what is too much"
    )?;
    client.stop().await?;
    Ok((jump, numbers(&home)?))
}

fn numbers(home: &Home) -> anyhow::Result<Vec<u64>> {
    let events = stores::history(&home.data())?;
    Ok(events.iter().filter_map(Stored::number).collect())
}

async fn restart(client: &mut TestClient) -> anyhow::Result<()> {
    client.stop().await?;
    client.resume().await
}

/// Posts notifications, each of which must be answered 200.
async fn post(
    caller: &FakeRingCentral,
    url: &str,
    numbers: std::ops::Range<u64>,
) -> anyhow::Result<()> {
    for number in numbers {
        let hook = Hook::notification(hooks::numbered(0, number));
        let answer = caller.post(url, &hook).await?;
        ensure!(answer.status == 200, "{number}: {}", answer.status);
    }
    Ok(())
}

/// A clock that programs read from a file.
struct WrongClock {
    library: PathBuf,
    directory: TempDir,
}

impl WrongClock {
    fn new() -> anyhow::Result<Self> {
        let clock = Self {
            library: library()?,
            directory: tempfile::tempdir()?,
        };
        clock.jump("+0")?;
        Ok(clock)
    }

    /// Sets how far it is from the system's.
    fn jump(&self, offset: &str) -> anyhow::Result<()> {
        // A file that is written in place could be read half.
        let next = self.directory.path().join("next");
        std::fs::write(&next, offset)?;
        Ok(std::fs::rename(&next, self.file())?)
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }

    fn environment(&self) -> [(&'static str, String); 5] {
        let text = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // Only the clock on the wall is wrong.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

fn library() -> anyhow::Result<PathBuf> {
    std::fs::read_dir("/usr/lib")?
        .flatten()
        .map(|arch| arch.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .context("faketime is not installed\nhint: apt-get install faketime")
}
