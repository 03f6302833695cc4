//! Sparklines of how many events come and how long the app takes.
//!
//! ```text
//! 14/min ·▂··█▃···▂  slowest 38 ms ·▁··█▂···▁
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Sparkline, Widget};

use super::put_line;
use crate::app::{App, BUCKETS};
use crate::format::{count, took};
use crate::text::{TextLine, Tone};

/// Fewest columns of a sparkline that says anything.
const LEAST: usize = 6;

/// Stands where nothing happened.
const NOTHING: &str = "·";

/// Draws as much of it as fits between two columns, at the right one.
pub(super) fn render(buf: &mut Buffer, area: Rect, (left, right): (u16, u16), y: u16, app: &App) {
    let pace = &app.pace;
    if pace.is_empty() {
        return;
    }
    let room = usize::from(right.saturating_sub(left));
    let rate = TextLine::new(Tone::Plain, format!("{}/min ", count(pace.per_minute())));
    let slowest = pace.slowest().map(|time| {
        TextLine::new(Tone::Dim, "  slowest ").with(Tone::Plain, format!("{} ", took(time)))
    });
    let words = rate.width() + slowest.as_ref().map_or(0, TextLine::width);
    let each = room.saturating_sub(words) / (1 + usize::from(slowest.is_some()));
    // Where there is no room for both, the rate stays.
    let (slowest, columns) = match slowest {
        Some(slowest) if each >= LEAST => (Some(slowest), each),
        _ => (None, room.saturating_sub(rate.width())),
    };
    if columns < LEAST {
        return;
    }
    let columns = columns.min(BUCKETS);
    let width = rate.width() + columns + slowest.as_ref().map_or(0, |line| line.width() + columns);
    let x = right.saturating_sub(u16::try_from(width).unwrap_or(u16::MAX));
    let x = put_line(buf, area, x, y, &rate, app.theme);
    let x = spark(buf, area, (x, y), pace.rate(columns).collect(), app);
    if let Some(slowest) = slowest {
        let x = put_line(buf, area, x, y, &slowest, app.theme);
        spark(buf, area, (x, y), pace.times(columns).collect(), app);
    }
}

/// Draws a bar for each value; returns the column after them.
fn spark(
    buf: &mut Buffer,
    area: Rect,
    (x, y): (u16, u16),
    values: Vec<Option<u64>>,
    app: &App,
) -> u16 {
    let width = u16::try_from(values.len()).unwrap_or(u16::MAX);
    let most = values.iter().flatten().copied().max().unwrap_or(1);
    // The least of what happened is still a bar.
    let least = most.div_ceil(8);
    let values = values.into_iter();
    let bars = values.map(|value| value.map(|value| value.max(least)));
    let place = Rect::new(area.x + x, area.y + y, width, 1).intersection(area);
    Sparkline::default()
        .data(bars.collect::<Vec<_>>())
        .max(most)
        .style(app.theme.style(Tone::Name))
        .absent_value_symbol(NOTHING)
        .absent_value_style(app.theme.style(Tone::Dim))
        .render(place, buf);
    x + width
}
