//! Draws the screen.
//!
//! ```text
//! https://relay.example/e/name-…                1,204 events   status, two or three lines
//! link    ● connected
//! target  ● up  http://localhost:3000/hook
//!   TIME      WHAT                   ANSWER   TOOK  VERDICT    list; beside or instead of it,
//! › 14:03:22  SMS from +1650… : Hi   200     12 ms  ✓ ok       the detail of the chosen event
//! Enter open  r replay  ? help  q quit          ● following    footer, or a notice
//! ```
//!
//! Reads the [`App`] and changes nothing.

mod detail;
mod footer;
mod list;
mod panel;
pub(crate) mod popup;
mod prompt;
mod start;
mod status;
mod traffic;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph};

use crate::app::{App, Prompt};
use crate::layout::SMALLEST;
use crate::text::{fit, line_width};
use crate::theme::DIM;

/// Draws the screen.
pub(crate) fn view(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    if (area.width, area.height) != app.size {
        // Some widgets panic when they are drawn outside of the frame. The next frame has the size of the layout.
        return;
    }
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let words = format!("ringtail needs {}x{}", SMALLEST.0, SMALLEST.1);
        frame.render_widget(words, area);
        return;
    }
    let layout = app.layout();
    status::render(frame, layout.status, app);
    if let Some(panel) = &app.panel {
        panel::render(frame, layout.body, panel);
    } else {
        if let Some(area) = layout.list {
            list::render(frame, area, app);
        }
        if let Some(area) = layout.rule {
            frame.render_widget(Block::new().borders(Borders::LEFT).border_style(DIM), area);
        }
        if let Some(area) = layout.detail {
            detail::render(frame, area, app);
        }
    }
    footer::render(frame, layout.footer, app);
    match &app.prompt {
        Some(Prompt::Palette(palette)) => prompt::palette(frame, area, palette, app),
        Some(prompt) => prompt::render(frame, layout.footer, prompt, app),
        None => {}
    }
    if let Some(overlay) = app.overlay {
        popup::render(frame, area, app, overlay);
    }
    app.theme.apply(frame.buffer_mut());
}

/// Draws a line, cut at the right edge.
fn put(frame: &mut Frame<'_>, area: Rect, line: Line<'static>) {
    frame.render_widget(fit(line, area.width.into()), area);
}

/// Draws a line at the right edge. Returns the area left of it.
fn put_right(frame: &mut Frame<'_>, area: Rect, line: Line<'static>) -> Rect {
    let width = u16::try_from(line_width(&line)).unwrap_or(u16::MAX);
    let left = area.width.saturating_sub(width);
    put(frame, area, line.right_aligned());
    Rect {
        width: left,
        ..area
    }
}

/// Returns one line of an area.
fn row(area: Rect, y: u16) -> Rect {
    Rect::new(area.x, area.y.saturating_add(y), area.width, 1).intersection(area)
}

/// Returns an area without its first lines.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect {
        y: area.y + lines,
        height: area.height - lines,
        ..area
    }
}

/// Draws lines from `scroll` on.
fn lines(frame: &mut Frame<'_>, area: Rect, lines: &[Line<'static>], scroll: usize) {
    let shown = lines.iter().skip(scroll).take(area.height.into());
    frame.render_widget(Paragraph::new(shown.cloned().collect::<Vec<_>>()), area);
}

/// Lays a style over one line of an area.
fn highlight(frame: &mut Frame<'_>, area: Rect, y: usize, style: Style) {
    if let Ok(y) = u16::try_from(y) {
        frame.buffer_mut().set_style(row(area, y), style);
    }
}

/// Returns which lines are on screen, if not all are.
fn scroll_position(lines: usize, scroll: usize, height: usize) -> Option<String> {
    let last = scroll.saturating_add(height).min(lines);
    let all = crate::format::count(lines as u64);
    (lines > height).then(|| format!("{}-{} of {all}", scroll + 1, last))
}

#[cfg(test)]
mod tests;
