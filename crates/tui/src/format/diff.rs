//! Rows of a difference.

use ratatui::text::Line;
use ringtail_model::EventDetail;
use ringtail_recordings::diff::{FewAnswers, Line as DiffLine, Noise};
use ringtail_views::compare::{self, Compared};

use super::PanelRow;
use crate::text::line;
use crate::theme::{BAD, DIM, GOOD, PLAIN, WARN};

/// Most rows of a difference.
const MAX_ROWS: usize = 5_000;

/// Compares the last two responses to an event.
///
/// # Errors
/// When the event has fewer than two.
pub(crate) fn answers(event: &EventDetail, noise: &Noise) -> Result<Vec<PanelRow>, String> {
    let compared = compare::answers(event, noise).map_err(|few| match few {
        FewAnswers::None { .. } => format!("{few}; r replays it"),
        _ => format!("{few}; r replays it again"),
    });
    compared.map(rows)
}

pub(crate) fn rows(([one, other], diff): Compared) -> Vec<PanelRow> {
    let mut lines = vec![
        line(format!("--- {one}"), BAD),
        line(format!("+++ {other}"), GOOD),
    ];
    if diff.changes == 0 {
        lines.push(Line::default());
        lines.push(line(diff.no_difference(), PLAIN));
    }
    lines.extend(diff.lines.iter().take(MAX_ROWS).map(|entry| match entry {
        DiffLine::Same(text) => line(format!("  {}", clip(text)), PLAIN),
        DiffLine::Removed(text) => line(format!("- {}", clip(text)), BAD),
        DiffLine::Added(text) => line(format!("+ {}", clip(text)), GOOD),
        DiffLine::Skipped(count) => line(format!("  … {count} lines …"), DIM),
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
