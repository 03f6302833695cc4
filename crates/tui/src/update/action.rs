//! What actions do.

use ringtail_filter::Filter;
use ringtail_model::{RowId, Status};
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_store::{BookmarkChange, Comment};
use ringtail_views::PagePosition;
use ringtail_views::copy::CopyFormat;
use tui_input::Input;

use super::{movement, panel, query, replay};
use crate::app::{
    App, Entry, FilterLine, List, MAX_SELECTED, NOTICE, Overlay, OverlayKind, Palette, Prompt,
    Shown, later,
};
use crate::effect::{Ask, Effect};
use crate::keymap::Action;
use crate::layout::Focus;
use crate::theme::{PLAIN, WARN};

/// Performs an action. What was said of another one is no longer about the screen.
pub(super) fn perform(app: &mut App, action: Action) -> Option<Effect> {
    app.notice = None;
    let copied = app.copied_address.take();
    if lacks_event(app, action) {
        let words = match app.list.entries().is_empty() {
            true if !app.list.loaded => "the history is being read",
            true if app.filter.is_empty() => "there is no event yet",
            true => "no event is listed; / changes the filter",
            false => "this line is not an event",
        };
        app.notify(PLAIN, words);
        return None;
    }
    match action {
        Action::Quit => return Some(Effect::Quit),
        Action::Suspend => return Some(Effect::Suspend),
        Action::Help => open_overlay(app, OverlayKind::Help),
        Action::Language => open_overlay(app, OverlayKind::Language),
        Action::Copy => open_overlay(app, OverlayKind::Copy),
        Action::Explain => match app.explainable() {
            Some(entry) => open_overlay(app, OverlayKind::Explanation(entry)),
            None => app.notify(PLAIN, "there is nothing to explain yet"),
        },
        Action::Back if app.overlay.is_some() => app.overlay = None,
        Action::Back if app.prompt.is_some() => app.prompt = None,
        Action::Back if app.panel.is_some() => app.panel = None,
        Action::Back => app.focus = Focus::List,
        Action::Open if app.panel.is_some() => return open_event_of_panel(app),
        Action::Open => {
            app.focus = Focus::Detail;
            // New events must not replace the one that is read.
            app.list.follow = false;
        }

        Action::Up if palette(app).is_some() => palette(app)?.go(-1),
        Action::Down if palette(app).is_some() => palette(app)?.go(1),
        Action::Up => movement::go(app, -1),
        Action::Down => movement::go(app, 1),
        Action::PageUp => movement::go(app, -movement::page_height(app)),
        Action::PageDown => movement::go(app, movement::page_height(app)),
        Action::First => movement::first(app),
        Action::Last => movement::last(app),
        Action::NextTab => app.detail.turn(true),
        Action::PreviousTab => app.detail.turn(false),
        Action::NextEvent => app.list.go_to_event(true),
        Action::PreviousEvent => app.list.go_to_event(false),
        Action::Follow if app.list.follow => app.list.follow = false,
        Action::Follow => movement::newest(app),

        Action::Filter => app.prompt = Some(Prompt::Filter(FilterLine::new(&app.filter))),
        Action::Palette => {
            let palette = Palette::new(app.base_scope(), &app.keys);
            app.prompt = Some(Prompt::Palette(palette));
        }
        Action::Jump => app.prompt = Some(Prompt::Jump(Input::default())),
        Action::Comment if app.masked => {
            app.notify(PLAIN, "comments are hidden while personal data is");
        }
        Action::Comment => {
            let event = app.list.current_event()?;
            let comment = event
                .bookmark
                .as_ref()
                .map_or("", |bookmark| &bookmark.comment);
            let input = Input::new(comment.to_owned());
            app.prompt = Some(Prompt::Comment(event.id, input));
        }
        Action::Noise => panel::edit_noise(app),
        Action::ReplayWith => replay::open_prompt(app),
        Action::Complete => app.prompt.as_mut()?.complete(),
        Action::Run => return submit(app),

        Action::Replay(options) => return replay::replay(app, options),
        Action::StopReplay => return replay::stop(app),
        Action::Pause => return pause(app),
        Action::Timeline => return panel::timeline(app),
        Action::Diff => return panel::diff(app),
        Action::DiffAnswers => return panel::diff_answers(app),
        Action::CopyAs(format, into_file) => return copy(app, format, into_file),
        Action::CopyPath => match app.detail.path() {
            Some(path) => return Some(Effect::Clip(path.into_bytes())),
            None => app.notify(PLAIN, "there is no path here"),
        },
        Action::CopyAddress => return copy_address(app, copied),
        Action::Bookmark => {
            let event = app.list.current_event()?;
            let id = event.id;
            let change = match &event.bookmark {
                None => BookmarkChange::Set,
                Some(_) if app.masked => {
                    app.notify(
                        PLAIN,
                        "its comment, if any, is hidden and would be lost: P first",
                    );
                    return None;
                }
                Some(bookmark) if !bookmark.comment.is_empty() => {
                    let why = "its comment would be lost: M and Ctrl-U empty it, then m";
                    app.notify(PLAIN, why);
                    return None;
                }
                Some(_) => BookmarkChange::Clear,
            };
            return Some(query(app, Ask::Bookmark { id, change }));
        }
        Action::Select => select(app),
        Action::SelectShown => select_shown(app),
        Action::Unselect => app.selected.clear(),

        Action::Fold => app.detail.fold(),
        Action::FoldAll => app.detail.fold_all(),
        Action::BodyView => app.detail.next_view(),
        Action::Reveal => {
            let id = app.list.current_event()?.id;
            app.detail.toggle_reveal(id);
        }
        Action::Mask => mask(app),
        Action::Clear => clear(app),
        Action::Theme => {
            app.theme = app.theme.next();
            app.notify(PLAIN, format!("theme: {}", app.theme.word()));
        }
        Action::Mouse => {
            app.mouse = !app.mouse;
            let words = match app.mouse {
                true => "the mouse acts on the screen; with Shift it selects text",
                false => "the mouse selects text in the terminal",
            };
            app.notify(PLAIN, words);
            return Some(Effect::Mouse(app.mouse));
        }
    }
    None
}

/// Returns whether an action needs an event and there is none, neither current nor selected.
fn lacks_event(app: &App, action: Action) -> bool {
    if app.panel.is_some() {
        return false;
    }
    match action {
        Action::SelectShown | Action::Follow => app.list.entries().is_empty(),
        Action::Replay(_) | Action::Diff | Action::Copy => app.action_events().is_empty(),
        Action::Open
        | Action::Reveal
        | Action::Timeline
        | Action::DiffAnswers
        | Action::Select
        | Action::Bookmark
        | Action::Comment => app.list.current_event().is_none(),
        Action::Unselect => app.selected.is_empty() && app.list.entries().is_empty(),
        _ => false,
    }
}

fn open_overlay(app: &mut App, kind: OverlayKind) {
    app.overlay = Some(Overlay { kind, scroll: 0 });
}

fn palette(app: &mut App) -> Option<&mut Palette> {
    match &mut app.prompt {
        Some(Prompt::Palette(palette)) => Some(palette),
        _ => None,
    }
}

/// Does what was typed. A line with a mistake stays.
fn submit(app: &mut App) -> Option<Effect> {
    let has_mistake = match app.prompt.as_ref()? {
        Prompt::Filter(line) => line.error.is_some(),
        Prompt::Replay(line) => line.checked.error.is_some(),
        _ => false,
    };
    if has_mistake {
        return None;
    }
    let prompt = app.prompt.take()?;
    let text = prompt.input().value();
    match &prompt {
        Prompt::Palette(palette) => return perform(app, palette.action()?),
        Prompt::Filter(_) => apply_filter(app, text),
        Prompt::Noise(_) => return panel::compare_without(app, text),
        Prompt::Replay(_) => return replay::submit(app, text.trim()),
        Prompt::Jump(_) => jump(app, text),
        Prompt::Comment(id, _) => match Comment::parse(text) {
            Ok(comment) => {
                let change = BookmarkChange::Comment(comment);
                return Some(query(app, Ask::Bookmark { id: *id, change }));
            }
            Err(error) => {
                app.notify(WARN, format!("✗ {error}"));
                app.prompt = Some(prompt);
            }
        },
    }
    None
}

fn apply_filter(app: &mut App, text: &str) {
    let Ok(filter) = Filter::parse(text) else {
        return;
    };
    if filter != app.filter {
        app.filter = filter;
        app.focus = Focus::List;
        app.list.clear();
        app.drop_incoming();
        app.reading.restart();
    }
}

fn jump(app: &mut App, path: &str) {
    if app.detail.jump(path) {
        return;
    }
    let is_partial = |shown: &Shown| shown.pages.outline.is_partial;
    let what = match app.detail.shown.as_ref().is_some_and(is_partial) {
        true => "the shown part of the body",
        false => "the body",
    };
    app.notify(WARN, format!("{what} has no path with \"{path}\" in it"));
}

/// Opens the event of the panel's row. One outside the window is read with its neighbours, without a filter.
fn open_event_of_panel(app: &mut App) -> Option<Effect> {
    let (id, row) = app.panel.as_ref()?.event()?;
    app.panel = None;
    app.focus = Focus::Detail;
    if app.list.go_to_id(id) {
        return None;
    }
    let was_hidden = app.list.hidden_to.take_if(|to| row <= *to).is_some();
    read_around(app, id, row);
    if was_hidden {
        app.notify(PLAIN, "older events are back, as this one");
    }
    if !app.filter.is_empty() {
        app.filter = Filter::default();
        app.notify(
            PLAIN,
            "the filter is off: it does not list this event nearby",
        );
    }
    None
}

/// Reads the list again from an event on, and moves the cursor there; the rows before it follow.
fn read_around(app: &mut App, id: EventId, RowId(row): RowId) {
    app.list.clear();
    app.drop_incoming();
    app.list.follow = false;
    app.list.loaded = true;
    app.reading.restart();
    app.reading.jump = Some(PagePosition::After(RowId(row - 1)));
    app.reading.choose = Some(id);
}

/// Pauses all engines, or resumes them. One without a target is never paused.
fn pause(app: &mut App) -> Option<Effect> {
    let targets = app.engines.iter().filter(|engine| engine.target.is_some());
    let targets: Vec<&Status> = targets.collect();
    let forwards = |engine: &&Status| engine.target.as_ref().is_some_and(|it| it.forwards);
    if !targets.iter().any(forwards) {
        let words = match targets.is_empty() {
            true => "there is no target, so nothing to pause",
            false => "with --no-forward nothing is forwarded, so nothing to pause",
        };
        app.notify(PLAIN, words);
        return None;
    }
    let paused = targets.iter().any(|engine| engine.paused);
    Some(Effect::Pause(!paused))
}

fn copy(app: &mut App, format: CopyFormat, into_file: bool) -> Option<Effect> {
    app.overlay = None;
    let events = app.action_events();
    let name = match events.as_slice() {
        [] => return None,
        [event] => format!("ringtail-{}", event.seq),
        // Numbers of several endpoints may be the same.
        events => format!("ringtail-{}-events", events.len()),
    };
    let ask = Ask::Copy {
        file: into_file.then(|| format!("{name}.{}", format.extension())),
        ids: events.into_iter().map(|event| event.id).collect(),
        format,
    };
    Some(query(app, ask))
}

/// Copies the address of the current endpoint. As the next action, while its notice would be shown, that of the next one;
/// the page's is the last.
fn copy_address(app: &mut App, last: Option<(usize, Timestamp)>) -> Option<Effect> {
    let last = last.filter(|(_, until)| *until > app.now);
    let index = match last {
        Some((last, _)) => (last + 1) % (app.engines.len() + usize::from(app.page.is_some())),
        None => {
            let is_current = |engine: &Status| engine.name == app.status.name;
            app.engines.iter().position(is_current).unwrap_or(0)
        }
    };
    app.copied_address = Some((index, later(app.now, NOTICE)));
    let Some(engine) = app.engines.get(index) else {
        return app.page.clone().map(|url| Effect::Clip(url.into_bytes()));
    };
    if let Some(endpoint) = &engine.endpoint {
        return Some(Effect::Clip(endpoint.url.clone().into_bytes()));
    }
    let words = format!("the address of {} is not known yet", engine.name);
    app.notify(PLAIN, words);
    None
}

fn select(app: &mut App) {
    let Some(event) = app.list.current_event() else {
        return;
    };
    let (row, event) = (event.row, app.named(event));
    if app.selected.remove(&row).is_none() {
        if app.selected.len() >= MAX_SELECTED {
            app.notify(
                WARN,
                format!("at most {MAX_SELECTED} events can be selected"),
            );
            return;
        }
        app.selected.insert(row, event);
    }
    if app.focus == Focus::List {
        // Repeating the key selects a range.
        app.list.go_by(1);
    }
}

fn select_shown(app: &mut App) {
    let events = app.list.entries().iter().filter_map(Entry::event);
    let events = events.take(MAX_SELECTED);
    let events: Vec<_> = events.map(|event| (event.row, app.named(event))).collect();
    app.selected.extend(events);
    while app.selected.len() > MAX_SELECTED {
        app.selected.pop_first();
    }
    if !(app.list.at_start && app.list.at_end) {
        app.notify(WARN, "selected the loaded events; the history has more");
    }
}

/// Masks personal data, or unmasks it. Everything on screen is read again.
fn mask(app: &mut App) {
    app.masked = !app.masked;
    let current = app.list.current_event().map(|event| (event.id, event.row));
    let (follow, focus) = (app.list.follow, app.focus);
    app.list.clear();
    app.drop_incoming();
    app.detail.forget();
    app.panel = None;
    app.notice = None;
    app.reading.restart();
    if let (false, Some((id, row))) = (follow, current) {
        read_around(app, id, row);
        app.focus = focus;
    }
}

fn clear(app: &mut App) {
    if app.list.hidden_to.is_some() {
        app.list = List::default();
        app.reading.seen.gaps = RowId::default();
        app.notify(PLAIN, "older events are back");
    } else {
        let newest = app.reading.watermarks.events;
        app.list.hide(newest);
        app.reading.seen.events = newest;
        app.notify(PLAIN, "cleared; c brings older events back");
    }
    app.drop_incoming();
    app.reading.restart();
}

#[cfg(test)]
mod tests;
