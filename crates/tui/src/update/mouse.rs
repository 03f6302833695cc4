//! The mouse: a click chooses a row, a second one on it opens it, the wheel moves.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{go, perform};
use crate::app::{App, Focus};
use crate::effect::Effect;
use crate::keymap::{Action, Scope};

/// Rows that the wheel moves by.
const WHEEL: isize = 3;

/// Takes in what the mouse did.
pub(super) fn mouse(app: &mut App, event: MouseEvent) -> Option<Effect> {
    match event.kind {
        MouseEventKind::ScrollUp => wheel(app, &event, -WHEEL),
        MouseEventKind::ScrollDown => wheel(app, &event, WHEEL),
        MouseEventKind::Down(MouseButton::Left) => return click(app, &event),
        _ => {}
    }
    None
}

fn wheel(app: &mut App, event: &MouseEvent, by: isize) {
    let layout = app.layout();
    let over = |area: Option<Rect>| area.is_some_and(|area| area.contains(place(event)));
    match app.scope() {
        Scope::List if over(layout.detail) => app.detail.go(by),
        Scope::Detail if over(layout.list) => app.list.go_by(by),
        Scope::List | Scope::Detail | Scope::Study | Scope::Overlay => go(app, by),
        _ => {}
    }
}

fn click(app: &mut App, event: &MouseEvent) -> Option<Effect> {
    let at = place(event);
    if !matches!(app.scope(), Scope::List | Scope::Detail) {
        return None;
    }
    let layout = app.layout();
    if let Some(area) = layout.list.filter(|area| area.contains(at)) {
        // The first line is the heading.
        let line = usize::from(at.y - area.y).checked_sub(1)?;
        let index = app.list.top + line;
        if index >= app.list.entries().len() {
            return None;
        }
        let again = app.list.cursor == index && app.focus == Focus::List && !app.list.follow;
        app.focus = Focus::List;
        app.list.go_to(index);
        // What was clicked stays under the mouse.
        app.list.follow = false;
        if again {
            return perform(app, Action::Open);
        }
    } else if layout.detail.is_some_and(|area| area.contains(at)) && app.focus == Focus::List {
        return perform(app, Action::Open);
    }
    None
}

fn place(event: &MouseEvent) -> Position {
    Position::new(event.column, event.row)
}
