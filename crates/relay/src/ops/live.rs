//! Numbers that are asked for when somebody reads them.

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Ops;

/// Returns what is so now.
pub(super) fn registry(ops: &Ops) -> Registry {
    let mut registry = Registry::with_prefix("ringtail");
    registry.register_with_unit(
        "start_time",
        "When the relay started, since 1970",
        Unit::Seconds,
        gauge(ops.started.0 / 1_000_000),
    );
    let (events, bytes) = ops.journal.waiting();
    registry.register(
        "journal_queue_events",
        "Events that wait for the disk",
        gauge(events),
    );
    registry.register_with_unit(
        "journal_queue",
        "Bytes of the events that wait for the disk",
        Unit::Bytes,
        gauge(bytes),
    );
    let (forwarding, inspecting) = ops.relay.links.count();
    registry.register(
        "links",
        "Links that are attached, by whether their clients forward to an app",
        family([
            ([("forwards", "true")], forwarding),
            ([("forwards", "false")], inspecting),
        ]),
    );
    registry
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
