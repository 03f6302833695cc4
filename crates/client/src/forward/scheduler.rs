//! Decides what to send next: inputs in, commands out; no clock, no socket, no database.
//!
//! Each ordering key has a queue. The head of a key may be sent when no event of the key is in flight, oldest first, up
//! to [`Limits::in_flight`] at once. After [`ORDER_GATE`] without a response, an event no longer blocks its key: RingCentral
//! has given up on it by then, and sends the next one. Its response is still read. While the target is not known to accept
//! connections, only the oldest event is sent, as a probe. An undelivered event returns to the head of its key.
//!
//! An event that has lost its connection to an app that is then down may be what stopped the app: a suspect. It is sent once
//! nothing else is in flight, and blocks all keys as it blocks its own.
//!
//! ```text
//! untried ──connected──▶ up ──unreachable──▶ down ──probe connected──▶ up
//!    └────────unreachable───────────────────▶ │ ◀─┐
//!                                             └───┘ probe unreachable: longer delay
//! ```
//!
//! Memory: at most [`Limits::window`] rows and their keys; further pending events stay in the history.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use ringtail_model::{FailureKind, RowId};
use ringtail_ringcentral::limits::ANSWER_MAX_MS;

/// How long an event without a response blocks its key.
const ORDER_GATE: Duration = Duration::from_millis(ANSWER_MAX_MS);

/// Limits of the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum concurrent requests that block their keys.
    pub in_flight: usize,
    /// Maximum requests whose response is late.
    pub late: usize,
    /// Maximum rows in memory.
    pub window: usize,
    /// Rows per load.
    pub page: usize,
}

/// An event for the scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// The history may have more pending events.
    Grew,
    /// The result of [`Command::Load`], oldest first.
    Loaded(Vec<(RowId, String)>),
    /// The connection for this event is established.
    Connected(RowId),
    /// A [`Command::Send`] has ended.
    Finished(RowId, End),
    /// A replay or passthrough request has reached the target.
    TargetSeen,
    /// The user paused or resumed forwarding.
    Paused(bool),
    /// [`Scheduler::wake_at`] has passed.
    Tick,
}

/// How sending an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The attempt is recorded and the event is done.
    Done,
    /// The app accepts no connection, perhaps after it ended one; nothing is recorded.
    Unreachable {
        /// The kind of failure.
        kind: FailureKind,
        /// The failure in words.
        reason: String,
        /// If a connection was lost, how often the event has lost one alone.
        losses: Option<u8>,
    },
    /// The event is no longer pending, or cannot be sent before a restart.
    Gone,
}

/// What the caller must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Read up to `limit` pending events after a row.
    Load { after: RowId, limit: usize },
    /// Send an event.
    Send(RowId),
}

/// Health of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    Untried,
    Up,
    Down {
        kind: FailureKind,
        reason: String,
        retry_at: Instant,
        failures: u32,
    },
}

/// The scheduler's state.
#[derive(Debug)]
pub(super) struct Scheduler {
    limits: Limits,
    delay: Backoff,
    /// Waiting rows by key; no queue is empty.
    queues: HashMap<Arc<str>, VecDeque<RowId>>,
    /// The oldest row of each key with nothing in flight.
    heads: BTreeMap<RowId, Arc<str>>,
    in_flight: HashMap<RowId, Arc<str>>,
    /// When each event in flight, and perhaps some that have ended, stops blocking its key; oldest first.
    gates: VecDeque<(Instant, RowId)>,
    /// Events in flight that block nothing any more, with their keys.
    late: HashMap<RowId, Arc<str>>,
    /// Number of rows in `queues`.
    waiting: usize,
    /// The newest loaded row.
    newest: RowId,
    /// Rows requested and not yet loaded.
    loading: Option<usize>,
    /// Whether the history may have rows after `newest`.
    more: bool,
    health: Health,
    /// Whether the user paused forwarding.
    paused: bool,
    /// The event in flight that probes the target.
    probe: Option<RowId>,
    /// Whether an event has left that may still be pending.
    has_lost: bool,
    /// Rows that have lost a connection and are to be sent alone, and how often they have lost one alone.
    suspects: HashMap<RowId, u8>,
}

impl Scheduler {
    pub(super) fn new(limits: Limits, delay: Backoff) -> Self {
        Self {
            limits,
            delay,
            queues: HashMap::new(),
            heads: BTreeMap::new(),
            in_flight: HashMap::new(),
            gates: VecDeque::new(),
            late: HashMap::new(),
            waiting: 0,
            newest: RowId(0),
            loading: None,
            more: true,
            health: Health::Untried,
            paused: false,
            probe: None,
            has_lost: false,
            suspects: HashMap::new(),
        }
    }

    /// Handles an input and returns the commands that follow.
    pub(super) fn handle(&mut self, input: Input, now: Instant) -> Vec<Command> {
        match input {
            Input::Grew => self.more = true,
            Input::Loaded(rows) => self.loaded(rows),
            Input::Connected(row) => {
                self.connected(row);
                self.gates.push_back((now + ORDER_GATE, row));
            }
            Input::Finished(row, end) => self.finished(row, end, now),
            Input::TargetSeen => {
                if let Health::Down { retry_at, .. } = &mut self.health {
                    *retry_at = now.min(*retry_at);
                }
            }
            Input::Paused(paused) => self.paused = paused,
            Input::Tick => {}
        }
        self.open_gates(now);
        let mut commands = Vec::new();
        // First what makes room in the window, then what fills it.
        self.next_to_send(now, &mut commands);
        self.load(&mut commands);
        commands
    }

    /// Returns when to send [`Input::Tick`].
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let gate = self.gates.front().map(|(opens_at, _)| *opens_at);
        let probe = match &self.health {
            Health::Down { retry_at, .. } if self.probe.is_none() && self.has_next() => {
                Some(*retry_at)
            }
            _ => None,
        };
        [gate, probe].into_iter().flatten().min()
    }

    /// Returns whether events wait for others to end.
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Returns whether rows were requested that are not loaded yet.
    pub(super) fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// Returns the number of pending events, unless the history may have others.
    pub(super) fn pending(&self) -> Option<usize> {
        let is_all = !self.more && !self.is_loading() && !self.has_lost;
        is_all.then(|| self.waiting + self.in_flight.len() + self.late.len())
    }

    /// Returns the events whose response is late, with their keys.
    pub(super) fn late(&self) -> &HashMap<RowId, Arc<str>> {
        &self.late
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    fn loaded(&mut self, rows: Vec<(RowId, String)>) {
        let asked = self.loading.take().unwrap_or(0);
        self.more |= rows.len() >= asked;
        for (row, key) in rows {
            // Rows come in order; one that is known already would be sent twice.
            if row <= self.newest {
                continue;
            }
            self.newest = row;
            self.waiting += 1;
            let key: Arc<str> = key.into();
            if !self.in_flight.values().any(|busy| *busy == key) && !self.queues.contains_key(&key)
            {
                self.heads.insert(row, Arc::clone(&key));
            }
            self.queues.entry(key).or_default().push_back(row);
        }
    }

    fn connected(&mut self, row: RowId) {
        if self.probe == Some(row) {
            self.probe = None;
            self.health = Health::Up;
        }
    }

    fn open_gates(&mut self, now: Instant) {
        while let Some((_, row)) = self.gates.pop_front_if(|(opens_at, _)| *opens_at <= now) {
            if let Some(key) = self.in_flight.remove(&row) {
                self.late.insert(row, Arc::clone(&key));
                self.unblock(key);
            }
        }
    }

    /// Makes the next event of a key the head that may be sent.
    fn unblock(&mut self, key: Arc<str>) {
        if let Some(head) = self.queues.get(&key).and_then(VecDeque::front) {
            self.heads.insert(*head, key);
        }
    }

    fn finished(&mut self, row: RowId, end: End, now: Instant) {
        self.has_lost |= end == End::Gone;
        match &end {
            End::Unreachable { losses, .. } => {
                self.suspects.extend(losses.map(|losses| (row, losses)));
            }
            End::Done | End::Gone => _ = self.suspects.remove(&row),
        }
        let Some(key) = self.in_flight.remove(&row) else {
            if let (Some(key), End::Unreachable { kind, reason, .. }) =
                (self.late.remove(&row), end)
            {
                self.put_back(row, &key);
                self.unreachable(false, kind, reason, now);
            }
            return;
        };
        let was_probe = self.probe == Some(row);
        match end {
            End::Done => self.connected(row),
            End::Gone => {}
            End::Unreachable { kind, reason, .. } => {
                self.put_back(row, &key);
                self.unreachable(was_probe, kind, reason, now);
            }
        }
        if was_probe {
            self.probe = None;
        }
        let is_over = |(_, row): &mut (Instant, RowId)| !self.in_flight.contains_key(row);
        while self.gates.pop_front_if(is_over).is_some() {}
        self.unblock(key);
    }

    /// Puts an event back into the queue of its key.
    fn put_back(&mut self, row: RowId, key: &Arc<str>) {
        // It may have had a connection, and its gate must not open early the next time.
        self.gates.retain(|(_, gated)| *gated != row);
        self.waiting += 1;
        let queue = self.queues.entry(Arc::clone(key)).or_default();
        let at = queue.partition_point(|waiting| *waiting < row);
        queue.insert(at, row);
        // A late event may find its key free.
        let is_free = !self.in_flight.values().any(|busy| busy == key);
        if at == 0 && is_free {
            if let Some(next) = queue.get(1) {
                self.heads.remove(next);
            }
            self.heads.insert(row, Arc::clone(key));
        }
    }

    /// Marks the target as down. When it goes away several requests fail; after the first only probes count.
    fn unreachable(&mut self, was_probe: bool, kind: FailureKind, reason: String, now: Instant) {
        let failures = match &self.health {
            Health::Untried | Health::Up => 0,
            Health::Down { failures, .. } if was_probe => failures.saturating_add(1),
            Health::Down { .. } => return,
        };
        self.health = Health::Down {
            kind,
            reason,
            retry_at: now + self.delay.after(failures),
            failures,
        };
    }

    /// Loads more when a page fits into the window.
    fn load(&mut self, commands: &mut Vec<Command>) {
        let room = self.limits.window.saturating_sub(self.waiting);
        if self.more && self.loading.is_none() && room >= self.limits.page {
            self.more = false;
            self.loading = Some(self.limits.page);
            commands.push(Command::Load {
                after: self.newest,
                limit: self.limits.page,
            });
        }
    }

    fn next_to_send(&mut self, now: Instant, commands: &mut Vec<Command>) {
        while self.has_next() && self.may_send(now) {
            let Some((row, key)) = self.heads.pop_first() else {
                return;
            };
            if let Some(queue) = self.queues.get_mut(&key) {
                queue.pop_front();
                self.waiting -= 1;
                if queue.is_empty() {
                    self.queues.remove(&key);
                }
            }
            self.in_flight.insert(row, key);
            if self.health != Health::Up {
                self.probe = Some(row);
            }
            commands.push(Command::Send(row));
        }
    }

    /// Returns whether an event is to be sent as soon as the target's health permits.
    fn has_next(&self) -> bool {
        let has_slot =
            self.in_flight.len() < self.limits.in_flight && self.late.len() < self.limits.late;
        let head = self.heads.first_key_value();
        has_slot && !self.paused && head.is_some_and(|(row, _)| self.may_join(*row))
    }

    /// Returns how often an event has lost its connection while it was sent alone, if it has lost one.
    pub(super) fn losses(&self, row: RowId) -> Option<u8> {
        self.suspects.get(&row).copied()
    }

    /// Returns whether one event is in flight, and no late one.
    pub(super) fn is_one_in_flight(&self) -> bool {
        self.in_flight.len() == 1 && self.late.is_empty()
    }

    /// Returns whether an event may be sent while those in flight are: a suspect is alone.
    fn may_join(&self, row: RowId) -> bool {
        if self.suspects.contains_key(&row) {
            return self.in_flight.is_empty() && self.late.is_empty();
        }
        let mut busy = self.in_flight.keys();
        self.suspects.is_empty() || !busy.any(|row| self.suspects.contains_key(row))
    }

    fn may_send(&self, now: Instant) -> bool {
        match &self.health {
            Health::Up => true,
            Health::Untried => self.probe.is_none(),
            Health::Down { retry_at, .. } => self.probe.is_none() && *retry_at <= now,
        }
    }
}

#[cfg(test)]
mod tests;
