//! Handshakes, one after the other on new connections, while something happens to the relay.

use std::fmt;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::validation;
use ringtail_kit::caller::{FakeRingCentral, Hook};

/// Pause between two validations.
const PAUSE: Duration = Duration::from_millis(10);

/// RingCentral's older documents give a validation so long, newer ones three times as long (docs/RINGCENTRAL.md 1.3).
pub(super) const LIMIT: Duration = Duration::from_millis(1000);

/// Validation that continues until it is finished.
#[derive(Debug)]
pub(super) struct Probe {
    stop: CancellationToken,
    task: JoinSet<Seen>,
}

/// What they saw.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) right: usize,
    pub(super) failed: usize,
    pub(super) slowest: Duration,
    /// Of the first that failed.
    why: String,
}

impl Seen {
    pub(super) fn all_right(&self) -> bool {
        self.failed == 0 && self.right > 0
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} validations right, {} not, longest {} ms",
            self.right,
            self.failed,
            self.slowest.as_millis()
        )?;
        if !self.why.is_empty() {
            write!(f, " ({})", self.why)?;
        }
        Ok(())
    }
}

impl Probe {
    pub(super) fn start(caller: &FakeRingCentral, url: &str) -> Self {
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(run(caller.clone(), url.to_owned(), stop.clone()));
        Self { stop, task }
    }

    /// Ends after the validation that is under way.
    pub(super) async fn finish(mut self) -> anyhow::Result<Seen> {
        self.stop.cancel();
        match self.task.join_next().await {
            Some(seen) => Ok(seen?),
            None => Ok(Seen::default()),
        }
    }
}

async fn run(caller: FakeRingCentral, url: String, stop: CancellationToken) -> Seen {
    let mut seen = Seen::default();
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        ticks.tick().await;
        let token = Uuid::now_v7().to_string();
        let began = Instant::now();
        let answer = caller.post(&url, &Hook::validation(&token)).await;
        let took = began.elapsed();
        match answer.and_then(|answer| validation::check(&answer, &token)) {
            Ok(()) => seen.right += 1,
            Err(error) => {
                seen.failed += 1;
                if seen.why.is_empty() {
                    seen.why = format!("{error:#}");
                }
            }
        }
        seen.slowest = seen.slowest.max(took);
    }
    seen
}
