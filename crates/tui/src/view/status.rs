//! What must never be out of sight: address, link, target, counts.
//!
//! ```text
//! https://relay.example/e/dev-k3v9m2/             1,204 events · 3 failed
//! link    ● connected      14/min ·▂··█▃···▂  slowest 38 ms ·▁··█▂···▁
//! target  ✗ down, 12 held  http://localhost:3000  next try in 1 s: connection refused
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtail_model::{LinkState, Status, TargetState};
use ringtail_protocol::event::Timestamp;

use super::{pace, put_line, put_right};
use crate::app::App;
use crate::format::count;
use crate::text::{TextLine, Tone, cut, width};

/// Fewest columns between link and target on one line.
const BETWEEN: u16 = 3;

/// Draws the status lines.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App) {
    if app.engines.len() > 1 && area.height > 1 {
        several(buf, area, app);
        return;
    }
    let link = TextLine::new(Tone::Dim, "link    ").and(link(&app.status, app));
    let target = |room: u16| {
        let label = TextLine::new(Tone::Dim, "target  ");
        let room = usize::from(room).saturating_sub(label.width());
        label.and(fitting(&app.status, app, room))
    };
    if area.height == 1 {
        // One line has room for one thing: the one in trouble.
        let linked = matches!(app.status.link, LinkState::Connected);
        let line = if linked { target(area.width) } else { link };
        put_line(buf, area, 0, 0, &line, app.theme);
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
    let shares = area.height == 2;
    // Why there is no link is cut where it would take the target's place.
    let left = match shares {
        true => {
            let needed = target(0).width() + usize::from(BETWEEN);
            let room = usize::from(second.width).saturating_sub(needed);
            let room = room.max(usize::from(second.width) / 2);
            Rect {
                width: u16::try_from(room).unwrap_or(u16::MAX),
                ..second
            }
        }
        false => second,
    };
    let mut end = put_line(buf, left, 0, 1, &link, app.theme);
    if shares {
        let x = end.saturating_add(BETWEEN).max(area.width / 3);
        let target = target(second.width.saturating_sub(x));
        end = put_line(buf, second, x, 1, &target, app.theme);
    } else {
        put_line(buf, area, 0, 2, &target(area.width), app.theme);
    }
    pace::render(buf, area, (end + 2, second.width), 1, app);
}

fn address(app: &App) -> TextLine {
    match &app.status.endpoint {
        Some(endpoint) => TextLine::new(Tone::Strong, &endpoint.url),
        None => TextLine::new(Tone::Dim, "the relay has not told the address yet"),
    }
}

/// Counts what is listed, so that both halves are about the same events.
fn counts(app: &App) -> TextLine {
    let list = &app.list;
    let received = app.engines.iter().map(|engine| engine.cursor).sum();
    if !list.loaded {
        return TextLine::new(Tone::Plain, format!("{} received", count(received)));
    }
    let listed = list.events().count() as u64;
    let number = count(listed);
    let whole = list.at_start && list.at_end && !list.cleared;
    let words = match (whole, app.filter.is_empty()) {
        (true, true) if listed == 1 => "1 event".to_owned(),
        (true, true) => format!("{number} events"),
        (true, false) => format!("{number} found"),
        // The list holds a part of the history, and nothing is known of the rest.
        (false, true) => format!("{} received · {number} listed", count(received)),
        (false, false) => format!("{number} listed"),
    };
    let mut line = TextLine::new(Tone::Plain, words);
    let failed = list.events().filter(|event| {
        let attempt = event.last_attempt.as_ref();
        attempt.is_some_and(|attempt| !attempt.verdict.is_accepted())
    });
    let failed = failed.count();
    if failed > 0 {
        line.push(Tone::Dim, " · ");
        line.push(Tone::Bad, &format!("{} failed", count(failed as u64)));
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
    let rows = usize::from(area.height - 1);
    let mut engines: Vec<&Status> = app.engines.iter().collect();
    let all = engines.len();
    if all > rows {
        engines.sort_by_key(|engine| !troubled(engine));
        engines.truncate(rows);
    }
    let widest = engines.iter().map(|engine| width(&engine.name)).max();
    let widest = widest.unwrap_or(0).min(16);
    let named = |engine: &Status| {
        let name = cut(&engine.name, 16);
        let pad = " ".repeat(widest.saturating_sub(width(&name)));
        let chosen = match engine.name == app.status.name {
            true => Tone::Strong,
            false => Tone::Plain,
        };
        TextLine::new(chosen, format!("{name}{pad}  "))
    };
    // Beside the counts there must be room for where the first endpoint's events go.
    let counts = match engines.first().filter(|_| counts_line == 1) {
        Some(first) => {
            let taken = named(first).width() + counts.width() + 2;
            let room = usize::from(area.width).saturating_sub(taken);
            match shows_place(&endpoint(first, app, room), first, room) {
                true => counts,
                false => last_of(&counts),
            }
        }
        None => counts,
    };
    let room = put_right(buf, area, counts_line, &counts, app.theme);
    put_line(buf, area, 0, 0, &address, app.theme);
    for (y, engine) in (1..).zip(engines) {
        let name = named(engine);
        let width = match y == counts_line {
            true => room.saturating_sub(2),
            false => area.width,
        };
        let room = usize::from(width).saturating_sub(name.width());
        let line = name.and(endpoint(engine, app, room));
        put_line(buf, Rect { width, ..area }, 0, y, &line, app.theme);
    }
    if all > rows {
        let more = TextLine::new(Tone::Dim, format!("  … {} more", all - rows));
        put_right(buf, area, area.height - 1, &more, app.theme);
    }
}

/// Returns the last of the counts, which is how many failed if any did.
fn last_of(counts: &TextLine) -> TextLine {
    let last = counts.0.last();
    let text = last.and_then(|run| Some((run.tone, run.text.rsplit(" · ").next()?)));
    text.map_or_else(TextLine::default, |(tone, text)| TextLine::new(tone, text))
}

/// Returns link and target of an endpoint, in fewer words where they do not fit.
fn endpoint(engine: &Status, app: &App, room: usize) -> TextLine {
    let link = link(engine, app);
    if engine.link != LinkState::Connected {
        return link;
    }
    let label = TextLine::new(Tone::Dim, "  target ");
    let whole = link
        .clone()
        .and(label.clone())
        .and(target(engine, app, Words::All));
    if whole.width() <= room {
        return whole;
    }
    // The sign alone says that it is connected.
    let mut link = link;
    if let Some(run) = link.0.first_mut() {
        run.text = run.text.replace(" connected", "");
    }
    let labelled = link.clone().and(label);
    let left = room.saturating_sub(labelled.width());
    let line = labelled.and(fitting(engine, app, left));
    match shows_place(&line, engine, room) {
        true => line,
        false => link.with(Tone::Dim, " → ").and(signs(engine)),
    }
}

/// Says whether the target's host and port are in sight; where there is no target, nothing is missing.
fn shows_place(line: &TextLine, engine: &Status, room: usize) -> bool {
    let Some(target) = &engine.target else {
        return true;
    };
    if engine.link != LinkState::Connected {
        return true;
    }
    let text: String = line.0.iter().map(|run| run.text.as_str()).collect();
    let place = place(&target.url);
    let end = text.find(place).map(|start| start + place.len());
    let shown = end.and_then(|end| text.get(..end));
    shown.is_some_and(|shown| width(shown) <= room)
}

/// Returns signs and host and port of a target, and then what else there is to be said of it.
fn signs(status: &Status) -> TextLine {
    let line = TextLine::default();
    let Some(target) = &status.target else {
        return line.with(Tone::Dim, "– none");
    };
    let place = cut(place(&target.url), 40);
    if !target.forwards {
        return line
            .with(Tone::Warn, "– ")
            .with(Tone::Plain, format!("{place} for replays"));
    }
    let line = match status.paused {
        true => line.with(Tone::Warn, "‖ "),
        false => line,
    };
    let held = format!("  {} held", count(status.held));
    let (tone, sign, more) = match &target.state {
        TargetState::Down { .. } => (Tone::Bad, "✗ ", held),
        _ if status.paused => (Tone::Plain, "", String::new()),
        TargetState::Untried => (Tone::Plain, "◌ ", String::new()),
        TargetState::Up => (Tone::Good, "● ", String::new()),
    };
    let line = line.with(tone, sign).with(Tone::Plain, place);
    match status.paused {
        true => line.with(Tone::Warn, "  H lets them go"),
        false => line.with(Tone::Warn, more),
    }
}

/// Says whether something is to be looked after.
fn troubled(status: &Status) -> bool {
    let target = status.target.as_ref().map(|target| &target.state);
    status.link != LinkState::Connected || matches!(target, Some(TargetState::Down { .. }))
}

fn link(status: &Status, app: &App) -> TextLine {
    let line = TextLine::default();
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

/// How much is said of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    All,
    /// Host and port in the place of the URL.
    Short,
    /// Without what can be missed, too.
    Least,
}

/// Returns what is to be said of the target, in fewer words where all do not fit.
fn fitting(status: &Status, app: &App, room: usize) -> TextLine {
    let lines = [Words::All, Words::Short].map(|words| target(status, app, words));
    let fits = lines.into_iter().find(|line| line.width() <= room);
    fits.unwrap_or_else(|| target(status, app, Words::Least))
}

/// Returns what is to be said of the target: what matters most and where it is first, why last, where it is cut off.
fn target(status: &Status, app: &App, words: Words) -> TextLine {
    let line = TextLine::default();
    let Some(target) = &status.target else {
        return line.with(Tone::Dim, "– none: events are kept and not forwarded");
    };
    let url = match words {
        Words::All => cut(&target.url, 200),
        Words::Short | Words::Least => cut(place(&target.url), 40),
    };
    if !target.forwards {
        return line
            .with(Tone::Warn, "– not forwarded")
            .with(Tone::Plain, format!(", replays go to {url}"));
    }
    let held = count(status.held);
    let mut line = line;
    if status.paused {
        let waiting = match words {
            Words::All | Words::Short => format!(", {held} waiting"),
            Words::Least => String::new(),
        };
        let told = format!("‖ held back{waiting}, H lets them go  ");
        line.push(Tone::Warn, &told);
    }
    let why = match &target.state {
        TargetState::Down {
            reason, retry_at, ..
        } => {
            line.push(Tone::Bad, "✗ down");
            let why = match status.paused {
                // Nobody tries, either.
                true if words == Words::Least => String::new(),
                true => format!("  {reason}"),
                false => {
                    line.push(Tone::Warn, &format!(", {held} held"));
                    let next = countdown(app.now, *retry_at);
                    format!("  next try {next}: {reason}")
                }
            };
            line.push(Tone::Plain, "  ");
            why
        }
        _ if status.paused => String::new(),
        TargetState::Untried => {
            line.push(Tone::Plain, "◌ not tried yet  ");
            String::new()
        }
        TargetState::Up => {
            line.push(Tone::Good, "● up");
            let to_go = match status.held {
                0 => String::new(),
                _ => format!(", {held} to go"),
            };
            line.push(Tone::Plain, &format!("{to_go}  "));
            String::new()
        }
    };
    line.push(Tone::Plain, &url);
    if let Some(failing) = &status.failing {
        let outlook = failing.outlook(app.now.0 / 1000);
        line.push(Tone::Bad, &format!("  ! in production: {outlook}"));
    }
    line.with(Tone::Plain, why)
}

/// Returns host and port of a URL, which is what tells targets apart.
fn place(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
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

#[cfg(test)]
mod tests;
