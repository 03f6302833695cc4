//! Keys that act now, or a notice; and whether the list follows.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Clear;

use super::{put, put_right, row, scroll_position};
use crate::app::{App, Panel, ReplayProgress};
use crate::format::count;
use crate::keymap::Action;
use crate::text::{cut, escape, join, line, line_width, span, wrap};
use crate::theme::{BAD, DIM, GOOD, NAME, PLAIN, STRONG, WARN};

/// Most lines of a notice.
const MAX_NOTICE: usize = 4;

/// Draws the footer.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    if let Some(notice) = &app.notice {
        notice_lines(frame, area, &line(&notice.text, notice.style), app);
        return;
    }
    let columns = usize::from(area.width);
    if let Some(replay) = &app.progress {
        put(frame, area, progress(replay, columns));
        return;
    }
    // The filter has half of the line, and what the keys leave of the rest.
    let left = columns.saturating_sub(line_width(&right(app, columns / 2)));
    let keys = keys(app, left);
    let free = left.saturating_sub(line_width(&keys));
    put_right(frame, area, right(app, columns / 2 + free));
    put(frame, area, keys);
}

/// Draws a notice, which takes more lines above the footer if it is long. It must leave those of a prompt.
fn notice_lines(frame: &mut Frame<'_>, footer: Rect, notice: &Line<'static>, app: &App) {
    let room = match app.prompt {
        Some(_) => 1,
        None => MAX_NOTICE.min(app.layout().body.height.into()),
    };
    let mut lines = wrap(notice, footer.width.into());
    if lines.len() > room {
        lines.truncate(room.max(1));
        if let Some(last) = lines.last_mut() {
            *last += span("…", PLAIN);
        }
    }
    let above = u16::try_from(lines.len() - 1).unwrap_or(0);
    let area = Rect {
        y: footer.y.saturating_sub(above),
        height: above + 1,
        ..footer
    };
    frame.render_widget(Clear, area);
    for (y, line) in (0..).zip(lines) {
        put(frame, row(area, y), line);
    }
}

/// Returns what limits the list and where it stands, with the filter in `room` columns.
fn right(app: &App, room: usize) -> Line<'static> {
    let mut right = Line::default();
    if app.masked {
        right += span("masked ", WARN);
    }
    if !app.selected.is_empty() {
        let selected = count(app.selected.len() as u64);
        right += span(format!("+{selected} selected "), WARN);
    }
    if !app.filter.is_empty() {
        // A filter may hold personal data.
        let filter = match app.masked {
            true => "/…".to_owned(),
            false => format!("/{}", app.filter),
        };
        right += span(format!("{} ", cut(&escape(&filter), room)), WARN);
    }
    join(right, position(app))
}

fn progress(replay: &ReplayProgress, columns: usize) -> Line<'static> {
    let Some(total) = replay.total else {
        return span("↻ preparing the replay", STRONG) + span("  X stops it", DIM);
    };
    let words = match replay.stopping {
        true => "↻ stopping after this answer".to_owned(),
        false => format!("↻ replaying {} of {total}", (replay.done + 1).min(total)),
    };
    let failed = match replay.failed {
        0 => String::new(),
        failed => format!(", {failed} not accepted"),
    };
    let width = columns
        .saturating_sub(words.len() + failed.len() + 20)
        .min(30);
    let full = (replay.done * width / total.max(1)).min(width);
    let bar = format!("  {}{}", "█".repeat(full), "░".repeat(width - full));
    let stop = if replay.stopping { "" } else { "  X stops it" };
    span(words, STRONG) + span(failed, BAD) + span(bar, NAME) + span(stop, DIM)
}

fn position(app: &App) -> Line<'static> {
    let list = &app.list;
    if let Some(panel) = &app.panel {
        let height = app.layout().panel_size().1;
        let position = scroll_position(panel.lines.len(), panel.scroll, height);
        return line(position.unwrap_or_default(), DIM);
    }
    if !list.loaded || list.entries().is_empty() {
        Line::default()
    } else if list.follow {
        line("● following", GOOD)
    } else if !list.at_end {
        line("▼ more, G newest", WARN)
    } else {
        match list.below() {
            0 => line("○ newest", PLAIN),
            below => line(format!("▼ {} newer", count(below as u64)), PLAIN),
        }
    }
}

/// Returns the keys that fit. Help and quit, the last two, always stay.
fn keys(app: &App, room: usize) -> Line<'static> {
    let is_empty = app.list.entries().is_empty();
    let panel = app.panel.as_ref();
    let useful = |action| match action {
        Action::Open if panel.is_some_and(|panel| panel.event().is_none()) => false,
        Action::Noise => panel.is_some_and(Panel::compares),
        Action::Help | Action::Quit | Action::Back | Action::Palette => true,
        _ => !is_empty,
    };
    let bound = app.keys.of(app.scope());
    let mut entries: Vec<Line> = bound
        .filter(|(binding, _)| !binding.footer.is_empty() && useful(binding.action))
        .filter_map(|(binding, keys)| {
            let key = keys.first()?.name();
            Some(span(key, NAME) + span(format!(" {}  ", binding.footer), DIM))
        })
        .collect();
    while entries.iter().map(line_width).sum::<usize>() > room && entries.len() > 2 {
        entries.remove(entries.len() - 3);
    }
    entries.into_iter().fold(Line::default(), join)
}
