//! Open loop: requests leave at a fixed rate whether or not answers come, and each is timed from the moment it was
//! due. A stall is thus felt by every request that fell into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::BytesMut;
use hdrhistogram::Histogram;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::load::{Measured, micros, read_checked};
use super::shot::{Aim, Shot, Stamp};

/// Connections that share the load, enough that no request waits for one while the server answers within 100 ms.
const CONNECTIONS: usize = 32;

/// Up to here a late tick is the timer's own coarseness, not a stall of this process.
const TIMER_GRAIN: Duration = Duration::from_millis(2);

/// Due shots that may wait for a connection: a minute at 500 a second.
const BACKLOG: usize = 30_000;

/// Fires at a rate for some time. `fired` is called for every shot when it is due. Every answer is checked.
///
/// # Errors
/// At the first answer that is wrong or missing.
pub(crate) async fn open(
    aim: &Aim,
    shot: &Shot,
    rate: u32,
    time: Duration,
    fired: impl Fn(Stamp, Instant),
) -> anyhow::Result<Measured> {
    let (due, waiting) = mpsc::channel::<(Stamp, Instant)>(BACKLOG);
    let waiting = Arc::new(Mutex::new(waiting));
    let mut gunners = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let stream = aim.dial(false).await?;
        gunners.spawn(serve(stream, shot.clone(), Arc::clone(&waiting)));
    }
    let began = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while began.elapsed() < time {
        let tick = ticks.tick().await.into_std();
        let now = Instant::now();
        let at = if now - tick < TIMER_GRAIN { now } else { tick };
        let stamp = Stamp::fresh();
        fired(stamp, at);
        due.try_send((stamp, at))
            .ok()
            .context("the server has fallen a minute behind, or a connection broke")?;
    }
    drop(due);
    let mut parts = Vec::new();
    while let Some(part) = gunners.join_next().await {
        parts.push(part??);
    }
    Measured::sum(parts, began.elapsed())
}

async fn serve(
    mut stream: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
    mut shot: Shot,
    waiting: Arc<Mutex<mpsc::Receiver<(Stamp, Instant)>>>,
) -> anyhow::Result<Histogram<u64>> {
    let mut latency = Measured::empty()?;
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    loop {
        let next = waiting.lock().await.recv().await;
        let Some((stamp, due)) = next else {
            return Ok(latency);
        };
        stream.write_all(shot.stamped(stamp)).await?;
        read_checked(&mut stream, &mut buffer, shot.expect, stamp).await?;
        latency.saturating_record(micros(due.elapsed()));
    }
}
