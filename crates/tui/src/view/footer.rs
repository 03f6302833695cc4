//! Keys that act now, or what just happened; and whether the list follows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{put_line, put_right};
use crate::app::{App, Batch, Study};
use crate::format::count;
use crate::keymap::Action;
use crate::text::{TextLine, Tone, cut, escape};

/// Draws the footer.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App) {
    if let Some(notice) = &app.notice {
        let line = TextLine::new(notice.tone, &notice.text);
        put_line(buf, area, 0, 0, &line, app.theme);
        return;
    }
    if let Some(batch) = &app.batch {
        let line = progress(batch, usize::from(area.width));
        put_line(buf, area, 0, 0, &line, app.theme);
        return;
    }
    let columns = usize::from(area.width);
    // The filter has half of the line, and what the keys leave of the rest.
    let half = right(app, columns / 2);
    let left = columns.saturating_sub(half.width());
    let keys = keys(app, left);
    let free = left.saturating_sub(keys.width());
    put_right(buf, area, 0, &right(app, columns / 2 + free), app.theme);
    put_line(buf, area, 0, 0, &keys, app.theme);
}

/// Returns what the list is like, with the filter in so many columns at the most.
fn right(app: &App, room: usize) -> TextLine {
    let mut right = TextLine::default();
    if app.masked {
        right.push(Tone::Warn, "masked ");
    }
    if !app.selected.is_empty() {
        let selected = count(app.selected.len() as u64);
        right.push(Tone::Warn, &format!("+{selected} selected "));
    }
    if !app.filter.is_empty() {
        // A filter may name who is not to be seen.
        let filter = match app.masked {
            true => "/…".to_owned(),
            false => format!("/{}", app.filter),
        };
        right = right
            .with(Tone::Warn, cut(&escape(&filter), room))
            .with(Tone::Plain, " ");
    }
    right.and(place(app))
}

/// Returns how far a replay is.
fn progress(batch: &Batch, columns: usize) -> TextLine {
    let Some(total) = batch.total else {
        return TextLine::new(Tone::Strong, "↻ preparing the replay")
            .with(Tone::Dim, "  X stops it");
    };
    let words = match batch.stopping {
        true => "↻ stopping when the answer is here".to_owned(),
        false => format!("↻ replaying {} of {total}", (batch.done + 1).min(total)),
    };
    let failed = match batch.failed {
        0 => String::new(),
        failed => format!(", {failed} not accepted"),
    };
    let width = columns
        .saturating_sub(words.len() + failed.len() + 20)
        .min(30);
    let full = (batch.done * width / total.max(1)).min(width);
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(width - full));
    let stops = if batch.stopping { "" } else { "  X stops it" };
    TextLine::new(Tone::Strong, words)
        .with(Tone::Bad, failed)
        .with(Tone::Name, format!("  {bar}"))
        .with(Tone::Dim, stops)
}

fn place(app: &App) -> TextLine {
    let list = &app.list;
    if let Some(study) = &app.study {
        let height = app.layout().study_size().1;
        let place = super::body::place(study.lines.len(), study.scroll, height);
        return TextLine::new(Tone::Dim, place.unwrap_or_default());
    }
    if !list.loaded || list.entries().is_empty() {
        TextLine::default()
    } else if list.follow {
        TextLine::new(Tone::Good, "● following")
    } else if !list.at_end {
        TextLine::new(Tone::Warn, "▼ more, G newest")
    } else {
        match list.below() {
            0 => TextLine::new(Tone::Plain, "○ newest"),
            below => TextLine::new(Tone::Plain, format!("▼ {} newer", count(below as u64))),
        }
    }
}

/// Returns the keys of the table that fit. Help and quit, the last two, always stay.
fn keys(app: &App, room: usize) -> TextLine {
    let anything = !app.list.entries().is_empty();
    let no_choice = app
        .study
        .as_ref()
        .is_some_and(|study| study.cursor.is_none());
    let compares = app.study.as_ref().is_some_and(Study::compares);
    let general = |action| {
        matches!(
            action,
            Action::Help | Action::Quit | Action::Back | Action::Palette
        )
    };
    let mut entries: Vec<TextLine> = app
        .keys
        .of(app.scope())
        .filter(|(binding, _)| !binding.footer.is_empty())
        .filter(|(binding, _)| !(no_choice && binding.action == Action::Open))
        .filter(|(binding, _)| compares || binding.action != Action::Noise)
        .filter(|(binding, _)| anything || general(binding.action))
        .filter_map(|(binding, keys)| {
            let key = keys.first()?.name();
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
