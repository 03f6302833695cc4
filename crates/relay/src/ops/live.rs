//! Metrics that are read from the relay's state for each request.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use ringtail_protocol::event::Timestamp;

use super::Ops;
use super::status::seconds;
use crate::db_stats::{DatabaseStats, EndpointStats};
use crate::journal::Queued;
use crate::tls::CertificateState;

/// Endpoints with rows. A relay with more shows those whose clients are furthest behind.
const LISTED_ENDPOINTS: usize = 256;

/// Returns the present numbers.
pub(super) fn registry(ops: &Ops, stats: Option<&DatabaseStats>) -> Registry {
    let mut registry = Registry::with_prefix("ringtail");
    registry.register_with_unit(
        "start_time",
        "When the relay started (Unix time)",
        Unit::Seconds,
        gauge(ops.started.0 / 1_000_000),
    );
    let Queued { events, bytes } = ops.journal.queued();
    registry.register(
        "journal_queue_events",
        "Events that are not on disk yet",
        gauge(events),
    );
    registry.register_with_unit(
        "journal_queue",
        "Bytes of the events that are not on disk yet",
        Unit::Bytes,
        gauge(bytes),
    );
    let Queued { events, bytes } = ops.journal.spooled();
    registry.register(
        "spool_events",
        "Events on this relay's disk that PostgreSQL does not take",
        gauge(events),
    );
    registry.register_with_unit(
        "spool",
        "Bytes of the events on this relay's disk that PostgreSQL does not take",
        Unit::Bytes,
        gauge(bytes),
    );
    let (forwarding, inspecting) = ops.links.count();
    registry.register(
        "links",
        "Attached links, by whether their clients forward to an app",
        family([
            ([("forwards", "true")], forwarding),
            ([("forwards", "false")], inspecting),
        ]),
    );
    certificates(&mut registry, &ops.certificate.borrow());
    if let Some(stats) = stats {
        database(&mut registry, stats);
        endpoints(&mut registry, ops, stats);
    }
    registry
}

fn certificates(registry: &mut Registry, state: &CertificateState) {
    let expiry = state.shown.iter().map(|shown| {
        let name = shown.names.first().cloned().unwrap_or_default();
        ([("name", name)], unix_seconds(shown.not_after))
    });
    registry.register_with_unit(
        "certificate_expiry",
        "When each certificate expires (Unix time), by the first of its names",
        Unit::Seconds,
        family(expiry),
    );
    registry.register(
        "certificate_failing",
        "1 when the last attempt to renew or reload a certificate failed",
        gauge(i64::from(state.error.is_some())),
    );
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn database(registry: &mut Registry, stats: &DatabaseStats) {
    registry.register_with_unit(
        "database",
        "Bytes of the database's files",
        Unit::Bytes,
        family([
            ([("file", "database")], stats.database_bytes),
            ([("file", "wal")], stats.wal_bytes),
        ]),
    );
    let oldest = stats.endpoints.iter().filter_map(|it| it.oldest_at).min();
    let age = oldest.map_or(0, |oldest| seconds(oldest, Timestamp::now()));
    registry.register_with_unit(
        "journal_age",
        "Age of the oldest stored event",
        Unit::Seconds,
        gauge(age),
    );
    registry.register(
        "endpoints",
        "Endpoints of all accounts",
        gauge(stats.endpoints.len()),
    );
}

/// Adds rows for endpoints, by account and name.
fn endpoints(registry: &mut Registry, ops: &Ops, stats: &DatabaseStats) {
    // An operator looks for those whose clients are furthest behind.
    let mut listed: Vec<&EndpointStats> = stats.endpoints.iter().collect();
    listed.sort_by_key(|it| std::cmp::Reverse((it.waiting(), it.bytes)));
    listed.truncate(LISTED_ENDPOINTS);
    let labels = |it: &EndpointStats| {
        [
            ("account", it.account.to_string()),
            ("endpoint", it.name.to_string()),
        ]
    };
    let rows = |value: fn(&EndpointStats) -> Option<u64>| {
        let rows = listed
            .iter()
            .filter_map(|it| Some((labels(it), value(it)?)));
        family(rows.collect::<Vec<_>>())
    };
    registry.register_with_unit(
        "endpoint",
        "Bytes of an endpoint's events",
        Unit::Bytes,
        rows(|it| Some(it.bytes)),
    );
    registry.register(
        "endpoint_waiting_events",
        "Events that no client of the endpoint has; absent until a client has attached since the relay started",
        rows(EndpointStats::waiting),
    );
    registry.register_with_unit(
        "endpoint_cursor_age",
        "Age of the oldest event that no client of the endpoint has; 0 when there is none",
        Unit::Seconds,
        rows(|it| {
            it.cursor?;
            Some(
                it.waiting_since
                    .map_or(0, |since| seconds(since, Timestamp::now())),
            )
        }),
    );
    let links = listed
        .iter()
        .map(|it| (labels(it), ops.links.count_of(it.key)));
    registry.register("endpoint_links", "Links of an endpoint", family(links));
}

fn gauge(value: impl TryInto<i64>) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(value.try_into().unwrap_or(i64::MAX));
    gauge
}

fn family<L, V>(rows: impl IntoIterator<Item = (L, V)>) -> Family<L, Gauge>
where
    L: EncodeLabelSet + Clone + Eq + std::hash::Hash,
    V: TryInto<i64>,
    Family<L, Gauge>: EncodeMetric,
{
    let family = Family::<L, Gauge>::default();
    for (labels, value) in rows {
        family
            .get_or_create(&labels)
            .set(value.try_into().unwrap_or(i64::MAX));
    }
    family
}
