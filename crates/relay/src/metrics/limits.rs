//! How often each limit was reached: one family, one row for each limit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

/// Makes the enum, its list and the names of its rows.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $limit:ident = $name:literal,)+) => {
        /// A limit of `docs/LIMITS.md` that can be reached while the relay runs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Limit {
            $($(#[doc = $doc])+ $limit,)+
        }

        impl Limit {
            /// Every limit, in the order of its number.
            pub(crate) const ALL: &[Self] = &[$(Self::$limit),+];

            /// Returns what the label `limit` says.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$limit => $name,)+
                }
            }
        }
    };
}

limits! {
    /// Connections open at once.
    Connections = "connections",
    /// Connections open at once from one address.
    ConnectionsPerAddress = "connections-per-address",
    /// Time to the first whole request.
    EstablishTime = "establish-time",
    /// Bytes of a request's head.
    HeaderBytes = "header-bytes",
    /// Fields of a request's head.
    HeaderFields = "header-fields",
    /// Bytes of a body.
    BodyBytes = "body-bytes",
    /// Time for a body.
    BodyTime = "body-time",
    /// Bodies in memory.
    BufferedBytes = "buffered-bytes",
    /// Validations stored in a second.
    StoredValidations = "stored-validations",
    /// Events that wait for the disk.
    JournalQueue = "journal-queue",
    /// Passthrough requests on a link.
    PassthroughsPerLink = "passthroughs-per-link",
    /// Time for the app's answer to begin.
    PassthroughTime = "passthrough-time",
    /// Endpoints of an account.
    EndpointsPerAccount = "endpoints-per-account",
    /// Events of an endpoint in a second.
    EventsPerSecond = "events-per-second",
    /// Failed logins from one address.
    FailedLogins = "failed-logins",
    /// Memory of requests to no endpoint.
    StrayBytes = "stray-bytes",
    /// Transfer codings other than `chunked`.
    TransferCoding = "transfer-coding",
    /// What is not HTTP/1.1.
    NotHttp = "not-http",
    /// What HTTP/2 allows: resets, refused streams, pieces of a head.
    Http2 = "http2",
    /// Silence on a connection, or an answer that nobody reads.
    IdleTime = "idle-time",
    /// Bytes of an app's answer head.
    AnswerHeadBytes = "answer-head-bytes",
    /// What a client may say on a link, and how long it may be silent.
    Links = "links",
}

/// Counts how often limits were reached.
#[derive(Clone)]
pub(crate) struct LimitHits(Arc<[AtomicU64]>);

impl Default for LimitHits {
    fn default() -> Self {
        Self(Limit::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl LimitHits {
    pub(crate) fn hit(&self, limit: Limit) {
        if let Some(count) = self.0.get(limit as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the limits with how often each was reached.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Limit::ALL.iter().map(|limit| limit.name()).zip(counts)
    }
}

impl fmt::Debug for LimitHits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reached = self.counts().filter(|(_, count)| *count > 0);
        f.debug_map().entries(reached).finish()
    }
}

impl EncodeMetric for LimitHits {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (name, count) in self.counts() {
            let labels = [("limit", name)];
            ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_counts_for_itself_and_names_are_not_shared() {
        let hits = LimitHits::default();
        for (number, limit) in Limit::ALL.iter().enumerate() {
            assert_eq!(*limit as usize, number);
            for _ in 0..=number {
                hits.hit(*limit);
            }
        }
        let counts: Vec<u64> = hits.counts().map(|(_, count)| count).collect();
        let expected: Vec<u64> = (1..).take(Limit::ALL.len()).collect();
        assert_eq!(counts, expected);
        let mut names: Vec<&str> = hits.counts().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Limit::ALL.len());
    }
}
