//! How the relay is, whole: what `ringtail-relay status` asks for and shows.

use std::collections::BTreeMap;
use std::time::SystemTime;

use ringtail_protocol::event::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ops, ready};
use crate::survey::{Survey, SurveyedEndpoint};
use crate::tls::CertificateState;

/// A running relay at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Version of the program.
    pub(crate) version: String,
    /// Number of its process.
    pub(crate) pid: u32,
    /// When it started.
    pub(crate) started_at: String,
    pub(crate) uptime_seconds: u64,
    pub(crate) public_url: String,
    /// Why it cannot do what it is there for, if it cannot.
    pub(crate) not_ready: Option<String>,
    pub(crate) certificate: CertificateStatus,
    pub(crate) links: LinksStatus,
    pub(crate) endpoints: Vec<EndpointStatus>,
    pub(crate) journal: JournalStatus,
    /// Limits that were reached since the start, and how often.
    pub(crate) limits: BTreeMap<String, u64>,
    /// The last warnings and errors, oldest first.
    pub(crate) recent: Vec<LineStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateStatus {
    /// `dev`, `files`, `proxy` or `acme`.
    pub(crate) source: String,
    /// Those that are shown.
    pub(crate) shown: Vec<ShownStatus>,
    pub(crate) next_renewal: Option<String>,
    /// What went wrong last, until it has gone right since.
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

/// An endpoint, without its address: that is its account's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndpointStatus {
    pub(crate) account: String,
    pub(crate) name: String,
    /// The newest number given.
    pub(crate) head: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_at: Option<String>,
    pub(crate) newest_at: Option<String>,
    pub(crate) links: usize,
    /// The newest number that a client has, if one was there since the relay started.
    pub(crate) cursor: Option<u64>,
    /// How long the oldest event that no client has waits.
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
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineStatus {
    pub(crate) at: String,
    pub(crate) level: String,
    pub(crate) message: String,
}

/// Asks all parts of the relay.
pub(super) async fn of(ops: &Ops, survey: &Survey) -> Status {
    let now = Timestamp::now();
    let not_ready = ready::check(ops).await.err();
    let (forwarding, inspecting) = ops.links.count();
    let queued = ops.journal.queued();
    let oldest = survey.endpoints.iter().filter_map(|it| it.oldest_at);
    let limits = ops.metrics.limits.counts().filter(|(_, count)| *count > 0);
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_at: time(ops.started),
        uptime_seconds: seconds(ops.started, now),
        public_url: ops.hosts.public_url().as_str().to_owned(),
        not_ready: not_ready.map(|reason| reason.to_string()),
        certificate: certificate(&ops.certificate.borrow()),
        links: LinksStatus {
            forwarding,
            inspecting,
        },
        endpoints: survey
            .endpoints
            .iter()
            .map(|it| endpoint(ops, it, now))
            .collect(),
        journal: JournalStatus {
            database_bytes: survey.database_bytes,
            wal_bytes: survey.wal_bytes,
            event_bytes: survey.endpoints.iter().map(|it| it.bytes).sum(),
            oldest_at: oldest.min().map(time),
            queue_events: queued.events,
            queue_bytes: queued.bytes,
        },
        limits: limits
            .map(|(name, count)| (name.to_owned(), count))
            .collect(),
        recent: ops
            .recent
            .lines()
            .into_iter()
            .map(|line| LineStatus {
                at: time(line.at),
                level: if line.error { "error" } else { "warning" }.to_owned(),
                message: line.message,
            })
            .collect(),
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
                not_after: system_time(shown.not_after),
            })
            .collect(),
        next_renewal: state.next_renewal.map(system_time),
        error: state.error.as_ref().map(|error| error.message.clone()),
        orders_placed: state.orders.placed,
        orders_failed: state.orders.failed,
    }
}

fn endpoint(ops: &Ops, endpoint: &SurveyedEndpoint, now: Timestamp) -> EndpointStatus {
    EndpointStatus {
        account: endpoint.account.to_string(),
        name: endpoint.name.to_string(),
        head: endpoint.head,
        bytes: endpoint.bytes,
        oldest_at: endpoint.oldest_at.map(time),
        newest_at: endpoint.newest_at.map(time),
        links: ops.links.count_of(endpoint.key),
        cursor: endpoint.cursor,
        waiting_seconds: endpoint.waiting_since.map(|since| seconds(since, now)),
    }
}

/// Returns the seconds between two times, none when the clock went back.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0) / 1_000_000).unwrap_or_default()
}

/// Returns a time as the log has it.
pub(crate) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| "unknown".to_owned(), shown)
}

fn system_time(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| "unknown".to_owned(), shown)
}

fn shown(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
