//! A client that was away while events came in.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{Home, TestClient};
use crate::eventually;
use crate::hooks;
use crate::relay::{ANY_RATE, TestRelay};
use crate::ringcentral::{FakeRingCentral, Hook};
use crate::stores;

/// Callers at once while the client is away.
const CALLERS: usize = 32;

/// A catch-up of ten thousand events in a debug build on a busy machine.
const CATCH_UP_TIME: Duration = Duration::from_secs(120);

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// Events that came in while the client was away.
    pub events: usize,
    /// From the client's start to the last of them in its history.
    pub took: Duration,
    /// Events that the journal kept in the second part.
    pub kept: usize,
    /// First and last missing number, as the client told.
    pub gap: (u64, u64),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "{} events came in while the client was away: all in its history, in order, {seconds:.2} s after it was started ({:.0} events a second)",
            self.events,
            self.events as f64 / seconds
        )?;
        write!(
            f,
            "with retention of {} bytes the journal kept the last {}: the client told of a gap from {} to {}, and has every event after it",
            RETENTION_BYTES, self.kept, self.gap.0, self.gap.1
        )
    }
}

/// Retention of the second part: a fraction of what comes in.
const RETENTION_BYTES: u64 = 1024 * 1024;

/// Events of the second part: several times what retention keeps.
fn beyond_retention(events: usize) -> usize {
    events.clamp(4_000, 10_000)
}

/// Runs both parts.
///
/// # Errors
/// When an event is missing, out of order, or the gap is not what was deleted.
pub async fn run(events: usize) -> anyhow::Result<Report> {
    let took = all_there(events).await?;
    let (kept, gap) = gap_told(beyond_retention(events)).await?;
    Ok(Report {
        events,
        took,
        kept,
        gap,
    })
}

async fn all_there(events: usize) -> anyhow::Result<Duration> {
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let (home, mut client) = seen_once(&relay).await?;
    let url = client.url()?;
    client.kill().await?;
    post(&relay.caller()?, &url, events).await?;

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

async fn gap_told(events: usize) -> anyhow::Result<(usize, (u64, u64))> {
    let retention = RETENTION_BYTES.to_string();
    let mut relay =
        TestRelay::start_with(&["--keep-bytes", &retention, ANY_RATE[0], ANY_RATE[1]]).await?;
    let (home, mut client) = seen_once(&relay).await?;
    let url = client.url()?;
    client.kill().await?;
    post(&relay.caller()?, &url, events).await?;
    let newest = 1 + events as u64;
    // Retention runs when a relay starts, and then every minute.
    relay.restart().await?;
    eventually!(
        within CATCH_UP_TIME,
        stores::journal(relay.data()).is_ok_and(|kept| kept.len() < events / 2),
        "retention at work"
    )?;

    client.launch()?;
    eventually!(
        within CATCH_UP_TIME,
        stores::history(&home.data())
            .is_ok_and(|history| history.last().is_some_and(|event| event.seq == newest)),
        "the newest event in the history"
    )?;
    eventually!(client.count_of("gap") > 0, "a gap line")?;
    let gap = gap_of(&client)?;
    ensure!(gap.0 == 2, "the gap begins at {} instead of 2", gap.0);
    let kept = in_order(&home, gap.1 + 1)?;
    Ok((kept, gap))
}

/// A client with one event in its history, so that it has a cursor.
async fn seen_once(relay: &TestRelay) -> anyhow::Result<(Home, TestClient)> {
    let token = relay.account("away").await?;
    let home = Home::new(relay, &token)?;
    let client = home.listen(&["--no-forward", "--endpoint", "away"]).await?;
    post(&relay.caller()?, &client.url()?, 1).await?;
    eventually!(
        stores::history_len(&home.data()).is_ok_and(|count| count == 1),
        "the first event in the history"
    )?;
    Ok((home, client))
}

/// Posts so many notifications, each of which must be answered 200.
async fn post(caller: &FakeRingCentral, url: &str, events: usize) -> anyhow::Result<()> {
    let mut callers = JoinSet::new();
    for first in 0..CALLERS.min(events) {
        let mut connection = caller.connect(url).await?;
        callers.spawn(async move {
            for number in (first..events).step_by(CALLERS) {
                let body: Bytes = hooks::marked(first, number as u64);
                let answer = connection.post(&Hook::notification(body)).await?;
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

/// Checks that the history has every number from `from` on, in order, beside what came before; returns how many.
fn in_order(home: &Home, from: u64) -> anyhow::Result<usize> {
    let history = stores::history(&home.data())?;
    let numbers: Vec<u64> = history
        .iter()
        .map(|event| event.seq)
        .filter(|seq| *seq >= from)
        .collect();
    let newest = *numbers.last().context("no event after the gap")?;
    ensure!(
        numbers.iter().copied().eq(from..=newest),
        "the numbers after {from} are not in order or not whole"
    );
    Ok(numbers.len())
}

fn gap_of(client: &TestClient) -> anyhow::Result<(u64, u64)> {
    let gap = client.said_of("gap");
    let gap = gap.first().context("no gap was told")?;
    let number = |name: &str| {
        gap.get(name)
            .and_then(Value::as_u64)
            .with_context(|| format!("the gap has no {name}: {gap}"))
    };
    Ok((number("first")?, number("last")?))
}
