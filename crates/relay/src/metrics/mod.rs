//! What a relay counts and times, for Prometheus. `docs/METRICS.md` lists every name; a test compares the two.
//!
//! Other modules report to this one; it depends on no other. State that can be read at any time, such as open links
//! or cursors, is not counted here: [`crate::ops`] reads it for each request.

mod answers;
mod journal;
mod limits;

use std::fmt;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub(crate) use self::answers::{AnswerKind, Answers};
pub(crate) use self::journal::{JournalMetrics, RetentionLimit};
pub(crate) use self::limits::{Limit, LimitHits};

/// The media type of [`Metrics::encode`]'s text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The numbers of one relay.
#[derive(Default)]
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
    /// Events that could not be stored.
    pub(crate) unstored_events: Counter,
    /// Links that were attached.
    pub(crate) attached_links: Counter,
    /// What the journal counts.
    pub(crate) journal: JournalMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("ringtail"),
            ..Self::default()
        };
        let registry = &mut metrics.registry;
        registry.register(
            "relay",
            "The relay that answers",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        metrics.answers.register(registry);
        registry.register(
            "limit_hits",
            "How often a limit of docs/LIMITS.md was reached",
            metrics.limits.family(),
        );
        registry.register(
            "connections",
            "Open connections of callers and clients",
            metrics.connections.clone(),
        );
        registry.register(
            "failed_tls_handshakes",
            "Connections whose TLS handshake failed",
            metrics.failed_tls_handshakes.clone(),
        );
        registry.register(
            "failed_logins",
            "Calls and links with a missing, unknown or revoked token",
            metrics.failed_logins.clone(),
        );
        registry.register(
            "unstored_events",
            "Events that could not be stored; their callers were answered 503",
            metrics.unstored_events.clone(),
        );
        registry.register(
            "attached_links",
            "Attached links since the start",
            metrics.attached_links.clone(),
        );
        metrics.journal.register(registry);
        metrics
    }

    /// Returns the numbers, and those of `more`, as text for Prometheus.
    pub(crate) fn encode(&self, more: &Registry) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode_registry(&mut text, &self.registry)?;
        text::encode_registry(&mut text, more)?;
        text::encode_eof(&mut text)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    /// For the log: what was refused.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("limits", &self.limits)
            .field("failed_tls_handshakes", &self.failed_tls_handshakes.get())
            .field("failed_logins", &self.failed_logins.get())
            .field("unstored_events", &self.unstored_events.get())
            .finish_non_exhaustive()
    }
}

/// Upper ends of the buckets in seconds: from a validation answered from memory to beyond RingCentral's timeout.
const BUCKETS: [f64; 17] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0,
    5.0, 10.0, 30.0,
];

fn times() -> Histogram {
    Histogram::new(BUCKETS)
}
