//! A panel instead of list and detail: a timeline, a difference, the result of a replay.

use std::sync::Arc;

use ratatui::text::Line;
use ringtail_model::RowId;
use ringtail_protocol::event::EventId;

use crate::effect::{PanelKey, PanelKind};
use crate::format::PanelRow;
use crate::text::{join, span, wrap};
use crate::theme::PLAIN;

/// A panel on screen.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) key: PanelKey,
    /// Its rows once they are read.
    pub(crate) rows: Option<Arc<Vec<PanelRow>>>,
    /// The rows broken to the width.
    pub(crate) lines: Vec<Line<'static>>,
    /// The row of each line.
    pub(crate) row_of: Vec<usize>,
    /// First line on screen.
    pub(crate) scroll: usize,
    /// The row that keys act on, where rows have events.
    pub(crate) cursor: Option<usize>,
    broken_for: Option<usize>,
}

impl Panel {
    pub(crate) fn new(key: PanelKey) -> Self {
        Self {
            key,
            rows: None,
            lines: Vec::new(),
            row_of: Vec::new(),
            scroll: 0,
            cursor: None,
            broken_for: None,
        }
    }

    /// Shows rows, with the cursor on the event that the panel was opened for.
    pub(crate) fn show(&mut self, rows: Arc<Vec<PanelRow>>) {
        let of = |row: &PanelRow| row.event.map(|(event, _)| event);
        self.cursor = match self.key.kind {
            PanelKind::Timeline { id, .. } => rows.iter().position(|row| of(row) == Some(id)),
            PanelKind::Replay => rows.iter().position(|row| row.event.is_some()),
            PanelKind::Diff { .. } | PanelKind::Answers { .. } => None,
        };
        self.rows = Some(rows);
        self.broken_for = None;
    }

    /// Returns whether it shows a difference.
    pub(crate) fn compares(&self) -> bool {
        matches!(
            self.key.kind,
            PanelKind::Diff { .. } | PanelKind::Answers { .. }
        )
    }

    /// Returns the event of the chosen row, or the one that is compared.
    pub(crate) fn event(&self) -> Option<(EventId, RowId)> {
        match self.key.kind {
            PanelKind::Diff { id, row, .. } | PanelKind::Answers { id, row } => Some((id, row)),
            PanelKind::Timeline { .. } | PanelKind::Replay => {
                self.rows.as_ref()?.get(self.cursor?)?.event
            }
        }
    }

    /// Breaks the rows to the width, and keeps the chosen row on screen.
    pub(crate) fn fit(&mut self, width: usize, height: usize) {
        let Some(rows) = &self.rows else {
            self.scroll = 0;
            return;
        };
        if self.broken_for != Some(width) {
            self.lines.clear();
            self.row_of.clear();
            for (index, row) in rows.iter().enumerate() {
                let mut lines = wrap(&row.line, width);
                if self.compares() {
                    repeat_sign(&mut lines);
                }
                self.row_of.extend(std::iter::repeat_n(index, lines.len()));
                self.lines.extend(lines);
            }
            self.broken_for = Some(width);
        }
        if let Some(cursor) = self.cursor {
            let first = self.row_of.partition_point(|row| *row < cursor);
            let end = self.row_of.partition_point(|row| *row <= cursor);
            // A row taller than the screen shows its beginning.
            let lowest = end.saturating_sub(height).min(first);
            self.scroll = self.scroll.clamp(lowest, first);
        }
        self.scroll = self.scroll.min(self.lines.len().saturating_sub(height));
    }

    /// Moves the cursor, or scrolls where there is none.
    pub(crate) fn go(&mut self, by: isize) {
        let Some(cursor) = self.cursor else {
            self.scroll = self.scroll.saturating_add_signed(by);
            return;
        };
        let Some(rows) = &self.rows else { return };
        let rows = rows.iter().enumerate();
        let with_event: Vec<usize> = rows
            .filter_map(|(index, row)| row.event.map(|_| index))
            .collect();
        let now = with_event.partition_point(|row| *row < cursor);
        let last = with_event.len().saturating_sub(1);
        let next = now.saturating_add_signed(by).min(last);
        self.cursor = with_event.get(next).copied().or(self.cursor);
        if next == 0 {
            // Show the heading above the first event.
            self.scroll = 0;
        }
    }
}

/// Repeats the sign of a removed or added line on its continuation lines.
fn repeat_sign(lines: &mut [Line<'static>]) {
    let Some((first, rest)) = lines.split_first_mut() else {
        return;
    };
    let Some(span_of_sign) = first.spans.first() else {
        return;
    };
    let mut signs = ["- ", "+ "].into_iter();
    let Some(sign) = signs.find(|sign| span_of_sign.content.starts_with(sign)) else {
        return;
    };
    for line in rest {
        // It replaces two cells of the indentation.
        let mut spans = std::mem::take(line).into_iter();
        let indent = spans
            .next()
            .map_or_else(String::new, |span| span.content.into_owned());
        let indent = indent.strip_prefix("  ").unwrap_or(&indent).to_owned();
        let signed = span(sign, span_of_sign.style) + span(indent, PLAIN);
        *line = join(signed, Line::from_iter(spans));
    }
}
