//! The screen step by step: every effect is done at once, and time stands still until it is told to go on.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ringtail_filter::Filter;
use ringtail_model::RowId;
use ringtail_store::Direction;

use super::book::{Book, NOW};
use crate::app::{App, StudyKind, later};
use crate::effect::{Effect, PAGE};
use crate::format::pages;
use crate::msg::{Asked, Msg};
use crate::run::concerned;
use crate::run::study::{NOTHING_BEFORE, Read, rows};
use crate::source::Sight;
use crate::theme::Theme;
use crate::update::update;
use crate::view::view;

/// A screen over a [`Book`].
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) book: Book,
    pub(crate) quit: bool,
    /// What was sent to the clipboard last.
    pub(crate) clip: Option<String>,
    filter: Filter,
    sight: Sight,
    terminal: Terminal<TestBackend>,
}

impl Stage {
    pub(crate) fn new(columns: u16, lines: u16, book: Book) -> Self {
        let (status, marks) = (book.status.clone(), book.marks());
        let backend = TestBackend::new(columns, lines);
        let mut stage = Self {
            app: App::new(vec![status], marks, NOW, TimeZone::UTC, Theme::Ansi),
            book,
            quit: false,
            clip: None,
            filter: Filter::default(),
            sight: Sight::Usual,
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
        self.msg(Msg::Status(0, self.book.status.clone()));
        self.msg(Msg::Marks(self.book.marks()));
    }

    pub(crate) fn press(&mut self, script: &str) {
        for key in keys(script) {
            self.msg(Msg::Key(key));
        }
    }

    /// Presses keys and returns what is on screen then.
    pub(crate) fn then(&mut self, script: &str) -> String {
        self.press(script);
        self.show()
    }

    /// Presses keys, and has nothing done of what they ask for.
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
            Effect::Suspend | Effect::Mouse(_) => None,
            Effect::Mask(masked) => {
                self.sight = match masked {
                    true => Sight::Pseudonyms,
                    false => Sight::Usual,
                };
                None
            }
            Effect::Hold(on) => {
                self.book.status.paused = on;
                Some(Msg::Status(0, self.book.status.clone()))
            }
            Effect::Mark { id, wish } => {
                let mark = self.book.mark(id, wish);
                Some(Msg::Marked { id, mark })
            }
            Effect::Clip(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                self.clip = Some(text);
                let told = "sent to the terminal's clipboard".to_owned();
                Some(Msg::Taken(Ok(told)))
            }
            Effect::Take { ids, form, file } => {
                let text = ids
                    .iter()
                    .filter_map(|id| self.book.taken(*id, form, self.sight));
                let text = text.collect::<Vec<_>>().concat();
                Some(match file {
                    None => Msg::Clip(text),
                    Some(name) => Msg::Taken(Ok(format!("written to {name}"))),
                })
            }
            Effect::Study(about) => {
                let read = self.study(about.kind);
                let rows = read.and_then(|read| rows(read, &about.noise, &TimeZone::UTC));
                let rows = rows.map(Arc::new);
                Some(Msg::Studied { about, rows })
            }
            Effect::Filter(filter) => {
                self.filter = filter;
                None
            }
            Effect::Page(place) => {
                let (direction, from) = place.from();
                let found = self
                    .book
                    .events(&self.filter, direction, from, PAGE, self.sight);
                Some(Msg::Page { place, found })
            }
            Effect::News {
                events,
                attempts,
                gaps,
                novelties,
                marked,
            } => {
                let attempts = self.book.attempts_after(attempts, PAGE);
                let novelties = self.book.new_fields_after(novelties);
                let marked = marked.map(|(first, last)| self.book.bookmarks_between(first, last));
                let ids = concerned(&attempts, &novelties, marked.as_deref());
                let from = events.unwrap_or(RowId(i64::MAX));
                let newer = Direction::Newer;
                Some(Msg::News {
                    events: self
                        .book
                        .events(&self.filter, newer, from, PAGE, self.sight),
                    meant: if self.filter.is_empty() {
                        Vec::new()
                    } else {
                        self.book.meant(&self.filter, ids)
                    },
                    attempts,
                    gaps: self.book.gaps_after(gaps, PAGE),
                    novelties,
                    marked,
                })
            }
            Effect::Detail { id, reveal } => {
                let sight = match (self.sight, reveal) {
                    (Sight::Usual, true) => Sight::Revealed,
                    (sight, _) => sight,
                };
                let detail = self.book.shown(id, sight).map(Arc::new);
                Some(Msg::Detail { id, detail })
            }
            Effect::Format(detail) => {
                let pages = Arc::new(pages(&detail, &TimeZone::UTC));
                Some(Msg::Formatted { detail, pages })
            }
            Effect::Edit { .. } | Effect::StopReplay => None,
            Effect::Replay {
                ids, seq, watched, ..
            } => {
                let result = Ok(Box::new(self.book.replay_all(&ids)));
                Some(Msg::Replayed {
                    seq,
                    watched,
                    result,
                })
            }
        }
    }

    fn study(&self, kind: StudyKind) -> Result<Read, String> {
        let one = |id| {
            self.book
                .shown(id, self.sight)
                .ok_or("it is gone".to_owned())
        };
        Ok(match kind {
            StudyKind::Replay => return Err("it has its rows".to_owned()),
            StudyKind::Timeline { row, .. } => Read::Course(self.book.course(row, self.sight)),
            StudyKind::Answers { id } => Read::One(Box::new(one(id)?)),
            StudyKind::Diff { id, row, other } => {
                let other = other.or_else(|| self.book.previous(row));
                let other = other.ok_or(NOTHING_BEFORE)?;
                Read::Two(Box::new([one(id)?, one(other)?]))
            }
        })
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
        "C-c" => return KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
        other => panic!("no key is called {other}"),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}
