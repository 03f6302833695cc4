//! The list while it is empty: what to do next.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ringtail_model::LinkState;

use super::status::name_columns;
use crate::app::App;
use crate::text::{column, line, span, width, wrap};
use crate::theme::{DIM, NAME, PLAIN, STRONG};

/// Draws what to do next.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let lines = if !app.list.loaded {
        vec![line("  reading the history…", DIM)]
    } else if app.list.hidden_to.is_some() {
        let words = "  Cleared: new events appear here. c brings back the others.";
        vec![line(words, PLAIN)]
    } else if app.filter.is_empty() {
        steps(app)
    } else if app.list.at_start {
        vec![line("  No event matches the filter. / changes it.", PLAIN)]
    } else {
        vec![line("  searching the history…", PLAIN)]
    };
    let lines: Vec<Line> = lines
        .iter()
        .flat_map(|line| wrap(line, area.width.into()))
        .collect();
    super::lines(frame, super::below(area, 1), &lines, 0);
}

fn steps(app: &App) -> Vec<Line<'static>> {
    let plain = |text: &str| line(text, PLAIN);
    let waiting = match &app.status.link {
        LinkState::Connected => "Waiting for the first request.",
        LinkState::Full => "Waiting for the app to take pending events.",
        LinkState::DiskFull => "Waiting for room on this machine's disk.",
        LinkState::Connecting => "Connecting to the relay…",
        LinkState::Waiting { .. } => "Waiting for the relay, which keeps events meanwhile.",
        LinkState::Refused { .. } => "The relay refuses this client: see above.",
        LinkState::Stopped => "The link is stopped.",
    };
    let mut lines = vec![
        span("  Nothing has arrived yet. ", STRONG) + span(waiting, PLAIN),
        Line::default(),
    ];
    let several = app.engines.len() > 1;
    if several {
        lines.push(plain(
            "  1. Give RingCentral an address; a copies each in turn:",
        ));
        lines.extend(addresses(app));
    } else if let Some(endpoint) = &app.status.endpoint {
        lines.push(plain(
            "  1. Give RingCentral this address, in the subscription or the app:",
        ));
        lines.push(line(format!("  {}", endpoint.url), NAME));
    } else {
        lines.push(plain(
            "  The address of this endpoint appears here once the relay is reached.",
        ));
        return lines;
    }
    lines.push(plain(
        "  2. RingCentral validates it, and the relay answers.",
    ));
    let (words, url) = match &app.status.target {
        _ if several => (
            "  3. Notifications appear here and at their target, if any.",
            None,
        ),
        Some(target) if !target.forwards => (
            "  3. Notifications appear here and are not forwarded. Replays go to",
            Some(&target.url),
        ),
        Some(target) => (
            "  3. Notifications appear here and are forwarded to",
            Some(&target.url),
        ),
        None => (
            "  3. Notifications appear here only: no target was given.",
            None,
        ),
    };
    lines.push(plain(words));
    lines.extend(url.map(|url| line(format!("  {url}"), NAME)));
    if let Some(page) = &app.page {
        lines.push(plain("  The same in a browser:"));
        lines.push(line(format!("  {page}"), NAME));
    }
    lines
}

fn addresses(app: &App) -> impl Iterator<Item = Line<'static>> {
    let most = name_columns(app.size.0.into());
    let names = app.engines.iter().map(|engine| width(&engine.name));
    let widest = names.max().unwrap_or(0).min(most);
    app.engines.iter().map(move |engine| {
        let name = span(format!("  {}  ", column(&engine.name, widest)), STRONG);
        name + match &engine.endpoint {
            Some(endpoint) => span(&endpoint.url, NAME),
            None => span("not known yet", DIM),
        }
    })
}
