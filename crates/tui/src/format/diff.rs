//! Rows of a difference.

use ringtail_model::EventDetail;
use ringtail_recordings::diff::{self, Diff, FewAnswers, Line, Noise};

use super::Row;
use crate::text::{TextLine, Tone};

/// Most rows of a difference.
const MAX_ROWS: usize = 5_000;

/// Compares two events; the one that came first stands first.
pub(crate) fn events(one: &EventDetail, other: &EventDetail, noise: &Noise) -> Vec<Row> {
    let (one, other) = match one.event.row <= other.event.row {
        true => (one, other),
        false => (other, one),
    };
    let name = |of: &EventDetail| format!("#{} {}", of.event.seq, of.event.summary);
    let compared = diff::events(one, other, noise);
    rows(&name(one), &name(other), &compared)
}

/// Compares the last two answers to an event.
///
/// # Errors
/// When there are none to compare.
pub(crate) fn answers(event: &EventDetail, noise: &Noise) -> Result<Vec<Row>, String> {
    let two = diff::last_answers(event).map_err(|few| match few {
        FewAnswers::None { .. } => format!("{few}; r asks it"),
        _ => format!("{few}; r asks it again"),
    });
    let [(at, one), (other_at, other)] = two?;
    let name = |number: usize| format!("answer {number} to #{}", event.event.seq);
    let compared = diff::answers(one, other, noise);
    Ok(rows(&name(at), &name(other_at), &compared))
}

fn rows(one: &str, other: &str, diff: &Diff) -> Vec<Row> {
    let mut lines = vec![
        TextLine::new(Tone::Bad, format!("--- {one}")),
        TextLine::new(Tone::Good, format!("+++ {other}")),
    ];
    if diff.changes == 0 {
        let words = "no difference but in what is not compared";
        lines.push(TextLine::default());
        lines.push(TextLine::new(Tone::Plain, words));
    }
    lines.extend(diff.lines.iter().take(MAX_ROWS).map(|line| match line {
        Line::Same(text) => TextLine::new(Tone::Plain, format!("  {}", clip(text))),
        Line::Removed(text) => TextLine::new(Tone::Bad, format!("- {}", clip(text))),
        Line::Added(text) => TextLine::new(Tone::Good, format!("+ {}", clip(text))),
        Line::Skipped(count) => TextLine::new(Tone::Dim, format!("  … {count} lines …")),
    }));
    let missing = diff.lines.len().saturating_sub(MAX_ROWS);
    if missing > 0 {
        let words = format!("… {missing} more; all: ringtail events diff");
        lines.push(TextLine::new(Tone::Warn, words));
    }
    lines.into_iter().map(Row::plain).collect()
}

fn clip(text: &str) -> &str {
    let end = text.floor_char_boundary(super::MAX_LINE);
    text.get(..end).unwrap_or_default()
}
