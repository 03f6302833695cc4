//! The list of events.
//!
//! ```text
//!   TIME      WHAT                                  ANSWER       TOOK  VERDICT
//!   14:03:20  RingCentral checks that the address…  by relay
//! ⋯ gap: events 11-400 are gone from the relay
//!   14:03:21  SMS from +1650224…: Hi advisor        200         12 ms  ✓ ok
//! › 14:03:22  Call answered, Pat → Alex             500        3.2 s   ✗ late    ≡↻
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtail_model::{EventRow, GapRow, Status, endpoint_name};
use ringtail_protocol::event::Kind;
use ringtail_ringcentral::verdict::Verdict;

use super::row::{Columns, answer, fitted, marks};
use super::{put, put_right, start};
use crate::app::{App, Entry, Focus};
use crate::format::{count, time, took};
use crate::text::{TextLine, Tone, cut, escape, width};

/// Draws the list, or what to do while it is empty.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App) {
    let entries = app.list.entries();
    if entries.is_empty() {
        start::render(buf, area, app);
        return;
    }
    let rows = usize::from(area.height.saturating_sub(1));
    let visible = || entries.iter().enumerate().skip(app.list.top).take(rows);
    let today = time(app.now, &app.zone, "%F");
    let other_days = visible()
        .filter_map(|(_, entry)| entry.event())
        .any(|event| time(event.received_at, &app.zone, "%F") != today);
    let columns = Columns::new(area.width, other_days);
    head(buf, area, &columns, app);
    for (y, (index, entry)) in (1..).zip(visible()) {
        match entry {
            Entry::Event(event) => draw_event(buf, area, y, &columns, event, app),
            Entry::Gap(gap) => draw_gap(buf, area, y, gap, app),
        }
        if index == app.list.cursor {
            put(buf, area, 0, y, "›", app.theme.style(Tone::Strong));
            let chosen = if app.focus == Focus::List {
                app.theme.chosen()
            } else {
                app.theme.chosen_elsewhere()
            };
            buf.set_style(Rect::new(area.x, area.y + y, area.width, 1), chosen);
        }
    }
}

fn head(buf: &mut Buffer, area: Rect, columns: &Columns, app: &App) {
    let dim = app.theme.style(Tone::Dim);
    put(buf, area, columns.time.x, 0, "TIME", dim);
    put(buf, area, columns.what.x, 0, "WHAT", dim);
    put(buf, area, columns.answer.x, 0, "ANSWER", dim);
    if let Some(took) = columns.took {
        put(buf, area, took.x + took.width - 4, 0, "TOOK", dim);
    }
    if columns.words {
        put(buf, area, columns.verdict.x, 0, "VERDICT", dim);
    }
    let above = app.list.top;
    if !app.list.at_start || above > 0 {
        let more = if app.list.at_start { "" } else { " and older" };
        let line = TextLine::new(Tone::Dim, format!("▲ {}{more}", count(above as u64)));
        // Over the end of the widest column, where no heading stands.
        let what = Rect {
            width: columns.what.x + columns.what.width,
            ..area
        };
        put_right(buf, what, 0, &line, app.theme);
    }
}

fn draw_event(
    buf: &mut Buffer,
    area: Rect,
    y: u16,
    columns: &Columns,
    event: &EventRow,
    app: &App,
) {
    let theme = app.theme;
    if app.selected.contains_key(&event.row) {
        put(buf, area, 1, y, "+", theme.style(Tone::Warn));
    }
    let quiet = event.kind == Kind::Validation;
    let base = theme.style(if quiet { Tone::Dim } else { Tone::Plain });
    let at = time(event.received_at, &app.zone, columns.time_pattern);
    put(buf, area, columns.time.x, y, &at, theme.style(Tone::Dim));
    let room = usize::from(columns.what.width);
    let what = what(event, app, room);
    let text = cut(&what, room);
    put(buf, area, columns.what.x, y, &text, base);
    let (tone, answer) = answer(event, engine_of(event, app));
    let answer = cut(&answer, columns.answer.width.into()).into_owned();
    put(buf, area, columns.answer.x, y, &answer, theme.style(tone));
    if let (Some(column), Some(attempt)) = (columns.took, &event.last_attempt) {
        let took = took(attempt.duration);
        let cell = Rect {
            width: column.x + column.width,
            ..area
        };
        put_right(buf, cell, y, &TextLine::new(Tone::Plain, took), theme);
    }
    if let Some(attempt) = &event.last_attempt {
        let (tone, sign) = match attempt.verdict {
            Verdict::Accepted { .. } => (Tone::Good, "✓"),
            Verdict::Failed { .. } => (Tone::Bad, "✗"),
            Verdict::Unjudged { .. } => (Tone::Dim, "–"),
        };
        let word = match attempt.verdict.word() {
            _ if !columns.words => String::new(),
            "unjudged" => String::new(),
            "no-answer" => " none".to_owned(),
            word => format!(" {word}"),
        };
        let verdict = format!("{sign}{word}");
        put(buf, area, columns.verdict.x, y, &verdict, theme.style(tone));
    }
    let marks = marks(event);
    let marks = cut(&marks, columns.marks.width.into());
    put(
        buf,
        area,
        columns.marks.x,
        y,
        &marks,
        theme.style(Tone::Warn),
    );
}

/// Returns what the engine of an event's endpoint does; `None` for those of endpoints that nobody listens on here.
fn engine_of<'a>(event: &EventRow, app: &'a App) -> Option<&'a Status> {
    match app.engines.as_slice() {
        [_] => {
            let endpoint = app.status.endpoint.as_ref();
            let is_here = endpoint.is_none_or(|endpoint| endpoint.id == event.endpoint);
            is_here.then_some(&app.status)
        }
        several => {
            let name = endpoint_name(&event.endpoint);
            several.iter().find(|engine| engine.name == name)
        }
    }
}

fn what(event: &EventRow, app: &App, room: usize) -> String {
    let text = if event.summary.is_empty() {
        &event.topic
    } else {
        &event.summary
    };
    let text = escape(text);
    let of = |name: &str| {
        let label = format!("[{}] ", cut(&escape(name), 12));
        let text = fitted(&text, room.saturating_sub(width(&label)));
        format!("{label}{text}")
    };
    if app.engines.len() > 1 {
        return of(endpoint_name(&event.endpoint));
    }
    match &app.status.endpoint {
        // The history is shared by all endpoints of a data directory.
        Some(endpoint) if endpoint.id != event.endpoint => of(&event.endpoint),
        _ => fitted(&text, room).into_owned(),
    }
}

fn draw_gap(buf: &mut Buffer, area: Rect, y: u16, gap: &GapRow, app: &App) {
    let words = if gap.first == gap.last {
        format!("⋯ gap: event {} is gone from the relay", gap.first)
    } else {
        format!(
            "⋯ gap: events {}-{} are gone from the relay",
            gap.first, gap.last
        )
    };
    put(buf, area, 2, y, &words, app.theme.style(Tone::Warn));
}

#[cfg(test)]
mod tests;
