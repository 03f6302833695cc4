//! Panels: opened by a key, filled when their rows are read.

use std::sync::Arc;

use ringtail_recordings::diff::Noise;
use tui_input::Input;

use super::query;
use crate::app::{App, Panel, Prompt};
use crate::effect::{Ask, Effect, PanelKey, PanelKind};
use crate::format::PanelRow;
use crate::theme::{PLAIN, WARN};

fn open(app: &mut App, kind: PanelKind) -> Effect {
    let key = PanelKey {
        kind,
        masked: app.masked,
        noise: Arc::clone(&app.noise),
    };
    app.panel = Some(Panel::new(key.clone()));
    query(app, Ask::Panel(key))
}

/// Shows the rows of the open panel, or closes it and says why there are none.
pub(super) fn show(app: &mut App, key: &PanelKey, rows: Result<Arc<Vec<PanelRow>>, String>) {
    let Some(panel) = app.panel.as_mut().filter(|panel| panel.key == *key) else {
        return;
    };
    match rows {
        Ok(rows) => {
            panel.show(rows);
            app.list.follow = false;
        }
        Err(why) => {
            app.panel = None;
            app.notify(WARN, why);
        }
    }
}

pub(super) fn timeline(app: &mut App) -> Option<Effect> {
    let event = app.list.current_event()?;
    let (id, row) = (event.id, event.row);
    Some(open(app, PanelKind::Timeline { id, row }))
}

pub(super) fn diff_answers(app: &mut App) -> Option<Effect> {
    let event = app.list.current_event()?;
    let (id, row) = (event.id, event.row);
    Some(open(app, PanelKind::Answers { id, row }))
}

/// Compares the current event with the selected one, or two selected ones; else with the previous one of its kind.
pub(super) fn diff(app: &mut App) -> Option<Effect> {
    let current = app.list.current_event().map(|event| (event.row, event.id));
    let selected = app.selected.iter().map(|(row, event)| (*row, event.id));
    let selected: Vec<_> = selected.take(3).collect();
    let (id, row, other) = match (selected.as_slice(), current) {
        ([(row, id), (_, other)], _) => (*id, *row, Some(*other)),
        ([(_, other)], Some((row, id))) if *other != id => (id, row, Some(*other)),
        ([] | [_], Some((row, id))) => (id, row, None),
        ([] | [_], None) => {
            app.notify(PLAIN, "this line is not an event to compare with");
            return None;
        }
        _ => {
            let words = "more than two events are selected: V unselects them";
            app.notify(PLAIN, words);
            return None;
        }
    };
    Some(open(app, PanelKind::Diff { id, row, other }))
}

/// Opens the line of names that are not compared.
pub(super) fn edit_noise(app: &mut App) {
    if app.panel.as_ref().is_some_and(Panel::compares) {
        let names: Vec<&str> = app.noise.names().collect();
        app.prompt = Some(Prompt::Noise(Input::new(names.join(" "))));
    } else {
        app.notify(PLAIN, "nothing is compared here");
    }
}

/// Compares again without these names. The old difference stays until then.
pub(super) fn compare_without(app: &mut App, names: &str) -> Option<Effect> {
    let separates = |c: char| c.is_whitespace() || c == ',';
    let names = names.split(separates).filter(|name| !name.is_empty());
    let noise: Noise = names.collect();
    if noise == *app.noise {
        return None;
    }
    app.noise = Arc::new(noise);
    let words = "compared again; `[diff] noise` in the configuration file keeps the names";
    app.notify(PLAIN, words);
    let panel = app.panel.as_mut()?;
    panel.key.noise = Arc::clone(&app.noise);
    let key = panel.key.clone();
    Some(query(app, Ask::Panel(key)))
}
