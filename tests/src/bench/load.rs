//! Closed loop: a number of connections, each with one request in flight.
//!
//! A closed loop tells throughput and hides stalls, for while the server stalls it asks nothing: latencies worth
//! believing come from [`open_loop`](super::open_loop). The generator shares two cores with what it measures, so
//! requests are made beforehand and answers are parsed no further than they are checked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::{Buf, BytesMut};
use hdrhistogram::Histogram;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::shot::{Aim, Expect, Shot, Stamp};

/// How connections are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One connection for all requests.
    KeepAlive,
    /// A TCP and TLS connection for each request, nothing resumed.
    NewTls,
}

/// What a load measured.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Answered requests a second.
    pub(crate) rate: f64,
    /// Answered requests.
    pub(crate) requests: u64,
    /// Time from the first byte of a request to the last of its answer, in microseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Measured {
    /// Returns an empty histogram of microseconds.
    ///
    /// # Errors
    /// Never with these bounds.
    pub(crate) fn empty() -> anyhow::Result<Histogram<u64>> {
        // Up to a minute, three digits.
        Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
    }

    pub(super) fn sum(parts: Vec<Histogram<u64>>, time: Duration) -> anyhow::Result<Self> {
        let mut latency = Self::empty()?;
        for part in parts {
            latency.add(part)?;
        }
        let requests = latency.len();
        ensure!(requests > 0, "not one request was answered");
        Ok(Self {
            rate: requests as f64 / time.as_secs_f64(),
            requests,
            latency,
        })
    }

    /// Returns a percentile in milliseconds.
    #[must_use]
    pub(crate) fn millis(&self, percentile: f64) -> f64 {
        self.latency.value_at_percentile(percentile) as f64 / 1000.0
    }
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// Fires as fast as answers come, for some time. Every answer is checked.
///
/// # Errors
/// At the first answer that is wrong or missing.
pub(crate) async fn closed(
    aim: &Aim,
    shot: &Shot,
    mode: Mode,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    let start = Arc::new(Barrier::new(connections + 1));
    let mut gunners = JoinSet::new();
    for _ in 0..connections {
        let (aim, shot) = (aim.clone(), shot.clone());
        gunners.spawn(fire(aim, shot, mode, Arc::clone(&start), time));
    }
    let began = tokio::select! {
        // `biased`: on a busy machine, some may have fired to the end by now.
        biased;
        _ = start.wait() => Instant::now(),
        // A gunner that fails before the start would leave the others waiting at the barrier.
        Some(failed) = gunners.join_next() => {
            failed??;
            bail!("a connection ended before the start");
        }
    };
    let mut parts = Vec::with_capacity(connections);
    while let Some(part) = gunners.join_next().await {
        parts.push(part??);
    }
    Measured::sum(parts, began.elapsed())
}

async fn fire(
    aim: Aim,
    mut shot: Shot,
    mode: Mode,
    start: Arc<Barrier>,
    time: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let mut kept = match mode {
        Mode::KeepAlive => Some(aim.dial(false).await?),
        Mode::NewTls => None,
    };
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    let mut latency = Measured::empty()?;
    start.wait().await;
    let end = Instant::now() + time;
    loop {
        let began = Instant::now();
        if began >= end {
            return Ok(latency);
        }
        if mode == Mode::NewTls {
            kept = None;
            buffer.clear();
        }
        let stream = match &mut kept {
            Some(stream) => stream,
            none => none.insert(aim.dial(false).await?),
        };
        let stamp = Stamp::fresh();
        stream.write_all(shot.stamped(stamp)).await?;
        read_checked(stream, &mut buffer, shot.expect, stamp).await?;
        latency.saturating_record(micros(began.elapsed()));
    }
}

/// Reads one answer and checks it.
pub(super) async fn read_checked(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    expect: Expect,
    stamp: Stamp,
) -> anyhow::Result<()> {
    let head = loop {
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        let read = stream.read_buf(buffer).await?;
        ensure!(read > 0, "the server hung up instead of answering");
    };
    let text = buffer.get(..head).unwrap_or_default();
    let shown = || text.escape_ascii();
    ensure!(text.starts_with(b"HTTP/1.1 200"), "answered {}", shown());
    if expect == Expect::Echo {
        let echoed = memmem::find(text, stamp.plain()).is_some();
        ensure!(echoed, "the token was not echoed: {}", shown());
    }
    let length = content_length(text)?;
    let length = length.with_context(|| format!("an answer without a length: {}", shown()))?;
    check_length(expect, length)?;
    while buffer.len() < head + length {
        let read = stream.read_buf(buffer).await?;
        ensure!(read > 0, "the server hung up within its answer");
    }
    buffer.advance(head + length);
    Ok(())
}

fn check_length(expect: Expect, length: usize) -> anyhow::Result<()> {
    match expect {
        Expect::Body(wanted) => ensure!(length == wanted, "{length} bytes instead of {wanted}"),
        Expect::Echo => ensure!(length == 0, "a validation is answered without a body"),
        Expect::Accepted => {}
    }
    Ok(())
}

fn content_length(head: &[u8]) -> anyhow::Result<Option<usize>> {
    const NAME: &[u8] = b"content-length:";
    for line in head.split(|byte| *byte == b'\n') {
        if let Some((name, value)) = line.split_at_checked(NAME.len())
            && name.eq_ignore_ascii_case(NAME)
        {
            let digits = std::str::from_utf8(value.trim_ascii())?;
            return Ok(Some(digits.parse().context("a content length")?));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load_http2;
    use crate::bench::servers::{self, Kind};
    use crate::bench::shot;
    use ringtail_kit::tls::Identity;

    async fn server(kind: Kind, identity: &Identity) -> (Aim, JoinSet<anyhow::Result<()>>) {
        let (tell, told) = tokio::sync::oneshot::channel();
        let directory = identity.directory().to_owned();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            servers::serve(kind, &directory, |address| tell.send(address).unwrap()).await
        });
        let ca = identity.directory().join("cert.pem");
        let aim = Aim::new(told.await.unwrap(), "https://localhost/", &ca).unwrap();
        (aim, tasks)
    }

    const BRIEFLY: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn every_load_checks_its_answers() {
        let identity = Identity::new().unwrap();
        let (aim, _server) = server(Kind::Hello, &identity).await;
        let shot = Shot::new(&aim, &shot::validation(), Expect::Echo).unwrap();
        for mode in [Mode::KeepAlive, Mode::NewTls] {
            let measured = closed(&aim, &shot, mode, 4, BRIEFLY).await.unwrap();
            assert!(measured.requests > 0);
            assert_eq!(measured.requests, measured.latency.len());
        }
        load_http2::validations(&aim, 2, 8, BRIEFLY).await.unwrap();

        let wrong = Shot::new(&aim, &shot::validation(), Expect::Body(5)).unwrap();
        let wrong = closed(&aim, &wrong, Mode::KeepAlive, 1, BRIEFLY).await;
        wrong.expect_err("an empty answer passed for five bytes");
        let silent = Shot::new(&aim, &shot::notification(), Expect::Echo).unwrap();
        let silent = closed(&aim, &silent, Mode::KeepAlive, 1, BRIEFLY).await;
        silent.expect_err("an answer without a token passed for an echo");
    }

    #[tokio::test]
    async fn every_answered_notification_is_in_the_prototype() {
        let identity = Identity::new().unwrap();
        let (aim, _server) = server(Kind::Durable, &identity).await;
        let shot = Shot::new(&aim, &shot::notification(), Expect::Accepted).unwrap();
        let measured = closed(&aim, &shot, Mode::KeepAlive, 8, BRIEFLY)
            .await
            .unwrap();
        let path = identity.directory().join("prototype.sqlite");
        let stored = rusqlite::Connection::open(path)
            .unwrap()
            .query_row("SELECT count(*) FROM event", [], |row| row.get::<_, i64>(0))
            .unwrap();
        assert_eq!(u64::try_from(stored), Ok(measured.requests));
    }
}
