//! The keys and the signs, over everything else. Scrolls where it does not fit.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget};

use super::body;
use crate::app::App;
use crate::keymap::{Binding, Key, Keys, Scope};
use crate::text::{TextLine, Tone, width};

/// Columns of the help with its frame.
const WIDTH: u16 = 60;

/// Columns of the keys.
const KEYS: usize = 17;

/// What the signs of the list mean.
const SIGNS: &[(&str, &str)] = &[
    ("✓ ✗", "RingCentral accepts the answer, or not"),
    ("late", "took longer than RingCentral waits"),
    ("status size", "wrong status, answer too large"),
    ("none", "no answer at all"),
    ("by relay", "answered at the edge"),
    ("rejected", "forged: kept from the app"),
    ("queued held", "on its way; waits for the app"),
    ("≡ ↻ * +", "duplicate; replayed; marked; selected"),
    ("◆", "has a field or type new to its kind"),
    ("·▂█", "events and slowest answers, 2 minutes"),
    ("⋯", "gap: the relay had lost events"),
];

/// Draws the help.
pub(super) fn render(buf: &mut Buffer, area: Rect, scroll: usize, app: &App) {
    let lines = lines(&app.keys);
    let frame = frame((area.width, area.height), lines.len());
    Clear.render(frame, buf);
    let height = usize::from(frame.height.saturating_sub(2));
    let mut block = Block::bordered().title(" Keys and signs ");
    if let Some(place) = body::place(lines.len(), scroll, height) {
        block = block.title_bottom(format!(" ↑↓ {place} "));
    }
    let inner = block.inner(frame);
    block.render(frame, buf);
    body::render(buf, inner, &lines, scroll, app.theme);
}

/// Returns how far the help can be scrolled.
pub(crate) fn longest_scroll(app: &App) -> usize {
    let lines = lines(&app.keys).len();
    lines.saturating_sub(frame(app.size, lines).height.saturating_sub(2).into())
}

fn frame((columns, lines): (u16, u16), needed: usize) -> Rect {
    let width = WIDTH.min(columns);
    let height = u16::try_from(needed + 2).unwrap_or(u16::MAX).min(lines);
    Rect::new((columns - width) / 2, (lines - height) / 2, width, height)
}

fn lines(keys: &Keys) -> Vec<TextLine> {
    let mut lines = Vec::new();
    for (scope, title) in [
        (None, "Everywhere"),
        (Some(Scope::List), "List"),
        (Some(Scope::Detail), "Event"),
        (Some(Scope::Study), "Timeline and diff"),
        (Some(Scope::Filter), "Filter"),
    ] {
        lines.push(TextLine::new(Tone::Strong, title));
        let here = |(row, keys): &(&Binding, &[Key])| home(row) == scope && !keys.is_empty();
        let mut rows: Vec<_> = keys.rows().filter(here).collect();
        // Who opens the help knows how to move, or finds it by trying.
        rows.sort_by_key(|(row, _)| row.action.moves());
        lines.extend(rows.into_iter().map(|(row, keys)| binding(row, keys)));
    }
    lines.push(TextLine::new(Tone::Strong, "Signs"));
    for (sign, meaning) in SIGNS {
        lines.push(row(sign, meaning));
    }
    lines
}

/// Returns the one place where a key acts, or nothing if it acts in several. What says itself what it does has none.
fn home(binding: &Binding) -> Option<Scope> {
    match binding.scopes {
        [] => Some(Scope::Overlay),
        [scope] => Some(*scope),
        _ => None,
    }
}

fn binding(binding: &Binding, keys: &[Key]) -> TextLine {
    let keys: Vec<String> = keys.iter().map(|key| key.name()).collect();
    row(&keys.join(" "), binding.help)
}

fn row(left: &str, right: &str) -> TextLine {
    let pad = " ".repeat(KEYS.saturating_sub(width(left)));
    TextLine::new(Tone::Name, format!(" {left}{pad} ")).with(Tone::Plain, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_fits() {
        for line in lines(&Keys::default()) {
            assert!(line.width() <= usize::from(WIDTH) - 2, "{line:?}");
        }
    }
}
