//! The filter while it is written.

use crossterm::event::{Event, KeyEvent};
use ringtail_filter::{Filter, FilterError, words};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// The line, and what it is worth.
#[derive(Debug)]
pub(crate) struct FilterLine {
    pub(crate) input: Input,
    /// What is wrong with it.
    pub(crate) error: Option<FilterError>,
    /// What its last word can become.
    pub(crate) offers: Vec<String>,
}

impl FilterLine {
    /// Begins with a filter.
    pub(crate) fn new(filter: &Filter) -> Self {
        let mut line = Self {
            input: Input::new(filter.to_string()),
            error: None,
            offers: Vec::new(),
        };
        line.look();
        line
    }

    /// Takes a key that means nothing else.
    pub(crate) fn key(&mut self, key: KeyEvent) {
        self.input.handle_event(&Event::Key(key));
        self.look();
    }

    /// Writes what all that is offered has in common.
    pub(crate) fn complete(&mut self) {
        let value = self.input.value();
        let written: String = value.chars().take(self.input.cursor()).collect();
        let rest: String = value.chars().skip(self.input.cursor()).collect();
        let (start, offers) = words::complete(&written);
        let Some(common) = common(&offers) else {
            return;
        };
        let whole = offers.len() == 1 && !common.ends_with([':', '.']) && rest.is_empty();
        let blank = if whole { " " } else { "" };
        let before = format!("{}{common}{blank}", &written[..start]);
        let cursor = before.chars().count();
        self.input = Input::new(before + &rest).with_cursor(cursor);
        self.look();
    }

    /// Returns the filter, unless there is something wrong with the line.
    pub(crate) fn filter(&self) -> Option<Filter> {
        Filter::parse(self.input.value()).ok()
    }

    fn look(&mut self) {
        self.error = Filter::parse(self.input.value()).err();
        let written: String = self
            .input
            .value()
            .chars()
            .take(self.input.cursor())
            .collect();
        self.offers = words::complete(&written).1;
    }
}

/// Returns what all texts begin with; `None` if there are none.
pub(super) fn common(texts: &[String]) -> Option<String> {
    let (first, others) = texts.split_first()?;
    let mut common = first.clone();
    for other in others {
        while !other.starts_with(&common) {
            common.pop();
        }
    }
    Some(common)
}
