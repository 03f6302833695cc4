//! Keys: an action, or text for the prompt.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::action::perform;
use crate::app::App;
use crate::effect::Effect;
use crate::theme::WARN;

/// Most characters of a paste.
const MAX_PASTE: usize = 1_000;

/// Handles a key.
///
/// A terminal sends the same bytes for Alt and a character as for Esc and a character right after it, and over a slow
/// connection these two do arrive together. No action's key has Alt, so it is the two, except in a prompt, where Alt moves
/// by words.
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
        return perform(app, action);
    }
    if event.kind == KeyEventKind::Press && scope.is_line() {
        type_key(app, event);
    }
    None
}

/// Types a paste into the prompt. Without a prompt it does nothing: its letters are not commands.
pub(super) fn paste(app: &mut App, text: &str) {
    if !app.scope().is_line() {
        app.notify(WARN, "a paste does nothing here; / filters");
        return;
    }
    let text = text.trim();
    for letter in text.chars().take(MAX_PASTE) {
        // A prompt has one line and no control characters.
        let letter = if letter.is_control() { ' ' } else { letter };
        type_key(app, KeyEvent::from(KeyCode::Char(letter)));
    }
    if text.chars().nth(MAX_PASTE).is_some() {
        let words = format!("only the first {MAX_PASTE} characters were pasted");
        app.notify(WARN, words);
    }
}

fn type_key(app: &mut App, key: KeyEvent) {
    if let Some(prompt) = &mut app.prompt {
        prompt.key(key, &app.keys);
    }
}

#[cfg(test)]
mod tests;
