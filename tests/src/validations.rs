//! Many validations on new TLS connections, with nobody to answer but the relay.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::bench::load::Measured;
use crate::http1::Answer;
use crate::relay::TestRelay;
use crate::ringcentral::{FakeRingCentral, Hook};

/// Validations under way at once.
const AT_ONCE: usize = 8;

/// RingCentral takes no more than this, head and body together.
const LIMIT_BYTES: usize = 1024;

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// Validations answered right.
    pub right: usize,
    /// Time from the first byte of TCP to the last of the answer.
    pub latency: Histogram<u64>,
    /// Bytes of the largest answer on the wire.
    pub largest: usize,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |percentile| self.latency.value_at_percentile(percentile) as f64 / 1000.0;
        writeln!(
            f,
            "{} validations on new TLS connections, no client attached: all answered right in {:.1} s",
            self.right,
            self.took.as_secs_f64()
        )?;
        writeln!(
            f,
            "  from dialling to the last byte: p50 {:.2} ms, p99 {:.2} ms ({AT_ONCE} at once)",
            millis(50.0),
            millis(99.0)
        )?;
        write!(
            f,
            "  largest answer on the wire: {} bytes, head and body ({LIMIT_BYTES} allowed)",
            self.largest
        )
    }
}

/// Makes so many validations.
///
/// # Errors
/// At the first that is not answered right.
pub async fn run(count: usize) -> anyhow::Result<Report> {
    let relay = TestRelay::start().await?;
    let token = relay.account("validations").await?;
    let url: Arc<str> = relay.endpoint(&token, "validations").await?.url.into();
    let caller = relay.caller()?;

    let began = Instant::now();
    let mut report = Report {
        right: 0,
        latency: Measured::empty()?,
        largest: 0,
        took: Duration::ZERO,
    };
    let mut under_way = JoinSet::new();
    for number in 0..count {
        if under_way.len() == AT_ONCE {
            report.take(under_way.join_next().await)?;
        }
        let (caller, url) = (caller.clone(), Arc::clone(&url));
        under_way.spawn(async move { shake(&caller, &url, number).await });
    }
    while !under_way.is_empty() {
        report.take(under_way.join_next().await)?;
    }
    report.took = began.elapsed();
    Ok(report)
}

type Shaken = Result<anyhow::Result<(Answer, Duration)>, tokio::task::JoinError>;

impl Report {
    fn take(&mut self, shaken: Option<Shaken>) -> anyhow::Result<()> {
        let (answer, took) = shaken.context("nothing under way")???;
        self.right += 1;
        self.largest = self.largest.max(answer.wire_bytes);
        let micros = u64::try_from(took.as_micros())?;
        self.latency.saturating_record(micros.max(1));
        Ok(())
    }
}

async fn shake(
    caller: &FakeRingCentral,
    url: &str,
    number: usize,
) -> anyhow::Result<(Answer, Duration)> {
    let token = Uuid::now_v7().to_string();
    // The address of a subscription may have a path or a query.
    let below = ["", "/", "/hooks/sms", "?auth_token=EXAMPLE"];
    let below = below.get(number % below.len()).copied().unwrap_or_default();
    let began = Instant::now();
    let answer = caller
        .post(url, &Hook::validation(&token).below(below))
        .await?;
    let took = began.elapsed();
    check(&answer, &token).with_context(|| format!("validation {number}: {answer:?}"))?;
    Ok((answer, took))
}

/// Checks an answer by RingCentral's rules (RINGCENTRAL.md 1.3) and our own: nothing superfluous.
///
/// # Errors
/// When a rule is broken.
pub fn check(answer: &Answer, token: &str) -> anyhow::Result<()> {
    ensure!(answer.status == 200, "the status is not exactly 200");
    ensure!(
        answer.header("validation-token") == Some(token.as_bytes()),
        "the token is not echoed once"
    );
    ensure!(
        answer.header("content-type") == Some(b"application/json"),
        "the content type is not application/json"
    );
    ensure!(answer.body.is_empty(), "there is a body");
    ensure!(
        answer.wire_bytes <= LIMIT_BYTES,
        "{} bytes are too many",
        answer.wire_bytes
    );
    for (name, _) in &answer.headers {
        let wanted = ["validation-token", "content-type", "content-length", "date"];
        ensure!(wanted.contains(&name.as_str()), "{name} is superfluous");
    }
    Ok(())
}
