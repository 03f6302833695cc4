//! Keys and what they do.
//!
//! Dispatch, footer, help, palette, the configuration and `docs/KEYS.md` read the same table, so they always agree.

#[cfg(test)]
mod page;
mod table;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ringtail_views::copy::CopyFormat;

use self::table::BINDINGS;

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
    /// With options.
    Replay(&'static str),
    /// With options to be typed.
    ReplayWith,
    StopReplay,
    Explain,
    Timeline,
    Diff,
    DiffAnswers,
    Copy,
    /// Into a file if true, else to the clipboard.
    CopyAs(CopyFormat, bool),
    CopyPath,
    CopyAddress,
    Reveal,
    Mask,
    Noise,
    Select,
    SelectShown,
    Unselect,
    Bookmark,
    Comment,
    Fold,
    FoldAll,
    Jump,
    BodyView,
    Follow,
    Pause,
    Clear,
    Theme,
    Mouse,
    Palette,
    /// Does what was typed or chosen.
    Run,
    Help,
    Filter,
    Complete,
    Language,
    Suspend,
    Quit,
}

impl Action {
    /// Returns whether it only moves; such actions are not in the palette.
    pub(crate) fn moves(self) -> bool {
        matches!(
            self,
            Self::Up | Self::Down | Self::PageUp | Self::PageDown | Self::First | Self::Last
        )
    }
}

/// Where keys act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    List,
    Detail,
    /// A timeline, a difference or the result of a replay.
    Panel,
    /// Help or an explanation.
    Overlay,
    /// The formats of a copy.
    Copy,
    Filter,
    Palette,
    Jump,
    Comment,
    Noise,
    Replay,
}

impl Scope {
    /// All scopes and their titles.
    #[cfg(test)]
    const ALL: [(Self, &'static str); 11] = [
        (Self::List, "List"),
        (Self::Detail, "Event"),
        (Self::Panel, "Timeline and diff"),
        (Self::Overlay, "Help and explanation"),
        (Self::Copy, "Copy"),
        (Self::Filter, "Filter"),
        (Self::Palette, "Actions"),
        (Self::Jump, "Path"),
        (Self::Comment, "Comment"),
        (Self::Noise, "Not compared"),
        (Self::Replay, "Replay"),
    ];

    /// Returns whether it is a prompt, which takes every key that is not bound.
    pub(crate) fn is_line(self) -> bool {
        matches!(
            self,
            Self::Filter | Self::Palette | Self::Jump | Self::Comment | Self::Noise | Self::Replay
        )
    }
}

/// A key, with or without Ctrl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    code: KeyCode,
    ctrl: bool,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    /// Its name in the configuration.
    pub(crate) name: &'static str,
    /// Its default keys.
    pub(crate) keys: &'static [Key],
    pub(crate) action: Action,
    pub(crate) scopes: &'static [Scope],
    /// Its description in the help.
    pub(crate) help: &'static str,
    /// Its word in the footer; empty if the footer leaves it out.
    pub(crate) footer: &'static str,
    /// The command that does the same, if there is one.
    pub(crate) command: &'static str,
}

/// The table with the user's keys.
#[derive(Debug, Clone)]
pub struct Keys(Vec<(&'static Binding, Vec<Key>)>);

impl Default for Keys {
    fn default() -> Self {
        // Windows has no shell that stops and continues a program.
        let rows = BINDINGS
            .iter()
            .filter(|row| cfg!(unix) || row.action != Action::Suspend);
        Self(rows.map(|row| (row, row.keys.to_vec())).collect())
    }
}

/// Why a key cannot be bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No action has this name.
    #[error("no action is named {0:?}; docs/KEYS.md lists them")]
    NoAction(String),
    /// No key has this name.
    #[error(
        "no key is named {0:?}; keys are single characters, F1 to F12, Enter, Esc, Tab, Space and so on, optionally with Ctrl- before them"
    )]
    NoKey(String),
    /// It has another action in the same place.
    #[error("{key} is already the key of {other}, in the same place as {name}")]
    Taken {
        /// The key.
        key: String,
        /// The action to bind.
        name: String,
        /// The action that has it.
        other: String,
    },
    /// It could no longer be typed.
    #[error("{key} is typed as text there and cannot be the key of {name}")]
    Text {
        /// The key.
        key: String,
        /// The action to bind.
        name: String,
    },
}

impl Keys {
    /// Replaces the keys of an action.
    ///
    /// # Errors
    /// When the action or a key does not exist.
    pub fn bind(&mut self, name: &str, keys: &[String]) -> Result<(), KeyError> {
        let row = self.0.iter_mut().find(|(row, _)| row.name == name);
        let (row, bound) = row.ok_or_else(|| KeyError::NoAction(name.to_owned()))?;
        let parsed = keys
            .iter()
            .map(|key| Key::parse(key).ok_or_else(|| KeyError::NoKey(key.clone())));
        let parsed: Vec<Key> = parsed.collect::<Result<_, _>>()?;
        let text = |key: &&Key| !key.ctrl && matches!(key.code, KeyCode::Char(_));
        if row.scopes.iter().any(|scope| scope.is_line())
            && let Some(key) = parsed.iter().find(text)
        {
            return Err(KeyError::Text {
                key: key.name(),
                name: name.to_owned(),
            });
        }
        *bound = parsed;
        Ok(())
    }

    /// Checks that the keys of an action have no other action in the same place, once all are bound.
    ///
    /// # Errors
    /// When one has.
    pub fn check(&self, name: &str) -> Result<(), KeyError> {
        let mine = self.0.iter().filter(|(row, _)| row.name == name);
        for (row, keys) in mine {
            for (other, others) in self.0.iter().filter(|(other, _)| other.name != name) {
                let together = row.scopes.iter().any(|scope| other.scopes.contains(scope));
                if let Some(key) = keys.iter().find(|key| together && others.contains(key)) {
                    return Err(KeyError::Taken {
                        key: key.name(),
                        name: name.to_owned(),
                        other: other.name.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Returns the action of a key press in a scope.
    pub(crate) fn action(&self, event: &KeyEvent, scope: Scope) -> Option<Action> {
        if event.kind != KeyEventKind::Press {
            return None;
        }
        // Terminals differ in whether they report Shift with a capital letter; the letter is enough.
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
        self.of(scope)
            .find(|(_, keys)| keys.contains(&pressed))
            .map(|(row, _)| row.action)
    }

    /// Returns the bindings of a scope with their keys.
    pub(crate) fn of(&self, scope: Scope) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        self.rows()
            .filter(move |(row, _)| row.scopes.contains(&scope))
    }

    /// Returns all bindings with their keys.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        self.0.iter().map(|(row, keys)| (*row, keys.as_slice()))
    }
}

/// Names of keys that are not characters: as displayed, and as written in the configuration.
const NAMES: &[(KeyCode, &str, &str)] = &[
    (KeyCode::Enter, "Enter", "Enter"),
    (KeyCode::Esc, "Esc", "Esc"),
    (KeyCode::Tab, "Tab", "Tab"),
    (KeyCode::BackTab, "Shift-Tab", "Shift-Tab"),
    (KeyCode::Left, "←", "Left"),
    (KeyCode::Right, "→", "Right"),
    (KeyCode::Up, "↑", "Up"),
    (KeyCode::Down, "↓", "Down"),
    (KeyCode::PageUp, "PgUp", "PgUp"),
    (KeyCode::PageDown, "PgDn", "PgDn"),
    (KeyCode::Home, "Home", "Home"),
    (KeyCode::End, "End", "End"),
    (KeyCode::Insert, "Insert", "Insert"),
    (KeyCode::Delete, "Delete", "Delete"),
    (KeyCode::Char(' '), "Space", "Space"),
];

impl Key {
    /// Returns the key's name for display.
    pub(crate) fn name(self) -> String {
        let named = NAMES.iter().find(|(code, ..)| *code == self.code);
        let name = match (named, self.code) {
            (Some((_, name, _)), _) => (*name).to_owned(),
            (_, KeyCode::F(number)) => format!("F{number}"),
            (_, KeyCode::Char(c)) => c.to_string(),
            (_, other) => format!("{other:?}"),
        };
        if self.ctrl {
            format!("Ctrl-{}", name.to_uppercase())
        } else {
            name
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let prefix = text
            .get(..5)
            .filter(|prefix| prefix.eq_ignore_ascii_case("ctrl-"));
        let rest = prefix.map_or(Some(text), |prefix| text.get(prefix.len()..))?;
        let ctrl = prefix.is_some();
        let mut chars = rest.chars();
        let code = match (chars.next()?, chars.next()) {
            (c, None) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            (c, None) if !c.is_control() && c != ' ' => KeyCode::Char(c),
            ('F' | 'f', Some(_)) => {
                let number = rest.get(1..)?.parse().ok();
                KeyCode::F(number.filter(|number| (1..=12).contains(number))?)
            }
            _ => {
                let is = |name: &str| name.eq_ignore_ascii_case(rest);
                NAMES.iter().find(|(_, _, name)| is(name))?.0
            }
        };
        Some(Self { code, ctrl })
    }
}

#[cfg(test)]
mod tests;
