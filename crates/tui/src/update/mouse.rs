//! The mouse: a click moves the cursor, a second one opens the event, the wheel scrolls.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::action::perform;
use super::movement::go;
use crate::app::App;
use crate::effect::Effect;
use crate::keymap::{Action, Scope};
use crate::layout::Focus;

/// Rows that the wheel moves by.
const WHEEL: isize = 3;

/// Handles the mouse.
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
    let over = |area: Option<Rect>| area.is_some_and(|area| area.contains(position(event)));
    match app.scope() {
        Scope::List if over(layout.detail) => app.detail.go(by),
        Scope::Detail if over(layout.list) => app.list.go_by(by),
        Scope::List | Scope::Detail | Scope::Panel | Scope::Overlay => go(app, by),
        _ => {}
    }
}

fn click(app: &mut App, event: &MouseEvent) -> Option<Effect> {
    let at = position(event);
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
        (app.notice, app.copied_address) = (None, None);
        let again = app.list.cursor == index && app.focus == Focus::List && !app.list.follow;
        app.focus = Focus::List;
        app.list.go_to(index);
        // The clicked row stays under the mouse.
        app.list.follow = false;
        if again {
            return perform(app, Action::Open);
        }
    } else if layout.detail.is_some_and(|area| area.contains(at)) && app.focus == Focus::List {
        return perform(app, Action::Open);
    }
    None
}

fn position(event: &MouseEvent) -> Position {
    Position::new(event.column, event.row)
}
