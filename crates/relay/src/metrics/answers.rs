//! How callers were answered, and how long that took.

use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::times;

/// What a request was, as far as the relay found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// A validation, or a challenge that was answered at the edge like one.
    Validation,
    /// A notification.
    Notification,
    /// A passthrough request.
    Passthrough,
    /// A request to an endpoint, refused before its kind was known.
    Unread,
    /// A request to no endpoint.
    Stray,
    /// A call to the relay's own paths, links included.
    Api,
}

impl AnswerKind {
    /// Returns its word, for labels and the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Notification => "notification",
            Self::Passthrough => "passthrough",
            Self::Unread => "unread",
            Self::Stray => "stray",
            Self::Api => "api",
        }
    }

    /// Returns whether RingCentral times it.
    fn is_timed(self) -> bool {
        matches!(
            self,
            Self::Validation | Self::Notification | Self::Passthrough
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// Answers, counted.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    counts: Family<Labels, Counter>,
    times: Family<KindLabel, Histogram, fn() -> Histogram>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            counts: Family::default(),
            times: Family::new_with_constructor(times),
        }
    }
}

impl Answers {
    /// Counts an answer. `took` is from the end of the request's head to the head of the answer.
    pub(crate) fn add(&self, kind: AnswerKind, status: StatusCode, took: Duration) {
        let labels = Labels {
            kind: kind.name(),
            status: status.as_u16(),
        };
        self.counts.get_or_create(&labels).inc();
        if kind.is_timed() {
            let label = KindLabel { kind: kind.name() };
            let times = self.times.get_or_create(&label);
            times.observe(took.as_secs_f64());
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "answers",
            "Answers to callers, by kind of request and by status",
            self.counts.clone(),
        );
        registry.register_with_unit(
            "answer",
            "Time from a request's head to the head of its answer: for a notification the time to acknowledge it",
            Unit::Seconds,
            self.times.clone(),
        );
    }
}
