//! What the journal counts.

use prometheus_client::metrics::counter::Counter;

use crate::metrics::Histogram;

/// Numbers of a journal.
#[derive(Debug, Clone, Default)]
pub(crate) struct JournalMetrics {
    /// How long a group of events took, from the first statement to the disk.
    pub(crate) commit: Histogram,
    /// Events that are on disk.
    pub(crate) stored: Counter,
    /// Groups that failed.
    pub(crate) failed_commits: Counter,
}
