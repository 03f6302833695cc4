//! Validation requests on new TLS connections.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use ringtail_kit::caller::{Answer, FakeRingCentral, Hook};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::bench::load::{Measured, micros};
use crate::relay::TestRelay;

/// Validation requests in flight at once.
const AT_ONCE: usize = 8;

/// RingCentral's limit for head and body together.
const LIMIT_BYTES: usize = 1024;

/// Result of a run.
#[derive(Debug)]
pub struct Report {
    /// Time from dialling to the last byte of the answer, of each request.
    pub latency: Histogram<u64>,
    /// Bytes of the largest answer on the wire.
    pub largest: usize,
    took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |percentile| self.latency.value_at_percentile(percentile) as f64 / 1000.0;
        write!(
            f,
            "{} validation requests on new TLS connections, no client attached: all answered right in {:.1} s\n  \
             from dialling to the last byte: p50 {:.2} ms, p99 {:.2} ms ({AT_ONCE} at once)\n  \
             largest answer on the wire: {} bytes, head and body ({LIMIT_BYTES} allowed)",
            self.latency.len(),
            self.took.as_secs_f64(),
            millis(50.0),
            millis(99.0),
            self.largest
        )
    }
}

/// Validates `count` times.
///
/// # Errors
/// At the first wrong answer.
pub async fn run(count: usize) -> anyhow::Result<Report> {
    let relay = TestRelay::start().await?;
    let token = relay.account("validation").await?;
    let url: Arc<str> = relay.endpoint(&token, "validation").await?.url.into();
    let caller = relay.caller()?;

    let began = Instant::now();
    let mut report = Report {
        latency: Measured::empty()?,
        largest: 0,
        took: Duration::ZERO,
    };
    let mut in_flight = JoinSet::new();
    for number in 0..count + AT_ONCE {
        if number >= AT_ONCE
            && let Some(answered) = in_flight.join_next().await
        {
            let (answer, took): (Answer, Duration) = answered??;
            report.largest = report.largest.max(answer.wire_bytes);
            report.latency.saturating_record(micros(took));
        }
        if number < count {
            let (caller, url) = (caller.clone(), Arc::clone(&url));
            in_flight.spawn(async move { validate(&caller, &url, number).await });
        }
    }
    report.took = began.elapsed();
    Ok(report)
}

async fn validate(
    caller: &FakeRingCentral,
    url: &str,
    number: usize,
) -> anyhow::Result<(Answer, Duration)> {
    let token = Uuid::now_v7().to_string();
    // A subscription's address may have a path or a query.
    let below = ["", "/", "/hooks/sms", "?auth_token=EXAMPLE"][number % 4];
    let began = Instant::now();
    let hook = Hook::validation(&token).below(below);
    let answer = caller.post(url, &hook).await?;
    let took = began.elapsed();
    check(&answer, &token).with_context(|| format!("request {number}: {answer:?}"))?;
    Ok((answer, took))
}

/// Checks an answer by RingCentral's rules (docs/RINGCENTRAL.md), and that it has no superfluous field.
///
/// # Errors
/// When a rule is broken.
pub fn check(answer: &Answer, token: &str) -> anyhow::Result<()> {
    check_behind_proxy(answer, token)?;
    for name in ["server", "connection"] {
        ensure!(answer.values(name).is_empty(), "{name} is superfluous");
    }
    Ok(())
}

/// As [`check`], of an answer to which a proxy may add its name.
///
/// # Errors
/// When a rule is broken.
pub fn check_behind_proxy(answer: &Answer, token: &str) -> anyhow::Result<()> {
    ensure!(answer.status == 200, "status {} is not 200", answer.status);
    let echoed = answer.header("validation-token");
    ensure!(
        echoed == Some(token.as_bytes()),
        "the token is not echoed once"
    );
    let json = answer.header("content-type") == Some(b"application/json");
    ensure!(json, "the content type is not application/json");
    ensure!(answer.body.is_empty(), "there is a body");
    let bytes = answer.wire_bytes;
    ensure!(bytes > 0, "its bytes were not counted");
    ensure!(bytes <= LIMIT_BYTES, "{bytes} bytes are too many");
    for name in answer.headers.keys() {
        let expected = [
            "validation-token",
            "content-type",
            "content-length",
            "date",
            "server",
            "connection",
        ];
        ensure!(expected.contains(&name.as_str()), "{name} is superfluous");
    }
    Ok(())
}
