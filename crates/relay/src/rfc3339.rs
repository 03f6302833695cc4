//! Times as text, such as `2026-11-29T12:00:00Z`.

use std::time::SystemTime;

use jiff::Timestamp;
use ringtail_protocol::event;

/// Returns a time of the system's clock.
pub(crate) fn of(time: SystemTime) -> String {
    text(Timestamp::try_from(time))
}

/// Returns a time of an event.
pub(crate) fn of_event(time: event::Timestamp) -> String {
    text(Timestamp::from_microsecond(time.0))
}

fn text(time: Result<Timestamp, jiff::Error>) -> String {
    time.map_or_else(
        |_| "unknown".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}
