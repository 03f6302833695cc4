//! What the journal counts.

use std::error::Error;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::times;

/// The numbers of one journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalMetrics {
    commit: Histogram,
    stored: Counter,
    pub(crate) failed_commits: Counter,
    /// Lines at `error` about failed transactions.
    failure_lines: Arc<DefaultDirectRateLimiter>,
    deleted: Family<[(&'static str, &'static str); 1], Counter>,
}

/// The limit for which retention deletes an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RetentionLimit {
    Age,
    AccountBytes,
    RelayBytes,
}

impl RetentionLimit {
    const ALL: [Self; 3] = [Self::Age, Self::AccountBytes, Self::RelayBytes];

    fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::AccountBytes => "account-bytes",
            Self::RelayBytes => "relay-bytes",
        }
    }
}

impl Default for JournalMetrics {
    fn default() -> Self {
        let metrics = Self {
            commit: times(),
            stored: Counter::default(),
            failed_commits: Counter::default(),
            failure_lines: Arc::new(RateLimiter::direct(Quota::per_second(NonZeroU32::MIN))),
            deleted: Family::default(),
        };
        // Every row exists from the start.
        for limit in RetentionLimit::ALL {
            metrics.deleted(limit, 0);
        }
        metrics
    }
}

impl JournalMetrics {
    /// Counts a transaction that stored events.
    pub(crate) fn committed(&self, events: u64, took: Duration) {
        self.stored.inc_by(events);
        self.commit.observe(took.as_secs_f64());
    }

    /// Counts and logs a transaction that failed, of the journal or its spool. On a full disk, each request would otherwise
    /// log a line, perhaps to that disk.
    pub(crate) fn failed(
        &self,
        what: &'static str,
        error: &(dyn Error + 'static),
        operations: usize,
    ) {
        self.failed_commits.inc();
        if self.failure_lines.check().is_ok() {
            tracing::error!(error, operations, "the {what} could not commit");
        } else {
            tracing::debug!(error, operations, "the {what} could not commit");
        }
    }

    /// Counts events that retention deleted.
    pub(crate) fn deleted(&self, limit: RetentionLimit, events: u64) {
        let labels = [("limit", limit.name())];
        self.deleted.get_or_create(&labels).inc_by(events);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "journal_commit",
            "Time of a transaction that stores events, until they are on disk",
            Unit::Seconds,
            self.commit.clone(),
        );
        registry.register("journal_events", "Stored events", self.stored.clone());
        registry.register(
            "journal_failed_commits",
            "Transactions that failed; none of their events was stored",
            self.failed_commits.clone(),
        );
        registry.register(
            "journal_deleted_events",
            "Events deleted by retention; a client that had not received them reports a gap",
            self.deleted.clone(),
        );
    }
}
