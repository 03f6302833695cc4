//! The filter while it is written, in place of the footer; what is wrong or what is offered is on the line above.
//!
//! ```text
//!       ▼ there is no kind "smss"; is sms meant?
//! /kind:smss
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{put, put_line};
use crate::app::FilterLine;
use crate::text::{TextLine, Tone, escape, width};
use crate::theme::Theme;

/// Offers that are shown at once.
const OFFERS: usize = 8;

/// Draws the line over the footer and the one above it.
pub(super) fn render(buf: &mut Buffer, footer: Rect, line: &FilterLine, theme: Theme) {
    let columns = usize::from(footer.width);
    let value = line.input.value();
    let cursor = line.input.visual_cursor();
    // The cursor stays in sight, with the sign before it.
    let hidden = line.input.visual_scroll(columns.saturating_sub(2));
    let shown: String = escape(value).chars().skip(hidden).collect();
    put(buf, footer, 0, 0, &" ".repeat(columns), Style::new());
    put(buf, footer, 0, 0, "/", theme.style(Tone::Strong));
    put(buf, footer, 1, 0, &shown, Style::new());
    let at = u16::try_from(cursor.saturating_sub(hidden) + 1).unwrap_or(u16::MAX);
    if at < footer.width {
        let cell = Rect::new(footer.x + at, footer.y, 1, 1);
        buf.set_style(cell, Style::new().add_modifier(Modifier::REVERSED));
    }
    let above = Rect {
        y: footer.y.saturating_sub(1),
        ..footer
    };
    let said = match &line.error {
        // What is not complete is no mistake yet.
        _ if !line.offers.is_empty() => {
            let offers = line.offers.iter().take(OFFERS);
            let offers: Vec<&str> = offers.map(String::as_str).collect();
            TextLine::new(Tone::Dim, format!(" Tab: {}", offers.join("  ")))
        }
        Some(error) => {
            let before: String = value.chars().take(error.at).collect();
            let column = (width(&before) + 1).saturating_sub(hidden);
            let message = escape(&error.message);
            let room = columns.saturating_sub(column);
            let text = if width(&message) + 2 <= room || column < width(&message) + 2 {
                format!("{}▼ {message}", " ".repeat(column))
            } else {
                let pad = column - width(&message) - 1;
                format!("{}{message} ▼", " ".repeat(pad))
            };
            TextLine::new(Tone::Bad, text)
        }
        None => TextLine::new(
            Tone::Dim,
            " Enter show  Tab complete  F1 language  Esc back",
        ),
    };
    put(buf, above, 0, 0, &" ".repeat(columns), Style::new());
    put_line(buf, above, 0, 0, &said, theme);
}
