//! The status that `ringtail-relay status` requests and shows.

use std::collections::BTreeMap;

use ringtail_protocol::event::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ops, ready};
use crate::cluster::RelayStatus;
use crate::db_stats::{DatabaseStats, EndpointStats};
use crate::recent_log::RecentLine;
use crate::rfc3339;
use crate::tls::CertificateState;

/// A running relay at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Its version.
    pub(crate) version: String,
    /// Its process id.
    pub(crate) pid: u32,
    /// When it started.
    pub(crate) started_at: String,
    pub(crate) uptime_seconds: u64,
    pub(crate) public_url: String,
    /// Why it is not ready, if it is not.
    pub(crate) not_ready: Option<String>,
    pub(crate) certificate: CertificateStatus,
    pub(crate) links: LinksStatus,
    /// The relays of the database, if it is PostgreSQL and answers.
    #[serde(default)]
    pub(crate) relays: Vec<RelayStatus>,
    /// Whether the database could be read. If not, endpoints and sizes are missing.
    pub(crate) database_readable: bool,
    pub(crate) endpoints: Vec<EndpointStatus>,
    pub(crate) journal: JournalStatus,
    /// How often each limit was reached since the start, without zeros.
    pub(crate) limits: BTreeMap<String, u64>,
    /// The newest warnings and errors, oldest first.
    pub(crate) recent: Vec<RecentLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateStatus {
    /// `dev`, `files`, `proxy` or `acme`.
    pub(crate) source: String,
    /// The certificates in use.
    pub(crate) shown: Vec<ShownStatus>,
    pub(crate) next_renewal: Option<String>,
    /// The newest failure since the last success.
    pub(crate) error: Option<String>,
    pub(crate) orders_placed: u64,
    pub(crate) orders_failed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShownStatus {
    pub(crate) names: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) not_after: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinksStatus {
    pub(crate) forwarding: usize,
    pub(crate) inspecting: usize,
}

/// An endpoint, without its URL, which is its account's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndpointStatus {
    pub(crate) account: String,
    pub(crate) name: String,
    /// Its newest `seq`.
    pub(crate) head: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_at: Option<String>,
    pub(crate) newest_at: Option<String>,
    pub(crate) links: usize,
    /// The newest `seq` that a client has, if one has attached since the start.
    pub(crate) cursor: Option<u64>,
    /// Age of the oldest event that no client has.
    pub(crate) waiting_seconds: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JournalStatus {
    pub(crate) database_bytes: u64,
    pub(crate) wal_bytes: u64,
    pub(crate) event_bytes: u64,
    pub(crate) oldest_at: Option<String>,
    pub(crate) queue_events: usize,
    pub(crate) queue_bytes: usize,
    /// Events on this relay's disk that the database does not take, and their bytes.
    pub(crate) spooled_events: usize,
    pub(crate) spooled_bytes: usize,
}

/// Collects the status.
pub(super) async fn of(
    ops: &Ops,
    stats: Option<DatabaseStats>,
    relays: Vec<RelayStatus>,
) -> Status {
    let now = Timestamp::now();
    let database_readable = stats.is_some();
    let stats = stats.unwrap_or_default();
    let not_ready = ready::check(ops).await.err();
    let (forwarding, inspecting) = ops.links.count();
    let queued = ops.journal.queued();
    let spooled = ops.journal.spooled();
    let oldest = stats.endpoints.iter().filter_map(|it| it.oldest_at);
    let limits = ops.metrics.limits.counts().filter(|(_, count)| *count > 0);
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_at: rfc3339::of_event(ops.started),
        uptime_seconds: seconds(ops.started, now),
        public_url: ops.hosts.public_url().as_str().to_owned(),
        not_ready: not_ready.map(|reason| reason.to_string()),
        certificate: certificate(&ops.certificate.borrow()),
        links: LinksStatus {
            forwarding,
            inspecting,
        },
        relays,
        database_readable,
        endpoints: stats
            .endpoints
            .iter()
            .map(|it| endpoint(ops, it, now))
            .collect(),
        journal: JournalStatus {
            database_bytes: stats.database_bytes,
            wal_bytes: stats.wal_bytes,
            event_bytes: stats.endpoints.iter().map(|it| it.bytes).sum(),
            oldest_at: oldest.min().map(rfc3339::of_event),
            queue_events: queued.events,
            queue_bytes: queued.bytes,
            spooled_events: spooled.events,
            spooled_bytes: spooled.bytes,
        },
        limits: limits
            .map(|(name, count)| (name.to_owned(), count))
            .collect(),
        recent: ops.recent.lines(),
    }
}

fn certificate(state: &CertificateState) -> CertificateStatus {
    CertificateStatus {
        source: state.source.to_string(),
        shown: state
            .shown
            .iter()
            .map(|shown| ShownStatus {
                names: shown.names.clone(),
                issuer: shown.issuer.clone(),
                not_after: rfc3339::of(shown.not_after),
            })
            .collect(),
        next_renewal: state.next_renewal.map(rfc3339::of),
        error: state.error.clone(),
        orders_placed: state.orders.placed,
        orders_failed: state.orders.failed,
    }
}

fn endpoint(ops: &Ops, endpoint: &EndpointStats, now: Timestamp) -> EndpointStatus {
    EndpointStatus {
        account: endpoint.account.to_string(),
        name: endpoint.name.to_string(),
        head: endpoint.head,
        bytes: endpoint.bytes,
        oldest_at: endpoint.oldest_at.map(rfc3339::of_event),
        newest_at: endpoint.newest_at.map(rfc3339::of_event),
        links: ops.links.count_of(endpoint.key),
        cursor: endpoint.cursor,
        waiting_seconds: endpoint.waiting_since.map(|since| seconds(since, now)),
    }
}

/// Returns the seconds between two times, 0 when the clock went back.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0) / 1_000_000).unwrap_or_default()
}
