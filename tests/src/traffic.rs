//! Notifications under load, each with a number, and which of them were answered 200.
//!
//! RingCentral does not retry, and neither does this: a notification without an answer may be in the journal or not, and
//! one that was answered 200 must be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use ringtail_kit::caller::{Answer, FakeRingCentral, Hook};
use ringtail_kit::wait;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::hooks;

/// Field by which a proxy in front names the relay that answered. An answer without it is the proxy's own.
pub const ANSWERED_BY: &str = "x-answered-by";

/// An answer that took longer is late.
pub const LATE: Duration = Duration::from_secs(1);

/// How much load.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    /// Connections, each with its own conversation.
    pub callers: usize,
    /// Pause of each between two notifications.
    pub pause: Duration,
}

/// Load that continues until it is finished.
#[derive(Debug)]
pub struct Traffic {
    callers: JoinSet<Sent>,
    counts: watch::Receiver<Counts>,
    sent: Arc<AtomicU64>,
    flowing: watch::Sender<bool>,
    stop: CancellationToken,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    acknowledged: u64,
    refused: u64,
    over: u64,
}

/// Outcome of the load.
#[derive(Debug, Default)]
pub struct Sent {
    /// Notifications that were sent, whole or in part.
    pub sent: u64,
    /// Numbers of the notifications that were answered 200.
    pub acknowledged: BTreeSet<u64>,
    /// Notifications answered otherwise.
    pub refused: u64,
    /// Notifications without a whole answer.
    pub unanswered: u64,
    /// Failed connections.
    pub unconnected: u64,
    /// Longest time to an answer, with the connection for it if a new one was needed.
    pub slowest: Duration,
    /// Requests that went badly for the caller.
    pub bad: Vec<Bad>,
    /// The relays that a proxy named, by the number of the notification that they answered.
    pub relays: BTreeMap<u64, Bytes>,
}

/// A request that was answered late, with another status, or not at all.
#[derive(Debug, Clone)]
pub struct Bad {
    /// When the caller knew.
    pub at: Instant,
    /// How long it waited, with the connection.
    pub took: Duration,
    /// The answer's status; `None` without a whole answer.
    pub status: Option<u16>,
    /// Whether a relay answered, and not the proxy in front.
    pub by_relay: bool,
}

impl Bad {
    /// Returns what was bad about a request that began then, if anything.
    #[must_use]
    pub fn of(began: Instant, answer: Option<&Answer>, is_good: bool) -> Option<Self> {
        let took = began.elapsed();
        (!is_good || took > LATE).then(|| Self {
            at: began + took,
            took,
            status: answer.map(|answer| answer.status),
            by_relay: answer.is_some_and(|answer| answer.header(ANSWERED_BY).is_some()),
        })
    }
}

impl Traffic {
    /// Starts the load.
    #[must_use]
    pub fn start(caller: &FakeRingCentral, url: &str, volume: Volume) -> Self {
        let (count, counts) = watch::channel(Counts::default());
        let (flowing, flow) = watch::channel(true);
        let stop = CancellationToken::new();
        let sent = Arc::new(AtomicU64::new(0));
        let mut callers = JoinSet::new();
        for conversation in 0..volume.callers {
            let one = Caller {
                caller: caller.clone(),
                url: url.to_owned(),
                conversation,
                pause: volume.pause,
                next: Arc::clone(&sent),
                count: count.clone(),
            };
            callers.spawn(one.run(flow.clone(), stop.clone()));
        }
        Self {
            callers,
            counts,
            sent,
            flowing,
            stop,
        }
    }

    /// Pauses the load while the relay is known to be down: calls to a closed port only use up ports.
    pub fn pause(&self) {
        self.flowing.send_replace(false);
    }

    /// Returns whether nothing is in flight; meaningful while the load is paused.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.counts.borrow().over == self.sent.load(Ordering::Relaxed)
    }

    /// Resumes the load.
    pub fn resume(&self) {
        self.flowing.send_replace(true);
    }

    /// Waits until `count` more notifications were answered 200.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn more(&mut self, count: u64) -> anyhow::Result<()> {
        self.wait(count, |counts| counts.acknowledged).await
    }

    /// Waits until `count` more notifications were refused.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn more_refused(&mut self, count: u64) -> anyhow::Result<()> {
        self.wait(count, |counts| counts.refused).await
    }

    async fn wait(&mut self, count: u64, of: fn(&Counts) -> u64) -> anyhow::Result<()> {
        let wanted = of(&self.counts.borrow()) + count;
        let enough = self.counts.wait_for(|counts| of(counts) >= wanted);
        tokio::time::timeout(wait::PATIENCE, enough)
            .await
            .with_context(|| format!("no {count} more such answers in time"))?
            .context("every caller has ended")?;
        Ok(())
    }

    /// Ends the load.
    ///
    /// # Errors
    /// When a caller has panicked.
    pub async fn finish(mut self) -> anyhow::Result<Sent> {
        self.stop.cancel();
        let mut all = Sent::default();
        while let Some(one) = self.callers.join_next().await {
            let one = one?;
            all.acknowledged.extend(one.acknowledged);
            all.refused += one.refused;
            all.unanswered += one.unanswered;
            all.unconnected += one.unconnected;
            all.slowest = all.slowest.max(one.slowest);
            all.bad.extend(one.bad);
            all.relays.extend(one.relays);
        }
        all.sent = self.sent.load(Ordering::Relaxed);
        Ok(all)
    }
}

struct Caller {
    caller: FakeRingCentral,
    url: String,
    conversation: usize,
    pause: Duration,
    next: Arc<AtomicU64>,
    count: watch::Sender<Counts>,
}

impl Caller {
    async fn run(self, mut flow: watch::Receiver<bool>, stop: CancellationToken) -> Sent {
        let mut sent = Sent::default();
        let mut ticks = interval(self.pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection = None;
        loop {
            ticks.tick().await;
            tokio::select! {
                biased;
                () = stop.cancelled() => return sent,
                flowing = flow.wait_for(|flowing| *flowing) => if flowing.is_err() {
                    return sent;
                },
            }
            let began = Instant::now();
            let mut open = match connection.take() {
                Some(open) => open,
                // Killed relays refuse; the next tick tries again.
                None => match self.caller.connect(&self.url).await {
                    Ok(open) => open,
                    Err(_) => {
                        sent.unconnected += 1;
                        continue;
                    }
                },
            };
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let hook = Hook::notification(hooks::numbered(self.conversation, number));
            let answer = open.post(&hook).await;
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            let bad = Bad::of(began, answer.as_ref().ok(), status == 200);
            sent.bad.extend(bad);
            match status {
                0 => sent.unanswered += 1,
                200 => drop(sent.acknowledged.insert(number)),
                _ => sent.refused += 1,
            }
            self.count.send_modify(|counts| {
                counts.over += 1;
                counts.acknowledged += u64::from(status == 200);
                counts.refused += u64::from(![0, 200].contains(&status));
            });
            if let Ok(answer) = answer {
                sent.slowest = sent.slowest.max(began.elapsed());
                if let Some(relay) = answer.headers.get(ANSWERED_BY) {
                    let relay = Bytes::copy_from_slice(relay.as_bytes());
                    sent.relays.insert(number, relay);
                }
                let closes = answer.header("connection") == Some(b"close");
                connection = Some(open).filter(|_| !closes);
            }
        }
    }
}
