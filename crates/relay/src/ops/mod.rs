//! Health, metrics and status of a running relay, for its operator.
//!
//! ```text
//! GET /health    200: the process answers
//! GET /ready     200: requests are accepted and events can be stored; 503: not, with the reason
//! GET /metrics   metrics for Prometheus
//! GET /status    what `ringtail-relay status` shows; only at the socket
//! ```
//!
//! They are served at a socket in the data directory and at the address of `--metrics`, if given. No request changes the
//! relay, and no response contains a token, the URL of an endpoint or anything from an event.

mod listeners;
mod live;
mod ready;
mod status;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use ringtail_protocol::event::Timestamp;
use tokio::sync::watch;

pub(crate) use self::listeners::AdminListeners;
pub(crate) use self::status::Status;
use crate::cluster::{Cluster, RelayStatus};
use crate::database::Database;
use crate::db_stats::DatabaseStats;
use crate::hosts::Hosts;
use crate::journal::Journal;
use crate::links::registry::Links;
use crate::metrics::{self, Metrics};
use crate::recent_log::RecentLog;
use crate::response::{RelayResponse, with_body};
use crate::shutdown::Shutdown;
use crate::tls::CertificateState;

/// The parts of the relay that report.
#[derive(Debug)]
pub(crate) struct Ops {
    pub(crate) links: Arc<Links>,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) database: Database,
    pub(crate) cluster: Option<Arc<Cluster>>,
    pub(crate) certificate: watch::Receiver<CertificateState>,
    pub(crate) recent: RecentLog,
    pub(crate) started: Timestamp,
}

/// How long the database's statistics may take; `ringtail-relay status` waits for 10 s in all.
const STATS_TIME: Duration = Duration::from_secs(5);

/// How long the database may take to list its relays.
const RELAYS_TIME: Duration = Duration::from_secs(1);

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The socket: the caller could read the database as well.
    Socket,
    /// The address of `--metrics`, without authentication.
    Metrics,
    /// The same, at an address that only this machine reaches.
    LocalMetrics,
}

impl Ops {
    /// Answers one request.
    async fn answer<B>(
        &self,
        caller: Origin,
        request: Request<B>,
    ) -> Result<RelayResponse, Infallible> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n"));
        }
        if caller == Origin::LocalMetrics && !names_this_machine(request.headers()) {
            return Ok(text(
                StatusCode::FORBIDDEN,
                "use localhost or an address as the host\n",
            ));
        }
        Ok(match request.uri().path() {
            "/health" => text(StatusCode::OK, "ok\n"),
            "/ready" => self.ready().await,
            "/metrics" => self.metrics().await,
            "/status" if caller == Origin::Socket => self.status().await,
            _ => text(StatusCode::NOT_FOUND, "try /health, /ready or /metrics\n"),
        })
    }

    async fn ready(&self) -> RelayResponse {
        match ready::check(self).await {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(reason) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {reason}\n"),
            ),
        }
    }

    async fn metrics(&self) -> RelayResponse {
        let stats = self.database_stats().await;
        match self.metrics.encode(&live::registry(self, stats.as_ref())) {
            Ok(numbers) => with_body(StatusCode::OK, metrics::CONTENT_TYPE, numbers),
            Err(error) => {
                tracing::error!(%error, "could not encode the metrics");
                text(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n")
            }
        }
    }

    async fn status(&self) -> RelayResponse {
        let stats = self.database_stats().await;
        let relays = self.relays().await;
        let status = status::of(self, stats, relays).await;
        match serde_json::to_vec(&status) {
            Ok(json) => with_body(StatusCode::OK, "application/json", json),
            Err(error) => {
                tracing::error!(%error, "could not encode the status");
                text(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n")
            }
        }
    }

    /// Returns the relays of the database; none when it does not say, as its statistics do.
    async fn relays(&self) -> Vec<RelayStatus> {
        let Some(cluster) = &self.cluster else {
            return Vec::new();
        };
        match tokio::time::timeout(RELAYS_TIME, cluster.relays()).await {
            Ok(Ok(relays)) => relays,
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "could not read the relays of the database");
                Vec::new()
            }
            Err(_elapsed) => Vec::new(),
        }
    }

    /// Reads the database's statistics, and logs an error.
    async fn database_stats(&self) -> Option<DatabaseStats> {
        let (database, cursors) = (self.database.clone(), self.links.cursors());
        let read = tokio::task::spawn_blocking(move || database.stats(&cursors));
        let Ok(read) = tokio::time::timeout(STATS_TIME, read).await else {
            tracing::warn!("the database's statistics were not read in time");
            return None;
        };
        match read {
            Ok(Ok(stats)) => Some(stats),
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "could not read the database's statistics");
                None
            }
            Err(_runtime_ended) => None,
        }
    }
}

/// Returns false if a web page may have sent the request: one of another origin, or one whose own name it had resolved to
/// this machine.
fn names_this_machine(headers: &HeaderMap) -> bool {
    if headers.contains_key(header::ORIGIN) {
        return false;
    }
    let host = headers.get(header::HOST).map(HeaderValue::to_str);
    let Some(Ok(host)) = host else {
        return host.is_none();
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> RelayResponse {
    with_body(status, "text/plain; charset=utf-8", body)
}
