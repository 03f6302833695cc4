//! The line that the user types on.

use crossterm::event::{Event, KeyEvent};
use ringtail_filter::{Filter, FilterError, words};
use ringtail_protocol::event::EventId;
use ringtail_views::replayer::OptionsCheck;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::palette::Palette;
use crate::keymap::{Keys, Scope};

/// A line of text for one purpose.
#[derive(Debug)]
pub(crate) enum Prompt {
    Filter(FilterLine),
    Palette(Palette),
    /// A path of the JSON body.
    Jump(Input),
    /// The comment of an event's bookmark.
    Comment(EventId, Input),
    /// Names that are not compared.
    Noise(Input),
    Replay(ReplayLine),
}

impl Prompt {
    /// Types a key.
    pub(crate) fn key(&mut self, key: KeyEvent, keys: &Keys) {
        self.input_mut().handle_event(&Event::Key(key));
        match self {
            Self::Filter(line) => line.check(),
            Self::Palette(palette) => palette.search(keys),
            Self::Replay(line) => line.check(),
            Self::Jump(_) | Self::Comment(..) | Self::Noise(_) => {}
        }
    }

    /// Completes the last word with what all completions have in common.
    pub(crate) fn complete(&mut self) {
        match self {
            Self::Filter(line) => line.complete(),
            Self::Replay(line) => line.complete(),
            _ => {}
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Filter(_) => Scope::Filter,
            Self::Palette(_) => Scope::Palette,
            Self::Jump(_) => Scope::Jump,
            Self::Comment(..) => Scope::Comment,
            Self::Noise(_) => Scope::Noise,
            Self::Replay(_) => Scope::Replay,
        }
    }

    pub(crate) fn input(&self) -> &Input {
        match self {
            Self::Filter(line) => &line.input,
            Self::Palette(palette) => &palette.input,
            Self::Replay(line) => &line.input,
            Self::Jump(input) | Self::Comment(_, input) | Self::Noise(input) => input,
        }
    }

    fn input_mut(&mut self) -> &mut Input {
        match self {
            Self::Filter(line) => &mut line.input,
            Self::Palette(palette) => &mut palette.input,
            Self::Replay(line) => &mut line.input,
            Self::Jump(input) | Self::Comment(_, input) | Self::Noise(input) => input,
        }
    }
}

/// A filter while it is typed.
#[derive(Debug)]
pub(crate) struct FilterLine {
    pub(crate) input: Input,
    pub(crate) error: Option<FilterError>,
    /// Completions of the word at the cursor.
    pub(crate) offers: Vec<String>,
}

impl FilterLine {
    pub(crate) fn new(filter: &Filter) -> Self {
        let mut line = Self {
            input: Input::new(filter.to_string()),
            error: None,
            offers: Vec::new(),
        };
        line.check();
        line
    }

    fn complete(&mut self) {
        let before = self.before_cursor();
        let rest: String = self
            .input
            .value()
            .chars()
            .skip(self.input.cursor())
            .collect();
        let (start, offers) = words::complete(&before);
        let Some(common) = common_prefix(&offers) else {
            return;
        };
        let whole = offers.len() == 1 && !common.ends_with([':', '.']) && rest.is_empty();
        let blank = if whole { " " } else { "" };
        let before = format!("{}{common}{blank}", &before[..start]);
        let cursor = before.chars().count();
        self.input = Input::new(before + &rest).with_cursor(cursor);
        self.check();
    }

    fn before_cursor(&self) -> String {
        self.input
            .value()
            .chars()
            .take(self.input.cursor())
            .collect()
    }

    fn check(&mut self) {
        self.error = Filter::parse(self.input.value()).err();
        self.offers = words::complete(&self.before_cursor()).1;
    }
}

/// The options of a replay while they are typed.
#[derive(Debug)]
pub(crate) struct ReplayLine {
    pub(crate) input: Input,
    pub(crate) checked: OptionsCheck,
    checker: fn(&str) -> OptionsCheck,
}

impl ReplayLine {
    pub(crate) fn new(options: &str, checker: fn(&str) -> OptionsCheck) -> Self {
        Self {
            input: Input::new(options.to_owned()),
            checked: checker(options),
            checker,
        }
    }

    fn complete(&mut self) {
        let Some(common) = common_prefix(&self.checked.offers) else {
            return;
        };
        let value = self.input.value();
        let before = value.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let before = value.get(..before).unwrap_or_default();
        let blank = if self.checked.offers.len() == 1 {
            " "
        } else {
            ""
        };
        *self = Self::new(&format!("{before}{common}{blank}"), self.checker);
    }

    fn check(&mut self) {
        self.checked = (self.checker)(self.input.value());
    }
}

fn common_prefix(texts: &[String]) -> Option<String> {
    let (first, others) = texts.split_first()?;
    let mut common = first.clone();
    for other in others {
        while !other.starts_with(&common) {
            common.pop();
        }
    }
    Some(common)
}
