//! Keys that act now, or what just happened; and whether the list follows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put_line, put_right};
use crate::app::App;
use crate::format::count;
use crate::keymap::{self, Action};
use crate::text::{TextLine, Tone, cut, escape};

/// Draws the footer.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App) {
    if let Some(notice) = &app.notice {
        let line = TextLine::new(notice.tone, &notice.text);
        put_line(buf, area, 0, 0, &line, app.theme);
        return;
    }
    let mut right = TextLine::default();
    if !app.filter.is_empty() {
        let filter = format!("/{}", app.filter);
        let room = usize::from(area.width) / 3;
        right = TextLine::new(Tone::Warn, cut(&escape(&filter), room)).with(Tone::Plain, " ");
    }
    for run in place(app).0 {
        right.push(run.tone, &run.text);
    }
    let room = put_right(buf, area, 0, &right, app.theme);
    put_line(buf, area, 0, 0, &keys(app, room.into()), app.theme);
}

fn place(app: &App) -> TextLine {
    let list = &app.list;
    if !list.loaded || list.entries().is_empty() {
        TextLine::default()
    } else if list.follow {
        TextLine::new(Tone::Good, "● following")
    } else if !list.at_end {
        TextLine::new(Tone::Warn, "▼ more, G newest")
    } else {
        TextLine::new(
            Tone::Plain,
            format!("▼ {} newer", count(list.below() as u64)),
        )
    }
}

/// Returns the keys of the table that fit. Help and quit, the last two, always stay.
fn keys(app: &App, room: usize) -> TextLine {
    let anything = !app.list.entries().is_empty();
    let general = |action| matches!(action, Action::Help | Action::Quit | Action::Back);
    let mut entries: Vec<TextLine> = keymap::bindings(app.scope())
        .filter(|binding| !binding.footer.is_empty())
        .filter(|binding| anything || general(binding.action))
        .filter_map(|binding| {
            let key = binding.keys.first()?.name();
            Some(TextLine::new(Tone::Name, key).with(Tone::Dim, format!(" {}  ", binding.footer)))
        })
        .collect();
    let width = |entries: &[TextLine]| entries.iter().map(TextLine::width).sum::<usize>();
    while width(&entries) > room && entries.len() > 2 {
        entries.remove(entries.len() - 3);
    }
    let mut line = TextLine::default();
    for run in entries.into_iter().flat_map(|entry| entry.0) {
        line.push(run.tone, &run.text);
    }
    line
}
