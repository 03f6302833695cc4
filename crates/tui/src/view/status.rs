//! What must never be out of sight: address, link, target, counts.
//!
//! ```text
//! https://relay.example/e/dev-k3v9m2/             1,204 events · 3 failed
//! link    ● connected      14/min ·▂··█▃···▂  slowest 38 ms ·▁··█▂···▁
//! target  ✗ down, 12 held, next try in 1 s: connection refused
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtail_client::model::{LinkState, Status, TargetState};
use ringtail_protocol::event::Timestamp;

use super::{pace, put_line, put_right};
use crate::app::App;
use crate::format::count;
use crate::text::{TextLine, Tone, cut, width};

/// Draws the status lines.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App) {
    if app.engines.len() > 1 && area.height > 1 {
        several(buf, area, app);
        return;
    }
    let (link, target) = (link(&app.status, app), target(&app.status, app));
    if area.height == 1 {
        // One line has room for one thing: the one in trouble.
        let linked = matches!(app.status.link, LinkState::Connected);
        put_line(
            buf,
            area,
            0,
            0,
            if linked { &target } else { &link },
            app.theme,
        );
        return;
    }
    let (address, counts) = (address(app), counts(app));
    // The address must stay whole, to be copied; then the counts stand one line below.
    let crowded = address.width() + 2 + counts.width() > area.width.into();
    let counts_line = u16::from(crowded);
    let room = put_right(buf, area, counts_line, &counts, app.theme);
    let beside = Rect {
        width: room.saturating_sub(2),
        ..area
    };
    let (first, second) = if crowded {
        (area, beside)
    } else {
        (beside, area)
    };
    put_line(buf, first, 0, 0, &address, app.theme);
    let mut end = put_line(buf, second, 0, 1, &link, app.theme);
    if area.height == 2 {
        let x = (end + 3).max(area.width / 3);
        end = put_line(buf, second, x, 1, &target, app.theme);
    } else {
        put_line(buf, area, 0, 2, &target, app.theme);
    }
    pace::render(buf, area, (end + 2, second.width), 1, app);
}

fn address(app: &App) -> TextLine {
    match &app.status.endpoint {
        Some(endpoint) => TextLine::new(Tone::Strong, &endpoint.url),
        None => TextLine::new(Tone::Dim, "the relay has not told the address yet"),
    }
}

fn counts(app: &App) -> TextLine {
    let total = app.engines.iter().map(|engine| engine.cursor).sum();
    let word = if total == 1 { "event" } else { "events" };
    let mut line = TextLine::new(Tone::Plain, format!("{} {word}", count(total)));
    let failed = app.list.events().filter(|event| {
        let attempt = event.last_attempt.as_ref();
        attempt.is_some_and(|attempt| !attempt.verdict.is_accepted())
    });
    let failed = failed.count();
    if failed > 0 {
        line.push(Tone::Dim, " · ");
        // The list may hold a part of the history, and nothing is known of the rest.
        let among = if app.list.at_start && app.list.at_end {
            String::new()
        } else {
            format!(" of {} listed", count(app.list.entries().len() as u64))
        };
        let words = format!("{}{among} failed", count(failed as u64));
        line.push(Tone::Bad, &words);
    }
    line
}

/// Draws a line for each of several endpoints, those in trouble first if not all have room.
///
/// ```text
/// https://relay.example/shop-k3v9m2               1,204 events
/// shop  link ● connected  target ● up  http://localhost:3000
/// bot   link ○ waiting, next try in 4 s (2 failed): RT-302 …
/// ```
fn several(buf: &mut Buffer, area: Rect, app: &App) {
    let (address, counts) = (address(app), counts(app));
    // As for one: the address stays whole.
    let counts_line = u16::from(address.width() + 2 + counts.width() > area.width.into());
    let room = put_right(buf, area, counts_line, &counts, app.theme);
    put_line(buf, area, 0, 0, &address, app.theme);
    let rows = usize::from(area.height - 1);
    let mut engines: Vec<&Status> = app.engines.iter().collect();
    let all = engines.len();
    if all > rows {
        engines.sort_by_key(|engine| !troubled(engine));
        engines.truncate(rows);
    }
    let widest = engines.iter().map(|engine| width(&engine.name)).max();
    let widest = widest.unwrap_or(0).min(16);
    for (y, engine) in (1..).zip(engines) {
        let name = cut(&engine.name, 16);
        let pad = " ".repeat(widest.saturating_sub(width(&name)));
        let chosen = match engine.name == app.status.name {
            true => Tone::Strong,
            false => Tone::Plain,
        };
        let mut line = TextLine::new(chosen, format!("{name}{pad}  "));
        let connected = engine.link == LinkState::Connected;
        // Without its first word, which has no room here.
        for run in link(engine, app).0.into_iter().skip(1) {
            line.push(run.tone, &run.text);
        }
        if connected {
            line.push(Tone::Dim, "  target ");
            for run in target(engine, app).0.into_iter().skip(1) {
                line.push(run.tone, &run.text);
            }
        }
        let width = match y == counts_line {
            true => room.saturating_sub(2),
            false => area.width,
        };
        put_line(buf, Rect { width, ..area }, 0, y, &line, app.theme);
    }
    if all > rows {
        let more = TextLine::new(Tone::Dim, format!("  … {} more", all - rows));
        put_right(buf, area, area.height - 1, &more, app.theme);
    }
}

/// Says whether something is to be looked after.
fn troubled(status: &Status) -> bool {
    let target = status.target.as_ref().map(|target| &target.state);
    status.link != LinkState::Connected || matches!(target, Some(TargetState::Down { .. }))
}

fn link(status: &Status, app: &App) -> TextLine {
    let line = TextLine::new(Tone::Dim, "link    ");
    match &status.link {
        LinkState::Connecting => line.with(Tone::Warn, "◌ connecting"),
        LinkState::Connected => {
            let line = line.with(Tone::Good, "● connected");
            match status.relay_head.saturating_sub(status.cursor) {
                0 => line,
                behind => line.with(Tone::Plain, format!(", {} to come", count(behind))),
            }
        }
        LinkState::Waiting {
            code,
            reason,
            retry_at,
            failures,
        } => {
            let when = countdown(app.now, *retry_at);
            line.with(Tone::Warn, format!("○ waiting, next try {when}"))
                .with(
                    Tone::Plain,
                    format!(" ({failures} failed): {code} {reason}"),
                )
        }
        LinkState::Refused { code, reason } => line
            .with(Tone::Bad, "✗ refused: ")
            .with(Tone::Plain, format!("{code} {reason}")),
        LinkState::Stopped => line.with(Tone::Warn, "■ stopped"),
    }
}

fn target(status: &Status, app: &App) -> TextLine {
    let mut line = TextLine::new(Tone::Dim, "target  ");
    let Some(target) = &status.target else {
        return line.with(Tone::Dim, "– none: events are kept and not forwarded");
    };
    let held = status.held;
    let url = cut(&target.url, 200);
    let failing = status.failing.as_ref().map(|failing| {
        let outlook = failing.outlook(app.now.0 / 1000);
        format!("! in production: {outlook}")
    });
    let down = matches!(target.state, TargetState::Down { .. }) && !status.paused;
    if let Some(failing) = failing.as_ref().filter(|_| !down) {
        line.push(Tone::Bad, &format!("{failing}  "));
    }
    if status.paused {
        let words = format!("‖ held back, {} waiting, H lets them go  ", count(held));
        return line.with(Tone::Warn, words).with(Tone::Plain, url);
    }
    match &target.state {
        TargetState::Untried => line
            .with(Tone::Plain, "◌ not tried yet  ")
            .with(Tone::Plain, url),
        TargetState::Up if held == 0 => line.with(Tone::Good, "● up  ").with(Tone::Plain, url),
        TargetState::Up => line
            .with(Tone::Good, "● up")
            .with(Tone::Plain, format!(", {} to go  {url}", count(held))),
        TargetState::Down {
            reason, retry_at, ..
        } => {
            let when = countdown(app.now, *retry_at);
            // A narrow screen has room for what is held alone.
            let mut line = line
                .with(Tone::Bad, "✗ down")
                .with(Tone::Warn, format!(", {} held", count(held)));
            if let Some(failing) = failing {
                line.push(Tone::Bad, &format!("  {failing}"));
            }
            line.with(Tone::Plain, format!(", next try {when}: {reason}  {url}"))
        }
    }
}

/// Returns how long it is until then, in words that never run backwards past now.
fn countdown(now: Timestamp, then: Timestamp) -> String {
    let micros = u64::try_from(then.0.saturating_sub(now.0)).unwrap_or(0);
    match micros.div_ceil(1_000_000) {
        0 => "now".to_owned(),
        seconds @ 1..120 => format!("in {seconds} s"),
        seconds => format!("in {} min", seconds / 60),
    }
}
