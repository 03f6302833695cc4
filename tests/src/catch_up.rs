//! A client that was away while events came in.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use ringtail_kit::caller::{FakeRingCentral, Hook};
use ringtail_kit::eventually;
use tokio::task::JoinSet;

use crate::client::{Home, TestClient};
use crate::hooks;
use crate::relay::{ANY_RATE, TestRelay};
use crate::stores;

/// Callers at once while the client is away.
const CALLERS: usize = 32;

/// A catch-up of ten thousand events in a debug build on a busy machine.
const CATCH_UP_TIME: Duration = Duration::from_secs(120);

/// Retention of the second part: a fraction of what comes in.
const RETENTION_BYTES: u64 = 1024 * 1024;

/// Outcome of a run.
#[derive(Debug)]
pub struct Report {
    events: usize,
    took: Duration,
    /// Events that the journal kept in the second part.
    pub kept: usize,
    /// First and last missing number, as the client reported.
    pub gap: (u64, u64),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        write!(
            f,
            "{} events came in while the client was away: all in its history, in order, {seconds:.2} s after it was started \
             ({:.0} events a second)\nwith retention of {RETENTION_BYTES} bytes the journal kept the last {}: the client \
             reported a gap from {} to {}, and has every event after it",
            self.events,
            self.events as f64 / seconds,
            self.kept,
            self.gap.0,
            self.gap.1
        )
    }
}

/// Runs both parts: everything kept, and retention at work.
///
/// # Errors
/// When an event is missing, out of order, or the gap is not what was deleted.
pub async fn run(events: usize) -> anyhow::Result<Report> {
    let took = everything_kept(events).await?;
    // Several times what retention keeps.
    let (kept, gap) = gap_reported(events.clamp(4_000, 10_000)).await?;
    Ok(Report {
        events,
        took,
        kept,
        gap,
    })
}

async fn everything_kept(events: usize) -> anyhow::Result<Duration> {
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let (home, mut client) = away(&relay, events).await?;
    let began = Instant::now();
    client.launch()?;
    eventually!(
        within CATCH_UP_TIME,
        stores::history_len(&home.data()).is_ok_and(|count| count > events),
        "{events} events in the history"
    )?;
    let took = began.elapsed();
    in_order(&home, 1)?;
    Ok(took)
}

async fn gap_reported(events: usize) -> anyhow::Result<(usize, (u64, u64))> {
    let retention = RETENTION_BYTES.to_string();
    let options = [ANY_RATE, &["--keep-bytes", &retention]].concat();
    let mut relay = TestRelay::start_with(&options).await?;
    let (home, mut client) = away(&relay, events).await?;
    // Retention runs when a relay starts, and then every minute.
    relay.restart().await?;
    eventually!(
        within CATCH_UP_TIME,
        stores::journal(&relay).is_ok_and(|kept| kept.len() < events / 2),
        "retention at work"
    )?;

    client.launch()?;
    let newest = 1 + events as u64;
    eventually!(
        within CATCH_UP_TIME,
        stores::history(&home.data())
            .is_ok_and(|history| history.last().is_some_and(|event| event.seq == newest)),
        "the newest event in the history"
    )?;
    eventually!(client.count_of("gap") > 0, "a gap line")?;
    let gap = client.lines_of("gap").remove(0);
    let number = |name: &str| gap[name].as_u64().with_context(|| format!("{gap}"));
    let gap = (number("first")?, number("last")?);
    ensure!(gap.0 == 2, "the gap begins at {} instead of 2", gap.0);
    // Whoever looks later is told, too.
    let listed = home.stdout(["events", "list", "-n", "100000"]).await?;
    let listed = String::from_utf8_lossy(&listed);
    let line = format!("#{} to #{} are lost", gap.0, gap.1);
    ensure!(
        listed.lines().nth(1).is_some_and(|it| it.contains(&line)),
        "no gap in {listed:.999}"
    );
    let shown = home.run(["events", "show", "2"]).await?;
    let shown = String::from_utf8_lossy(&shown.stderr).into_owned();
    ensure!(shown.contains("event 2 is lost"), "{shown}");
    let kept = in_order(&home, gap.1 + 1)?;
    Ok((kept, gap))
}

/// A client with one event in its history, so that it has a cursor, which was stopped before `events` came in.
async fn away(relay: &TestRelay, events: usize) -> anyhow::Result<(Home, TestClient)> {
    let token = relay.account("away").await?;
    let home = Home::new(relay, &token)?;
    let mut client = home.listen(&["--no-forward", "--endpoint", "away"]).await?;
    let (caller, url) = (relay.caller()?, client.url()?);
    post(&caller, &url, 1).await?;
    eventually!(
        stores::history_len(&home.data()).is_ok_and(|count| count == 1),
        "the first event in the history"
    )?;
    client.kill().await?;
    post(&caller, &url, events).await?;
    Ok((home, client))
}

/// Posts notifications, each of which must be answered 200.
async fn post(caller: &FakeRingCentral, url: &str, events: usize) -> anyhow::Result<()> {
    let mut callers = JoinSet::new();
    for first in 0..CALLERS.min(events) {
        let mut connection = caller.connect(url).await?;
        callers.spawn(async move {
            for number in (first..events).step_by(CALLERS) {
                let hook = Hook::notification(hooks::numbered(first, number as u64));
                let answer = connection.post(&hook).await?;
                ensure!(answer.status == 200, "answered {}", answer.status);
            }
            Ok(())
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Checks that the history has every number from `from` on, in order; returns how many.
fn in_order(home: &Home, from: u64) -> anyhow::Result<usize> {
    let history = stores::history(&home.data())?;
    let numbers = history.iter().map(|event| event.seq);
    let numbers: Vec<u64> = numbers.filter(|seq| *seq >= from).collect();
    let newest = *numbers.last().context("no event after the gap")?;
    let whole = numbers.iter().copied().eq(from..=newest);
    ensure!(
        whole,
        "the numbers after {from} are not in order or not whole"
    );
    Ok(numbers.len())
}
