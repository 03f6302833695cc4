//! One event, looked at closely.
//!
//! ```text
//! 1204  14:03:22.123  SMS from +1650224…: Hi advisor, I'd like to …
//! POST /ringcentral/sms?x=1
//! notification, 1.2 kB from 203.0.113.7
//! [Body]  Headers 9  Attempts 2                           1-18 of 53
//! {
//!   "uuid": "6242343638330007102",
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ringtail_model::{Bookmark, EventRow};

use super::layout::detail_head;
use super::{body, put, put_line, put_right};
use crate::app::{App, BodyForm, Focus, Shown, Tab};
use crate::format::{proof as words, size, time};
use crate::text::{TextLine, Tone, cut, escape};

/// Draws the detail of the chosen event.
pub(super) fn render(buf: &mut Buffer, area: Rect, app: &App) {
    let Some(wanted) = app.wanted() else {
        return;
    };
    if let Some((id, why)) = &app.detail.failed
        && *id == wanted.id
    {
        let line = TextLine::new(Tone::Bad, format!("✗ event {}: {why}", wanted.seq));
        put_line(buf, area, 0, 0, &line, app.theme);
        return;
    }
    // While the list has the keys the pane may lag behind by one event: its title says which it shows.
    let current = |shown: &&Shown| app.focus == Focus::List || shown.detail.event.id == wanted.id;
    let Some(shown) = app.detail.shown.as_ref().filter(current) else {
        title(buf, area, wanted, &wanted.summary, app);
        put(buf, area, 0, 2, "reading…", app.theme.style(Tone::Dim));
        return;
    };
    // What the list knows is younger; a comment names whom it likes.
    let of_event = |event: &&EventRow| event.id == shown.detail.event.id;
    let row = app.list.selected_event().filter(of_event);
    let novelty = row.unwrap_or(&shown.detail.event).new_fields.as_ref();
    let novelty = novelty.map(|novelty| format!("◆ {novelty}"));
    let head = detail_head(area.height);
    let mark = row.and_then(|row| row.bookmark.as_ref());
    let mark = mark.filter(|_| !app.masked);
    let summary = &shown.detail.event.summary;
    if head > 2 {
        title(buf, area, &shown.detail.event, summary, app);
        put_line(buf, area, 0, 1, &request(shown), app.theme);
        let facts = facts(shown, mark, novelty, area.width.into());
        put_line(buf, area, 0, 2, &facts, app.theme);
    } else {
        // Where there is no line for it, it takes the place of what the list says anyway.
        let comment = mark.map(|mark| format!("* {}", mark.comment));
        let told = match (comment, novelty) {
            (Some(comment), Some(novelty)) => format!("{comment} {novelty}"),
            (Some(comment), None) if comment.len() == 2 => format!("{comment}{summary}"),
            (Some(told), None) | (None, Some(told)) => told,
            (None, None) => summary.clone(),
        };
        title(buf, area, &shown.detail.event, &told, app);
    }
    tabs(buf, area, head, shown, app);
    let lines = Rect {
        y: area.y + head.min(area.height),
        height: area.height.saturating_sub(head),
        ..area
    };
    body::render(buf, lines, &shown.lines, app.detail.scroll, app.theme);
    let place = app.detail.cursor.checked_sub(app.detail.scroll);
    if let Some(y) = place.and_then(|place| u16::try_from(place).ok())
        && app.focus == Focus::Detail
        && app.detail.has_cursor()
        && y < lines.height
    {
        let line = Rect::new(lines.x, lines.y + y, lines.width, 1);
        buf.set_style(line, app.theme.chosen());
    }
}

fn title(buf: &mut Buffer, area: Rect, event: &EventRow, summary: &str, app: &App) {
    let at = time(event.received_at, &app.zone, "%H:%M:%S%.3f");
    let line = TextLine::new(Tone::Plain, format!("{}  ", event.seq))
        .with(Tone::Dim, format!("{at}  "))
        .with(Tone::Strong, summary);
    put_line(buf, area, 0, 0, &line, app.theme);
}

fn request(shown: &Shown) -> TextLine {
    let event = &shown.detail.event;
    let path = if event.path.is_empty() {
        "/"
    } else {
        &event.path
    };
    TextLine::new(Tone::Name, &event.method).with(Tone::Plain, format!(" {path}"))
}

fn facts(
    shown: &Shown,
    mark: Option<&Bookmark>,
    novelty: Option<String>,
    columns: usize,
) -> TextLine {
    let facts = what(shown, novelty);
    let Some(mark) = mark else { return facts };
    let comment = match mark.comment.as_str() {
        "" => "marked",
        comment => comment,
    };
    let comment = escape(comment);
    // A long comment is cut, and takes the place of nothing.
    let room = columns.saturating_sub(facts.width() + 4).max(columns / 4);
    let line = TextLine::new(Tone::Strong, format!("* {}  ", cut(&comment, room)));
    line.and(facts)
}

fn what(shown: &Shown, novelty: Option<String>) -> TextLine {
    let event = &shown.detail.event;
    let mut line = TextLine::default();
    if let Some(novelty) = novelty {
        line.push(Tone::Warn, &format!("{novelty}, "));
    }
    if let Some(first) = event.duplicate_of {
        line.push(Tone::Warn, &format!("≡ duplicate of {first}, "));
    }
    let proof = shown.detail.proof;
    let (tone, proof) = proof.map_or((Tone::Dim, String::new()), words);
    if tone != Tone::Dim {
        line.push(tone, &format!("{proof}, "));
    }
    let facts = format!(
        "{}, {} from {}",
        event.kind.word(),
        size(event.body_len),
        shown.detail.peer
    );
    line.push(Tone::Dim, &facts);
    // What nobody asked for stands where it is cut off first.
    if tone == Tone::Dim && !proof.is_empty() {
        line.push(tone, &format!(", {proof}"));
    }
    line
}

fn tabs(buf: &mut Buffer, area: Rect, head: u16, shown: &Shown, app: &App) {
    let y = head - 1;
    let height = usize::from(area.height.saturating_sub(head));
    if let Some(place) = body::place(shown.lines.len(), app.detail.scroll, height) {
        put_right(buf, area, y, &TextLine::new(Tone::Dim, place), app.theme);
    }
    let mut x = 0;
    for tab in Tab::ALL {
        let name = match tab {
            Tab::Body => match app.detail.form {
                BodyForm::LaidOut => "Body".to_owned(),
                BodyForm::AsItIs => "Body as it is".to_owned(),
                BodyForm::Hex => "Body in hex".to_owned(),
            },
            Tab::Headers => format!("Headers {}", shown.detail.headers.len()),
            Tab::Attempts => format!("Attempts {}", shown.detail.attempts.len()),
        };
        let (text, style) = if tab == app.detail.tab {
            let style = match app.focus {
                Focus::Detail => app.theme.chosen(),
                Focus::List => app.theme.chosen_elsewhere(),
            };
            (format!("[{name}]"), style)
        } else {
            (format!(" {name} "), app.theme.style(Tone::Plain))
        };
        x = put(buf, area, x, y, &text, style) + 1;
    }
}
