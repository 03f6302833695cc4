//! What a relay counts and times, as Prometheus reads it. `docs/METRICS.md` lists every name; a test compares the two.
//!
//! What happens on the way of a request is an addition to an atomic number: no lock, no label that is looked up. What
//! can be asked for at any time, such as open links or cursors, is not counted here: [`crate::ops`] asks when somebody
//! reads.

mod answers;
mod histogram;
mod limits;

use std::fmt;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub(crate) use self::answers::{AnswerKind, Answers};
pub(crate) use self::histogram::Histogram;
pub(crate) use self::limits::{Limit, LimitHits};
use crate::journal::sqlite::JournalMetrics;

/// What the body of an answer to Prometheus is.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The numbers of one relay.
pub(crate) struct Metrics {
    registry: Registry,
    /// Answers to callers, and how long they took.
    pub(crate) answers: Answers,
    /// How often each limit was reached.
    pub(crate) limits: LimitHits,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Connections whose TLS handshake failed.
    pub(crate) failed_tls_handshakes: Counter,
    /// Tokens that were missing, unknown or revoked.
    pub(crate) failed_logins: Counter,
    /// Events that the journal did not take.
    pub(crate) unstored_events: Counter,
    /// Links that were attached.
    pub(crate) attached_links: Counter,
}

impl Metrics {
    pub(crate) fn new(journal: &JournalMetrics) -> Self {
        let mut registry = Registry::with_prefix("ringtail");
        let answers = Answers::default();
        let limits = LimitHits::default();
        let connections = Gauge::default();
        let failed_tls_handshakes = Counter::default();
        let failed_logins = Counter::default();
        let unstored_events = Counter::default();
        let attached_links = Counter::default();
        registry.register(
            "relay",
            "The program that answers",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        answers.register(&mut registry);
        registry.register(
            "limit_hits",
            "Times that a limit of docs/LIMITS.md was reached",
            limits.clone(),
        );
        registry.register(
            "connections",
            "Connections of callers and clients that are open",
            connections.clone(),
        );
        registry.register(
            "failed_tls_handshakes",
            "Connections whose TLS handshake failed",
            failed_tls_handshakes.clone(),
        );
        registry.register(
            "failed_logins",
            "Calls and links whose token was missing, unknown or revoked",
            failed_logins.clone(),
        );
        registry.register(
            "unstored_events",
            "Events that the journal did not take; their callers were answered 503",
            unstored_events.clone(),
        );
        registry.register(
            "attached_links",
            "Links that were attached",
            attached_links.clone(),
        );
        registry.register_with_unit(
            "journal_commit",
            "Time from taking a group of events to their being on disk",
            Unit::Seconds,
            journal.commit.clone(),
        );
        registry.register(
            "journal_events",
            "Events that were stored",
            journal.stored.clone(),
        );
        registry.register(
            "journal_failed_commits",
            "Groups of events that could not be stored",
            journal.failed_commits.clone(),
        );
        registry.register(
            "journal_dropped_events",
            "Events that retention took; those that a client had not got are gaps to it",
            journal.dropped.clone(),
        );
        Self {
            registry,
            answers,
            limits,
            connections,
            failed_tls_handshakes,
            failed_logins,
            unstored_events,
            attached_links,
        }
    }

    /// Writes the numbers, and those of `more`, as Prometheus reads them.
    pub(crate) fn encode(&self, more: &Registry) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode_registry(&mut text, &self.registry)?;
        text::encode_registry(&mut text, more)?;
        text::encode_eof(&mut text)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    /// For the log: what was turned away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("limits", &self.limits)
            .field("failed_tls_handshakes", &self.failed_tls_handshakes.get())
            .field("failed_logins", &self.failed_logins.get())
            .field("unstored_events", &self.unstored_events.get())
            .finish_non_exhaustive()
    }
}
