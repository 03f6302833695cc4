//! The list while there is nothing to list: what to do next and what is waited for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtail_model::LinkState;

use super::put_line;
use crate::app::App;
use crate::text::{TextLine, Tone, cut, width, wrap};

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
    if app.engines.len() > 1 {
        several(app, &mut lines);
        return lines;
    }
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
        "  2. It sends a validation request, and the relay answers it.",
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

/// Tells the address of each of several endpoints.
fn several(app: &App, lines: &mut Vec<TextLine>) {
    let plain = |text: &str| TextLine::new(Tone::Plain, text);
    lines.push(plain(
        "  1. Give RingCentral an address; a copies each in turn:",
    ));
    let names = app.engines.iter().map(|engine| width(&engine.name));
    let widest = names.max().unwrap_or(0).min(16);
    for engine in &app.engines {
        let name = cut(&engine.name, 16);
        let pad = " ".repeat(widest.saturating_sub(width(&name)));
        let line = TextLine::new(Tone::Strong, format!("  {name}{pad}  "));
        lines.push(match &engine.endpoint {
            Some(endpoint) => line.with(Tone::Name, &endpoint.url),
            None => line.with(Tone::Dim, "the relay has not told it yet"),
        });
    }
    lines.push(plain(
        "  2. It sends a validation request, and the relay answers it.",
    ));
    lines.push(plain(
        "  3. Notifications appear here and at its target, if any.",
    ));
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
