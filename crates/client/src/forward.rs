//! Forwards pending events to the target: in order within an ordering key, keys concurrently, with bounds.
//!
//! ```text
//! history (pending rows) ─▶ scheduler ─▶ send ─▶ target
//!        ▲                                │
//!        └──── attempt, event done ◀──────┘
//! ```
//!
//! Invariants:
//! * An event is pending until its attempt is in the history. A restarted client continues with pending events.
//! * An event that is sent blocks its ordering key for 3 s at most. Its response is still awaited and recorded.
//! * While the target accepts no connections its events stay pending and no attempt is recorded, except for an event whose
//!   caller waits for the response; the oldest is retried until it gets through. A response of any status, a timeout, or a
//!   broken connection to a target that accepts others is an attempt and blocks nothing.
//!
//! The scheduler is pure; this file runs it.

mod connect;
mod count;
mod named_head;
mod passthrough;
mod pool;
mod request;
mod scheduler;
mod send;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use ringtail_outbound::failure::SendFailure;
use ringtail_protocol::event::Timestamp;

use self::count::Count;
pub(crate) use self::passthrough::Undelivered;
pub use self::passthrough::{Passthrough, PassthroughBody};
pub use self::request::{EDITED_FROM, REPLAY};
pub use self::scheduler::Limits;
use self::scheduler::{Command, End, Health, Input, Scheduler};
pub use self::send::{Delivery, KEPT_BODY_BYTES, MAX_READ_BYTES, SendOptions, Sender, TrustError};
use crate::backoff::Backoff;
use ringtail_model::{Cause, ForwardState, Outcome, RowId, Status, TargetState, Unanswered};
use ringtail_store::{History, StoreError, StoredRequest};

/// Settings of the forwarder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardOptions {
    /// Limits of concurrency and memory.
    pub limits: Limits,
    /// Delay between probes of a target that is down.
    pub backoff: Backoff,
    /// Time for requests in flight to end on shutdown.
    pub grace: Duration,
}

/// 16 requests keep any development server busy. An app that never answers leaves 16 late ones every 3 s, 160 of them within
/// the 30 s for which each is awaited by default. 4096 rows with their keys take less than a MiB; two seconds is as long
/// as a person waits after Ctrl-C. A development server that restarts is back within a second.
impl Default for ForwardOptions {
    fn default() -> Self {
        Self {
            limits: Limits {
                in_flight: 16,
                late: 256,
                window: 4096,
                page: 512,
            },
            backoff: Backoff {
                first: Duration::from_millis(100),
                longest: Duration::from_secs(2),
            },
            grace: Duration::from_secs(2),
        }
    }
}

/// Forwards events to one target.
#[derive(Debug, Clone)]
pub struct Forwarder {
    /// Where the events are.
    pub history: History,
    /// The target.
    pub sender: Sender,
    /// Settings.
    pub options: ForwardOptions,
    /// Gets the target's health, the pending and unanswered events, and whether forwarding is paused, as they change.
    pub status: watch::Sender<Status>,
    /// While this is true nothing new is sent.
    pub paused: watch::Receiver<bool>,
    /// Gets the events that the app had without an answer when it was stopped: they stay pending and are sent again.
    pub given_up: Arc<Mutex<Vec<Unanswered>>>,
}

impl Forwarder {
    /// Starts to forward pending and new events of the endpoint. Runs in `tasks` until `cancel`; then requests in
    /// flight get [`ForwardOptions::grace`] to end, or their events stay pending, and nothing more is published.
    pub fn spawn(
        &self,
        endpoint: &str,
        tasks: &TaskTracker,
        cancel: CancellationToken,
    ) -> JoinHandle<()> {
        tasks.spawn(self.forwarding(endpoint, cancel).run())
    }

    fn forwarding(&self, endpoint: &str, cancel: CancellationToken) -> ForwardLoop {
        let (connected, connections) = mpsc::channel(self.options.limits.in_flight.max(1));
        ForwardLoop {
            grows: self.history.pending_grows(endpoint),
            work: Work {
                history: self.history.clone(),
                endpoint: endpoint.into(),
                sender: self.sender.clone(),
                connected,
                is_busy: Arc::default(),
                alone: Arc::default(),
            },
            options: self.options,
            scheduler: Scheduler::new(self.options.limits, self.options.backoff),
            paused: self.paused.clone(),
            connections,
            running: JoinSet::new(),
            tasks: HashMap::new(),
            sent: HashMap::new(),
            loaded: None,
            status: self.status.clone(),
            given_up: Arc::clone(&self.given_up),
            cancel,
            shown: Health::Untried,
            count: Count::default(),
        }
    }
}

/// Times that an event in flight alone may lose its connection to an app that is then down. After that it counts as an attempt:
/// the event itself may be what stops the app.
const MAX_LOST: u8 = 3;

/// Context of the forwarder's tasks.
#[derive(Clone)]
struct Work {
    history: History,
    endpoint: Arc<str>,
    sender: Sender,
    connected: mpsc::Sender<Unanswered>,
    /// Whether events wait for those in flight to end.
    is_busy: Arc<AtomicBool>,
    /// The row in flight alone, 0 if there is none or others have joined it.
    alone: Arc<AtomicI64>,
}

/// Result of a task.
enum Done {
    /// With the request of the only one, if there is but one.
    Loaded(Vec<(RowId, String)>, Option<StoredRequest>),
    Sent {
        row: RowId,
        end: End,
    },
    Counted(u64),
}

/// What a task does.
#[derive(Debug, Clone, Copy)]
enum Task {
    Load { after: RowId, limit: usize },
    Send(RowId),
    Count,
}

struct ForwardLoop {
    work: Work,
    options: ForwardOptions,
    scheduler: Scheduler,
    paused: watch::Receiver<bool>,
    /// Wakes when the history has more pending events.
    grows: watch::Receiver<()>,
    connections: mpsc::Receiver<Unanswered>,
    running: JoinSet<Done>,
    /// What runs, needed if a task panics.
    tasks: HashMap<Id, Task>,
    /// Events that the app has.
    sent: HashMap<RowId, Unanswered>,
    /// The request of the event that was loaded last, until what follows has been done.
    loaded: Option<(RowId, StoredRequest)>,
    status: watch::Sender<Status>,
    given_up: Arc<Mutex<Vec<Unanswered>>>,
    cancel: CancellationToken,
    /// The health last published.
    shown: Health,
    count: Count,
}

impl ForwardLoop {
    async fn run(mut self) {
        // What another forwarder has published is about another endpoint.
        self.publish(|status| {
            status.pending = 0;
            status.unanswered.clear();
            if let Some(target) = &mut status.target {
                target.state = TargetState::Untried;
            }
            true
        });
        let mut input = Some(self.pause());
        loop {
            if let Some(input) = input.take() {
                for command in self.scheduler.handle(input, Instant::now()) {
                    self.perform(command);
                }
                self.loaded = None;
                let is_busy = self.scheduler.has_waiting();
                self.work.is_busy.store(is_busy, Ordering::Relaxed);
                self.publish_health();
                self.publish_unanswered();
            }
            self.recount();
            let wake_at = [self.scheduler.wake_at(), self.count_at()];
            let wake_at = wake_at.into_iter().flatten().min();
            input = tokio::select! {
                // `biased`: stop first, then free slots before filling them.
                biased;
                () = self.cancel.cancelled() => break,
                Ok(()) = self.paused.changed() => Some(self.pause()),
                Some(sent) = self.connections.recv() => {
                    self.sent.insert(sent.row, sent);
                    Some(Input::Connected(sent.row))
                }
                Some(done) = self.running.join_next_with_id() => self.done(done),
                () = self.work.sender.seen(), if matches!(self.shown, Health::Down { .. }) => {
                    Some(Input::TargetSeen)
                }
                Ok(()) = self.grows.changed() => {
                    self.count.stale = true;
                    Some(Input::Grew)
                }
                () = sleep_until(wake_at) => Some(Input::Tick),
            };
        }
        self.stop().await;
    }

    fn perform(&mut self, command: Command) {
        let work = self.work.clone();
        match command {
            Command::Load { after, limit } => {
                self.begin(Task::Load { after, limit }, work.load(after, limit));
            }
            Command::Send(row) => {
                let losses = self.scheduler.losses(row);
                let alone = self.scheduler.is_one_in_flight();
                work.alone
                    .store(if alone { row.0 } else { 0 }, Ordering::Relaxed);
                let loaded = self.loaded.take_if(|(of, _)| *of == row);
                let stored = loaded.map(|(_, stored)| stored);
                self.begin(Task::Send(row), work.send(row, stored, losses));
            }
        }
    }

    fn begin(&mut self, task: Task, work: impl Future<Output = Done> + Send + 'static) {
        let running = self.running.spawn(work);
        self.tasks.insert(running.id(), task);
    }

    fn done(&mut self, done: Result<(Id, Done), JoinError>) -> Option<Input> {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let task = self.tasks.remove(&id);
        match done.map(|(_, done)| done) {
            Ok(Done::Loaded(rows, only)) => {
                let row = rows.first().map(|(row, _)| *row);
                self.loaded = row.zip(only);
                Some(Input::Loaded(rows))
            }
            Ok(Done::Sent { row, end }) => {
                self.sent.remove(&row);
                self.count.stale = true;
                Some(Input::Finished(row, end))
            }
            Ok(Done::Counted(pending)) => {
                self.count.running = false;
                self.publish_pending(pending);
                None
            }
            Err(error) => {
                tracing::error!(%error, ?task, "a forwarding task panicked; its events stay pending");
                match task? {
                    Task::Load { after, limit } => {
                        let again = self.work.clone().load(after, limit);
                        self.begin(Task::Load { after, limit }, async move {
                            tokio::time::sleep(HISTORY_RETRY).await;
                            again.await
                        });
                        None
                    }
                    Task::Send(row) => {
                        self.sent.remove(&row);
                        Some(Input::Finished(row, End::Gone))
                    }
                    Task::Count => {
                        self.count.running = false;
                        None
                    }
                }
            }
        }
    }

    /// Returns when pending events are counted: rows that are being loaded are among them.
    fn count_at(&self) -> Option<Instant> {
        self.count.due_at().filter(|_| !self.scheduler.is_loading())
    }

    /// Counts pending events, at most once per interval: in the history if it has more than are known here.
    fn recount(&mut self) {
        if self.count_at().is_none_or(|due| due > Instant::now()) {
            return;
        }
        self.count.begin();
        if let Some(pending) = self.scheduler.pending() {
            self.publish_pending(pending as u64);
        } else {
            self.count.running = true;
            self.begin(Task::Count, self.work.clone().count());
        }
    }

    /// Changes the status and wakes its readers if `change` returns true. Does nothing once cancelled: another forwarder's status
    /// must stay.
    fn publish(&self, change: impl FnOnce(&mut Status) -> bool) {
        let cancel = &self.cancel;
        self.status
            .send_if_modified(|status| !cancel.is_cancelled() && change(status));
    }

    fn pause(&mut self) -> Input {
        let paused = *self.paused.borrow_and_update();
        self.publish(|status| std::mem::replace(&mut status.paused, paused) != paused);
        Input::Paused(paused)
    }

    fn publish_pending(&self, pending: u64) {
        self.publish(|status| std::mem::replace(&mut status.pending, pending) != pending);
    }

    fn publish_health(&mut self) {
        let health = self.scheduler.health();
        if *health == self.shown {
            return;
        }
        if !matches!(self.shown, Health::Down { .. }) {
            self.work.sender.forget_seen();
        }
        self.shown = health.clone();
        let state = match health {
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
        self.publish(|status| {
            if let Some(target) = &mut status.target {
                target.state = state;
            }
            true
        });
    }

    fn publish_unanswered(&mut self) {
        let late = self.scheduler.late();
        let sent = late.keys().filter_map(|row| self.sent.get(row).copied());
        let mut unanswered: Vec<Unanswered> = sent.collect();
        unanswered.sort_unstable_by_key(|sent| sent.row);
        self.publish(|status| {
            let moved = status.unanswered != unanswered;
            status.unanswered = unanswered;
            moved
        });
    }

    async fn stop(mut self) {
        let mut ended_rows = Vec::new();
        let ended = tokio::time::timeout(self.options.grace, async {
            while let Some(done) = self.running.join_next().await {
                if let Ok(Done::Sent { row, .. }) = done {
                    ended_rows.push(row);
                }
            }
        });
        if ended.await.is_err() {
            tracing::info!(
                events = self.running.len(),
                "aborted requests to the target; their events stay pending"
            );
            self.running.shutdown().await;
            while let Ok(sent) = self.connections.try_recv() {
                self.sent.insert(sent.row, sent);
            }
            self.sent.retain(|row, _| !ended_rows.contains(row));
            let mut given_up: Vec<Unanswered> = self.sent.into_values().collect();
            given_up.sort_unstable_by_key(|sent| sent.row);
            let mut all = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(given_up);
        }
    }
}

impl Work {
    async fn load(self, after: RowId, limit: usize) -> Done {
        if let Some((event, stored)) = self.history.fresh_pending(&self.endpoint, after) {
            return Done::Loaded(vec![(event.row, event.key)], Some(stored));
        }
        loop {
            let endpoint = Arc::clone(&self.endpoint);
            let read = self.history.read(move |reader| {
                let events = reader.pending(&endpoint, after, limit)?;
                // A lone event, as most are, is sent at once.
                let only = match &events[..] {
                    [event] => reader.stored_request(event.row)?,
                    _ => None,
                };
                Ok((events, only))
            });
            match read.await {
                Ok((events, only)) => {
                    let rows = events.into_iter().map(|event| (event.row, event.key));
                    return Done::Loaded(rows.collect(), only);
                }
                Err(error) => tracing::error!(%error, "cannot read pending events"),
            }
            tokio::time::sleep(HISTORY_RETRY).await;
        }
    }

    async fn count(self) -> Done {
        loop {
            match self.history.count_pending(&self.endpoint).await {
                Ok(pending) => return Done::Counted(pending),
                Err(error) => tracing::error!(%error, "cannot count pending events"),
            }
            tokio::time::sleep(HISTORY_RETRY).await;
        }
    }

    async fn send(self, row: RowId, stored: Option<StoredRequest>, losses: Option<u8>) -> Done {
        let stored = match stored {
            Some(stored) => Some(stored),
            None => self.stored_request(row).await,
        };
        // Another process with the same history may have been faster.
        let Some(stored) = stored.filter(|stored| stored.forward == ForwardState::Pending) else {
            let end = End::Gone;
            return Done::Sent { row, end };
        };
        let seq = stored.seq;
        let mut delivery = self
            .sender
            .deliver(&stored, Cause::Forward, || {
                let sent_at = Timestamp::now();
                let sent = Unanswered { row, seq, sent_at };
                // The queue has room for every request in flight.
                self.connected.try_send(sent).ok();
            })
            .await;
        drop(stored);
        // Of several, any may be what stopped the app. A suspect was sent alone.
        let alone = losses.is_some() || self.alone.load(Ordering::Relaxed) == row.0;
        let lost = delivery.lost.as_ref();
        let losses = lost.map(|_| losses.unwrap_or(0) + u8::from(alone));
        let end = match &delivery.attempt.outcome {
            Outcome::Error { kind, message }
                if !delivery.connected && losses.is_none_or(|losses| losses < MAX_LOST) =>
            {
                End::Unreachable {
                    kind: *kind,
                    reason: message.clone(),
                    losses,
                }
            }
            _ => {
                // That the app is down then is not what became of the event.
                if let Some(SendFailure { kind, message, .. }) = delivery.lost.take() {
                    delivery.attempt.outcome = Outcome::Error { kind, message };
                }
                self.record(delivery).await
            }
        };
        Done::Sent { row, end }
    }

    async fn stored_request(&self, row: RowId) -> Option<StoredRequest> {
        loop {
            match self.history.stored_request(row).await {
                Ok(stored) => return stored,
                Err(error) => tracing::error!(%error, "cannot read an event"),
            }
            tokio::time::sleep(HISTORY_RETRY).await;
        }
    }

    /// Records the attempt, retrying until it succeeds: without the record the event would be forwarded again. Later
    /// events of its key wait.
    async fn record(&self, delivery: Delivery) -> End {
        loop {
            let within = match self.is_busy.load(Ordering::Relaxed) {
                true => Duration::ZERO,
                false => RECORD_WITHIN,
            };
            match self
                .history
                .record_attempt_within(within, delivery.attempt.clone(), true)
                .await
            {
                Ok(_) => return End::Done,
                Err(StoreError::Closed) => return End::Gone,
                Err(error) => tracing::error!(%error, "cannot record an attempt"),
            }
            tokio::time::sleep(HISTORY_RETRY).await;
        }
    }
}

/// Time for an attempt to share a transaction, such as the next event's, while no event waits for it to end.
const RECORD_WITHIN: Duration = Duration::from_millis(5);

/// Delay before a failed operation of the history is retried.
const HISTORY_RETRY: Duration = Duration::from_secs(1);

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Converts a future instant to wall-clock time.
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
