//! What actions do beside moving about.

use std::sync::Arc;

use ringtail_filter::Filter;
use ringtail_model::{RowId, Status};
use ringtail_protocol::event::EventId;
use ringtail_recordings::diff::Noise;

use super::{perform, replay};
use crate::app::{About, App, Entry, Focus, MAX_SELECTED, Shown, Study, StudyKind};
use crate::effect::{Effect, Place};
use crate::keymap::Action;
use crate::source::{Form, MarkWish};
use crate::text::Tone;

/// Says whether an action is about an event and there is none, neither chosen nor selected.
pub(super) fn lacks_event(app: &App, action: Action) -> bool {
    if app.study.is_some() {
        return false;
    }
    match action {
        Action::SelectShown | Action::Follow => app.list.entries().is_empty(),
        Action::Replay(_) | Action::Diff | Action::Copy => app.meant().is_empty(),
        Action::Open
        | Action::Reveal
        | Action::Timeline
        | Action::DiffAnswers
        | Action::Select
        | Action::Mark
        | Action::Comment => app.list.selected_event().is_none(),
        Action::Unselect => app.selected.is_empty() && app.list.entries().is_empty(),
        _ => false,
    }
}

/// Does what an action asks for.
pub(super) fn act(app: &mut App, action: Action) -> Option<Effect> {
    match action {
        Action::Timeline => {
            let event = app.list.selected_event()?;
            let (id, row) = (event.id, event.row);
            return Some(study(app, StudyKind::Timeline { id, row }));
        }
        Action::Diff => return diff(app),
        Action::DiffAnswers => {
            let id = app.list.selected_event()?.id;
            return Some(study(app, StudyKind::Answers { id }));
        }
        Action::CopyAs(form, into_file) => return copy(app, form, into_file),
        Action::CopyPath => match app.detail.path() {
            Some(path) => return Some(Effect::Clip(path.into_bytes())),
            None => app.notify(Tone::Plain, "there is no path here"),
        },
        Action::CopyAddress => return address(app),
        Action::Mask => return Some(mask(app)),
        Action::Noise => noise(app),
        Action::Select => select(app),
        Action::SelectShown => select_shown(app),
        Action::Unselect => app.selected.clear(),
        Action::Mark => {
            let event = app.list.selected_event()?;
            let wish = match event.bookmark {
                Some(_) => MarkWish::Clear,
                None => MarkWish::Mark,
            };
            return Some(Effect::Mark { id: event.id, wish });
        }
        Action::Comment if app.masked => {
            app.notify(Tone::Plain, "comments are hidden while personal data is");
        }
        Action::Comment => {
            let event = app.list.selected_event()?;
            let written = event.bookmark.as_ref().map_or("", |mark| &mark.comment);
            let line = tui_input::Input::new(written.to_owned());
            app.comment = Some((event.id, line));
        }
        Action::Fold => app.detail.fold(),
        Action::FoldAll => app.detail.fold_all(),
        Action::Form => app.detail.next_form(),
        Action::Jump => app.jump = Some(tui_input::Input::default()),
        Action::Hold => {
            // It holds all of them, whichever is looked at; one without a target never says that it does.
            let targets = || app.engines.iter().filter(|engine| engine.target.is_some());
            let forwards = |engine: &&Status| engine.target.as_ref().is_some_and(|it| it.forwards);
            if !targets().any(|engine| forwards(&engine)) {
                let words = match targets().next() {
                    None => "there is no target to hold events back from",
                    Some(_) => "with --no-forward nothing is forwarded that could be held back",
                };
                app.notify(Tone::Plain, words);
                return None;
            }
            let paused = targets().any(|engine| engine.paused);
            return Some(Effect::Hold(!paused));
        }
        Action::Clear => clear(app),
        Action::Theme => {
            app.theme = app.theme.next();
            app.notify(Tone::Plain, format!("theme: {}", app.theme.word()));
        }
        Action::Mouse => {
            app.mouse = !app.mouse;
            let words = match app.mouse {
                true => "the mouse acts on the screen; with Shift it selects text",
                false => "the mouse is the terminal's: it selects text",
            };
            app.notify(Tone::Plain, words);
            return Some(Effect::Mouse(app.mouse));
        }
        _ => {}
    }
    None
}

/// Does what was chosen in the palette or written as a path.
pub(super) fn run(app: &mut App) -> Option<Effect> {
    if let Some(palette) = app.palette.take() {
        return perform(app, palette.action()?);
    }
    if let Some((id, line)) = app.comment.take() {
        let wish = MarkWish::Comment(line.value().to_owned());
        return Some(Effect::Mark { id, wish });
    }
    if let Some(line) = app.noise_line.take() {
        return compare_without(app, line.value());
    }
    if app.replay_line.is_some() {
        return replay::written(app);
    }
    let path = app.jump.take()?;
    if !app.detail.jump(path.value()) {
        let goes_on = |shown: &Shown| shown.pages.outline.goes_on();
        let what = match app.detail.shown.as_ref().is_some_and(goes_on) {
            true => "what is shown of the body",
            false => "the body",
        };
        let words = format!("{what} has no path with {:?} in it", path.value());
        app.notify(Tone::Warn, words);
    }
    None
}

/// Moves the choice in the palette.
pub(super) fn choose(app: &mut App, by: isize) {
    if let Some(palette) = &mut app.palette {
        palette.go(by);
    }
}

/// Opens the event of the line that was chosen in a timeline. One that is not in the window is read with those around
/// it; what a filter hides is shown among all.
pub(super) fn open_of_study(app: &mut App) -> Option<Effect> {
    let (id, row) = app.study.as_ref().and_then(Study::event)?;
    app.study = None;
    app.focus = Focus::Detail;
    if app.list.go_to_id(id) {
        return None;
    }
    read_around(app, id, row);
    if app.filter.is_empty() {
        return None;
    }
    let words = "the filter is off: it does not list this event, or not near what was listed";
    app.notify(Tone::Plain, words);
    app.filter = Filter::default();
    Some(Effect::Filter(Filter::default()))
}

/// Has the list read anew from an event on, which is chosen then; the rows before it follow by themselves.
fn read_around(app: &mut App, id: EventId, RowId(row): RowId) {
    app.list.clear();
    app.drop_incoming();
    app.list.follow = false;
    app.list.loaded = true;
    app.reading.stale = app.reading.busy;
    app.reading.jump = Some(Place::After(RowId(row - 1)));
    app.reading.choose = Some(id);
}

fn study(app: &mut App, kind: StudyKind) -> Effect {
    let about = About {
        kind,
        masked: app.masked,
        noise: Arc::clone(&app.noise),
    };
    app.study = Some(Study::new(about.clone()));
    Effect::Study(about)
}

/// Begins to write what is not compared.
fn noise(app: &mut App) {
    if app.study.as_ref().is_some_and(Study::compares) {
        let names: Vec<&str> = app.noise.names().collect();
        app.noise_line = Some(tui_input::Input::new(names.join(" ")));
    } else {
        app.notify(Tone::Plain, "nothing is compared here");
    }
}

/// Compares anew, without what was written. What was shown stays until then.
fn compare_without(app: &mut App, names: &str) -> Option<Effect> {
    let separates = |c: char| c.is_whitespace() || c == ',';
    let names = names.split(separates).filter(|name| !name.is_empty());
    let noise: Noise = names.collect();
    if noise == *app.noise {
        return None;
    }
    app.noise = Arc::new(noise);
    let words = "compared anew; `[diff] noise` in the configuration file keeps names for good";
    app.notify(Tone::Plain, words);
    let study = app.study.as_mut()?;
    study.about.noise = Arc::clone(&app.noise);
    Some(Effect::Study(study.about.clone()))
}

/// Compares with the other one that is selected, or both that are; else with the one before of its kind.
fn diff(app: &mut App) -> Option<Effect> {
    let chosen = app.list.selected_event().map(|event| (event.row, event.id));
    let selected: Vec<_> = app
        .selected
        .iter()
        .map(|(row, (id, _))| (*row, *id))
        .collect();
    let (id, row, other) = match (selected.as_slice(), chosen) {
        ([(one, id), (_, other)], _) => (*id, *one, Some(*other)),
        ([(_, other)], Some((row, id))) if *other != id => (id, row, Some(*other)),
        ([] | [_], Some((row, id))) => (id, row, None),
        ([] | [_], None) => {
            app.notify(Tone::Plain, "this line is no event to compare with");
            return None;
        }
        _ => {
            let words = "more than two events are selected: V unselects them";
            app.notify(Tone::Plain, words);
            return None;
        }
    };
    Some(study(app, StudyKind::Diff { id, row, other }))
}

fn copy(app: &mut App, form: Form, into_file: bool) -> Option<Effect> {
    app.overlay = None;
    let events = app.meant();
    let name = match events.as_slice() {
        [] => return None,
        [(_, seq)] => format!("ringtail-{seq}"),
        // They may be of several endpoints, each of which counts from 1.
        events => format!("ringtail-{}-events", events.len()),
    };
    let file = into_file.then(|| format!("{name}.{}", form.extension()));
    let ids = events.into_iter().map(|(id, _)| id).collect();
    Some(Effect::Take { ids, form, file })
}

/// Copies the address of the endpoint that is looked at. Again, while that is told, the next one's.
fn address(app: &mut App) -> Option<Effect> {
    let last = app.addressed.filter(|_| app.notice.is_some());
    let index = match last {
        Some(last) => (last + 1) % app.engines.len(),
        None => {
            let is_it = |engine: &Status| engine.name == app.status.name;
            app.engines.iter().position(is_it).unwrap_or(0)
        }
    };
    app.addressed = Some(index);
    let engine = app.engines.get(index)?;
    if let Some(endpoint) = &engine.endpoint {
        return Some(Effect::Clip(endpoint.url.clone().into_bytes()));
    }
    let words = format!("the relay has not told the address of {} yet", engine.name);
    app.notify(Tone::Plain, words);
    None
}

fn select(app: &mut App) {
    let Some(event) = app.list.selected_event() else {
        return;
    };
    let (row, named) = (event.row, (event.id, event.seq));
    if app.selected.remove(&row).is_none() {
        if app.selected.len() >= MAX_SELECTED {
            app.notify(
                Tone::Warn,
                format!("{MAX_SELECTED} events are selected: no more"),
            );
            return;
        }
        app.selected.insert(row, named);
    }
    if app.focus == Focus::List {
        // So that a run of events is selected by one key.
        app.list.go_by(1);
    }
}

fn select_shown(app: &mut App) {
    let events = app.list.entries().iter().filter_map(Entry::event);
    let named = events.map(|event| (event.row, (event.id, event.seq)));
    app.selected.extend(named.take(MAX_SELECTED));
    while app.selected.len() > MAX_SELECTED {
        app.selected.pop_first();
    }
    let all = app.list.at_start && app.list.at_end;
    if !all {
        let words = "selected what is loaded; the history has more of it";
        app.notify(Tone::Warn, words);
    }
}

/// Changes what is read, and forgets what was, so that nothing is left on screen that is not to be seen.
fn mask(app: &mut App) -> Effect {
    app.masked = !app.masked;
    let place = app.list.selected_event().map(|event| (event.id, event.row));
    let (follow, focus) = (app.list.follow, app.focus);
    app.list.clear();
    app.drop_incoming();
    app.detail.forget();
    app.study = None;
    app.comment = None;
    app.notice = None;
    app.reading.stale = app.reading.busy;
    app.reading.forget_jump();
    if let (false, Some((id, row))) = (follow, place) {
        read_around(app, id, row);
        app.focus = focus;
    }
    Effect::Mask(app.masked)
}

fn clear(app: &mut App) {
    if app.list.cleared {
        app.list.clear();
        app.notify(Tone::Plain, "what was is back");
    } else {
        app.list.clear_view();
        app.reading.seen.events = app.reading.marks.events;
        app.notify(Tone::Plain, "cleared; c brings back what was");
    }
    app.drop_incoming();
    app.reading.stale = app.reading.busy;
    app.reading.forget_jump();
}
