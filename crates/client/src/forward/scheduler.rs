//! What is sent when: inputs in, commands out; no clock, no socket, no database.
//!
//! Events wait in one queue per ordering key. The head of a key may be sent when nothing of the key is in
//! flight, oldest first, [`Limits::in_flight`] at once. While the target is not known to accept connections, one
//! event at a time is sent as a probe: the oldest. One that could not be delivered goes back to the head of its
//! key, so order within a key holds whatever happens.
//!
//! ```text
//! untried ──connected──▶ up ──held──▶ down ──probe connected──▶ up
//!    └────────held────────────────────▶ │ ◀─┐
//!                                       └───┘ probe held: longer delay
//! ```
//!
//! Memory: at most [`Limits::window`] rows and their keys, whatever is pending; the rest stays in the history.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::hold::HoldDelay;
use ringtail_model::{FailureKind, RowId};

/// How much the scheduler takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests at once.
    pub in_flight: usize,
    /// Rows that are known at once.
    pub window: usize,
    /// Rows that are asked for at once.
    pub page: usize,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// The history may have more pending events.
    Grew,
    /// What [`Command::Load`] asked for, oldest first.
    Loaded(Vec<(RowId, String)>),
    /// A connection for this event was made.
    Connected(RowId),
    /// What [`Command::Send`] asked for has ended.
    Finished(RowId, End),
    /// Something else than a forward has reached the target.
    TargetSeen,
    /// A person wants nothing sent, or everything again.
    Paused(bool),
    /// Time has passed.
    Tick,
}

/// How sending an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// An attempt is recorded and the event is done.
    Settled,
    /// No connection could be made; nothing is recorded.
    Held {
        /// What kind of failure it is.
        kind: FailureKind,
        /// Why, in words.
        reason: String,
    },
    /// The event was not pending any more, or cannot be sent before a restart.
    Gone,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Read pending events after a row, at most so many.
    Load { after: RowId, limit: usize },
    /// Send an event.
    Send(RowId),
}

/// What is known of the target.
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

/// The state.
#[derive(Debug)]
pub(super) struct Scheduler {
    limits: Limits,
    delay: HoldDelay,
    /// Rows that wait, by key; no queue is empty.
    queues: HashMap<Arc<str>, VecDeque<RowId>>,
    /// The oldest row of each key that has nothing in flight.
    heads: BTreeMap<RowId, Arc<str>>,
    in_flight: HashMap<RowId, Arc<str>>,
    /// Rows in `queues`.
    waiting: usize,
    /// Newest row that was loaded.
    newest: RowId,
    /// Rows that were asked for and have not come yet.
    loading: Option<usize>,
    /// Whether the history may have rows after `newest`.
    more: bool,
    health: Health,
    /// Whether nothing is to be sent for now.
    paused: bool,
    /// The event that finds out whether the target is there.
    probe: Option<RowId>,
}

impl Scheduler {
    pub(super) fn new(limits: Limits, delay: HoldDelay) -> Self {
        Self {
            limits,
            delay,
            queues: HashMap::new(),
            heads: BTreeMap::new(),
            in_flight: HashMap::new(),
            waiting: 0,
            newest: RowId(0),
            loading: None,
            more: true,
            health: Health::Untried,
            paused: false,
            probe: None,
        }
    }

    /// Takes an input and says what is to be done.
    pub(super) fn handle(&mut self, input: Input, now: Instant) -> Vec<Command> {
        match input {
            Input::Grew => self.more = true,
            Input::Loaded(rows) => self.loaded(rows),
            Input::Connected(row) => self.connected(row),
            Input::Finished(row, end) => self.finished(row, end, now),
            Input::TargetSeen => {
                if let Health::Down { retry_at, .. } = &mut self.health {
                    *retry_at = now.min(*retry_at);
                }
            }
            Input::Paused(paused) => self.paused = paused,
            Input::Tick => {}
        }
        let mut commands = Vec::new();
        // First what makes room in the window, then what fills it.
        self.send(now, &mut commands);
        self.load(&mut commands);
        commands
    }

    /// Returns when [`Input::Tick`] is due.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        match &self.health {
            Health::Down { retry_at, .. }
                if self.probe.is_none() && !self.heads.is_empty() && !self.paused =>
            {
                Some(*retry_at)
            }
            _ => None,
        }
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

    fn finished(&mut self, row: RowId, end: End, now: Instant) {
        let Some(key) = self.in_flight.remove(&row) else {
            return;
        };
        let was_probe = self.probe == Some(row);
        match end {
            End::Settled => self.connected(row),
            End::Gone => {}
            End::Held { kind, reason } => {
                self.waiting += 1;
                self.queues
                    .entry(Arc::clone(&key))
                    .or_default()
                    .push_front(row);
                self.held(was_probe, kind, reason, now);
            }
        }
        if was_probe {
            self.probe = None;
        }
        if let Some(head) = self.queues.get(&key).and_then(VecDeque::front) {
            self.heads.insert(*head, key);
        }
    }

    /// Several requests fail when a target goes away; the first says so, and from then on only the probes count.
    fn held(&mut self, was_probe: bool, kind: FailureKind, reason: String, now: Instant) {
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

    /// Asks for more when a page fits into the window.
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

    fn send(&mut self, now: Instant, commands: &mut Vec<Command>) {
        while self.in_flight.len() < self.limits.in_flight && self.may_send(now) {
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

    fn may_send(&self, now: Instant) -> bool {
        match &self.health {
            _ if self.paused => false,
            Health::Up => true,
            Health::Untried => self.probe.is_none(),
            Health::Down { retry_at, .. } => self.probe.is_none() && *retry_at <= now,
        }
    }
}

#[cfg(test)]
mod tests;
