//! What callers were answered, and how long that took.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::{Registry, Unit};

use super::Histogram;

/// What a request was, as far as the relay got to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// A validation, or a challenge that was answered at the edge like one.
    Validation,
    /// A notification.
    Notification,
    /// A passthrough request.
    Passthrough,
    /// A request to an endpoint that was refused before it was known what it is.
    Unread,
    /// A request to no endpoint.
    Stray,
    /// A call to the relay's own paths, links included.
    Api,
}

impl AnswerKind {
    const ALL: [Self; 6] = [
        Self::Validation,
        Self::Notification,
        Self::Passthrough,
        Self::Unread,
        Self::Stray,
        Self::Api,
    ];

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

    /// Whether anybody times it: RingCentral does with these.
    fn is_timed(self) -> bool {
        matches!(
            self,
            Self::Validation | Self::Notification | Self::Passthrough
        )
    }
}

/// The first status.
const FIRST: u16 = 100;

/// Statuses that are told apart: every one that HTTP has, so that an app cannot make rows without end.
const STATUSES: usize = 500;

/// What stands for a status that HTTP does not have.
const ODD: &str = "odd";

/// Answers, counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    counts: Counts,
    times: Times,
}

impl Answers {
    /// Counts an answer. `took` is from the whole request head to the head of the answer.
    pub(crate) fn add(&self, kind: AnswerKind, status: StatusCode, took: Duration) {
        self.counts.add(kind, status);
        if kind.is_timed() {
            self.times.of(kind).observe(took);
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "answers",
            "Answers to callers, by what the request was and by status",
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

#[derive(Clone)]
struct Counts(Arc<[[AtomicU64; STATUSES + 1]; AnswerKind::ALL.len()]>);

impl Counts {
    fn add(&self, kind: AnswerKind, status: StatusCode) {
        let status = usize::from(status.as_u16().saturating_sub(FIRST)).min(STATUSES);
        let of_kind = self.0.get(kind as usize);
        if let Some(count) = of_kind.and_then(|of_kind| of_kind.get(status)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        let row = || std::array::from_fn(|_| AtomicU64::new(0));
        Self(Arc::new(std::array::from_fn(|_| row())))
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counts")
    }
}

impl EncodeMetric for Counts {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (kind, of_kind) in AnswerKind::ALL.iter().zip(self.0.iter()) {
            for (number, count) in of_kind.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count == 0 {
                    continue;
                }
                let status = match number {
                    STATUSES => ODD.to_owned(),
                    number => (number + usize::from(FIRST)).to_string(),
                };
                let labels = [("kind", kind.name()), ("status", &status)];
                ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[derive(Debug, Clone, Default)]
struct Times {
    validation: Histogram,
    notification: Histogram,
    passthrough: Histogram,
}

impl Times {
    fn of(&self, kind: AnswerKind) -> &Histogram {
        match kind {
            AnswerKind::Validation => &self.validation,
            AnswerKind::Notification => &self.notification,
            _ => &self.passthrough,
        }
    }
}

impl EncodeMetric for Times {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for kind in AnswerKind::ALL.into_iter().filter(|kind| kind.is_timed()) {
            let labels = [("kind", kind.name())];
            self.of(kind).encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;

    #[test]
    fn answers_have_a_row_for_each_kind_and_status_that_was_given() {
        let answers = Answers::default();
        let took = Duration::from_millis(1);
        for (kind, status) in [
            (AnswerKind::Validation, 200),
            (AnswerKind::Validation, 200),
            (AnswerKind::Notification, 503),
            (AnswerKind::Passthrough, 100),
            (AnswerKind::Passthrough, 599),
            (AnswerKind::Passthrough, 600),
            (AnswerKind::Passthrough, 999),
            (AnswerKind::Api, 401),
        ] {
            answers.add(kind, StatusCode::from_u16(status).unwrap(), took);
        }
        let mut registry = Registry::default();
        answers.register(&mut registry);
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        let rows: Vec<&str> = text
            .lines()
            .filter(|it| it.starts_with("answers_total"))
            .collect();
        assert_eq!(
            rows,
            [
                "answers_total{kind=\"validation\",status=\"200\"} 2",
                "answers_total{kind=\"notification\",status=\"503\"} 1",
                "answers_total{kind=\"passthrough\",status=\"100\"} 1",
                "answers_total{kind=\"passthrough\",status=\"599\"} 1",
                "answers_total{kind=\"passthrough\",status=\"odd\"} 2",
                "answers_total{kind=\"api\",status=\"401\"} 1",
            ]
        );
        assert!(text.contains("answer_seconds_count{kind=\"validation\"} 2\n"));
        assert!(!text.contains("answer_seconds_count{kind=\"api\"}"));
    }
}
