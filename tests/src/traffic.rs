//! Notifications under load, each body known, and a memory of which were answered 200.
//!
//! RingCentral does not try again (RINGCENTRAL.md 2.7), and neither does this: a body that was not answered may be
//! in the journal or not, and one that was must be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::hooks;
use crate::ringcentral::{FakeRingCentral, Hook};
use crate::wait;

/// How much load.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    /// Connections, each with a conversation of its own.
    pub callers: usize,
    /// Pause of each between two notifications.
    pub pause: Duration,
}

/// Load that goes on until it is stopped.
#[derive(Debug)]
pub struct Traffic {
    callers: JoinSet<Answered>,
    acknowledged: watch::Receiver<u64>,
    refused: watch::Receiver<u64>,
    sent: Arc<AtomicU64>,
    over: Arc<AtomicU64>,
    flowing: watch::Sender<bool>,
    stop: CancellationToken,
}

/// What became of the load.
#[derive(Debug)]
pub struct Sent {
    /// Bodies that were sent, whole or in part.
    pub sent: u64,
    /// Marks of the bodies that were answered 200.
    pub acknowledged: BTreeSet<u64>,
    /// How many were answered otherwise, by status.
    pub refused: BTreeMap<u16, u64>,
    /// How many got no whole answer.
    pub unanswered: u64,
    /// Connections that could not be had.
    pub unconnected: u64,
    /// The longest that an answer took, with the connection for it if there had to be a new one.
    pub slowest: Duration,
}

/// What became of one caller's load.
#[derive(Debug, Default)]
struct Answered {
    acknowledged: BTreeSet<u64>,
    refused: BTreeMap<u16, u64>,
    unanswered: u64,
    unconnected: u64,
    slowest: Duration,
}

impl Traffic {
    /// Starts it.
    #[must_use]
    pub fn start(caller: &FakeRingCentral, url: &str, volume: Volume) -> Self {
        let (count, acknowledged) = watch::channel(0);
        let (refusals, refused) = watch::channel(0);
        let (flowing, flow) = watch::channel(true);
        let stop = CancellationToken::new();
        let sent = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicU64::new(0));
        let mut callers = JoinSet::new();
        for conversation in 0..volume.callers {
            let one = Caller {
                caller: caller.clone(),
                url: url.to_owned(),
                conversation,
                pause: volume.pause,
                next: Arc::clone(&sent),
                over: Arc::clone(&over),
                count: count.clone(),
                refusals: refusals.clone(),
            };
            let (flow, stop) = (flow.clone(), stop.clone());
            callers.spawn(one.run(flow, stop));
        }
        Self {
            callers,
            acknowledged,
            refused,
            sent,
            over,
            flowing,
            stop,
        }
    }

    /// Holds the load while the relay is known to be away: calls to a port that nobody listens on only use up ports.
    pub fn hold(&self) {
        self.flowing.send_replace(false);
    }

    /// Says whether nothing is in flight, which counts for something only while the load is held.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.over.load(Ordering::Relaxed) == self.sent.load(Ordering::Relaxed)
    }

    /// Lets it flow again.
    pub fn flow(&self) {
        self.flowing.send_replace(true);
    }

    /// Waits until so many more bodies were answered 200.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn more(&mut self, count: u64) -> anyhow::Result<()> {
        let wanted = *self.acknowledged.borrow() + count;
        let enough = self.acknowledged.wait_for(|answered| *answered >= wanted);
        tokio::time::timeout(wait::PATIENCE, enough)
            .await
            .with_context(|| format!("no {count} more answers of 200 in time"))?
            .context("every caller has ended")?;
        Ok(())
    }

    /// Waits until so many more bodies were answered with something else than 200.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn more_refused(&mut self, count: u64) -> anyhow::Result<()> {
        let wanted = *self.refused.borrow() + count;
        let enough = self.refused.wait_for(|refused| *refused >= wanted);
        tokio::time::timeout(wait::PATIENCE, enough)
            .await
            .with_context(|| format!("no {count} refusals in time"))?
            .context("every caller has ended")?;
        Ok(())
    }

    /// Ends the load and tells what became of it.
    ///
    /// # Errors
    /// When a caller has failed in a way that it should not.
    pub async fn finish(mut self) -> anyhow::Result<Sent> {
        self.stop.cancel();
        let mut all = Answered::default();
        while let Some(answered) = self.callers.join_next().await {
            let answered = answered?;
            all.acknowledged.extend(answered.acknowledged);
            for (status, count) in answered.refused {
                *all.refused.entry(status).or_default() += count;
            }
            all.unanswered += answered.unanswered;
            all.unconnected += answered.unconnected;
            all.slowest = all.slowest.max(answered.slowest);
        }
        Ok(Sent {
            sent: self.sent.load(Ordering::Relaxed),
            acknowledged: all.acknowledged,
            refused: all.refused,
            unanswered: all.unanswered,
            unconnected: all.unconnected,
            slowest: all.slowest,
        })
    }
}

struct Caller {
    caller: FakeRingCentral,
    url: String,
    conversation: usize,
    pause: Duration,
    next: Arc<AtomicU64>,
    over: Arc<AtomicU64>,
    count: watch::Sender<u64>,
    refusals: watch::Sender<u64>,
}

impl Caller {
    async fn run(self, mut flow: watch::Receiver<bool>, stop: CancellationToken) -> Answered {
        let mut answered = Answered::default();
        let mut ticks = interval(self.pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection = None;
        loop {
            ticks.tick().await;
            tokio::select! {
                biased;
                () = stop.cancelled() => return answered,
                flowing = flow.wait_for(|flowing| *flowing) => if flowing.is_err() {
                    return answered;
                },
            }
            let began = Instant::now();
            let open = match connection.take() {
                Some(open) => open,
                // Killed relays refuse; the next tick tries again.
                None => match self.caller.connect(&self.url).await {
                    Ok(open) => open,
                    Err(_) => {
                        answered.unconnected += 1;
                        continue;
                    }
                },
            };
            let mark = self.next.fetch_add(1, Ordering::Relaxed);
            let hook = Hook::notification(hooks::marked(self.conversation, mark));
            let mut open = open;
            let answer = open.post(&hook).await;
            self.over.fetch_add(1, Ordering::Relaxed);
            let Ok(answer) = answer else {
                answered.unanswered += 1;
                continue;
            };
            answered.slowest = answered.slowest.max(began.elapsed());
            let closes = |(name, value): &(String, Vec<u8>)| {
                name.eq_ignore_ascii_case("connection") && value == b"close"
            };
            connection = Some(open).filter(|_| !answer.headers.iter().any(closes));
            if answer.status == 200 {
                answered.acknowledged.insert(mark);
                self.count.send_modify(|count| *count += 1);
            } else {
                *answered.refused.entry(answer.status).or_default() += 1;
                self.refusals.send_modify(|count| *count += 1);
            }
        }
    }
}
