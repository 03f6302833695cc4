//! Writes requests to the journal as events.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::StatusCode;
use ringtail_protocol::event::{Disposition, EncodeError, EncodedRequest, EventId, Kind};

use super::received::Received;
use crate::budget::{Budget, Owner, request_bytes, tie};
use crate::clock::SteadyClock;
use crate::journal::{AppendError, Appended, EndpointKey, Entry, Journal};
use crate::limits::{self, queue_shares};
use crate::metrics::{Limit, Metrics};
use crate::response::{self, RelayResponse};

/// Writes requests to the journal as events.
#[derive(Debug)]
pub(super) struct Recorder {
    journal: Arc<dyn Journal>,
    metrics: Arc<Metrics>,
    clock: SteadyClock,
    /// Memory of events that wait for the disk.
    queue: Budget,
    validations: DefaultKeyedRateLimiter<EndpointKey>,
    /// Log lines about events that could not be stored.
    error_lines: DefaultDirectRateLimiter,
}

/// Why an event is not in the journal.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("the account's events fill its share of the journal's queue")]
    NoRoom,
}

impl Recorder {
    pub(super) fn new(
        journal: Arc<dyn Journal>,
        metrics: Arc<Metrics>,
        queued_bytes: usize,
    ) -> Self {
        Self {
            journal,
            metrics,
            clock: SteadyClock::new(),
            queue: Budget::new(queued_bytes, queue_shares(queued_bytes)),
            validations: RateLimiter::keyed(
                Quota::per_second(limits::STORED_VALIDATIONS)
                    .allow_burst(limits::STORED_VALIDATIONS_BURST),
            ),
            error_lines: RateLimiter::direct(Quota::per_second(NonZeroU32::MIN)),
        }
    }

    /// Stores the event as pending; it survives a power loss once this has returned.
    pub(super) async fn append_durable(
        &self,
        received: &Received,
    ) -> Result<(EventId, Appended), RecordError> {
        let id = EventId::fresh();
        let kind = received.callback.kind();
        let entry = self.entry(received, id, kind, Disposition::Pending)?;
        Ok((id, self.journal.append(entry).await?))
    }

    /// Queues the event without waiting for the disk, with others that may wait. A full queue drops it.
    pub(super) fn append_detached(
        &self,
        received: &Received,
        kind: Kind,
        disposition: Disposition,
    ) -> Result<EventId, RecordError> {
        let id = EventId::fresh();
        let entry = match self.entry(received, id, kind, disposition) {
            Err(RecordError::NoRoom) => {
                self.metrics.limits.hit(Limit::JournalQueue);
                return Ok(id);
            }
            entry => Entry {
                within: limits::DETACHED_WITHIN,
                ..entry?
            },
        };
        let appended = self.journal.append(entry);
        if let Some(Err(AppendError::QueueFull)) = appended.now_or_never() {
            self.metrics.limits.hit(Limit::JournalQueue);
        }
        Ok(id)
    }

    /// Queues a validation, which has been answered already. Drops it beyond [`limits::STORED_VALIDATIONS`].
    pub(super) fn append_validation(&self, received: &Received) {
        if self
            .validations
            .check_key(&received.request.endpoint)
            .is_err()
        {
            self.metrics.limits.hit(Limit::StoredValidations);
            return;
        }
        if let Err(error) = self.append_detached(received, Kind::Validation, Disposition::Answered)
        {
            tracing::debug!(%error, "could not store a validation");
        }
    }

    fn entry(
        &self,
        received: &Received,
        id: EventId,
        kind: Kind,
        disposition: Disposition,
    ) -> Result<Entry, RecordError> {
        let whole = &received.request;
        // Covers the encoding, whose names of fields take less than the 8 KiB.
        let bytes = request_bytes(&whole.head) + whole.body.len();
        let share = self.queue.take([Owner::Account(whole.account)], bytes);
        let share = share.ok_or(RecordError::NoRoom)?;
        let request = tie(whole.encode()?.into_bytes(), share);
        Ok(Entry {
            endpoint: whole.endpoint,
            id,
            received_at: self.clock.now(),
            kind,
            disposition,
            identity: received.identity.clone(),
            request: EncodedRequest::from_stored(request),
            within: Duration::ZERO,
        })
    }

    /// Returns the response to a request that could not be stored.
    pub(super) fn refuse(&self, error: &RecordError) -> RelayResponse {
        match error {
            // Too many header fields: nothing else about a request that was read cannot be encoded.
            RecordError::Encode(error) => {
                self.metrics.limits.hit(Limit::HeaderFields);
                tracing::debug!(%error, "request refused");
                response::empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            }
            RecordError::Append(AppendError::NoEndpoint) => {
                response::text(StatusCode::NOT_FOUND, "no such endpoint\n")
            }
            RecordError::Append(_) | RecordError::NoRoom => {
                self.metrics.unstored_events.inc();
                if matches!(
                    error,
                    RecordError::Append(AppendError::QueueFull) | RecordError::NoRoom
                ) {
                    self.metrics.limits.hit(Limit::JournalQueue);
                }
                let error = error as &dyn std::error::Error;
                // The metric counts them all; a line for each would drown the log.
                if self.error_lines.check().is_ok() {
                    tracing::error!(error, "could not store event; answered 503");
                } else {
                    tracing::debug!(error, "could not store event; answered 503");
                }
                response::unavailable("the relay cannot store events now\n")
            }
        }
    }
}
