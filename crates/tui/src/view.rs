//! Draws the screen.
//!
//! ```text
//! https://relay.example/e/name-…                1,204 events   status, two or three lines
//! link    ● connected
//! target  ● up  http://localhost:3000/hook
//!   TIME      WHAT                   ANSWER   TOOK  VERDICT    list; beside it, or in its place,
//! › 14:03:22  SMS from +1650… : Hi   200     12 ms  ✓ ok       the detail of the chosen event
//! Enter open  r replay  ? help  q quit          ● following    footer, or a notice
//! ```
//!
//! Everything here reads the [`App`] and changes nothing.

mod body;
mod copy;
mod detail;
pub(crate) mod explain;
mod filter_line;
mod footer;
pub(crate) mod help;
pub(crate) mod language;
pub(crate) mod layout;
mod lines;
mod list;
mod pace;
mod row;
mod start;
mod status;
mod study;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::{App, Overlay, OverlayKind};
use crate::text::{TextLine, Tone, cut};
use crate::theme::Theme;

/// Fewest columns and lines that anything can be shown on.
pub(crate) const SMALLEST: (u16, u16) = (30, 7);

/// Draws the screen.
pub(crate) fn view(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buf = frame.buffer_mut();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let words = format!("ringtail needs {}x{}", SMALLEST.0, SMALLEST.1);
        put(buf, area, 0, 0, &words, Style::new());
        return;
    }
    let layout = layout::Layout::new((area.width, area.height), app.focus, app.engines.len());
    status::render(buf, layout.status, app);
    if let Some(study) = &app.study {
        study::render(buf, layout.body, study, app.theme);
    } else {
        panes(buf, &layout, app);
    }
    footer::render(buf, layout.footer, app);
    if let Some(line) = &app.filter_line {
        filter_line::render(buf, layout.footer, line, app.theme);
    }
    if let Some(input) = &app.jump {
        lines::line(buf, layout.footer, "path: ", input, app.theme);
    }
    if let Some((_, input)) = &app.comment {
        lines::line(buf, layout.footer, "comment: ", input, app.theme);
    }
    if let Some(input) = &app.noise_line {
        let hint = " names of headers and JSON fields; case is ignored  Enter compare";
        let hint = TextLine::new(Tone::Dim, hint);
        lines::hint(buf, layout.footer, &hint, app.theme);
        lines::line(buf, layout.footer, "not compared: ", input, app.theme);
    }
    if let Some(line) = &app.replay_line {
        lines::replay(buf, layout.footer, line, app);
    }
    if let Some(palette) = &app.palette {
        lines::palette(buf, area, palette, app);
    }
    match app.overlay {
        Some(Overlay {
            kind: OverlayKind::Help,
            scroll,
        }) => help::render(buf, area, scroll, app),
        Some(Overlay {
            kind: OverlayKind::Copy,
            ..
        }) => copy::render(buf, area, app),
        Some(Overlay {
            kind: OverlayKind::Language,
            scroll,
        }) => language::render(buf, area, scroll, app.theme),
        Some(Overlay {
            kind: OverlayKind::Explanation(entry),
            scroll,
        }) => explain::render(buf, area, app, entry, scroll),
        None => {}
    }
}

/// Draws list and detail.
fn panes(buf: &mut Buffer, layout: &layout::Layout, app: &App) {
    if let Some(area) = layout.list {
        list::render(buf, area, app);
    }
    if let Some(area) = layout.rule {
        for y in 0..area.height {
            put(buf, area, 0, y, "│", app.theme.style(Tone::Dim));
        }
    }
    if let Some(area) = layout.detail {
        detail::render(buf, area, app);
    }
}

/// Writes text into an area, cut at its right edge. Returns the column after it.
fn put(buf: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    if x >= area.width || y >= area.height {
        return area.width;
    }
    let room = area.width - x;
    let fits = cut(text, room.into());
    let at = (area.x + x, area.y + y);
    let (end, _) = buf.set_stringn(at.0, at.1, fits.as_ref(), room.into(), style);
    // Nothing stands behind what was cut, though a wide character may leave a column.
    if fits == text {
        end - area.x
    } else {
        area.width
    }
}

/// Writes a line into an area, cut at its right edge. Returns the column after it.
fn put_line(buf: &mut Buffer, area: Rect, x: u16, y: u16, line: &TextLine, theme: Theme) -> u16 {
    line.0.iter().fold(x, |x, run| {
        put(buf, area, x, y, &run.text, theme.style(run.tone))
    })
}

/// Writes a line at the right edge of an area. Returns the columns left of it.
fn put_right(buf: &mut Buffer, area: Rect, y: u16, line: &TextLine, theme: Theme) -> u16 {
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
    let x = area.width.saturating_sub(width);
    put_line(buf, area, x, y, line, theme);
    x
}

#[cfg(test)]
mod tests;
