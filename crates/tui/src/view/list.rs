//! The list of events.
//!
//! ```text
//!   TIME      WHAT                                  ANSWER       TOOK  VERDICT
//!   14:03:20  RingCentral checks that the address…  by relay
//! ⋯ gap: events 11-400 are gone from the relay
//!   14:03:21  SMS from +1650224…: Hi advisor        200         12 ms  ✓ ok
//! › 14:03:22  Call answered, Pat → Alex             500        3.2 s   ✗ late    ≡↻
//! ```

mod cells;

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Cell, HighlightSpacing, Row, Table, TableState};
use ringtail_model::{EventRow, GapRow};
use ringtail_protocol::event::Kind;

use self::cells::{answer, signs, summary, verdict};
use super::start;
use crate::app::{App, Entry};
use crate::format::{count, time, took};
use crate::layout::Focus;
use crate::text::{cut, line, line_width, span, width};
use crate::theme::{CHOSEN, CHOSEN_ELSEWHERE, DIM, PLAIN, STRONG, WARN};

/// Draws the list, or what to do while it is empty.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let entries = app.list.entries();
    if entries.is_empty() {
        start::render(frame, area, app);
        return;
    }
    let height = usize::from(area.height.saturating_sub(1));
    let visible = || entries.iter().skip(app.list.top).take(height);
    let today = time(app.now, &app.zone, "%F");
    let other_days = visible()
        .filter_map(Entry::event)
        .any(|event| time(event.received_at, &app.zone, "%F") != today);
    let columns = Columns::new(area.width, other_days);
    let rows = visible().map(|entry| match entry {
        Entry::Event(event) => event_row(event, &columns, app),
        Entry::Gap(gap) => gap_row(gap),
    });
    let table = Table::new(rows, columns.widths())
        .header(header(&columns, app))
        .highlight_symbol(line("›", STRONG))
        .highlight_spacing(HighlightSpacing::Always)
        .row_highlight_style(match app.focus {
            Focus::List => CHOSEN,
            Focus::Detail => CHOSEN_ELSEWHERE,
        });
    let cursor = app.list.cursor.checked_sub(app.list.top);
    let mut state = TableState::new().with_selected(cursor);
    frame.render_stateful_widget(table, area, &mut state);
}

/// The columns that a width has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Columns {
    time: u16,
    what: u16,
    answer: u16,
    /// The duration of an attempt, and a space.
    took: Option<u16>,
    verdict: u16,
    signs: u16,
    time_pattern: &'static str,
}

impl Columns {
    /// Divides a width. Days are shown when rows of another day are in sight.
    fn new(width: u16, other_days: bool) -> Self {
        let wide = width >= 100;
        let (time, time_pattern) = match (other_days, wide) {
            (true, true) => (15, "%b %d %H:%M:%S"),
            (true, false) => (11, "%m-%d %H:%M"),
            (false, true) => (12, "%H:%M:%S%.3f"),
            (false, false) => (8, "%H:%M:%S"),
        };
        let mut columns = Self {
            // With the sign of a selected event before it and a space behind it.
            time: 1 + time + 1,
            what: 0,
            answer: 9,
            took: (width >= 66).then_some(8),
            verdict: if width >= 72 { 8 } else { 1 },
            signs: if wide { 4 } else { 2 },
            time_pattern,
        };
        // A column before the table is for the cursor, and one lies between two of its columns.
        let others = columns.all().map(|column| column + 1).sum();
        columns.what = width.saturating_sub(others);
        columns
    }

    fn all(&self) -> impl Iterator<Item = u16> {
        let took = self.took.into_iter();
        let left = [self.time, self.what, self.answer].into_iter();
        left.chain(took).chain([self.verdict, self.signs])
    }

    fn widths(&self) -> impl Iterator<Item = Constraint> {
        self.all().map(Constraint::Length)
    }

    fn has_words(&self) -> bool {
        self.verdict > 1
    }
}

fn header(columns: &Columns, app: &App) -> Row<'static> {
    let mut what = line(cut("WHAT", columns.what.into()), DIM);
    let above = app.list.top;
    if !app.list.at_start || above > 0 {
        let above = format!("▲ {}", count(above as u64));
        let more = match app.list.at_start {
            true => [above.clone(), above],
            false => [format!("{above} and older"), format!("{above}+")],
        };
        let room = usize::from(columns.what).saturating_sub(line_width(&what));
        let mut more = more.into_iter().chain(["▲".to_owned()]);
        if let Some(more) = more.find(|more| width(more) < room) {
            what += span(format!("{:>room$}", more), DIM);
        }
    }
    let mut cells = vec![line(" TIME", DIM), what, line("ANSWER", DIM)];
    if columns.took.is_some() {
        cells.push(line("TOOK ", DIM).right_aligned());
    }
    if columns.has_words() {
        cells.push(line("VERDICT", DIM));
    }
    Row::new(cells)
}

fn event_row(event: &EventRow, columns: &Columns, app: &App) -> Row<'static> {
    let selected = match app.selected.contains_key(&event.row) {
        true => span("+", WARN),
        false => span(" ", PLAIN),
    };
    let at = time(event.received_at, &app.zone, columns.time_pattern);
    let style = match event.kind {
        Kind::Validation => DIM,
        _ => PLAIN,
    };
    let mut cells = vec![
        selected + span(at, DIM),
        line(summary(event, app, columns.what.into()), style),
        answer(event, app, columns.answer.into()),
    ];
    let attempt = event.last_attempt.as_ref();
    if columns.took.is_some() {
        let took = attempt.map(|attempt| format!("{} ", took(attempt.duration)));
        cells.push(line(took.unwrap_or_default(), PLAIN).right_aligned());
    }
    cells.push(attempt.map_or_else(Line::default, |attempt| {
        verdict(&attempt.verdict, columns.has_words())
    }));
    let signs = signs(event);
    cells.push(line(cut(&signs, columns.signs.into()), WARN));
    Row::new(cells)
}

fn gap_row(gap: &GapRow) -> Row<'static> {
    let words = if gap.first == gap.last {
        format!(" ⋯ gap: event {} is gone from the relay", gap.first)
    } else {
        format!(
            " ⋯ gap: events {}-{} are gone from the relay",
            gap.first, gap.last
        )
    };
    Row::new([Cell::new(line(words, WARN)).column_span(6)])
}

#[cfg(test)]
mod tests;
