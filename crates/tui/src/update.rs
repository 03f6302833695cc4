//! How the screen changes.

mod act;
mod mouse;
mod replay;
mod typed;

use ringtail_model::{RowId, Watermarks};
use ringtail_store::Found;

use crate::app::{App, FilterLine, Focus, List, Overlay, OverlayKind, Palette, attempted};
use crate::effect::{Effect, PAGE, Place};
use crate::keymap::Action;
use crate::msg::{Asked, Msg};
use crate::text::Tone;
use crate::view::SMALLEST;

/// Takes in what happened and returns what is to be done about it.
pub(crate) fn update(app: &mut App, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    match msg {
        Msg::Key(event) => effects.extend(typed::key(app, event)),
        Msg::Paste(text) => typed::paste(app, &text),
        Msg::Mouse(event) => effects.extend(mouse::mouse(app, event)),
        Msg::Studied { about, rows } => {
            if let Some(study) = &mut app.study
                && study.about == about
            {
                match rows {
                    // There is nothing to look at: the user stays where they were.
                    Err(why) => {
                        app.study = None;
                        app.notify(Tone::Warn, why);
                    }
                    Ok(rows) => {
                        study.show(rows);
                        app.list.follow = false;
                    }
                }
            }
        }
        Msg::Marked { id, mark } => app.list.mark(id, mark),
        Msg::Clip(text) => effects.push(Effect::Clip(text)),
        Msg::Taken(Ok(told)) => app.notify(Tone::Good, told),
        Msg::Taken(Err(why)) => app.notify(Tone::Bad, format!("✗ {why}")),
        Msg::Resize(columns, lines) => app.size = (columns, lines),
        Msg::Tick(now) => app.tick(now),
        Msg::Status(index, status) => app.hears(index, status),
        Msg::Marks(marks) => {
            let came = marks.events.0.saturating_sub(app.reading.marks.events.0);
            app.pace.events(u64::try_from(came).unwrap_or(0));
            app.reading.marks = marks;
        }
        Msg::Page { .. } | Msg::News { .. } if app.reading.stale => {
            app.reading.stale = false;
            app.reading.busy = false;
        }
        Msg::Page { place, found } => page(app, place, found),
        Msg::News {
            events,
            meant,
            attempts,
            gaps,
            novelties,
            marked,
        } => {
            app.reading.busy = false;
            let (asked, seen) = (app.reading.asked, &mut app.reading.seen);
            if app.list.at_end {
                let last = events.rows.last().map_or(asked.events, |row| row.row);
                seen.events = events.next.unwrap_or_else(|| last.max(asked.events));
            }
            seen.attempts = reached(
                attempts.last().map(|row| row.row),
                attempts.len(),
                asked.attempts,
            );
            seen.gaps = reached(gaps.last().map(|row| row.row), gaps.len(), asked.gaps);
            seen.new_fields = reached(
                novelties.last().map(|row| row.row),
                novelties.len(),
                asked.new_fields,
            );
            app.receive(events.rows);
            for attempt in &attempts {
                app.pace.answer(attempt.duration);
                match app.incoming_mut(attempt.event) {
                    Some(event) => attempted(event, attempt),
                    None => app.list.attempt(attempt),
                }
            }
            app.noticed(&novelties);
            if let Some(marked) = marked {
                app.reading.seen.bookmarks = asked.bookmarks;
                app.list.marks(&marked);
            }
            app.release();
            // What waits for its grace comes by itself.
            let mut meant = meant;
            meant.retain(|event| app.incoming_mut(event.id).is_none());
            app.list.insert(meant);
            if !gaps.is_empty() {
                app.list.gaps(gaps);
            }
        }
        Msg::Detail { .. } | Msg::Formatted { .. } if app.detail.stale => {
            app.detail.stale = false;
            app.detail.busy = false;
        }
        Msg::Detail { id, detail } => match detail {
            Some(detail) if app.wanted().is_some_and(|row| row.id == id) => {
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
                .wanted()
                .is_some_and(|wanted| wanted.id == detail.event.id)
            {
                app.detail.show(detail, pages);
            }
        }
        Msg::Step(step) => {
            if let Some(batch) = &mut app.batch {
                batch.step(step);
            }
        }
        Msg::Edited { id, line } => effects.extend(replay::edited(app, id, line)),
        Msg::Replayed {
            seq,
            watched,
            result,
        } => replay::ended(app, seq, watched, result),
        Msg::Unreadable { what, reason } => unreadable(app, what, reason),
    }
    if app.engines.len() > 1 {
        app.look_at_engine();
    }
    let layout = app.layout();
    app.list.scroll(layout.list_height());
    // What has no room on the screen is not broken to it: without columns each character would be a line.
    let has_room = |width: usize| width >= usize::from(SMALLEST.0);
    let (width, height) = layout.detail_size();
    if has_room(width) {
        app.detail.fit(width, height);
    }
    let (width, height) = layout.study_size();
    if let Some(study) = app.study.as_mut().filter(|_| has_room(width)) {
        study.fit(width, height);
    }
    effects.extend(wants(app));
    effects
}

/// Returns how far a kind of rows was read: to the last row if the page was full, else to where the history
/// reached when it was asked. Rows that retention dropped in between are thereby not asked for again and again.
fn reached(last: Option<RowId>, len: usize, asked: RowId) -> RowId {
    match last {
        Some(last) if len >= PAGE => last,
        Some(last) => last.max(asked),
        None => asked,
    }
}

fn page(app: &mut App, place: Place, found: Found) {
    app.reading.busy = false;
    app.list.page(place, found);
    if matches!(place, Place::Before(_)) {
        // Reading backwards says nothing about what is new.
        app.release();
        return;
    }
    app.drop_incoming();
    if let Some(id) = app.reading.choose.take()
        && !app.list.go_to_id(id)
    {
        app.focus = Focus::List;
        app.notify(Tone::Warn, "the history no longer has this event");
    }
    if app.list.at_end {
        let asked = app.reading.asked.events;
        app.reading.seen.events = app.list.last_row().map_or(asked, |last| last.max(asked));
    }
}

fn unreadable(app: &mut App, what: Asked, reason: String) {
    match what {
        Asked::Rows => {
            app.reading.busy = false;
            app.reading.stale = false;
            app.pause_reading();
            app.notify(Tone::Bad, format!("✗ cannot read the history: {reason}"));
        }
        Asked::Detail(id) => {
            app.detail.busy = false;
            if !std::mem::take(&mut app.detail.stale) {
                app.detail.failed = Some((id, reason));
            }
        }
    }
}

/// Returns what must be read for what is on screen.
fn wants(app: &mut App) -> Vec<Effect> {
    let mut effects = Vec::new();
    let height = app.layout().list_height();
    let reading = &mut app.reading;
    if !reading.busy && reading.paused_until.is_none() {
        let page = reading.jump.take().or_else(|| {
            if app.list.loaded {
                app.list.missing_page(height)
            } else {
                Some(Place::Newest)
            }
        });
        let effect = match page {
            Some(place) => Some(Effect::Page(place)),
            None => news(reading.marks, reading.seen, &app.list),
        };
        if let Some(effect) = effect {
            reading.busy = true;
            reading.asked = reading.marks;
            effects.push(effect);
        }
    }
    if let Some(wanted) = app.wanted().cloned()
        && let Some(reveal) = app.detail.ask(&wanted)
    {
        let id = wanted.id;
        effects.push(Effect::Detail { id, reveal });
    }
    effects
}

fn news(marks: Watermarks, seen: Watermarks, list: &List) -> Option<Effect> {
    let remarked = marks.bookmarks > seen.bookmarks;
    let more = (list.at_end && marks.events > seen.events)
        || marks.attempts > seen.attempts
        || marks.gaps > seen.gaps
        || marks.new_fields > seen.new_fields
        || remarked;
    more.then_some(Effect::News {
        events: list.at_end.then_some(seen.events),
        attempts: seen.attempts,
        gaps: seen.gaps,
        novelties: seen.new_fields,
        marked: remarked.then(|| list.reach()),
    })
}

fn perform(app: &mut App, action: Action) -> Option<Effect> {
    if act::lacks_event(app, action) {
        let words = match app.list.entries().is_empty() {
            true if !app.list.loaded => "the history is being read",
            true if app.filter.is_empty() => "there is no event yet",
            true => "no event is listed; / changes the filter",
            false => "this line is no event",
        };
        app.notify(Tone::Plain, words);
        return None;
    }
    match action {
        Action::Quit => return Some(Effect::Quit),
        Action::Suspend => return Some(Effect::Suspend),
        Action::Help => open(app, OverlayKind::Help),
        Action::Language => open(app, OverlayKind::Language),
        Action::Filter => app.filter_line = Some(FilterLine::new(&app.filter)),
        Action::Apply => return apply(app),
        Action::Complete => {
            if let Some(line) = &mut app.replay_line {
                line.complete();
            } else if let Some(line) = &mut app.filter_line {
                line.complete();
            }
        }
        Action::Explain => match app.explainable() {
            Some(entry) => open(app, OverlayKind::Explanation(entry)),
            None => app.notify(Tone::Plain, "there is nothing to be explained yet"),
        },
        Action::Reveal => {
            if let Some(id) = app.list.selected_event().map(|event| event.id) {
                app.detail.turn_reveal(id);
            }
        }
        Action::Back if app.overlay.is_some() => app.overlay = None,
        Action::Back if app.palette.is_some() => app.palette = None,
        Action::Back if app.jump.is_some() => app.jump = None,
        Action::Back if app.filter_line.is_some() => app.filter_line = None,
        Action::Back if app.comment.is_some() => app.comment = None,
        Action::Back if app.noise_line.is_some() => app.noise_line = None,
        Action::Back if app.replay_line.is_some() => app.replay_line = None,
        Action::Back if app.study.is_some() => app.study = None,
        Action::Back => app.focus = Focus::List,
        Action::Open if app.study.is_some() => return act::open_of_study(app),
        Action::Open => {
            if app.list.selected_event().is_some() {
                app.focus = Focus::Detail;
                // What is read must not be replaced by what comes in.
                app.list.follow = false;
            }
        }
        Action::NextTab => app.detail.turn(true),
        Action::PreviousTab => app.detail.turn(false),
        Action::NextEvent => app.list.go_to_event(true),
        Action::PreviousEvent => app.list.go_to_event(false),
        Action::Follow if app.list.follow => app.list.follow = false,
        Action::Follow => newest(app),
        Action::Replay(line) => return replay::replay(app, line),
        Action::ReplayWith => replay::write(app),
        Action::StopReplay => return replay::stop(app),
        Action::Palette => app.palette = Some(Palette::new(app.pane(), &app.keys)),
        Action::Run => return act::run(app),
        Action::Copy => open(app, OverlayKind::Copy),
        Action::Up if app.palette.is_some() => act::choose(app, -1),
        Action::Down if app.palette.is_some() => act::choose(app, 1),
        Action::Timeline
        | Action::Diff
        | Action::DiffAnswers
        | Action::CopyAs(..)
        | Action::CopyPath
        | Action::CopyAddress
        | Action::Mask
        | Action::Noise
        | Action::Select
        | Action::SelectShown
        | Action::Unselect
        | Action::Mark
        | Action::Comment
        | Action::Fold
        | Action::FoldAll
        | Action::Jump
        | Action::Form
        | Action::Hold
        | Action::Clear
        | Action::Theme
        | Action::Mouse => return act::act(app, action),
        Action::Up => go(app, -1),
        Action::Down => go(app, 1),
        Action::PageUp => go(app, -page_height(app)),
        Action::PageDown => go(app, page_height(app)),
        Action::First => first(app),
        Action::Last => last(app),
    }
    None
}

/// Limits the list to what was written; a line with a mistake stays.
fn apply(app: &mut App) -> Option<Effect> {
    let filter = app.filter_line.as_ref()?.filter()?;
    app.filter_line = None;
    if filter == app.filter {
        return None;
    }
    app.filter = filter.clone();
    app.focus = Focus::List;
    app.list.clear();
    app.drop_incoming();
    app.reading.stale = app.reading.busy;
    app.reading.forget_jump();
    Some(Effect::Filter(filter))
}

fn open(app: &mut App, kind: OverlayKind) {
    app.overlay = Some(Overlay { kind, scroll: 0 });
}

/// Returns how far what lies over everything can be scrolled.
fn longest_scroll(app: &App) -> usize {
    match app.overlay.map(|overlay| overlay.kind) {
        Some(OverlayKind::Language) => crate::view::language::longest_scroll(app.size),
        Some(OverlayKind::Help) => crate::view::help::longest_scroll(app),
        Some(OverlayKind::Copy) => 0,
        Some(OverlayKind::Explanation(entry)) => crate::view::explain::longest_scroll(app, entry),
        None => 0,
    }
}

fn page_height(app: &App) -> isize {
    let layout = app.layout();
    let height = match app.focus {
        _ if app.study.is_some() => layout.study_size().1,
        Focus::List => layout.list_height(),
        Focus::Detail => layout.detail_size().1,
    };
    isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(1)
}

fn go(app: &mut App, by: isize) {
    let longest = longest_scroll(app);
    if app.overlay.is_none()
        && let Some(study) = &mut app.study
    {
        study.go(by);
        return;
    }
    match (&mut app.overlay, app.focus) {
        (Some(Overlay { scroll, .. }), _) => {
            *scroll = scroll.saturating_add_signed(by).min(longest);
        }
        (None, Focus::List) => app.list.go_by(by),
        (None, Focus::Detail) => app.detail.go(by),
    }
}

fn first(app: &mut App) {
    if app.overlay.is_none() && app.study.is_some() {
        go(app, isize::MIN);
        return;
    }
    match (&mut app.overlay, app.focus) {
        (Some(Overlay { scroll, .. }), _) => *scroll = 0,
        (None, Focus::Detail) => app.detail.go_to_end(false),
        (None, Focus::List) if app.list.at_start && !app.list.cleared || !app.list.loaded => {
            app.list.go_to(0);
        }
        (None, Focus::List) => app.reading.jump = Some(Place::Oldest),
    }
}

fn last(app: &mut App) {
    if app.overlay.is_none() && app.study.is_some() {
        go(app, isize::MAX);
        return;
    }
    let longest = longest_scroll(app);
    match (&mut app.overlay, app.focus) {
        (Some(Overlay { scroll, .. }), _) => *scroll = longest,
        (None, Focus::Detail) => app.detail.go_to_end(true),
        (None, Focus::List) => newest(app),
    }
}

fn newest(app: &mut App) {
    app.focus = Focus::List;
    if app.list.at_end {
        app.list.go_to(usize::MAX);
    } else if app.list.loaded {
        app.reading.jump = Some(Place::Newest);
    }
}

#[cfg(test)]
mod act_tests;
#[cfg(test)]
mod tests;
