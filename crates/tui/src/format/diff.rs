//! Rows of a difference.

use ratatui::text::Line;
use ringtail_model::EventDetail;
use ringtail_recordings::diff::{self, Diff, FewAnswers, Noise};

use super::PanelRow;
use crate::text::line;
use crate::theme::{BAD, DIM, GOOD, PLAIN, WARN};

/// Most rows of a difference.
const MAX_ROWS: usize = 5_000;

/// Compares two events, the older one first.
pub(crate) fn events(one: &EventDetail, other: &EventDetail, noise: &Noise) -> Vec<PanelRow> {
    let name = |of: &EventDetail| format!("#{} {}", of.event.seq, of.event.summary);
    let compared = diff::events(one, other, noise);
    rows(&name(one), &name(other), &compared)
}

/// Compares the last two answers to an event.
///
/// # Errors
/// When the event has fewer than two.
pub(crate) fn answers(event: &EventDetail, noise: &Noise) -> Result<Vec<PanelRow>, String> {
    let two = diff::last_answers(event).map_err(|few| match few {
        FewAnswers::None { .. } => format!("{few}; r replays it"),
        _ => format!("{few}; r replays it again"),
    });
    let [(at, one), (other_at, other)] = two?;
    let name = |number: usize| format!("answer {number} to #{}", event.event.seq);
    let compared = diff::answers(one, other, noise);
    Ok(rows(&name(at), &name(other_at), &compared))
}

fn rows(one: &str, other: &str, diff: &Diff) -> Vec<PanelRow> {
    let mut lines = vec![
        line(format!("--- {one}"), BAD),
        line(format!("+++ {other}"), GOOD),
    ];
    if diff.changes == 0 {
        lines.push(Line::default());
        lines.push(line(diff.no_difference(), PLAIN));
    }
    lines.extend(diff.lines.iter().take(MAX_ROWS).map(|entry| match entry {
        diff::Line::Same(text) => line(format!("  {}", clip(text)), PLAIN),
        diff::Line::Removed(text) => line(format!("- {}", clip(text)), BAD),
        diff::Line::Added(text) => line(format!("+ {}", clip(text)), GOOD),
        diff::Line::Skipped(count) => line(format!("  … {count} lines …"), DIM),
    }));
    let missing = diff.lines.len().saturating_sub(MAX_ROWS);
    if missing > 0 {
        let words = format!("… {missing} more; all: ringtail events diff");
        lines.push(line(words, WARN));
    }
    lines.into_iter().map(PanelRow::plain).collect()
}

fn clip(text: &str) -> &str {
    let end = text.floor_char_boundary(super::MAX_LINE);
    text.get(..end).unwrap_or_default()
}
