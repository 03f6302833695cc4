//! Keys and what they do.
//!
//! One table: dispatch, footer, help, palette, the configuration and `docs/KEYS.md` read it, so none of them can say
//! what another does not do.

mod page;
mod table;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::source::Form;

pub use self::page::page;
pub(crate) use self::table::BINDINGS;

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
    /// With a line of options.
    Replay(&'static str),
    /// With a line of options that is written first.
    ReplayWith,
    StopReplay,
    Explain,
    Timeline,
    Diff,
    DiffAnswers,
    Copy,
    /// In a form, into a file or the clipboard.
    CopyAs(Form, bool),
    CopyPath,
    /// Of an endpoint; at once again, of the next one.
    CopyAddress,
    Reveal,
    Mask,
    /// Tells what is not compared.
    Noise,
    Select,
    SelectShown,
    Unselect,
    Mark,
    Comment,
    Fold,
    FoldAll,
    Jump,
    Form,
    Follow,
    Hold,
    Clear,
    Theme,
    Mouse,
    Palette,
    /// Does what was chosen or written.
    Run,
    Help,
    Filter,
    Apply,
    Complete,
    Language,
    Suspend,
    Quit,
}

impl Action {
    /// Returns whether it only moves about, which nobody looks for by name.
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
    /// The course of a call, or a difference.
    Study,
    /// Help or an explanation.
    Overlay,
    /// The forms in which an event is copied.
    Copy,
    /// The line of the filter, which takes every other key.
    Filter,
    /// The actions by name; its line takes every other key.
    Palette,
    /// The line of a path, which takes every other key.
    Jump,
    /// The line of a comment, which takes every other key.
    Comment,
    /// The line of what is not compared, which takes every other key.
    Noise,
    /// The line of a replay's options, which takes every other key.
    Replay,
}

impl Scope {
    /// All of them, with what they are called.
    pub(crate) const ALL: [(Self, &'static str); 11] = [
        (Self::List, "List"),
        (Self::Detail, "Event"),
        (Self::Study, "Timeline and diff"),
        (Self::Overlay, "Help and explanation"),
        (Self::Copy, "Copy"),
        (Self::Filter, "Filter"),
        (Self::Palette, "Actions"),
        (Self::Jump, "Path"),
        (Self::Comment, "Comment"),
        (Self::Noise, "Not compared"),
        (Self::Replay, "Replay"),
    ];

    /// Returns whether characters are text here.
    pub(crate) fn is_line(self) -> bool {
        matches!(
            self,
            Self::Filter | Self::Palette | Self::Jump | Self::Comment | Self::Noise | Self::Replay
        )
    }
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
    /// What the configuration calls it.
    pub(crate) name: &'static str,
    /// Its keys, unless the configuration gives it others.
    pub(crate) keys: &'static [Key],
    pub(crate) action: Action,
    pub(crate) scopes: &'static [Scope],
    /// What it does, for the help.
    pub(crate) help: &'static str,
    /// What it does in a word, for the footer; empty if the footer has no place for it.
    pub(crate) footer: &'static str,
    /// What does the same outside of the screen.
    pub(crate) command: Command,
}

/// The command that does what a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Is(&'static str),
    /// There is none, for this reason.
    None(&'static str),
}

/// The table with the keys that the user wants.
#[derive(Debug, Clone)]
pub struct Keys(Vec<(&'static Binding, Vec<Key>)>);

impl Default for Keys {
    fn default() -> Self {
        let rows = BINDINGS.iter();
        Self(rows.map(|row| (row, row.keys.to_vec())).collect())
    }
}

/// Why keys cannot be bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No action has this name.
    #[error("no action is called {0:?}; docs/KEYS.md lists them")]
    NoAction(String),
    /// No key has this name.
    #[error(
        "no key is called {0:?}; keys are single characters, F1 to F12, Enter, Esc, Tab, Space and so on, with Ctrl- before them if need be"
    )]
    NoKey(String),
    /// It means something else in the same place.
    #[error("{key} is already the key of {other}, in the same place as {name}")]
    Taken {
        /// The key.
        key: String,
        /// The action that was given it.
        name: String,
        /// The action that has it.
        other: String,
    },
    /// It could not be written any more.
    #[error("{key} is what is written there, and cannot be the key of {name}")]
    Text {
        /// The key.
        key: String,
        /// The action that was given it.
        name: String,
    },
}

impl Keys {
    /// Gives an action other keys, or none.
    ///
    /// # Errors
    /// When there is no such action or key.
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

    /// Looks whether a key of an action means something else in the same place; to be asked when all are bound.
    ///
    /// # Errors
    /// When one does.
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

    /// Returns what a key asks for where keys act. Releases and repeats of other kinds ask for nothing.
    pub(crate) fn action(&self, event: &KeyEvent, scope: Scope) -> Option<Action> {
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
        self.of(scope)
            .find(|(_, keys)| keys.contains(&pressed))
            .map(|(row, _)| row.action)
    }

    /// Returns the rows of the table that act there, with their keys.
    pub(crate) fn of(&self, scope: Scope) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        self.rows()
            .filter(move |(row, _)| row.scopes.contains(&scope))
    }

    /// Returns all rows of the table with their keys.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        self.0.iter().map(|(row, keys)| (*row, keys.as_slice()))
    }
}

/// Names of keys that are no characters, as they are printed and as they are written in the configuration.
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
    /// Returns the key as it is printed on a keyboard.
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
