//! The failure clock of an endpoint: what the app's responses would do to a subscription without the relay.
//!
//! It is computed from the attempts in the history, so it survives a restart. While the target accepts no connections
//! there are no attempts; then each new event counts as a failure, as RingCentral would count it.

use ringtail_protocol::event::Timestamp;
use ringtail_protocol::path::EndpointInfo;
use ringtail_ringcentral::verdict::{FailureClock, Fault, NoAnswer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use ringtail_model::{RowId, Status, TargetState, Watermarks};
use ringtail_store::{History, ReadError};

/// Keeps [`Status::failing`] up to date until it is cancelled.
pub(super) struct Failures {
    pub(super) history: History,
    pub(super) status: watch::Sender<Status>,
    pub(super) cancel: CancellationToken,
}

impl Failures {
    pub(super) async fn run(self, mut known: watch::Receiver<Option<EndpointInfo>>) {
        let mut marks = self.history.watermarks();
        let mut status = self.status.subscribe();
        let mut watched: Option<Watched> = None;
        loop {
            let endpoint = known.borrow_and_update().clone().map(|info| info.endpoint);
            let before = *marks.borrow_and_update();
            let down = why_down(&status.borrow_and_update());
            let has_moved = |now: &Watermarks| {
                now.attempts != before.attempts || (down.is_some() && now.events != before.events)
            };
            if let Some(endpoint) = endpoint {
                let known = watched.take().filter(|known| known.endpoint == endpoint);
                match self.look(known, endpoint, down).await {
                    Ok(now) => {
                        self.publish(&now.clock);
                        watched = Some(now);
                    }
                    Err(error) => tracing::error!(%error, "cannot read the failure clock"),
                }
            }
            // Whatever changed, recompute everything.
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return,
                Ok(()) = known.changed() => {}
                Ok(()) = async { marks.wait_for(has_moved).await.map(drop) } => {}
                Ok(()) = async { status.wait_for(|status| why_down(status) != down).await.map(drop) } => {}
                else => return,
            }
        }
    }

    async fn look(
        &self,
        before: Option<Watched>,
        endpoint: String,
        down: Option<NoAnswer>,
    ) -> Result<Watched, ReadError> {
        let read = self.history.read(move |reader| {
            let mut watched = match before {
                Some(mut before) => {
                    before.attempt = reader.advance_failure_clock(
                        &before.endpoint,
                        &mut before.clock,
                        before.attempt,
                    )?;
                    before
                }
                None => {
                    let (clock, attempt) = reader.failure_clock(&endpoint)?;
                    Watched {
                        endpoint,
                        clock,
                        attempt,
                        newest_pending: RowId::default(),
                    }
                }
            };
            if let Some(reason) = down
                && let Some(newest) =
                    reader.newest_pending(&watched.endpoint, watched.newest_pending)?
            {
                watched.newest_pending = newest;
                watched
                    .clock
                    .note(Timestamp::now().0 / 1000, Some(&Fault::NoAnswer { reason }));
            }
            Ok(watched)
        });
        read.await
    }

    fn publish(&self, clock: &FailureClock) {
        self.status.send_if_modified(|status| {
            let now = clock.failing();
            let moved = status.failing.as_ref() != now;
            if moved {
                status.failing = now.cloned();
            }
            moved
        });
    }
}

struct Watched {
    endpoint: String,
    clock: FailureClock,
    /// The newest attempt that was counted.
    attempt: RowId,
    /// The newest pending event that was counted.
    newest_pending: RowId,
}

/// Returns RingCentral's reason if the target accepts no connections.
fn why_down(status: &Status) -> Option<NoAnswer> {
    match status.target.as_ref()?.state {
        TargetState::Down { kind, .. } => Some(kind.no_answer()),
        TargetState::Untried | TargetState::Up => None,
    }
}

#[cfg(test)]
mod tests;
