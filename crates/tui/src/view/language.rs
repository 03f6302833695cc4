//! The filter language, over everything else: the same table as docs/FILTER.md.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget};
use ringtail_filter::words::WORDS;

use super::body;
use crate::text::{TextLine, Tone, wrap};
use crate::theme::Theme;

/// Columns of the page with its frame, where the screen has them.
const WIDTH: u16 = 80;

/// What joins and compares.
const SIGNS: &[(&str, &str)] = &[
    (
        "a b   a or b   not a   (a or b) c",
        "both, one, the opposite",
    ),
    (
        "hello   \"going away\"   ~colou?r",
        "in summary, path or body; ~ is a regular expression",
    ),
    (
        "body.parties[*].status.code = Answered",
        "a JSON value; also != < > <= >= and ~",
    ),
];

/// Draws the page.
pub(super) fn render(buf: &mut Buffer, area: Rect, scroll: usize, theme: Theme) {
    let size = (area.width, area.height);
    let lines = lines(size);
    let frame = frame(size, lines.len());
    Clear.render(frame, buf);
    let height = usize::from(frame.height.saturating_sub(2));
    let mut block = Block::bordered().title(" Filter language ");
    if let Some(place) = body::place(lines.len(), scroll, height) {
        block = block.title_bottom(format!(" ↑↓ {place} "));
    }
    let inner = block.inner(frame);
    block.render(frame, buf);
    body::render(buf, inner, &lines, scroll, theme);
}

/// Returns how far the page can be scrolled.
pub(crate) fn longest_scroll(size: (u16, u16)) -> usize {
    let lines = lines(size).len();
    lines.saturating_sub(frame(size, lines).height.saturating_sub(2).into())
}

fn frame((columns, lines): (u16, u16), needed: usize) -> Rect {
    let width = WIDTH.min(columns);
    let height = u16::try_from(needed + 2).unwrap_or(u16::MAX).min(lines);
    Rect::new((columns - width) / 2, (lines - height) / 2, width, height)
}

fn lines(size: (u16, u16)) -> Vec<TextLine> {
    let mut lines = Vec::new();
    for (example, help) in SIGNS {
        lines.push(TextLine::new(Tone::Name, *example));
        lines.push(TextLine::new(Tone::Plain, format!("  {help}")));
    }
    for word in WORDS {
        lines.push(TextLine::new(Tone::Name, word.example));
        lines.push(TextLine::new(Tone::Plain, format!("  {}", word.help)));
    }
    wrap(&lines, frame(size, 0).width.saturating_sub(2).into())
}
