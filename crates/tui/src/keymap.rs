//! Keys and what they do.
//!
//! One table: dispatch, footer and help read it, so none of them can say what another does not do.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Back,
    NextTab,
    PreviousTab,
    NextEvent,
    PreviousEvent,
    Replay,
    ReplaySigned,
    Explain,
    Reveal,
    Follow,
    Help,
    Filter,
    Apply,
    Complete,
    Language,
    Suspend,
    Quit,
}

/// Where keys act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    List,
    Detail,
    /// Help or an explanation.
    Overlay,
    /// The line of the filter, which takes every other key.
    Filter,
}

/// A key with or without Ctrl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    code: KeyCode,
    ctrl: bool,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) keys: &'static [Key],
    pub(crate) action: Action,
    pub(crate) scopes: &'static [Scope],
    /// What it does, for the help.
    pub(crate) help: &'static str,
    /// What it does in a word, for the footer; empty if the footer has no place for it.
    pub(crate) footer: &'static str,
}

const fn key(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

const fn char(c: char) -> Key {
    key(KeyCode::Char(c))
}

const fn ctrl(c: char) -> Key {
    Key {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}

const LIST: &[Scope] = &[Scope::List];
const DETAIL: &[Scope] = &[Scope::Detail];
const OVERLAY: &[Scope] = &[Scope::Overlay];
const FILTER: &[Scope] = &[Scope::Filter];
const PANES: &[Scope] = &[Scope::List, Scope::Detail];
const ANY: &[Scope] = &[Scope::List, Scope::Detail, Scope::Overlay];

/// The table, in the order of footer and help.
pub(crate) const BINDINGS: &[Binding] = &[
    Binding {
        keys: &[key(KeyCode::Enter), key(KeyCode::Right), char('l')],
        action: Action::Open,
        scopes: LIST,
        help: "open the event",
        footer: "open",
    },
    Binding {
        keys: &[key(KeyCode::Tab)],
        action: Action::NextTab,
        scopes: LIST,
        help: "tabs of the event beside the list",
        footer: "",
    },
    Binding {
        keys: &[key(KeyCode::Esc), key(KeyCode::Left), char('h')],
        action: Action::Back,
        scopes: DETAIL,
        help: "back to the list",
        footer: "back",
    },
    Binding {
        keys: &[key(KeyCode::Esc), char('?'), char('e'), char('q')],
        action: Action::Back,
        scopes: OVERLAY,
        help: "close this",
        footer: "close",
    },
    Binding {
        keys: &[key(KeyCode::Tab)],
        action: Action::NextTab,
        scopes: DETAIL,
        help: "next of body, headers, attempts",
        footer: "tabs",
    },
    Binding {
        keys: &[key(KeyCode::BackTab)],
        action: Action::PreviousTab,
        scopes: PANES,
        help: "tabs backwards",
        footer: "",
    },
    Binding {
        keys: &[char('j'), key(KeyCode::Down)],
        action: Action::Down,
        scopes: ANY,
        help: "down",
        footer: "",
    },
    Binding {
        keys: &[char('k'), key(KeyCode::Up)],
        action: Action::Up,
        scopes: ANY,
        help: "up",
        footer: "",
    },
    Binding {
        keys: &[key(KeyCode::PageDown), char(' '), ctrl('d')],
        action: Action::PageDown,
        scopes: ANY,
        help: "a page down",
        footer: "",
    },
    Binding {
        keys: &[key(KeyCode::PageUp), ctrl('u')],
        action: Action::PageUp,
        scopes: ANY,
        help: "a page up",
        footer: "",
    },
    Binding {
        keys: &[char('g'), key(KeyCode::Home)],
        action: Action::First,
        scopes: ANY,
        help: "first of the history, or top",
        footer: "",
    },
    Binding {
        keys: &[char('G'), key(KeyCode::End)],
        action: Action::Last,
        scopes: ANY,
        help: "newest, or bottom",
        footer: "",
    },
    Binding {
        keys: &[char('r')],
        action: Action::Replay,
        scopes: PANES,
        help: "replay: forward the event once more",
        footer: "replay",
    },
    Binding {
        keys: &[char('R')],
        action: Action::ReplaySigned,
        scopes: PANES,
        help: "replay it signed anew",
        footer: "",
    },
    Binding {
        keys: &[char('e')],
        action: Action::Explain,
        scopes: PANES,
        help: "explain the verdict, or the trouble",
        footer: "explain",
    },
    Binding {
        keys: &[char('s')],
        action: Action::Reveal,
        scopes: PANES,
        help: "show the event's secrets, or hide them",
        footer: "",
    },
    Binding {
        keys: &[char('J'), char('n')],
        action: Action::NextEvent,
        scopes: DETAIL,
        help: "next event",
        footer: "next",
    },
    Binding {
        keys: &[char('K'), char('p')],
        action: Action::PreviousEvent,
        scopes: DETAIL,
        help: "previous event",
        footer: "",
    },
    Binding {
        keys: &[char('/')],
        action: Action::Filter,
        scopes: PANES,
        help: "filter: show only some events",
        footer: "filter",
    },
    Binding {
        keys: &[key(KeyCode::Enter)],
        action: Action::Apply,
        scopes: FILTER,
        help: "show what the filter is for",
        footer: "show",
    },
    Binding {
        keys: &[key(KeyCode::Tab)],
        action: Action::Complete,
        scopes: FILTER,
        help: "complete the word",
        footer: "complete",
    },
    Binding {
        keys: &[key(KeyCode::F(1))],
        action: Action::Language,
        scopes: FILTER,
        help: "the filter language",
        footer: "language",
    },
    Binding {
        keys: &[key(KeyCode::Esc)],
        action: Action::Back,
        scopes: FILTER,
        help: "leave the filter as it was",
        footer: "back",
    },
    Binding {
        keys: &[ctrl('c')],
        action: Action::Quit,
        scopes: FILTER,
        help: "quit",
        footer: "",
    },
    Binding {
        keys: &[char('f')],
        action: Action::Follow,
        scopes: PANES,
        help: "follow the newest event, or stop",
        footer: "follow",
    },
    Binding {
        keys: &[char('?')],
        action: Action::Help,
        scopes: PANES,
        help: "this help",
        footer: "help",
    },
    Binding {
        keys: &[char('q'), ctrl('c')],
        action: Action::Quit,
        scopes: PANES,
        help: "quit",
        footer: "quit",
    },
    Binding {
        keys: &[ctrl('c')],
        action: Action::Quit,
        scopes: OVERLAY,
        help: "quit",
        footer: "",
    },
    Binding {
        keys: &[ctrl('z')],
        action: Action::Suspend,
        scopes: ANY,
        help: "suspend (fg brings it back)",
        footer: "",
    },
];

/// Returns what a key asks for where keys act. Releases and repeats of other kinds ask for nothing.
pub(crate) fn action(event: &KeyEvent, scope: Scope) -> Option<Action> {
    if event.kind != KeyEventKind::Press {
        return None;
    }
    // A terminal says Shift beside a capital letter or does not; the letter already tells.
    if event
        .modifiers
        .intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META)
    {
        return None;
    }
    let pressed = Key {
        code: event.code,
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
    };
    bindings(scope)
        .find(|binding| binding.keys.contains(&pressed))
        .map(|binding| binding.action)
}

/// Returns the rows of the table that act there.
pub(crate) fn bindings(scope: Scope) -> impl Iterator<Item = &'static Binding> {
    BINDINGS
        .iter()
        .filter(move |binding| binding.scopes.contains(&scope))
}

impl Key {
    /// Returns the key as it is printed on a keyboard.
    pub(crate) fn name(self) -> String {
        let name = match self.code {
            KeyCode::Enter => "Enter".to_owned(),
            KeyCode::Esc => "Esc".to_owned(),
            KeyCode::Tab => "Tab".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::Home => "Home".to_owned(),
            KeyCode::End => "End".to_owned(),
            KeyCode::F(number) => format!("F{number}"),
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) => c.to_string(),
            other => format!("{other:?}"),
        };
        if self.ctrl {
            format!("Ctrl-{}", name.to_uppercase())
        } else {
            name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for scope in [Scope::List, Scope::Detail, Scope::Filter, Scope::Overlay] {
            let keys: Vec<Key> = bindings(scope)
                .flat_map(|binding| binding.keys.iter().copied())
                .collect();
            for (index, key) in keys.iter().enumerate() {
                assert!(!keys[..index].contains(key), "{} in {scope:?}", key.name());
            }
        }
    }

    #[test]
    fn only_presses_without_alt_act() {
        let press = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        assert_eq!(action(&press, Scope::List), Some(Action::Quit));
        assert_eq!(action(&press, Scope::Overlay), Some(Action::Back));
        let mut release = press;
        release.kind = KeyEventKind::Release;
        assert_eq!(action(&release, Scope::List), None);
        let alt = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT);
        assert_eq!(action(&alt, Scope::List), None);
        let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(action(&shifted, Scope::List), Some(Action::Last));
        let ctrl = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(&ctrl, Scope::Detail), Some(Action::Quit));
    }
}
