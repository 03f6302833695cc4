//! The keys and the signs, over everything else. Scrolls where it does not fit.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget};

use super::body;
use crate::keymap::{self, BINDINGS, Scope};
use crate::text::{TextLine, Tone, width};
use crate::theme::Theme;

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
    ("≡ ↻", "duplicate; replayed"),
    ("⋯", "gap: the relay had lost events"),
];

/// Draws the help.
pub(super) fn render(buf: &mut Buffer, area: Rect, scroll: usize, theme: Theme) {
    let lines = lines();
    let frame = frame((area.width, area.height), lines.len());
    Clear.render(frame, buf);
    let height = usize::from(frame.height.saturating_sub(2));
    let mut block = Block::bordered().title(" Keys and signs ");
    if let Some(place) = body::place(lines.len(), scroll, height) {
        block = block.title_bottom(format!(" ↑↓ {place} "));
    }
    let inner = block.inner(frame);
    block.render(frame, buf);
    body::render(buf, inner, &lines, scroll, theme);
}

/// Returns how far the help can be scrolled.
pub(crate) fn longest_scroll(size: (u16, u16)) -> usize {
    let lines = lines().len();
    lines.saturating_sub(frame(size, lines).height.saturating_sub(2).into())
}

fn frame((columns, lines): (u16, u16), needed: usize) -> Rect {
    let width = WIDTH.min(columns);
    let height = u16::try_from(needed + 2).unwrap_or(u16::MAX).min(lines);
    Rect::new((columns - width) / 2, (lines - height) / 2, width, height)
}

fn lines() -> Vec<TextLine> {
    let mut lines = Vec::new();
    for (scope, title) in [
        (Some(Scope::List), "List"),
        (Some(Scope::Detail), "Event"),
        (Some(Scope::Filter), "Filter"),
        (None, "Everywhere"),
    ] {
        lines.push(TextLine::new(Tone::Strong, title));
        lines.extend(
            BINDINGS
                .iter()
                .filter(|binding| home(binding) == scope)
                .map(binding),
        );
    }
    lines.push(TextLine::new(Tone::Strong, "Signs"));
    for (sign, meaning) in SIGNS {
        lines.push(row(sign, meaning));
    }
    lines
}

/// Returns the one place where a key acts, or nothing if it acts in several.
fn home(binding: &keymap::Binding) -> Option<Scope> {
    match binding.scopes {
        [Scope::Overlay] | [] => Some(Scope::Overlay),
        [scope] => Some(*scope),
        _ => None,
    }
}

fn binding(binding: &keymap::Binding) -> TextLine {
    let keys: Vec<String> = binding.keys.iter().map(|key| key.name()).collect();
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
        for line in lines() {
            assert!(line.width() <= usize::from(WIDTH) - 2, "{line:?}");
        }
    }
}
