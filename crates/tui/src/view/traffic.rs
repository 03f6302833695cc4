//! Sparklines of the event rate and of the slowest answers.
//!
//! ```text
//! 14/min ·▂··█▃···▂  slowest 38 ms ·▁··█▂···▁
//! ```

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Sparkline;

use super::put;
use crate::app::{BUCKETS, Traffic};
use crate::format::{count, took};
use crate::text::{line, line_width, span};
use crate::theme::{DIM, NAME, PLAIN};

/// Fewest columns of a readable sparkline.
const FEWEST: usize = 6;

/// Draws as much as fits, at the right edge.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, traffic: &Traffic) {
    if traffic.is_empty() {
        return;
    }
    let room = usize::from(area.width);
    let rate = line(format!("{}/min ", count(traffic.per_minute())), PLAIN);
    let slowest = traffic.slowest().map_or_else(Default::default, |time| {
        span("  slowest ", DIM) + span(format!("{} ", took(time)), PLAIN)
    });
    let (rate_width, slowest_width) = (line_width(&rate), line_width(&slowest));
    let each = room.saturating_sub(rate_width + slowest_width) / 2;
    // Without room for both, the rate stays.
    let both = slowest_width > 0 && each >= FEWEST;
    let each = if both {
        each
    } else {
        room.saturating_sub(rate_width)
    };
    if each < FEWEST {
        return;
    }
    let each = each.min(BUCKETS);
    let length = |columns: usize| Constraint::Length(u16::try_from(columns).unwrap_or(u16::MAX));
    let (slowest_width, times) = if both { (slowest_width, each) } else { (0, 0) };
    let [_, rate_area, rates_area, slowest_area, times_area] = Layout::horizontal([
        Constraint::Fill(1),
        length(rate_width),
        length(each),
        length(slowest_width),
        length(times),
    ])
    .areas(area);
    put(frame, rate_area, rate);
    frame.render_widget(spark(traffic.rate(each)), rates_area);
    put(frame, slowest_area, slowest);
    frame.render_widget(spark(traffic.times(times)), times_area);
}

fn spark(values: impl Iterator<Item = Option<u64>>) -> Sparkline<'static> {
    let values: Vec<Option<u64>> = values.collect();
    let most = values.iter().flatten().copied().max().unwrap_or(1);
    // The smallest value still has a bar.
    let least = most.div_ceil(8);
    let bars = values
        .into_iter()
        .map(|value| value.map(|value| value.max(least)));
    Sparkline::default()
        .data(bars.collect::<Vec<_>>())
        .max(most)
        .style(NAME)
        .absent_value_symbol("·")
        .absent_value_style(DIM)
}
