//! From the history to the target: in order within an ordering key, keys side by side, bounded.
//!
//! ```text
//! history (pending rows) ─▶ scheduler ─▶ send ─▶ target
//!        ▲                                │
//!        └──── attempt, event done ◀──────┘
//! ```
//!
//! Invariants:
//! * An event is done when, and only when, its attempt is in the history. Until then it is pending, and a client that
//!   starts again goes on with it.
//! * A target that accepts no connection holds its events: nothing is recorded, nothing is lost, and the oldest is
//!   tried again until it gets through. An answer of any status, a time-out or a broken connection is an attempt and
//!   blocks nothing.
//!
//! The scheduler is pure; this file is the loop around it.

mod connect;
mod hold;
mod passthrough;
mod request;
mod scheduler;
mod send;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use ringtail_protocol::event::Timestamp;

pub use self::hold::HoldDelay;
pub use self::passthrough::{Passthrough, PassthroughBody};
pub use self::request::{EDITED_FROM, REPLAY};
pub use self::scheduler::Limits;
use self::scheduler::{Command, End, Health, Input, Scheduler};
pub use self::send::{
    Delivery, KEPT_BODY_BYTES, MAX_READ_BYTES, OutgoingBody, SendOptions, Sender, TrustError,
};
use ringtail_model::{Cause, ForwardState, Outcome, RowId, TargetState, Watermarks};
use ringtail_store::{History, StoreError};

/// How the forwarder works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardOptions {
    /// How much is taken on at once.
    pub limits: Limits,
    /// Delay between probes of a target that is down.
    pub hold: HoldDelay,
    /// How long requests that are in flight may go on when the forwarder is told to stop.
    pub grace: Duration,
}

/// 16 requests keep any dev server busy; 4096 rows with their keys are under a MiB; a grace of two seconds is as
/// long as a person waits for Ctrl-C.
impl Default for ForwardOptions {
    fn default() -> Self {
        Self {
            limits: Limits {
                in_flight: 16,
                window: 4096,
                page: 512,
            },
            hold: HoldDelay::default(),
            grace: Duration::from_secs(2),
        }
    }
}

/// What a face shows of forwarding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardStatus {
    /// Health of the target.
    pub target: TargetState,
    /// Events that are owed to it, those in flight included.
    pub held: u64,
}

/// A running forwarder of one endpoint to one target.
#[derive(Debug, Clone)]
pub struct Forwarder {
    state: watch::Receiver<ForwardStatus>,
}

impl Forwarder {
    /// Starts to forward what is pending on the endpoint and what will be. Runs in `tasks` until `cancel`; then
    /// requests in flight get [`ForwardOptions::grace`], and those that are not done by then stay pending. While
    /// `paused` says so, nothing new is sent; what is in flight goes on.
    #[must_use]
    pub fn spawn(
        history: History,
        endpoint: &str,
        sender: Sender,
        options: ForwardOptions,
        paused: watch::Receiver<bool>,
        tasks: &TaskTracker,
        cancel: CancellationToken,
    ) -> Self {
        let (publish, state) = watch::channel(ForwardStatus {
            target: TargetState::Untried,
            held: 0,
        });
        let (connected, connections) = mpsc::channel(options.limits.in_flight.max(1));
        let run = Run {
            marks: history.watermarks(),
            reach: RowId::default(),
            work: Work {
                history,
                endpoint: endpoint.into(),
                sender,
                connected,
            },
            options,
            scheduler: Scheduler::new(options.limits, options.hold),
            paused,
            connections,
            running: JoinSet::new(),
            sending: HashMap::new(),
            publish,
            shown: Health::Untried,
            count: Count::default(),
        };
        tasks.spawn(run.run(cancel));
        Self { state }
    }

    /// Returns the target's health and how much is held; changes as they do.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ForwardStatus> {
        self.state.clone()
    }
}

/// What the forwarder's tasks work with.
#[derive(Clone)]
struct Work {
    history: History,
    endpoint: String,
    sender: Sender,
    connected: mpsc::Sender<RowId>,
}

/// What a task has done.
enum Done {
    Loaded(Vec<(RowId, String)>),
    Sent(RowId, End),
    Counted(u64),
}

struct Run {
    work: Work,
    options: ForwardOptions,
    scheduler: Scheduler,
    paused: watch::Receiver<bool>,
    marks: watch::Receiver<Watermarks>,
    /// How far the events reached when they were last looked for.
    reach: RowId,
    connections: mpsc::Receiver<RowId>,
    running: JoinSet<Done>,
    /// The events of the tasks that send, for a task that panics.
    sending: HashMap<Id, RowId>,
    publish: watch::Sender<ForwardStatus>,
    /// The health that is published.
    shown: Health,
    count: Count,
}

impl Run {
    async fn run(mut self, cancel: CancellationToken) {
        let mut input = Some(Input::Paused(*self.paused.borrow_and_update()));
        loop {
            if let Some(input) = input.take() {
                for command in self.scheduler.handle(input, Instant::now()) {
                    self.perform(command);
                }
                self.publish_health();
            }
            self.recount();
            let wake_at = [self.scheduler.wake_at(), self.count.due_at()];
            let wake_at = wake_at.into_iter().flatten().min();
            input = tokio::select! {
                // Stop before anything new; then what frees slots before what fills them.
                biased;
                () = cancel.cancelled() => break,
                Ok(()) = self.paused.changed() => Some(Input::Paused(*self.paused.borrow_and_update())),
                Some(row) = self.connections.recv() => Some(Input::Connected(row)),
                Some(done) = self.running.join_next_with_id() => self.done(done),
                () = self.work.sender.seen() => Some(Input::TargetSeen),
                Ok(()) = self.marks.changed() => self.grew(),
                () = sleep_until(wake_at) => Some(Input::Tick),
            };
        }
        self.stop().await;
    }

    fn perform(&mut self, command: Command) {
        let work = self.work.clone();
        match command {
            Command::Load { after, limit } => {
                self.running.spawn(work.load(after, limit));
            }
            Command::Send(row) => {
                let task = self.running.spawn(work.send(row));
                self.sending.insert(task.id(), row);
            }
        }
    }

    fn done(&mut self, done: Result<(Id, Done), JoinError>) -> Option<Input> {
        match done {
            Ok((_, Done::Loaded(rows))) => Some(Input::Loaded(rows)),
            Ok((id, Done::Sent(row, end))) => {
                self.sending.remove(&id);
                self.count.stale = true;
                Some(Input::Finished(row, end))
            }
            Ok((_, Done::Counted(held))) => {
                self.count.running = false;
                self.publish.send_if_modified(|state| {
                    let moved = state.held != held;
                    state.held = held;
                    moved
                });
                None
            }
            Err(error) => {
                tracing::error!(%error, "a forward failed inside of ringtail; its event stays pending");
                let row = self.sending.remove(&error.id())?;
                Some(Input::Finished(row, End::Gone))
            }
        }
    }

    /// Looks for new events, unless it is only attempts that have come.
    fn grew(&mut self) -> Option<Input> {
        let reach = self.marks.borrow_and_update().events;
        let grew = reach != self.reach;
        self.reach = reach;
        self.count.stale |= grew;
        grew.then_some(Input::Grew)
    }

    /// Starts to count what is held if that is due.
    fn recount(&mut self) {
        if self.count.due_at().is_some_and(|due| due <= Instant::now()) {
            self.count.begin();
            self.running.spawn(self.work.clone().count());
        }
    }

    fn publish_health(&mut self) {
        let health = self.scheduler.health();
        if *health == self.shown {
            return;
        }
        self.shown = health.clone();
        let target = match health {
            Health::Untried => TargetState::Untried,
            Health::Up => TargetState::Up,
            Health::Down {
                kind,
                reason,
                retry_at,
                ..
            } => TargetState::Down {
                kind: *kind,
                reason: reason.clone(),
                retry_at: wall(*retry_at),
            },
        };
        self.publish.send_modify(|state| state.target = target);
    }

    async fn stop(mut self) {
        let ended = tokio::time::timeout(self.options.grace, async {
            while self.running.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::info!(
                events = self.running.len(),
                "requests to the target were cut off; their events stay pending"
            );
            self.running.shutdown().await;
        }
    }
}

/// When to count what is held: after a change, not more often than a person can read.
#[derive(Debug)]
struct Count {
    stale: bool,
    running: bool,
    not_before: Instant,
}

impl Default for Count {
    fn default() -> Self {
        Self {
            stale: true,
            running: false,
            not_before: Instant::now(),
        }
    }
}

impl Count {
    const INTERVAL: Duration = Duration::from_millis(100);

    fn due_at(&self) -> Option<Instant> {
        (self.stale && !self.running).then_some(self.not_before)
    }

    fn begin(&mut self) {
        self.stale = false;
        self.running = true;
        self.not_before = Instant::now() + Self::INTERVAL;
    }
}

impl Work {
    async fn load(self, after: RowId, limit: usize) -> Done {
        loop {
            match self.history.pending(&self.endpoint, after, limit).await {
                Ok(events) => {
                    let rows = events.into_iter().map(|event| (event.row, event.key));
                    return Done::Loaded(rows.collect());
                }
                Err(error) => tracing::error!(%error, "pending events could not be read"),
            }
            tokio::time::sleep(HISTORY_RETRY).await;
        }
    }

    async fn count(self) -> Done {
        match self.history.count_pending(&self.endpoint).await {
            Ok(held) => Done::Counted(held),
            Err(error) => {
                tracing::error!(%error, "held events could not be counted");
                Done::Counted(0)
            }
        }
    }

    async fn send(self, row: RowId) -> Done {
        let stored = loop {
            match self.history.stored_request(row).await {
                Ok(stored) => break stored,
                Err(error) => tracing::error!(%error, "an event could not be read"),
            }
            tokio::time::sleep(HISTORY_RETRY).await;
        };
        // Another ringtail on the same file may have been faster.
        let Some(stored) = stored.filter(|stored| stored.forward == ForwardState::Pending) else {
            return Done::Sent(row, End::Gone);
        };
        let connected = self.connected.clone();
        let delivery = self
            .sender
            .deliver(stored.id, &stored.request, Cause::Forward, move || {
                // The queue has room for every request; a full one says what it says anyway.
                let _ = connected.try_send(row);
            })
            .await;
        drop(stored);
        let end = match &delivery.attempt.outcome {
            Outcome::Error { kind, message } if !delivery.connected => End::Held {
                kind: *kind,
                reason: message.clone(),
            },
            _ => self.record(delivery).await,
        };
        Done::Sent(row, end)
    }

    /// Records the attempt, however long that takes: an event that was forwarded and is not recorded would be
    /// forwarded again, so what follows it in its key waits.
    async fn record(&self, delivery: Delivery) -> End {
        loop {
            match self
                .history
                .record_attempt(delivery.attempt.clone(), true)
                .await
            {
                Ok(_) => return End::Settled,
                Err(StoreError::Closed) => return End::Gone,
                Err(error) => tracing::error!(%error, "an attempt could not be recorded"),
            }
            tokio::time::sleep(HISTORY_RETRY).await;
        }
    }
}

/// Pause before the history is asked again after it failed.
const HISTORY_RETRY: Duration = Duration::from_secs(1);

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The wall clock's time of an instant that is still to come.
fn wall(at: Instant) -> Timestamp {
    let wait = at.saturating_duration_since(Instant::now()).as_micros();
    Timestamp(
        Timestamp::now()
            .0
            .saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)),
    )
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
