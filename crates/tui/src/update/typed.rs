//! What is typed: a key that asks for an action, or letters of the line that is open.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::backend::crossterm::EventHandler as _;

use crate::app::App;
use crate::effect::Effect;
use crate::keymap::Scope;
use crate::text::Tone;

/// Most characters of a paste that are written on a line.
const MAX_PASTE: usize = 1_000;

/// Takes a key.
///
/// A terminal has the same bytes for Alt and a character as for Esc and the character right after it, and over a slow line
/// the two do arrive together. No action's key has Alt, so it is the two, but for a line, where Alt moves by words.
pub(super) fn key(app: &mut App, mut event: KeyEvent) -> impl Iterator<Item = Effect> {
    let is_typed = matches!(
        event.code,
        KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace
    );
    let both = event.kind == KeyEventKind::Press
        && event.modifiers.contains(KeyModifiers::ALT)
        && is_typed
        && !app.scope().is_line();
    let escaped = both.then(|| press(app, KeyEvent::from(KeyCode::Esc)));
    if both {
        event.modifiers.remove(KeyModifiers::ALT);
    }
    let pressed = press(app, event);
    escaped.flatten().into_iter().chain(pressed)
}

fn press(app: &mut App, event: KeyEvent) -> Option<Effect> {
    let scope = app.scope();
    if let Some(action) = app.keys.action(&event, scope) {
        return super::perform(app, action);
    }
    if event.kind == KeyEventKind::Press {
        write(app, scope, &event);
    }
    None
}

/// Writes a paste on the line that is open. Where there is none it does nothing: its letters are no commands.
pub(super) fn paste(app: &mut App, text: &str) {
    let scope = app.scope();
    if !scope.is_line() {
        app.notify(Tone::Warn, "a paste does nothing here; / filters");
        return;
    }
    let text = text.trim();
    for letter in text.chars().take(MAX_PASTE) {
        // A line has no second one, and a control character no business there.
        let letter = if letter.is_control() { ' ' } else { letter };
        let key = KeyEvent::from(KeyCode::Char(letter));
        write(app, scope, &key);
    }
    if text.chars().nth(MAX_PASTE).is_some() {
        let words = format!("only the first {MAX_PASTE} characters were pasted");
        app.notify(Tone::Warn, words);
    }
}

/// Writes a key on the line that is open.
fn write(app: &mut App, scope: Scope, event: &KeyEvent) {
    match scope {
        Scope::Filter => {
            if let Some(line) = &mut app.filter_line {
                line.key(*event);
            }
        }
        Scope::Palette => {
            if let Some(palette) = &mut app.palette {
                palette.key(*event, &app.keys);
            }
        }
        Scope::Comment => {
            if let Some((_, input)) = &mut app.comment {
                input.handle_event(&Event::Key(*event));
            }
        }
        Scope::Noise => {
            if let Some(input) = &mut app.noise_line {
                input.handle_event(&Event::Key(*event));
            }
        }
        Scope::Replay => {
            if let Some(line) = &mut app.replay_line {
                line.key(*event);
            }
        }
        Scope::Jump => {
            if let Some(input) = &mut app.jump {
                input.handle_event(&Event::Key(*event));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
