//! The screen step by step: effects happen at once, and time passes only when a test says so.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::book::{Book, NOW};
use crate::app::{App, later};
use crate::effect::Effect;
use crate::format::pages;
use crate::msg::Msg;
use crate::theme::Theme;
use crate::update::update;
use crate::view::view;

/// A screen over a [`Book`].
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) book: Book,
    pub(crate) quit: bool,
    /// The text copied last.
    pub(crate) clip: Option<String>,
    terminal: Terminal<TestBackend>,
}

impl Stage {
    pub(crate) fn new(columns: u16, lines: u16, book: Book) -> Self {
        let (status, watermarks) = (book.status.clone(), book.watermarks());
        let backend = TestBackend::new(columns, lines);
        let mut stage = Self {
            app: App::new(vec![status], watermarks, NOW, TimeZone::UTC, Theme::Ansi),
            book,
            quit: false,
            clip: None,
            terminal: Terminal::new(backend).expect("a test backend cannot fail"),
        };
        stage.msg(Msg::Resize(columns, lines));
        stage
    }

    /// Returns a screen in each of three sizes.
    pub(crate) fn in_sizes(book: &Book) -> impl Iterator<Item = Self> {
        let sizes = [(60, 16), (80, 24), (140, 40)].into_iter();
        sizes.map(|(columns, lines)| Self::new(columns, lines, book.clone()))
    }

    /// Returns the name of the size.
    pub(crate) fn size(&self) -> String {
        let (columns, lines) = self.app.size;
        format!("{columns}x{lines}")
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

    /// Makes the screen read what changed in the book.
    pub(crate) fn sync(&mut self) {
        self.msg(Msg::Status(0, Box::new(self.book.status.clone())));
        self.msg(Msg::Watermarks(self.book.watermarks()));
    }

    pub(crate) fn press(&mut self, script: &str) {
        for key in keys(script) {
            self.msg(Msg::Key(key));
        }
    }

    /// Presses keys and returns the screen.
    pub(crate) fn then(&mut self, script: &str) -> String {
        self.press(script);
        self.show()
    }

    /// Presses keys and returns the effects instead of performing them.
    pub(crate) fn begin(&mut self, script: &str) -> Vec<Effect> {
        let keys = keys(script).into_iter();
        keys.flat_map(|key| update(&mut self.app, Msg::Key(key)))
            .collect()
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
        match effect {
            Effect::Query(query) => return Some(self.book.answer(query)),
            Effect::Quit => self.quit = true,
            Effect::Suspend | Effect::Mouse(_) | Effect::Edit { .. } | Effect::StopReplay => {}
            Effect::Pause(on) => {
                self.book.status.paused = on;
                return Some(Msg::Status(0, Box::new(self.book.status.clone())));
            }
            Effect::Clip(text) => {
                self.clip = Some(String::from_utf8_lossy(&text).into_owned());
                let words = "sent to the clipboard".to_owned();
                return Some(Msg::Done(Ok(words)));
            }
            Effect::Format(detail) => {
                let pages = Arc::new(pages(&detail, &TimeZone::UTC));
                return Some(Msg::Formatted { detail, pages });
            }
            Effect::Replay {
                ids, name, watched, ..
            } => {
                return Some(Msg::Replayed {
                    name,
                    watched,
                    result: Ok(Box::new(self.book.replay_all(&ids))),
                });
            }
        }
        None
    }

    /// Returns the number of the chosen event.
    pub(crate) fn chosen(&self) -> u64 {
        self.app.list.current_event().map_or(0, |event| event.seq)
    }

    /// Returns the numbers of the listed events.
    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.app.list.events().map(|event| event.seq).collect()
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
        "BS" => KeyCode::Backspace,
        "A-q" => return KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT),
        "A-G" => {
            let both = KeyModifiers::ALT | KeyModifiers::SHIFT;
            return KeyEvent::new(KeyCode::Char('G'), both);
        }
        "C-z" => return KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL),
        "C-u" => return KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL),
        "C-c" => return KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
        other => panic!("no key is called {other}"),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}
