//! Replays stored events: the same method, path, headers and body, to the target or to another one.
//!
//! A replay records an attempt and changes nothing else: a pending event stays pending. The request has the header
//! [`crate::forward::REPLAY`], and an edited copy also [`EDITED_FROM`]; the rest, including `Verification-Token`, is as
//! RingCentral sent it unless the request is signed again.

mod events;
mod run;

use std::sync::LazyLock;
use std::time::Duration;

use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::{EventId, Header};
use tokio_util::task::TaskTracker;

use crate::forward::{EDITED_FROM, Sender};
use ringtail_model::secrets::Secrets;
use ringtail_model::signature::{self, NoSecret};
use ringtail_model::{AttemptDetail, Cause, RowId};
use ringtail_store::{History, ReadError, StoreError};

pub use self::events::Events;
pub use self::run::{Compared, Options, Planned, Run, Step};

/// Why an event was not replayed. A failing target is not an error but an attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The history has no such event.
    #[error("the history has no event {id}; it may have been removed by age")]
    NoEvent {
        /// The event.
        id: EventId,
    },
    /// The event's request could not be decoded.
    #[error("event {id} cannot be replayed: the relay sent a request that cannot be read")]
    Undecodable {
        /// The event.
        id: EventId,
    },
    /// It cannot be signed.
    #[error("event {id} cannot be signed")]
    Unsigned {
        /// The event.
        id: EventId,
        /// The reason.
        #[source]
        source: NoSecret,
    },
    /// The history could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The attempt could not be recorded.
    #[error("the event was replayed, but the attempt could not be recorded")]
    Record(#[from] StoreError),
}

impl Coded for ReplayError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NoEvent { .. } | Self::Undecodable { .. } | Self::Unsigned { .. } => {
                &codes::NO_REPLAY
            }
            Self::Read(error) => error.code(),
            Self::Record(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        let Self::Unsigned { source, .. } = self else {
            return None;
        };
        let (variable, key) = Secrets::names_of(source.scheme)?;
        Some(format!(
            "set {variable}, or {key} under [secrets] in the configuration file"
        ))
    }
}

/// How long [`settle`] waits for requests on their way.
const SETTLE: Duration = Duration::from_secs(2);

/// Replays on their way to the target.
static ON_THEIR_WAY: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Waits a moment for replays whose caller has left: the program's end would leave them without a record.
pub async fn settle() {
    ON_THEIR_WAY.close();
    drop(tokio::time::timeout(SETTLE, ON_THEIR_WAY.wait()).await);
}

async fn replay_row(
    history: &History,
    sender: &Sender,
    row: RowId,
    id: EventId,
    sign: Option<&Secrets>,
) -> Result<AttemptDetail, ReplayError> {
    let stored = history.stored_request(row).await?;
    let mut stored = stored.ok_or(ReplayError::NoEvent { id })?;
    if stored.request.method.is_empty() {
        return Err(ReplayError::Undecodable { id });
    }
    if let Some(secrets) = sign {
        signature::sign(&mut stored.request, secrets)
            .map_err(|source| ReplayError::Unsigned { id, source })?;
    }
    if let Some(origin) = stored.edited_from {
        let headers = &mut stored.request.headers;
        headers.retain(|header| !header.is(EDITED_FROM));
        headers.push(Header {
            name: EDITED_FROM.to_owned(),
            value: origin.to_string().into(),
        });
    }
    // A separate task: what reaches the app is recorded even if the caller leaves.
    let sent = {
        let (history, sender) = (history.clone(), sender.clone());
        ON_THEIR_WAY.spawn(async move {
            let delivery = sender.deliver(&stored, Cause::Replay, || ()).await;
            history.record_attempt(delivery.attempt, false).await
        })
    };
    let recorded = sent.await.map_err(|_| StoreError::Closed)??;
    let detail = history.attempt(recorded).await?;
    detail.ok_or(ReplayError::NoEvent { id })
}

#[cfg(test)]
mod tests;
