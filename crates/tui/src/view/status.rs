//! What is always in sight: address, link, target, counts.
//!
//! ```text
//! https://relay.example/e/dev-k3v9m2/             1,204 events · 3 failed
//! link    ● connected      14/min ·▂··█▃···▂  slowest 38 ms ·▁··█▂···▁
//! target  ✗ down, 12 pending  http://localhost:3000  next try in 1 s: connection refused
//! ```

mod target;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ringtail_model::subscription::SubscriptionState;
use ringtail_model::{LinkState, Status, TargetState};
use ringtail_protocol::event::Timestamp;

use super::{put, put_right, row, traffic};
use crate::app::App;
use crate::format::count;
use crate::text::{column, join, line, line_width, span, width};
use crate::theme::{BAD, DIM, GOOD, PLAIN, STRONG, WARN};

/// Fewest columns between link and target on one line.
const BETWEEN: u16 = 3;

/// Draws the status lines.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let status = &app.status;
    let link = join(line("link    ", DIM), link(status, app.now));
    let link = join(link, subscription(status, app.now));
    let target = |room: u16| {
        let label = line("target  ", DIM);
        let room = usize::from(room).saturating_sub(line_width(&label));
        join(label, target::fitting(status, app.now, room))
    };
    match area.height {
        // A single line shows the part in trouble.
        1 if status.link == LinkState::Connected => put(frame, area, target(area.width)),
        1 => put(frame, area, link),
        _ if app.engines.len() > 1 => several(frame, area, app),
        height => {
            let link_width = u16::try_from(line_width(&link)).unwrap_or(u16::MAX);
            let needed = u16::try_from(line_width(&target(0))).unwrap_or(u16::MAX);
            let needed = needed.saturating_add(BETWEEN);
            let whole = match height {
                2 => link_width.saturating_add(needed),
                _ => link_width,
            };
            let second = head(frame, area, app, |room| room >= whole.into())[1];
            if height > 2 {
                put(frame, second, link);
                put(frame, row(area, 2), target(area.width));
                traffic::render(frame, right_of(second, link_width + 2), &app.traffic);
                return;
            }
            // A long reason for a missing link leaves room for the target.
            let room = second.width.saturating_sub(needed);
            let left = Rect {
                width: room.max(second.width / 2),
                ..second
            };
            let end = link_width.min(left.width);
            put(frame, left, link);
            let start = (end + BETWEEN).max(area.width / 3);
            let right = right_of(second, start);
            let target = target(right.width);
            let target_width = u16::try_from(line_width(&target)).unwrap_or(u16::MAX);
            put(frame, right, target);
            traffic::render(
                frame,
                right_of(right, target_width.saturating_add(2)),
                &app.traffic,
            );
        }
    }
}

/// Returns the part of an area from a column on.
fn right_of(area: Rect, x: u16) -> Rect {
    let x = x.min(area.width);
    Rect {
        x: area.x + x,
        width: area.width - x,
        ..area
    }
}

/// Draws address and counts. Returns the free parts of the first two lines.
///
/// The address stays whole, to be copied. Without room for both, the counts are one line below, all or only the failures,
/// as far as they leave the room that the text there needs.
fn head(
    frame: &mut Frame<'_>,
    area: Rect,
    app: &App,
    is_enough: impl Fn(usize) -> bool,
) -> [Rect; 2] {
    let (address, mut counts) = (address(app), counts(app));
    let left = |counts: &Line| usize::from(area.width).saturating_sub(line_width(counts) + 2);
    let below = line_width(&address) > left(&counts);
    if below {
        let mut shorter = [counts, failures(app, "")].into_iter();
        counts = shorter
            .find(|counts| is_enough(left(counts)))
            .unwrap_or_default();
    }
    let mut lines = [row(area, 0), row(area, 1)];
    if line_width(&counts) > 0 {
        let of_counts = &mut lines[usize::from(below)];
        let left = put_right(frame, *of_counts, counts);
        of_counts.width = left.width.saturating_sub(2);
    }
    put(frame, lines[0], address);
    lines
}

fn address(app: &App) -> Line<'static> {
    match &app.status.endpoint {
        Some(endpoint) => line(&endpoint.url, STRONG),
        None => line("address not known yet", DIM),
    }
}

/// Counts listed events, so that both numbers are about the same ones.
fn counts(app: &App) -> Line<'static> {
    let list = &app.list;
    let received = count(app.engines.iter().map(|engine| engine.cursor).sum());
    if !list.loaded {
        return line(format!("{received} received"), PLAIN);
    }
    let listed = list.events().count() as u64;
    let number = count(listed);
    let whole = list.at_start && list.at_end && list.hidden_to.is_none();
    let words = match (whole, app.filter.is_empty()) {
        (true, true) if listed == 1 => "1 event".to_owned(),
        (true, true) => format!("{number} events"),
        (true, false) => format!("{number} found"),
        // The list holds a part of the history.
        (false, true) => format!("{received} received · {number} listed"),
        (false, false) => format!("{number} listed"),
    };
    join(line(words, PLAIN), failures(app, " · "))
}

fn failures(app: &App, separator: &str) -> Line<'static> {
    let failed = app.list.events().filter(|event| {
        let attempt = event.last_attempt.as_ref();
        attempt.is_some_and(|attempt| !attempt.verdict.is_accepted())
    });
    match failed.count() {
        0 => Line::default(),
        failed => span(separator, DIM) + span(format!("{} failed", count(failed as u64)), BAD),
    }
}

/// Draws a line for each of several endpoints, those in trouble first if not all fit.
///
/// ```text
/// https://relay.example/shop-k3v9m2               1,204 events
/// shop  link ● connected  target ● up  http://localhost:3000
/// bot   link ○ waiting, next try in 4 s (2 failed): RT-302 …
/// ```
fn several(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let rows = usize::from(area.height - 1);
    let mut engines: Vec<&Status> = app.engines.iter().collect();
    let all = engines.len();
    if all > rows {
        engines.sort_by_key(|engine| !in_trouble(engine));
        engines.truncate(rows);
    }
    let widest = engines.iter().map(|engine| width(&engine.name)).max();
    let widest = widest.unwrap_or(0).min(name_columns(area.width.into()));
    let named = |engine: &Status| {
        let style = match engine.name == app.status.name {
            true => STRONG,
            false => PLAIN,
        };
        line(format!("{}  ", column(&engine.name, widest)), style)
    };
    // Beside the counts there must be room for the first endpoint's target, or for why it has no link.
    let lines = head(frame, area, app, |room| {
        engines.first().is_none_or(|first| {
            let room = room.saturating_sub(line_width(&named(first)));
            let line = endpoint(first, app.now, room);
            match first.link {
                LinkState::Connected => target::shows_host(&line, first, room),
                _ => line_width(&line) <= room,
            }
        })
    });
    for (y, engine) in (1..).zip(engines) {
        let name = named(engine);
        let place = if y == 1 { lines[1] } else { row(area, y) };
        let room = usize::from(place.width).saturating_sub(line_width(&name));
        put(frame, place, join(name, endpoint(engine, app.now, room)));
    }
    if all > rows {
        let more = line(format!("  … {} more", all - rows), DIM);
        put_right(frame, row(area, area.height - 1), more);
    }
}

/// Returns link and target of an endpoint, shortened to `room` columns.
fn endpoint(engine: &Status, now: Timestamp, room: usize) -> Line<'static> {
    let link = link(engine, now);
    if engine.link != LinkState::Connected {
        return link;
    }
    let link = match &engine.subscription {
        Some(it) if it.is_in_trouble() => join(link, subscription(engine, now)),
        _ => link,
    };
    let whole = join(link + span("  target ", DIM), target::whole(engine, now));
    if line_width(&whole) <= room {
        return whole;
    }
    // The sign alone says that it is connected.
    let link = span("●", GOOD) + span(to_come(engine), PLAIN);
    let labelled = link.clone() + span("  target ", DIM);
    let left = room.saturating_sub(line_width(&labelled));
    let line = join(labelled, target::fitting(engine, now, left));
    match target::shows_host(&line, engine, room) {
        true => line,
        false => join(link + span(" → ", DIM), target::signs(engine)),
    }
}

/// Returns the most columns of an endpoint's name.
pub(super) fn name_columns(columns: usize) -> usize {
    (columns / 4).max(16)
}

fn in_trouble(status: &Status) -> bool {
    let target = status.target.as_ref().map(|target| &target.state);
    let subscription = status.subscription.as_ref();
    status.link != LinkState::Connected
        || matches!(target, Some(TargetState::Down { .. }))
        || subscription.is_some_and(|it| it.is_in_trouble())
}

fn link(status: &Status, now: Timestamp) -> Line<'static> {
    match &status.link {
        LinkState::Connecting => line("◌ connecting", WARN),
        LinkState::Connected => span("● connected", GOOD) + span(to_come(status), PLAIN),
        LinkState::Full => line(
            "● full: the relay keeps events until the app takes some",
            WARN,
        ),
        LinkState::DiskFull => line(
            "● disk full: the relay keeps events until it has room",
            WARN,
        ),
        LinkState::Waiting {
            code,
            reason,
            retry_at,
            failures,
            ..
        } => {
            let when = countdown(now, *retry_at);
            span(format!("○ waiting, next try {when}"), WARN)
                + span(format!(" ({failures} failed): {code} {reason}"), PLAIN)
        }
        LinkState::Refused { code, reason } => {
            span("✗ refused: ", BAD) + span(format!("{code} {reason}"), PLAIN)
        }
        LinkState::Stopped => line("■ stopped", WARN),
    }
}

/// The subscription at RingCentral, if this client keeps it.
fn subscription(status: &Status, now: Timestamp) -> Line<'static> {
    let Some(it) = &status.subscription else {
        return Line::default();
    };
    let (sign, style) = match (&it.state, it.is_in_trouble()) {
        (SubscriptionState::Checking, _) => ("◌ ", WARN),
        (SubscriptionState::Failing { .. }, _) => ("✗ ", BAD),
        (_, true) => ("! ", WARN),
        _ => ("● ", GOOD),
    };
    let words = span(it.words(now), PLAIN);
    span("  sub ", DIM) + span(sign, style) + words
}

fn to_come(status: &Status) -> String {
    match status.relay_head.saturating_sub(status.cursor) {
        0 => String::new(),
        behind => format!(", {} to come", count(behind)),
    }
}

/// Returns the time until a retry, never negative.
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
