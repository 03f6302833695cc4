//! What is looked at beyond one event: the course of a call or a conversation, or a difference.

use std::sync::Arc;

use ringtail_model::RowId;
use ringtail_protocol::event::EventId;
use ringtail_recordings::diff::Noise;

use crate::format::Row;
use crate::text::{TextLine, Tone, wrap};

/// What a study is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) kind: Kind,
    /// Whether personal data is masked in it.
    pub(crate) masked: bool,
    /// What is not compared.
    pub(crate) noise: Arc<Noise>,
}

/// Kinds of studies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The call or conversation of an event.
    Timeline { id: EventId, row: RowId },
    /// Two events, or one and the one of its kind before it.
    Diff {
        id: EventId,
        row: RowId,
        other: Option<EventId>,
    },
    /// The last two answers to an event.
    Answers { id: EventId },
    /// What a replay has to tell.
    Replay,
}

/// A study on screen.
#[derive(Debug)]
pub(crate) struct Study {
    pub(crate) about: About,
    /// Its rows once they are known.
    pub(crate) rows: Option<Arc<Vec<Row>>>,
    /// Lines on screen, broken to the width, with the row of each.
    pub(crate) lines: Vec<(TextLine, usize)>,
    /// First line on screen.
    pub(crate) scroll: usize,
    /// The row that keys act on, where rows have events.
    pub(crate) cursor: Option<usize>,
    broken_for: Option<usize>,
}

impl Study {
    /// Begins one; its rows have been asked for.
    pub(crate) fn new(about: About) -> Self {
        Self {
            about,
            rows: None,
            lines: Vec::new(),
            scroll: 0,
            cursor: None,
            broken_for: None,
        }
    }

    /// Takes in what was asked for. The row of the event that it began with is chosen.
    pub(crate) fn show(&mut self, rows: Arc<Vec<Row>>) {
        let of = |row: &Row| row.event.map(|(event, _)| event);
        self.cursor = match self.about.kind {
            Kind::Timeline { id, .. } => rows.iter().position(|row| of(row) == Some(id)),
            Kind::Replay => rows.iter().position(|row| row.event.is_some()),
            Kind::Diff { .. } | Kind::Answers { .. } => None,
        };
        self.rows = Some(rows);
        self.broken_for = None;
    }

    /// Says whether something is compared in it.
    pub(crate) fn compares(&self) -> bool {
        matches!(self.about.kind, Kind::Diff { .. } | Kind::Answers { .. })
    }

    /// Returns the event of the chosen row, and where it stands.
    pub(crate) fn event(&self) -> Option<(EventId, RowId)> {
        self.rows.as_ref()?.get(self.cursor?)?.event
    }

    /// Breaks the rows to the width, and keeps the chosen row on screen.
    pub(crate) fn fit(&mut self, width: usize, height: usize) {
        let Some(rows) = &self.rows else {
            self.scroll = 0;
            return;
        };
        let fresh = self.broken_for != Some(width);
        if fresh {
            let compares = self.compares();
            let broken = rows.iter().enumerate().flat_map(|(index, row)| {
                let mut lines = wrap(std::slice::from_ref(&row.line), width);
                if compares {
                    sign(&mut lines);
                }
                lines.into_iter().map(move |line| (line, index))
            });
            self.lines = broken.collect();
            self.broken_for = Some(width);
        }
        if let Some(cursor) = self.cursor {
            let of = |(_, row): &(TextLine, usize)| *row == cursor;
            let first = self.lines.iter().position(of).unwrap_or(0);
            let last = self.lines.iter().rposition(of).unwrap_or(0);
            // Of a row that is longer than the screen, the beginning is shown.
            let lowest = (last + 1).saturating_sub(height).min(first);
            self.scroll = self.scroll.clamp(lowest, first);
        }
        self.scroll = self.scroll.min(self.lines.len().saturating_sub(height));
    }

    /// Moves the chosen row, or the lines where there is none.
    pub(crate) fn go(&mut self, by: isize) {
        let Some(cursor) = self.cursor else {
            self.scroll = self.scroll.saturating_add_signed(by);
            return;
        };
        let Some(rows) = &self.rows else { return };
        let places: Vec<usize> = (0..rows.len())
            .filter(|index| rows.get(*index).is_some_and(|row| row.event.is_some()))
            .collect();
        let now = places
            .iter()
            .position(|place| *place >= cursor)
            .unwrap_or(0);
        let next = now
            .saturating_add_signed(by)
            .min(places.len().saturating_sub(1));
        self.cursor = places.get(next).copied().or(self.cursor);
        if next == 0 {
            // The heading above the first event belongs on screen.
            self.scroll = 0;
        }
    }
}

/// Gives what a line of a difference goes on with the sign that it began with.
fn sign(lines: &mut [TextLine]) {
    let Some((first, rest)) = lines.split_first_mut() else {
        return;
    };
    let Some(first) = first.0.first() else { return };
    let mut signs = ["- ", "+ "].into_iter();
    let Some(sign) = signs.find(|sign| first.text.starts_with(sign)) else {
        return;
    };
    for line in rest {
        // In the place of the blanks that it starts further in with.
        let text = line.0.first().and_then(|run| run.text.strip_prefix("  "));
        let Some(text) = text.map(str::to_owned) else {
            continue;
        };
        let mut signed = TextLine::new(first.tone, sign).with(Tone::Plain, text);
        for run in line.0.drain(..).skip(1) {
            signed.push(run.tone, &run.text);
        }
        *line = signed;
    }
}
