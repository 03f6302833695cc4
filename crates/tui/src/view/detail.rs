//! One event in full.
//!
//! ```text
//! 1204  14:03:22.123  SMS from +1650224…: Hi advisor, I'd like to …
//! POST /ringcentral/sms?x=1
//! notification, 1.2 kB from 203.0.113.7
//! [Body]  Headers 9  Attempts 2                           1-18 of 53
//! {
//!   "uuid": "6242343638330007102",
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ringtail_model::{Bookmark, EventRow};
use ringtail_text::size;

use super::{below, highlight, lines, put, put_right, row, scroll_position};
use crate::app::{App, Shown};
use crate::format::{BodyView, Tab, proof, time};
use crate::layout::{Focus, detail_head};
use crate::text::{cut, escape, join, line, line_width, span};
use crate::theme::{BAD, CHOSEN, CHOSEN_ELSEWHERE, DIM, NAME, PLAIN, STRONG, WARN};

/// Draws the detail of the chosen event.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let Some(wanted) = app.detail_event() else {
        return;
    };
    if let Some((id, why)) = &app.detail.failed
        && *id == wanted.id
    {
        put(
            frame,
            area,
            line(format!("✗ event {}: {why}", wanted.seq), BAD),
        );
        return;
    }
    // While the list has the keys the pane may lag behind by one event: its title says which it shows.
    let current = |shown: &&Shown| app.focus == Focus::List || shown.detail.event.id == wanted.id;
    let Some(shown) = app.detail.shown.as_ref().filter(current) else {
        put(frame, area, title(wanted, &wanted.summary, app));
        put(frame, row(area, 2), line("reading…", DIM));
        return;
    };
    let event = &shown.detail.event;
    // The list has the newer bookmark and new fields.
    let listed = app
        .list
        .current_event()
        .filter(|listed| listed.id == event.id);
    let new_fields = listed.unwrap_or(event).new_fields.as_ref();
    let new_fields = new_fields.map(|new_fields| format!("◆ {new_fields}"));
    // A comment may hold personal data.
    let bookmark = listed.and_then(|listed| listed.bookmark.as_ref());
    let bookmark = bookmark.filter(|_| !app.masked);
    let head = detail_head(area.height);
    if head > 2 {
        put(frame, area, title(event, &event.summary, app));
        let path = match event.path.as_str() {
            "" => "/",
            path => path,
        };
        let request = span(&event.method, NAME) + span(format!(" {path}"), PLAIN);
        put(frame, row(area, 1), request);
        put(
            frame,
            row(area, 2),
            facts(shown, bookmark, new_fields, area.width.into()),
        );
    } else {
        // Without a line for them, comment and new fields replace the summary, which the list shows.
        let comment = bookmark.map(|bookmark| format!("* {}", bookmark.comment));
        let text = match (comment, new_fields) {
            (Some(comment), Some(new_fields)) => format!("{comment} {new_fields}"),
            (Some(comment), None) if comment.len() == 2 => format!("{comment}{}", event.summary),
            (Some(text), None) | (None, Some(text)) => text,
            (None, None) => event.summary.clone(),
        };
        put(frame, area, title(event, &text, app));
    }
    tabs(
        frame,
        row(area, head - 1),
        area.height.saturating_sub(head),
        shown,
        app,
    );
    let body = below(area, head);
    lines(frame, body, &shown.lines, app.detail.scroll);
    if app.focus == Focus::Detail
        && app.detail.has_cursor()
        && let Some(y) = app.detail.cursor.checked_sub(app.detail.scroll)
    {
        highlight(frame, body, y, CHOSEN);
    }
}

fn title(event: &EventRow, summary: &str, app: &App) -> Line<'static> {
    let at = time(event.received_at, &app.zone, "%H:%M:%S%.3f");
    span(format!("{}  ", event.seq), PLAIN) + span(format!("{at}  "), DIM) + span(summary, STRONG)
}

fn facts(
    shown: &Shown,
    bookmark: Option<&Bookmark>,
    new_fields: Option<String>,
    columns: usize,
) -> Line<'static> {
    let event = &shown.detail.event;
    let mut facts = Line::default();
    if let Some(new_fields) = new_fields {
        facts += span(format!("{new_fields}, "), WARN);
    }
    if let Some(first) = event.duplicate_of {
        facts += span(format!("≡ duplicate of {first}, "), WARN);
    }
    if let Some(id) = event.stranger() {
        let id: String = id.chars().take(8).collect();
        facts += span(
            format!("≠ of another subscription, {}, ", escape(&id)),
            WARN,
        );
    }
    if let Some(first) = shown.detail.uuid_of {
        facts += span(format!("uuid of {first}, other content, "), WARN);
    }
    let (style, proof) = shown.detail.proof.map(proof).unwrap_or_default();
    // A signature that is not checked comes last, where it is cut off first.
    let checked = !proof.is_empty() && style != DIM;
    if checked {
        facts += span(format!("{proof}, "), style);
    }
    let (kind, len) = (event.kind.word(), size(event.body_len));
    facts += span(format!("{kind}, {len} from {}", shown.detail.peer), DIM);
    if !checked && !proof.is_empty() {
        facts += span(format!(", {proof}"), style);
    }
    let Some(bookmark) = bookmark else {
        return facts;
    };
    let comment = match bookmark.comment.as_str() {
        "" => "bookmarked",
        comment => comment,
    };
    // A long comment is cut before anything else.
    let room = columns.saturating_sub(line_width(&facts) + 4);
    let comment = cut(&escape(comment), room.max(columns / 4)).into_owned();
    join(line(format!("* {comment}  "), STRONG), facts)
}

fn tabs(frame: &mut Frame<'_>, area: Rect, height: u16, shown: &Shown, app: &App) {
    if let Some(position) = scroll_position(shown.lines.len(), app.detail.scroll, height.into()) {
        put_right(frame, area, line(position, DIM));
    }
    let mut tabs = Line::default();
    for tab in Tab::ALL {
        let name = match tab {
            Tab::Body => match app.detail.view {
                BodyView::Pretty => "Body".to_owned(),
                BodyView::Raw => "Body as it is".to_owned(),
                BodyView::Hex => "Body in hex".to_owned(),
            },
            Tab::Headers => format!("Headers {}", shown.detail.headers.len()),
            Tab::Attempts => format!("Attempts {}", shown.detail.attempts.len()),
        };
        tabs += match app.focus {
            _ if tab != app.detail.tab => span(format!(" {name} "), PLAIN),
            Focus::Detail => span(format!("[{name}]"), CHOSEN),
            Focus::List => span(format!("[{name}]"), CHOSEN_ELSEWHERE),
        };
        tabs += span(" ", PLAIN);
    }
    put(frame, area, tabs);
}
