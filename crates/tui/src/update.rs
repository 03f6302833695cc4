//! How the screen changes.

mod action;
mod mouse;
mod movement;
mod panel;
mod replay;
mod typed;

use ringtail_model::RowId;
use ringtail_store::Found;
use ringtail_views::Updates;
use ringtail_views::{PAGE, PagePosition};

use crate::app::{App, attempted};
use crate::effect::{Ask, Effect, Query};
use crate::layout::{Focus, SMALLEST};
use crate::msg::{Msg, Unread};
use crate::theme::{BAD, GOOD, WARN};

/// Applies a message and returns what the loop must do.
pub(crate) fn update(app: &mut App, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    match msg {
        Msg::Key(event) => effects.extend(typed::key(app, event)),
        Msg::Paste(text) => typed::paste(app, &text),
        Msg::Mouse(event) => effects.extend(mouse::mouse(app, event)),
        Msg::Panel { key, rows } => panel::show(app, &key, rows),
        Msg::Bookmarked { id, bookmark } => {
            if let Some(event) = app.event_mut(id) {
                event.bookmark = bookmark;
            }
        }
        Msg::Clip(text) => effects.push(Effect::Clip(text)),
        Msg::Done(Ok(words)) => app.notify(GOOD, words),
        Msg::Done(Err(why)) => app.notify(BAD, format!("✗ {why}")),
        Msg::Resize(columns, lines) => app.size = (columns, lines),
        Msg::Tick(now) => app.tick(now),
        Msg::Status(index, status) => app.set_status(index, *status),
        Msg::Watermarks(watermarks) => {
            let came = watermarks
                .events
                .0
                .saturating_sub(app.reading.watermarks.events.0);
            app.traffic.events(u64::try_from(came).unwrap_or(0));
            app.reading.watermarks = watermarks;
        }
        Msg::Page { .. } | Msg::Updates(_) if app.reading.stale => {
            app.reading.stale = false;
            app.reading.busy = false;
        }
        Msg::Page { position, found } => page(app, position, found),
        Msg::Updates(updates) => receive(app, updates),
        Msg::Detail { .. } | Msg::Formatted { .. } if app.detail.stale => {
            app.detail.stale = false;
            app.detail.busy = false;
        }
        Msg::Detail { id, detail } => match detail {
            Some(detail) if app.detail_event().is_some_and(|row| row.id == id) => {
                effects.push(Effect::Format(detail));
            }
            Some(_) => app.detail.busy = false,
            None => {
                app.detail.busy = false;
                let why = "the history no longer has this event".to_owned();
                app.detail.failed = Some((id, why));
            }
        },
        Msg::Formatted { detail, pages } => {
            app.detail.busy = false;
            if app
                .detail_event()
                .is_some_and(|wanted| wanted.id == detail.event.id)
            {
                app.detail.show(detail, pages);
            }
        }
        Msg::Step(step) => {
            if let Some(progress) = &mut app.progress {
                progress.step(step);
            }
        }
        Msg::Edited { id, options } => effects.extend(replay::edited(app, id, options)),
        Msg::Replayed {
            name,
            watched,
            result,
        } => replay::ended(app, &name, watched, result),
        Msg::Unreadable { what, reason } => unreadable(app, what, reason),
    }
    if app.engines.len() > 1 {
        app.update_status();
    }
    fit(app);
    effects.extend(reads(app));
    effects
}

/// Scrolls, and breaks lines to the screen's width.
fn fit(app: &mut App) {
    let layout = app.layout();
    app.list.scroll(layout.list_height());
    // A hidden pane has no columns, and each character would become a line.
    let has_room = |width: usize| width >= usize::from(SMALLEST.0);
    let (width, height) = layout.detail_size();
    if has_room(width) {
        let comment = comment(app).to_owned();
        app.detail.fit(width, height, &comment);
    }
    let (width, height) = layout.panel_size();
    if let Some(panel) = app.panel.as_mut().filter(|_| has_room(width)) {
        panel.fit(width, height);
    }
}

/// Returns the comment of the event on screen, unless it may hold personal data that is masked. The list has the newest.
fn comment(app: &App) -> &str {
    let shown = app.detail.shown.as_ref();
    let event = shown.and_then(|shown| {
        let mut events = app.list.events();
        events.find(|event| event.id == shown.detail.event.id)
    });
    let bookmark = event.and_then(|event| event.bookmark.as_ref());
    let bookmark = bookmark.filter(|_| !app.masked);
    bookmark.map_or("", |bookmark| &bookmark.comment)
}

fn receive(app: &mut App, updates: Updates) {
    let Updates {
        events,
        mut matching,
        attempts,
        gaps,
        new_fields,
        bookmarks,
    } = updates;
    app.reading.busy = false;
    let (asked, seen) = (app.reading.asked, &mut app.reading.seen);
    if app.list.at_end {
        let last = events.rows.last().map_or(asked.events, |row| row.row);
        seen.events = events.next.unwrap_or_else(|| last.max(asked.events));
    }
    seen.attempts = reached(attempts.iter().map(|row| row.row), asked.attempts);
    seen.gaps = reached(gaps.iter().map(|row| row.row), asked.gaps);
    seen.new_fields = reached(new_fields.iter().map(|row| row.row), asked.new_fields);
    app.receive(events.rows);
    for attempt in &attempts {
        app.traffic.answer(attempt.duration);
        if let Some(event) = app.event_mut(attempt.event) {
            attempted(event, attempt);
        }
    }
    app.add_new_fields(&new_fields);
    if let Some(bookmarks) = bookmarks {
        app.reading.seen.bookmarks = asked.bookmarks;
        app.list.set_bookmarks(&bookmarks);
    }
    app.release();
    // Events that wait for their grace are added when it is over.
    matching.retain(|event| !app.is_incoming(event.id));
    app.list.insert(matching);
    if !gaps.is_empty() {
        app.list.gaps(gaps);
    }
}

/// Returns how far a log was read: to the last row if the page was full, else to where the log reached when the query
/// began. Rows that retention deleted in between are thereby not queried again and again.
fn reached(
    rows: impl DoubleEndedIterator<Item = RowId> + ExactSizeIterator,
    asked: RowId,
) -> RowId {
    let full = rows.len() >= PAGE;
    match rows.last() {
        Some(last) if full => last,
        Some(last) => last.max(asked),
        None => asked,
    }
}

fn page(app: &mut App, position: PagePosition, found: Found) {
    app.reading.busy = false;
    app.list.page(position, found);
    if matches!(position, PagePosition::Before(_)) {
        // An older page says nothing about new events.
        app.release();
        return;
    }
    app.drop_incoming();
    if let Some(id) = app.reading.choose.take()
        && !app.list.go_to_id(id)
    {
        app.focus = Focus::List;
        app.notify(WARN, "the history no longer has this event");
    }
    if app.list.at_end {
        let asked = app.reading.asked.events;
        app.reading.seen.events = app.list.last_row().map_or(asked, |last| last.max(asked));
    }
}

fn unreadable(app: &mut App, what: Unread, reason: String) {
    match what {
        Unread::Rows => {
            app.reading.busy = false;
            app.reading.stale = false;
            app.pause_reading();
            app.notify(BAD, format!("✗ cannot read the history: {reason}"));
        }
        Unread::Detail(id) => {
            app.detail.busy = false;
            if !std::mem::take(&mut app.detail.stale) {
                app.detail.failed = Some((id, reason));
            }
        }
    }
}

/// Returns the queries for what the screen lacks.
fn reads(app: &mut App) -> impl Iterator<Item = Effect> {
    let rows = read_rows(app);
    let detail = app.detail_event().cloned().and_then(|wanted| {
        let reveal = app.detail.needs(&wanted)?;
        Some(Ask::Detail {
            id: wanted.id,
            reveal,
        })
    });
    rows.into_iter().chain(detail).map(|ask| query(app, ask))
}

fn query(app: &App, ask: Ask) -> Effect {
    Effect::Query(Query {
        ask,
        filter: app.filter.clone(),
        masked: app.masked,
    })
}

fn read_rows(app: &mut App) -> Option<Ask> {
    let height = app.layout().list_height();
    let reading = &mut app.reading;
    if reading.busy || reading.paused_until.is_some() {
        return None;
    }
    let list = &app.list;
    let position = reading.jump.take().or_else(|| match list.loaded {
        true => list.missing_page(height),
        false => Some(PagePosition::Newest),
    });
    let ask = match position {
        Some(position) => Ask::Page(position),
        None => {
            let (now, seen) = (reading.watermarks, reading.seen);
            let rebookmarked = now.bookmarks > seen.bookmarks;
            let more = (list.at_end && now.events > seen.events)
                || now.attempts > seen.attempts
                || now.gaps > seen.gaps
                || now.new_fields > seen.new_fields
                || rebookmarked;
            if !more {
                return None;
            }
            Ask::Updates {
                since: seen,
                events: list.at_end,
                bookmarks: rebookmarked.then(|| list.covered()),
            }
        }
    };
    reading.busy = true;
    reading.asked = reading.watermarks;
    Some(ask)
}

#[cfg(test)]
mod tests;
