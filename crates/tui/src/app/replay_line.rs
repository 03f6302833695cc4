//! The options of a replay while they are written.

use crossterm::event::{Event, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::filter_line::common;
use crate::source::OptionLine;

/// The line, and what it is worth.
#[derive(Debug)]
pub(crate) struct ReplayLine {
    pub(crate) input: Input,
    pub(crate) known: OptionLine,
    read: fn(&str) -> OptionLine,
}

impl ReplayLine {
    /// Begins with options.
    pub(crate) fn new(line: &str, read: fn(&str) -> OptionLine) -> Self {
        Self {
            input: Input::new(line.to_owned()),
            known: read(line),
            read,
        }
    }

    /// Takes a key that means nothing else.
    pub(crate) fn key(&mut self, key: KeyEvent) {
        self.input.handle_event(&Event::Key(key));
        self.known = (self.read)(self.input.value());
    }

    /// Writes what all that is offered has in common, at the end of the line.
    pub(crate) fn complete(&mut self) {
        let Some(common) = common(&self.known.offers) else {
            return;
        };
        let value = self.input.value();
        let before = value.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let before = value.get(..before).unwrap_or_default();
        let blank = if self.known.offers.len() == 1 {
            " "
        } else {
            ""
        };
        *self = Self::new(&format!("{before}{common}{blank}"), self.read);
    }
}
