//! `ringtail wait`, started again and again while events come: none is missed or told twice.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context;
use ringtail_kit::caller::{Connection, Hook};
use serde_json::{Value, json};

use crate::client::Home;
use crate::process;
use crate::relay::{ANY_RATE, TestRelay};

/// Longest time from the start of `wait` to an event that comes during its start, or after it: a debug build starts within
/// the first.
const DURING: Duration = Duration::from_millis(60);
const AFTER: Duration = Duration::from_millis(300);

/// Outcome of all runs.
#[derive(Debug, Default)]
pub struct Report {
    runs: usize,
    /// Events by when they were sent: before the start of `wait`, during it, after it.
    sent: [usize; 3],
    lost: usize,
    doubled: usize,
    /// Runs that did not end with 0.
    failed: usize,
    took: Duration,
}

impl Report {
    /// Returns whether every run had every event once.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        (self.lost, self.doubled, self.failed) == (0, 0, 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, during, after] = self.sent;
        write!(
            f,
            "{} starts of `ringtail wait` in {:.0} s, with {before} events before the start, {during} during it and {after} \
             after it: {} lost, {} told twice, {} runs that did not end with 0",
            self.runs,
            self.took.as_secs_f64(),
            self.lost,
            self.doubled,
            self.failed,
        )
    }
}

/// Starts `ringtail wait` so many times.
///
/// # Errors
/// When relay or client cannot be started, or an event cannot be posted.
pub async fn run(runs: usize, seed: u64) -> anyhow::Result<Report> {
    let mut random = fastrand::Rng::with_seed(seed);
    let relay = TestRelay::start_with(ANY_RATE).await?;
    let home = Home::new(&relay, &relay.account("dev").await?)?;
    let client = home.listen(&["--endpoint", "hooks"]).await?;
    let mut caller = relay.caller()?.connect(&client.url()?).await?;
    let mut report = Report::default();
    let mut position = 0;
    let began = Instant::now();
    for run in 0..runs {
        let mut counts = [(); 3].map(|()| random.usize(..3));
        if counts == [0; 3] {
            counts[run % 3] = 1;
        }
        let total: usize = counts.iter().sum();
        let posted = Posted { run, counts };
        let (count, since) = (total.to_string(), position.to_string());
        let filter = format!("body.run = {run}");
        let command = home.command([
            "wait", &filter, "--count", &count, "--since", &since, "-o", "json",
        ])?;
        posted.before(&mut caller).await?;
        let (output, meanwhile) = tokio::join!(
            process::output(command),
            posted.meanwhile(&mut caller, &mut random)
        );
        meanwhile?;
        let output = output?;
        let lines: Vec<Value> = String::from_utf8(output.stdout)?
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .context("a line that is not JSON")?;
        let uuids: BTreeSet<String> = lines.iter().filter_map(uuid).collect();
        report.runs += 1;
        report.lost += total - uuids.len().min(total);
        report.doubled += lines.len() - uuids.len();
        report.failed += usize::from(!output.status.success());
        for (sum, count) in report.sent.iter_mut().zip(counts) {
            *sum += count;
        }
        let positions = lines.iter().filter_map(|line| line["position"].as_i64());
        position = positions.max().unwrap_or(position);
    }
    report.took = began.elapsed();
    Ok(report)
}

/// The events of one run.
struct Posted {
    run: usize,
    counts: [usize; 3],
}

impl Posted {
    async fn before(&self, caller: &mut Connection) -> anyhow::Result<()> {
        for number in 0..self.counts[0] {
            self.post(caller, number).await?;
        }
        Ok(())
    }

    async fn meanwhile(
        &self,
        caller: &mut Connection,
        random: &mut fastrand::Rng,
    ) -> anyhow::Result<()> {
        let [before, during, after] = self.counts;
        let began = tokio::time::Instant::now();
        let mut moments: Vec<Duration> = (0..during + after)
            .map(|number| match number < during {
                true => DURING.mul_f64(random.f64()),
                false => DURING + (AFTER - DURING).mul_f64(random.f64()),
            })
            .collect();
        moments.sort();
        for (number, moment) in (before..).zip(moments) {
            // The moment is what a run varies; there is no condition to wait for.
            tokio::time::sleep_until(began + moment).await;
            self.post(caller, number).await?;
        }
        Ok(())
    }

    async fn post(&self, caller: &mut Connection, number: usize) -> anyhow::Result<()> {
        let run = self.run;
        let body = json!({
            "uuid": format!("{run}-{number}"), "event": "/race", "subscriptionId": "s", "body": {"run": run},
        });
        let answer = caller.post(&Hook::notification(body.to_string())).await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    }
}

/// Returns the uuid in the body of an event's line.
fn uuid(line: &Value) -> Option<String> {
    let body: Value = serde_json::from_str(line["body"].as_str()?).ok()?;
    Some(body["uuid"].as_str()?.to_owned())
}
