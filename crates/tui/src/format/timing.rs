//! Where the time of an event went, as a bar.

use std::time::Duration;

use ringtail_model::{AttemptRow, Cause, EventRow};

use super::took;
use crate::text::{TextLine, Tone};

/// Cells of the whole bar.
const WIDTH: u64 = 24;

/// Makes the bar of an attempt: from the edge, over the link and the history, to the app; and the app's own time.
/// A replay has no way from the edge.
pub(super) fn line(attempt: &AttemptRow, event: &EventRow) -> Option<TextLine> {
    if attempt.cause == Cause::Replay {
        return None;
    }
    let way = attempt.started_at.0.checked_sub(event.received_at.0)?;
    let Ok(way) = u64::try_from(way).map(Duration::from_micros) else {
        let words = "  the relay's clock is ahead of this one: no times from edge to app";
        return Some(TextLine::new(Tone::Dim, words));
    };
    let app = attempt.duration;
    let whole = u64::try_from((way + app).as_micros())
        .unwrap_or(u64::MAX)
        .max(1);
    let part = u64::try_from(way.as_micros()).unwrap_or(u64::MAX);
    let first = part.saturating_mul(WIDTH) / whole;
    // Both have a cell, however short they are.
    let first = usize::try_from(first.clamp(1, WIDTH - 1)).unwrap_or(1);
    let second = usize::try_from(WIDTH).unwrap_or(first) - first;
    let line = TextLine::new(Tone::Dim, "  edge ")
        .with(Tone::Name, "░".repeat(first))
        .with(Tone::Good, "█".repeat(second))
        .with(Tone::Dim, " answered")
        .with(
            Tone::Plain,
            format!("  {} to the app, {} in it", took(way), took(app)),
        );
    Some(line)
}
