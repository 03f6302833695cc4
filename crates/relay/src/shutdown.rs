//! How a relay stops, one phase after the other; every task watches the phase that ends it.
//!
//! 1. [`Phase::Draining`]: no connection is accepted. An open connection closes after its next response; for
//!    [`Limits::linger`] it may still send a request that is on its way.
//! 2. [`Phase::Quiet`]: idle connections close. Requests in flight are finished; links stay up to answer passthrough requests.
//! 3. [`Phase::GiveUp`], after [`Limits::drain_timeout`]: passthrough requests without a response get 503, and whatever
//!    is left after [`LAST_WORDS`] is cut off.
//! 4. [`Phase::EndLinks`]: links close, and their clients dial the next relay.
//! 5. [`Phase::Abort`]: everything that is still running is dropped.
//! 6. [`Phase::Stopped`]: the journal is closed; the operator's connections close.

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use crate::limits::{LAST_WORDS, Limits};

/// How far a relay has come in stopping. Phases only ever advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Accepting,
    Draining,
    Quiet,
    GiveUp,
    EndLinks,
    Abort,
    Stopped,
}

/// How a relay stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every request was finished.
    Drained,
    /// Requests still in flight at the deadline were cut off.
    CutOff,
}

/// The phase of one relay, and the tasks that its shutdown waits for. Clones share both.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown {
    phase: watch::Sender<Phase>,
    /// Accept loops and watchers, which end with [`Phase::Draining`].
    pub(crate) background: TaskTracker,
    /// Connections, and the streams on them.
    pub(crate) connections: TaskTracker,
    /// Links. They outlive the connections they were upgraded from, because passthrough requests need them.
    pub(crate) links: TaskTracker,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Accepting),
            background: TaskTracker::new(),
            connections: TaskTracker::new(),
            links: TaskTracker::new(),
        }
    }

    /// Returns true once the phase has come.
    pub(crate) fn has_reached(&self, phase: Phase) -> bool {
        *self.phase.borrow() >= phase
    }

    /// Waits for the phase. Cancel-safe.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut current = self.phase.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _phase = current.wait_for(|current| *current >= phase).await;
    }

    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let is_later = phase > *current;
            *current = phase.max(*current);
            is_later
        });
    }

    /// Takes the relay through the phases up to [`Phase::Abort`]. All tasks have ended when this returns.
    pub(crate) async fn drain(&self, limits: &Limits) -> Stopped {
        let now = Instant::now();
        let deadline = now + limits.drain_timeout;
        for tasks in [&self.background, &self.connections, &self.links] {
            tasks.close();
        }
        self.advance(Phase::Draining);
        let lingering = deadline.min(now + limits.linger);
        let _elapsed = timeout_at(lingering, self.requests()).await;
        self.advance(Phase::Quiet);
        let stopped = match timeout_at(deadline, self.requests()).await {
            Ok(()) => Stopped::Drained,
            Err(_elapsed) => {
                self.advance(Phase::GiveUp);
                let _elapsed = timeout(LAST_WORDS, self.connections.wait()).await;
                Stopped::CutOff
            }
        };
        self.advance(Phase::EndLinks);
        // A client that does not react loses nothing: it keeps what it has stored, and dials again.
        let _elapsed = timeout(LAST_WORDS, self.links.wait()).await;
        self.advance(Phase::Abort);
        self.requests().await;
        self.links.wait().await;
        stopped
    }

    async fn requests(&self) {
        self.background.wait().await;
        self.connections.wait().await;
    }
}
