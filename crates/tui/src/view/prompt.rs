//! The line that the user types on, over the footer, with a hint above it.
//!
//! ```text
//!       ▼ there is no kind "smss"; is sms meant?
//! /kind:smss
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear};
use tui_input::Input;

use super::{highlight, put, put_right, row};
use crate::app::{App, FilterLine, Palette, Prompt, ReplayLine};
use crate::text::{column, cut, cut_start, escape, line, line_width, span, width, wrap};
use crate::theme::{BAD, CHOSEN, DIM, NAME, PLAIN, STRONG, WARN};

/// Completions shown at once.
const OFFERS: usize = 8;

/// Draws the line and its hint.
pub(super) fn render(frame: &mut Frame<'_>, footer: Rect, prompt: &Prompt, app: &App) {
    let columns = usize::from(footer.width);
    let (label, hint) = match prompt {
        Prompt::Filter(filter) => ("/".to_owned(), vec![filter_hint(filter, columns)]),
        Prompt::Jump(_) => ("path: ".to_owned(), Vec::new()),
        Prompt::Comment(..) => ("comment: ".to_owned(), Vec::new()),
        Prompt::Noise(_) => {
            let hint = " names of headers and JSON fields; case is ignored  Enter compare";
            ("not compared: ".to_owned(), vec![line(hint, DIM)])
        }
        Prompt::Replay(replay) => (replay_label(app), replay_hint(replay, columns)),
        Prompt::Palette(_) => (":".to_owned(), Vec::new()),
    };
    for (up, hint) in (1..).zip(hint.into_iter().rev()) {
        let above = Rect {
            y: footer.y.saturating_sub(up),
            ..footer
        };
        frame.render_widget(Clear, above);
        put(frame, above, hint);
    }
    input(frame, footer, &label, prompt.input());
}

/// Draws a label and the typed text, and puts the cursor there.
fn input(frame: &mut Frame<'_>, area: Rect, label: &str, input: &Input) {
    let label = cut(label, usize::from(area.width / 2));
    let (before, after) = around_cursor(input);
    let room = usize::from(area.width).saturating_sub(width(&label) + 1);
    let before = cut_start(&before, room).into_owned();
    let cursor = width(&label) + width(&before);
    frame.render_widget(Clear, area);
    let typed = span(before + &after, PLAIN);
    put(frame, area, span(label, STRONG) + typed);
    if let Ok(cursor) = u16::try_from(cursor)
        && cursor < area.width
    {
        frame.set_cursor_position((area.x + cursor, area.y));
    }
}

/// Returns what is typed before and after the cursor, as it is shown.
fn around_cursor(input: &Input) -> (String, String) {
    let end = input.value().char_indices().nth(input.cursor());
    let end = end.map_or(input.value().len(), |(end, _)| end);
    let (before, after) = input.value().split_at(end);
    (escape(before).into_owned(), escape(after).into_owned())
}

/// Returns completions, or the mistake above its column.
fn filter_hint(filter: &FilterLine, columns: usize) -> Line<'static> {
    // An incomplete word is not yet a mistake.
    if !filter.offers.is_empty() {
        let offers = filter.offers.get(..OFFERS).unwrap_or(&filter.offers);
        return line(format!(" Tab: {}", offers.join("  ")), DIM);
    }
    let Some(error) = &filter.error else {
        return line(" Enter show  Tab complete  F1 language  Esc back", DIM);
    };
    let (typed, _) = around_cursor(&filter.input);
    let hidden = width(&typed) - width(&cut_start(&typed, columns.saturating_sub(2)));
    let before: String = filter.input.value().chars().take(error.at).collect();
    let at = (width(&escape(&before)) + 1).saturating_sub(hidden);
    let message = escape(&error.message);
    let needed = width(&message) + 2;
    let text = if needed <= columns.saturating_sub(at) || at < needed {
        format!("{:at$}▼ {message}", "")
    } else {
        format!("{:pad$}{message} ▼", "", pad = at + 1 - needed)
    };
    line(text, BAD)
}

fn replay_label(app: &App) -> String {
    match app.action_events().as_slice() {
        [] => "replay: ".to_owned(),
        [event] => format!("replay {}: ", event.name),
        events => format!("replay {} selected: ", events.len()),
    }
}

/// Returns completions on one line, or a mistake whole, with its remedy at its end.
fn replay_hint(replay: &ReplayLine, columns: usize) -> Vec<Line<'static>> {
    let checked = &replay.checked;
    match (checked.offers.as_slice(), &checked.error, &checked.about) {
        ([_, ..], _, _) => vec![line(format!(" Tab: {}", checked.offers.join("  ")), DIM)],
        (_, _, Some(about)) => vec![line(format!(" {about}"), DIM)],
        (_, Some(error), None) => wrap(&line(format!(" ✗ {error}"), BAD), columns),
        (_, None, None) => vec![line(" Enter replay  Esc back", DIM)],
    }
}

/// Draws the palette of actions over everything else.
pub(super) fn palette(frame: &mut Frame<'_>, area: Rect, palette: &Palette, app: &App) {
    let columns = area.width.min(64);
    // The box keeps its height while the list gets shorter.
    let all = app.keys.of(app.base_scope()).count();
    let height = u16::try_from(all + 3).unwrap_or(u16::MAX).min(area.height);
    let area = Rect::new((area.width - columns) / 2, 0, columns, height);
    let block = Block::bordered().title(" Actions ");
    let inner = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    input(frame, row(inner, 0), ":", &palette.input);
    if palette.found.is_empty() {
        put(frame, row(inner, 1), line(" no action has this name", WARN));
    }
    let rows = usize::from(inner.height.saturating_sub(1));
    let top = (palette.chosen + 1).saturating_sub(rows);
    for (y, (index, action)) in (1..).zip(palette.found.iter().enumerate().skip(top).take(rows)) {
        let bound = app.keys.rows().find(|(other, _)| other.name == action.name);
        let key = bound.and_then(|(_, keys)| keys.first().map(|key| key.name()));
        let key = column(&key.unwrap_or_default(), 9);
        let text = span(format!(" {key} "), NAME) + span(action.help, PLAIN);
        // What the configuration calls it, where there is room.
        let name = line(format!(" {} ", action.name), DIM);
        if line_width(&text) + line_width(&name) <= inner.width.into() {
            put_right(frame, row(inner, y), name);
        }
        put(frame, row(inner, y), text);
        if index == palette.chosen {
            highlight(frame, inner, y.into(), CHOSEN);
        }
    }
}
