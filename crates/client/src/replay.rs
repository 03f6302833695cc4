//! Replays stored events: the same method, path, headers and body, to the target or to another one.
//!
//! A replay records an attempt and changes nothing else: a pending event stays pending. The request has the header
//! [`crate::forward::REPLAY`], and an edited copy also [`EDITED_FROM`]; the rest, including `Verification-Token`, is as
//! RingCentral sent it unless the request is signed again.

mod events;
mod run;

use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::{EventId, Header};

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

/// Replays an event by its id, signed again if `sign` has secrets.
///
/// # Errors
/// When there is no such event, or the history fails. The target's response or failure is in the returned attempt.
pub async fn replay(
    history: &History,
    sender: &Sender,
    id: EventId,
    sign: Option<&Secrets>,
) -> Result<AttemptDetail, ReplayError> {
    let row = history.row_of(id).await?;
    let row = row.ok_or(ReplayError::NoEvent { id })?;
    replay_row(history, sender, row, id, sign).await
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
    let delivery = sender.deliver(&stored, Cause::Replay, || ()).await;
    let recorded = history.record_attempt(delivery.attempt, false).await?;
    let detail = history.attempt(recorded).await?;
    detail.ok_or(ReplayError::NoEvent { id })
}

#[cfg(test)]
mod tests;
