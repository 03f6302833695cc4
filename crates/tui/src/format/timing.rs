//! Where the time of an event went, as a bar.

use std::time::Duration;

use ratatui::text::Line;
use ringtail_model::{AttemptRow, Cause, EventRow};

use super::took;
use crate::text::{line, span};
use crate::theme::{DIM, GOOD, NAME, PLAIN};

/// Cells of the whole bar.
const WIDTH: u64 = 24;

/// Draws the time from the relay to the app and the app's own time. A replay does not come from the relay.
pub(super) fn bar(attempt: &AttemptRow, event: &EventRow) -> Option<Line<'static>> {
    if attempt.cause == Cause::Replay {
        return None;
    }
    let way = attempt.started_at.0.checked_sub(event.received_at.0)?;
    let Ok(way) = u64::try_from(way).map(Duration::from_micros) else {
        let words = "  the relay's clock is ahead of this one: no times from relay to app";
        return Some(line(words, DIM));
    };
    let app = attempt.duration;
    let whole = u64::try_from((way + app).as_micros())
        .unwrap_or(u64::MAX)
        .max(1);
    let part = u64::try_from(way.as_micros()).unwrap_or(u64::MAX);
    let first = part.saturating_mul(WIDTH) / whole;
    // Both parts have a cell, however short they are.
    let first = usize::try_from(first.clamp(1, WIDTH - 1)).unwrap_or(1);
    let second = usize::try_from(WIDTH).unwrap_or(first) - first;
    Some(
        span("  relay ", DIM)
            + span("░".repeat(first), NAME)
            + span("█".repeat(second), GOOD)
            + span(" answered", DIM)
            + span(
                format!("  {} to the app, {} in it", took(way), took(app)),
                PLAIN,
            ),
    )
}
