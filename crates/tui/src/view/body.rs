//! Lines that scroll.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put_line;
use crate::format::count;
use crate::text::TextLine;
use crate::theme::Theme;

/// Draws lines from `scroll` on.
pub(super) fn render(
    buf: &mut Buffer,
    area: Rect,
    lines: &[TextLine],
    scroll: usize,
    theme: Theme,
) {
    for (y, line) in (0..area.height).zip(lines.iter().skip(scroll)) {
        put_line(buf, area, 0, y, line, theme);
    }
}

/// Returns which lines are on screen, if not all are.
pub(super) fn place(lines: usize, scroll: usize, height: usize) -> Option<String> {
    let last = scroll.saturating_add(height).min(lines);
    (lines > height).then(|| format!("{}-{} of {}", scroll + 1, last, count(lines as u64)))
}
