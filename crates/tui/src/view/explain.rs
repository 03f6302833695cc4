//! What the verdict of an event, or the trouble with the relay, means; over everything else.
//!
//! ```text
//! ┌ RT-502 ──────────────────────────────────────────────┐
//! │Webhook responses with code: […], reason: […]         │
//! │                                                      │
//! │The app answered with another status than 200. …      │
//! │                                                      │
//! │Likely causes, likeliest first                        │
//! │ 1. 404 or 405: the target's path is not the one …    │
//! └ ↑↓ 1-20 of 31 ───────────────────────────────────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget};
use ringtail_ringcentral::errors::Entry;
use ringtail_ringcentral::verdict::AFTERWARDS;

use super::body;
use crate::app::App;
use crate::text::{TextLine, Tone, wrap};

/// Columns of the pane with its frame, where the screen has them.
const WIDTH: u16 = 96;

/// Draws the explanation.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App, entry: &Entry, scroll: usize) {
    let size = (area.width, area.height);
    let lines = lines(app, entry, size);
    let frame = frame(size, lines.len());
    Clear.render(frame, buf);
    let height = usize::from(frame.height.saturating_sub(2));
    let mut block = Block::bordered().title(format!(" {} ", entry.code));
    if let Some(place) = body::place(lines.len(), scroll, height) {
        block = block.title_bottom(format!(" ↑↓ {place} "));
    }
    let inner = block.inner(frame);
    block.render(frame, buf);
    body::render(buf, inner, &lines, scroll, app.theme);
}

/// Returns how far the explanation can be scrolled.
pub(crate) fn longest_scroll(app: &App, entry: &Entry) -> usize {
    let lines = lines(app, entry, app.size).len();
    let height = frame(app.size, lines).height.saturating_sub(2);
    lines.saturating_sub(height.into())
}

fn frame((columns, lines): (u16, u16), needed: usize) -> Rect {
    let width = WIDTH.min(columns);
    let height = u16::try_from(needed + 2).unwrap_or(u16::MAX).min(lines);
    Rect::new((columns - width) / 2, (lines - height) / 2, width, height)
}

/// Returns the lines, broken to the pane's width.
fn lines(app: &App, entry: &Entry, (columns, _): (u16, u16)) -> Vec<TextLine> {
    let plain = |text: &str| TextLine::new(Tone::Plain, text);
    let title = |text: &str| TextLine::new(Tone::Strong, text);
    let mut lines = vec![
        TextLine::new(Tone::Warn, entry.message),
        TextLine::default(),
        plain(entry.meaning),
    ];
    if entry.word.is_some() {
        lines.extend(clock(app));
    }
    lines.push(TextLine::default());
    lines.push(title("Likely causes, likeliest first"));
    for (number, cause) in (1..).zip(entry.causes) {
        lines.push(plain(&format!(" {number}. {cause}")));
    }
    lines.push(TextLine::default());
    lines.push(title("Next"));
    lines.extend(entry.next.iter().map(|next| plain(&format!(" * {next}"))));
    let inner = WIDTH.min(columns).saturating_sub(2);
    wrap(&lines, inner.into())
}

/// Returns how the app's answers wear RingCentral's patience now, and what comes after that by both sources.
fn clock(app: &App) -> Vec<TextLine> {
    let Some(failing) = &app.status.failing else {
        return Vec::new();
    };
    let outlook = failing.outlook(app.now.0 / 1000);
    let now = format!("In production this subscription would be {outlook}.");
    vec![
        TextLine::default(),
        TextLine::new(Tone::Strong, "The failure clock"),
        TextLine::new(Tone::Bad, now),
        TextLine::new(
            Tone::Plain,
            format!("RingCentral says two things of a blacklisted one: {AFTERWARDS}."),
        ),
    ]
}
