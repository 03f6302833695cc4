//! How often each limit was reached: one family, one row for each limit.

use std::fmt;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

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
    /// Links of an account, of an endpoint, or in all.
    LinkPlaces = "link-places",
    /// Endpoints of an account.
    EndpointsPerAccount = "endpoints-per-account",
    /// Events of an endpoint or an account in a second.
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
    /// HTTP/2 and WebSocket frames that bring nothing.
    EmptyFrames = "empty-frames",
    /// Silence on a connection, or an unread answer.
    IdleTime = "idle-time",
    /// Bytes of an app's answer head.
    AnswerHeadBytes = "answer-head-bytes",
    /// What a client may say on a link, and how long it may be silent.
    Links = "links",
}

/// Counts how often limits were reached.
#[derive(Clone)]
pub(crate) struct LimitHits(Family<[(&'static str, &'static str); 1], Counter>);

impl Default for LimitHits {
    fn default() -> Self {
        let hits = Self(Family::default());
        // Every row exists from the start.
        for limit in Limit::ALL {
            drop(hits.0.get_or_create(&[("limit", limit.name())]));
        }
        hits
    }
}

impl LimitHits {
    pub(crate) fn hit(&self, limit: Limit) {
        self.0.get_or_create(&[("limit", limit.name())]).inc();
    }

    /// Returns the limits with how often each was reached.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limit::ALL.iter().map(|limit| {
            let name = limit.name();
            (name, self.0.get_or_create(&[("limit", name)]).get())
        })
    }

    pub(super) fn family(&self) -> Family<[(&'static str, &'static str); 1], Counter> {
        self.0.clone()
    }
}

impl fmt::Debug for LimitHits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reached = self.counts().filter(|(_, count)| *count > 0);
        f.debug_map().entries(reached).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_counts_for_itself() {
        let hits = LimitHits::default();
        for (number, limit) in Limit::ALL.iter().enumerate() {
            for _ in 0..=number {
                hits.hit(*limit);
            }
        }
        let counts: Vec<u64> = hits.counts().map(|(_, count)| count).collect();
        let expected: Vec<u64> = (1..).take(Limit::ALL.len()).collect();
        assert_eq!(counts, expected);
    }
}
