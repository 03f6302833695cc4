//! The screen in the real loop: keys come in on a channel, pictures go out on another.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crossterm::event::Event;
use futures_util::Stream;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ringtail_model::{Status, Watermarks};
use ringtail_protocol::event::EventId;
use ringtail_views::replayer::{OptionsCheck, ReplayReport, ReplayStep, Replayer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::book::{Book, NOW};
use super::stage::keys;
use crate::effect::{Ask, Query};
use crate::msg::Msg;
use crate::run::drive;
use crate::source::Source;
use crate::terminal::Host;
use crate::{Options, RunError};

/// A running screen.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) cancel: CancellationToken,
    engine: Engine,
    input: Keyboard,
    picture: watch::Receiver<Picture>,
    task: JoinSet<Result<(), RunError>>,
}

impl Screen {
    /// Starts the real loop.
    pub(crate) fn start(columns: u16, lines: u16, book: Book) -> Self {
        let keys = Keyboard::default();
        let input = keys.clone();
        let (pictures, picture) = watch::channel(Picture::default());
        let engine = Engine::new(book);
        let cancel = CancellationToken::new();
        let options = Options {
            cancel: cancel.clone(),
            time_zone: TimeZone::UTC,
            clock: || NOW,
            check_options: |options| OptionsCheck {
                edits: options == "--edit",
                ..OptionsCheck::default()
            },
            ..Options::default()
        };
        let mut task = JoinSet::new();
        let source = engine.clone();
        task.spawn(async move {
            let mut terminal = Terminal::new(Paper {
                backend: TestBackend::new(columns, lines),
                pictures,
            })
            .map_err(RunError::Draw)?;
            let shell = &mut Shell::default();
            let replayer = source.clone();
            drive(&mut terminal, shell, keys, source, replayer, &options).await
        });
        Self {
            cancel,
            engine,
            input,
            picture,
            task,
        }
    }

    /// Types a script of keys.
    pub(crate) fn press(&self, script: &str) {
        for key in keys(script) {
            self.input(Ok(Event::Key(key)));
        }
    }

    pub(crate) fn input(&self, event: io::Result<Event>) {
        let mut keys = self.input.lock();
        keys.events.push_back(event);
        if let Some(waker) = keys.waker.take() {
            waker.wake();
        }
    }

    /// Changes the book, and notifies the screen.
    pub(crate) fn engine(&self, change: impl FnOnce(&mut Book)) {
        self.engine.change(change);
    }

    /// Waits until the screen shows all of these.
    pub(crate) async fn shows(&mut self, words: &[&str]) -> String {
        let all = |shown: &str| words.iter().all(|word| shown.contains(word));
        self.until(&format!("{words:?}"), |picture| all(&picture.shown))
            .await
            .shown
    }

    /// Waits until everything was redrawn.
    pub(crate) async fn is_redrawn(&mut self) -> String {
        let picture = self
            .until("a clear", |picture| {
                picture.cleared > 0 && !picture.shown.trim_matches(['"', ' ', '\n']).is_empty()
            })
            .await;
        picture.shown
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&Picture) -> bool) -> Picture {
        let wait = self.picture.wait_for(holds);
        let found = tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .is_ok_and(|picture| picture.is_ok());
        let picture = self.picture.borrow().clone();
        assert!(found, "{what} not seen:\n{}", picture.shown);
        picture
    }

    /// Checks that the screen runs until it is told to end, and then ends well.
    pub(crate) async fn ends_by(mut self, tell: impl FnOnce(&Self)) {
        let before = self.task.try_join_next();
        assert!(before.is_none(), "ended before it was told: {before:?}");
        tell(&self);
        self.end().await.expect("it ends well");
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> Result<(), RunError> {
        let end = self.task.join_next().await.expect("the loop was started");
        end.expect("the loop does not panic")
    }
}

/// A stream of keys that, like crossterm's, wakes only the task that polled it first.
#[derive(Debug, Clone, Default)]
struct Keyboard(Arc<Mutex<Keys>>);

#[derive(Debug, Default)]
struct Keys {
    events: VecDeque<io::Result<Event>>,
    waker: Option<Waker>,
}

impl Keyboard {
    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Keyboard {
    type Item = io::Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut keys = self.lock();
        match keys.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None => {
                keys.waker.get_or_insert_with(|| cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A terminal that a suspend takes away and returns with other content.
#[derive(Debug, Default)]
struct Shell {
    lost: bool,
}

impl Host for Shell {
    fn was_lost(&mut self) -> io::Result<bool> {
        Ok(std::mem::take(&mut self.lost))
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.lost = true;
        Ok(())
    }

    fn lend(&mut self) {
        self.lost = true;
    }

    fn take_back(&mut self) {}

    fn mouse(&mut self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn clip(&mut self, _text: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// A [`Book`] as a source.
#[derive(Debug, Clone)]
struct Engine {
    book: Arc<Mutex<Book>>,
    status: watch::Sender<Status>,
    watermarks: watch::Sender<Watermarks>,
}

impl Engine {
    fn new(book: Book) -> Self {
        let status = watch::Sender::new(book.status.clone());
        let watermarks = watch::Sender::new(book.watermarks());
        let book = Arc::new(Mutex::new(book));
        Self {
            book,
            status,
            watermarks,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.lock();
        let changed = change(&mut book);
        self.status.send_replace(book.status.clone());
        self.watermarks.send_replace(book.watermarks());
        changed
    }
}

impl Source for Engine {
    fn status(&self) -> Vec<watch::Receiver<Status>> {
        vec![self.status.subscribe()]
    }

    fn watermarks(&self) -> watch::Receiver<Watermarks> {
        self.watermarks.subscribe()
    }

    async fn answer(&self, query: Query) -> Msg {
        if let Ask::Detail { .. } = query.ask {
            let mut changed = self.status.subscribe();
            while self.lock().withheld {
                changed.changed().await.expect("the engine has the sender");
            }
        }
        match query.ask {
            Ask::Bookmark { .. } => self.change(|book| book.answer(query)),
            _ => self.lock().answer(query),
        }
    }

    async fn redact(&self, report: ReplayReport, _masked: bool) -> Result<ReplayReport, String> {
        Ok(report)
    }

    fn pause(&self, on: bool) {
        self.change(|book| book.status.paused = on);
    }
}

impl Replayer for Engine {
    async fn replay(
        &self,
        ids: Vec<EventId>,
        _options: String,
        steps: mpsc::Sender<ReplayStep>,
        stop: CancellationToken,
    ) -> Result<ReplayReport, String> {
        let _unwatched = steps.send(ReplayStep::Begun(ids.len())).await;
        if ids.len() > 1 {
            // The app takes until the replay is stopped.
            stop.cancelled().await;
        }
        Ok(self.change(|book| book.replay_all(&ids[..1])))
    }

    async fn edit(&self, ids: Vec<EventId>, _options: String) -> Result<Option<EventId>, String> {
        Ok(ids.first().copied())
    }
}

/// What was drawn.
#[derive(Debug, Clone, Default)]
struct Picture {
    shown: String,
    cleared: usize,
}

/// A test backend that publishes each picture.
struct Paper {
    backend: TestBackend,
    pictures: watch::Sender<Picture>,
}

impl Backend for Paper {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.backend.draw(content).map_err(|never| match never {})
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.backend.hide_cursor().map_err(|never| match never {})
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.backend.show_cursor().map_err(|never| match never {})
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Err(io::Error::other(
            "the keys are read by the loop, and so would be the answer",
        ))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.backend
            .set_cursor_position(position)
            .map_err(|never| match never {})
    }

    fn clear(&mut self) -> io::Result<()> {
        self.backend.clear().map_err(|never| match never {})
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.pictures.send_modify(|picture| {
            picture.cleared += 1;
            picture.shown.clear();
        });
        self.backend
            .clear_region(region)
            .map_err(|never| match never {})
    }

    fn size(&self) -> io::Result<Size> {
        self.backend.size().map_err(|never| match never {})
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.backend.window_size().map_err(|never| match never {})
    }

    fn flush(&mut self) -> io::Result<()> {
        let shown = self.backend.to_string();
        self.pictures.send_modify(|picture| picture.shown = shown);
        Ok(())
    }
}
