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
use ringtail_model::EventRow;
use ringtail_text::size;

use super::{below, highlight, lines, put, put_right, row, scroll_position};
use crate::app::{App, Shown};
use crate::format::{BodyView, Tab, proof, time};
use crate::layout::{Focus, detail_head};
use crate::text::{escape, line, line_width, span};
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
            line(format!("✗ event {}: {why}", app.named(wanted).name), BAD),
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
    let is_bookmarked = listed.is_some_and(|listed| listed.bookmark.is_some());
    let origin = event.edited_from.map(|id| {
        let listed = app.list.events().find(|listed| listed.id == id);
        listed.map_or(id.to_string(), |listed| app.named(listed).name)
    });
    let head = detail_head(area.height);
    if head > 2 {
        put(frame, area, title(event, &event.summary, app));
        let path = match event.path.as_str() {
            "" => "/",
            path => path,
        };
        let request = span(&event.method, NAME) + span(format!(" {path}"), PLAIN);
        put(frame, row(area, 1), request);
        let facts = facts(shown, is_bookmarked, origin, new_fields);
        put(frame, row(area, 2), facts);
    } else {
        // Without a line for them, new fields replace the summary, which the list shows.
        let text = new_fields.unwrap_or_else(|| event.summary.clone());
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
    let name = span(format!("{}  ", app.named(event).name), PLAIN);
    name + span(format!("{at}  "), DIM) + span(summary, STRONG)
}

fn facts(
    shown: &Shown,
    is_bookmarked: bool,
    origin: Option<String>,
    new_fields: Option<String>,
) -> Line<'static> {
    let event = &shown.detail.event;
    let mut facts = Line::default();
    if is_bookmarked {
        facts += span("*  ", STRONG);
    }
    if let Some(origin) = origin {
        facts += span(format!("edited copy of {origin}, "), WARN);
    }
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
    facts
}

fn tabs(frame: &mut Frame<'_>, area: Rect, height: u16, shown: &Shown, app: &App) {
    let position = scroll_position(shown.lines.len(), app.detail.scroll, height.into());
    let position = line(position.unwrap_or_default(), DIM);
    let has_room = |tabs: &Line| line_width(tabs) + line_width(&position) <= area.width.into();
    let mut tabs = tab_names(shown, app, true);
    if !has_room(&tabs) {
        tabs = tab_names(shown, app, false);
    }
    if has_room(&tabs) {
        put_right(frame, area, position);
    }
    put(frame, area, tabs);
}

/// Returns the names of the tabs, with the number of what is in them if there is room.
fn tab_names(shown: &Shown, app: &App, is_wide: bool) -> Line<'static> {
    let counted = |name: &str, count: usize| match is_wide {
        true => format!("{name} {count}"),
        false => name.to_owned(),
    };
    let mut tabs = Line::default();
    for tab in Tab::ALL {
        let name = match tab {
            Tab::Body => match app.detail.view {
                BodyView::Pretty => "Body".to_owned(),
                BodyView::Raw => "Body as it is".to_owned(),
                BodyView::Hex => "Body in hex".to_owned(),
            },
            Tab::Headers => counted("Headers", shown.detail.headers.len()),
            Tab::Attempts => {
                let detail = &shown.detail;
                counted("Attempts", detail.older_attempts + detail.attempts.len())
            }
        };
        tabs += match app.focus {
            _ if tab != app.detail.tab && !is_wide => span(name, PLAIN),
            _ if tab != app.detail.tab => span(format!(" {name} "), PLAIN),
            Focus::Detail => span(format!("[{name}]"), CHOSEN),
            Focus::List => span(format!("[{name}]"), CHOSEN_ELSEWHERE),
        };
        tabs += span(" ", PLAIN);
    }
    tabs
}
