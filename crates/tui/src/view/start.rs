//! The list while there is nothing to list: what to do next and what is waited for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtail_client::model::LinkState;

use super::put_line;
use crate::app::App;
use crate::text::{TextLine, Tone, wrap};

/// Draws what to do next.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App) {
    if !app.list.loaded {
        let line = TextLine::new(Tone::Dim, "  reading the history…");
        put_line(buf, area, 0, 1, &line, app.theme);
        return;
    }
    if app.list.cleared {
        let words = "  Cleared: what comes in appears here. c brings back what was.";
        let line = TextLine::new(Tone::Plain, words);
        put_line(buf, area, 0, 1, &line, app.theme);
        return;
    }
    if !app.filter.is_empty() {
        let words = if app.list.at_start {
            "  No event is one that the filter is for. / changes it."
        } else {
            "  searching the history…"
        };
        let line = TextLine::new(Tone::Plain, words);
        put_line(buf, area, 0, 1, &line, app.theme);
        return;
    }
    let lines = wrap(&lines(app), area.width.into());
    for (y, line) in (1..area.height).zip(&lines) {
        put_line(buf, area, 0, y, line, app.theme);
    }
}

fn lines(app: &App) -> Vec<TextLine> {
    let plain = |text: &str| TextLine::new(Tone::Plain, text);
    let mut lines = vec![
        TextLine::new(Tone::Strong, "  Nothing has arrived yet. ")
            .with(Tone::Plain, waiting_for(&app.status.link)),
        TextLine::default(),
    ];
    let Some(endpoint) = &app.status.endpoint else {
        lines.push(plain(
            "  The relay tells the address of this endpoint when it is reached.",
        ));
        return lines;
    };
    lines.push(plain(
        "  1. Give RingCentral this address, in the subscription or the app:",
    ));
    lines.push(TextLine::new(Tone::Name, format!("  {}", endpoint.url)));
    lines.push(plain(
        "  2. It sends its handshake, and the relay answers it.",
    ));
    match &app.status.target {
        Some(target) if !target.forwards => {
            lines.push(plain(
                "  3. Notifications appear here and are not forwarded. What you replay goes to",
            ));
            lines.push(TextLine::new(Tone::Name, format!("  {}", target.url)));
        }
        Some(target) => {
            lines.push(plain("  3. Notifications appear here and are forwarded to"));
            lines.push(TextLine::new(Tone::Name, format!("  {}", target.url)));
        }
        None => lines.push(plain(
            "  3. Notifications appear here, and go nowhere else: no target was given.",
        )),
    }
    lines
}

fn waiting_for(link: &LinkState) -> &'static str {
    match link {
        LinkState::Connected => "Waiting for the first request.",
        LinkState::Connecting => "Connecting to the relay…",
        LinkState::Waiting { .. } => "Waiting for the relay, which keeps what comes in.",
        LinkState::Refused { .. } => "The relay refuses this client: see above.",
        LinkState::Stopped => "The link is stopped.",
    }
}
