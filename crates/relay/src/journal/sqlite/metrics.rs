//! What the journal counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::metrics::Histogram;

/// Numbers of a journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalMetrics {
    /// How long a group of events took, from the first statement to the disk.
    pub(crate) commit: Histogram,
    /// Events that are on disk.
    pub(crate) stored: Counter,
    /// Groups that failed.
    pub(crate) failed_commits: Counter,
    /// Events that retention took, by the limit for which they went.
    pub(crate) dropped: Family<[(&'static str, &'static str); 1], Counter>,
}

/// Why retention takes an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dropped {
    Age,
    AccountBytes,
    RelayBytes,
}

impl Dropped {
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
            commit: Histogram::default(),
            stored: Counter::default(),
            failed_commits: Counter::default(),
            dropped: Family::default(),
        };
        // Each row is there from the start.
        for why in Dropped::ALL {
            metrics.drop_events(why, 0);
        }
        metrics
    }
}

impl JournalMetrics {
    pub(super) fn drop_events(&self, why: Dropped, events: u64) {
        self.dropped
            .get_or_create(&[("limit", why.name())])
            .inc_by(events);
    }
}
