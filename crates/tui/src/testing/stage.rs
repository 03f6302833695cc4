//! The screen step by step: every effect is done at once, and time stands still until it is told to go on.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ringtail_client::filter::Filter;
use ringtail_client::history::Direction;
use ringtail_client::model::RowId;

use super::book::{Book, NOW};
use crate::app::{App, later};
use crate::effect::{Effect, PAGE};
use crate::format::pages;
use crate::msg::{Asked, Msg};
use crate::theme::Theme;
use crate::update::update;
use crate::view::view;

/// A screen over a [`Book`].
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) book: Book,
    pub(crate) quit: bool,
    filter: Filter,
    terminal: Terminal<TestBackend>,
}

impl Stage {
    pub(crate) fn new(columns: u16, lines: u16, book: Book) -> Self {
        let theme = Theme::new(true);
        let (status, marks) = (book.status.clone(), book.marks());
        let backend = TestBackend::new(columns, lines);
        let mut stage = Self {
            app: App::new(status, marks, NOW, TimeZone::UTC, theme),
            book,
            quit: false,
            filter: Filter::default(),
            terminal: Terminal::new(backend).expect("a test backend cannot fail"),
        };
        stage.msg(Msg::Resize(columns, lines));
        stage
    }

    pub(crate) fn resize(&mut self, columns: u16, lines: u16) {
        self.terminal.backend_mut().resize(columns, lines);
        self.msg(Msg::Resize(columns, lines));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, ms: u64) {
        let now = later(self.app.now, Duration::from_millis(ms));
        self.msg(Msg::Tick(now));
    }

    /// Tells the screen that the book has changed.
    pub(crate) fn sync(&mut self) {
        self.msg(Msg::Status(self.book.status.clone()));
        self.msg(Msg::Marks(self.book.marks()));
    }

    pub(crate) fn press(&mut self, script: &str) {
        for key in keys(script) {
            self.msg(Msg::Key(key));
        }
    }

    pub(crate) fn msg(&mut self, msg: Msg) {
        let mut waiting = vec![msg];
        while let Some(msg) = waiting.pop() {
            for effect in update(&mut self.app, msg) {
                waiting.extend(self.perform(effect));
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Msg> {
        let unreadable = |what| {
            let reason = self.book.broken?.to_owned();
            Some(Msg::Unreadable { what, reason })
        };
        match effect {
            Effect::Page(_) | Effect::News { .. } if self.book.broken.is_some() => {
                unreadable(Asked::Rows)
            }
            Effect::Detail { id, .. } if self.book.broken.is_some() => {
                unreadable(Asked::Detail(id))
            }
            Effect::Quit => {
                self.quit = true;
                None
            }
            Effect::Suspend => None,
            Effect::Filter(filter) => {
                self.filter = filter;
                None
            }
            Effect::Page(place) => {
                let (direction, from) = place.from();
                let found = self.book.events(&self.filter, direction, from, PAGE);
                Some(Msg::Page { place, found })
            }
            Effect::News {
                events,
                attempts,
                gaps,
            } => {
                let attempts = self.book.attempts_after(attempts, PAGE);
                let ids = attempts.iter().map(|attempt| attempt.event).collect();
                let from = events.unwrap_or(RowId(i64::MAX));
                let newer = Direction::Newer;
                Some(Msg::News {
                    events: self.book.events(&self.filter, newer, from, PAGE),
                    meant: if self.filter.is_empty() {
                        Vec::new()
                    } else {
                        self.book.meant(&self.filter, ids)
                    },
                    attempts,
                    gaps: self.book.gaps_after(gaps, PAGE),
                })
            }
            Effect::Detail { id, reveal } => {
                let detail = self.book.shown(id, reveal).map(Arc::new);
                Some(Msg::Detail { id, detail })
            }
            Effect::Format(detail) => {
                let pages = Arc::new(pages(&detail, &TimeZone::UTC));
                Some(Msg::Formatted { detail, pages })
            }
            Effect::Replay { id, seq, .. } => {
                let result = Ok(Box::new(self.book.replay(id)));
                Some(Msg::Replayed { seq, result })
            }
        }
    }

    /// Draws, and returns the characters on screen.
    pub(crate) fn show(&mut self) -> String {
        let draw = self.terminal.draw(|frame| view(&self.app, frame));
        draw.expect("a test backend cannot fail");
        self.terminal.backend().to_string()
    }
}

/// Returns the keys of a script: characters, and `<Name>` for the others.
pub(crate) fn keys(script: &str) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        let (key, len) = match rest
            .strip_prefix('<')
            .and_then(|named| named.split_once('>'))
        {
            Some((name, _)) => (named(name), name.len() + 2),
            None => (
                KeyEvent::new(KeyCode::Char(first), KeyModifiers::NONE),
                first.len_utf8(),
            ),
        };
        keys.push(key);
        rest = &rest[len..];
    }
    keys
}

fn named(name: &str) -> KeyEvent {
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Backspace" => KeyCode::Backspace,
        "F1" => KeyCode::F(1),
        "Tab" => KeyCode::Tab,
        "BackTab" => KeyCode::BackTab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PgUp" => KeyCode::PageUp,
        "PgDn" => KeyCode::PageDown,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "C-z" => return KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL),
        "C-c" => return KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
        other => panic!("no key is called {other}"),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}
