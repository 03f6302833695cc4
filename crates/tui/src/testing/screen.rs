//! The screen through the real loop: keys come in on a channel, pictures go out on another.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::Event;
use futures_util::stream::unfold;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ringtail_client::model::{AttemptRow, EventDetail, EventRow, GapRow, Marks, RowId, Status};
use ringtail_protocol::event::EventId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::book::{Book, NOW};
use super::stage::keys;
use crate::run::drive;
use crate::source::{Source, SourceError};
use crate::terminal::Host;
use crate::{Exit, Options, RunError};

/// A running screen.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) cancel: CancellationToken,
    engine: Engine,
    input: mpsc::Sender<io::Result<Event>>,
    picture: watch::Receiver<String>,
    task: JoinSet<Result<Exit, RunError>>,
}

impl Screen {
    /// Starts the real loop.
    pub(crate) fn start(columns: u16, lines: u16, book: Book) -> Self {
        let (input, keys) = mpsc::channel(64);
        let (pictures, picture) = watch::channel(String::new());
        let engine = Engine::new(book);
        let cancel = CancellationToken::new();
        let options = Options {
            cancel: cancel.clone(),
            time_zone: TimeZone::UTC,
            clock: || NOW,
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
            let input = unfold(keys, async |mut keys| Some((keys.recv().await?, keys)));
            drive(&mut terminal, &mut Nobody, input, source, &options).await
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
    pub(crate) async fn press(&self, script: &str) {
        for key in keys(script) {
            self.input(Ok(Event::Key(key))).await;
        }
    }

    pub(crate) async fn input(&self, event: io::Result<Event>) {
        self.input.send(event).await.expect("the loop runs");
    }

    /// Changes what the engine knows, and tells the screen.
    pub(crate) fn engine(&self, change: impl FnOnce(&mut Book)) {
        self.engine.change(change);
    }

    /// Waits until the screen shows all of these.
    pub(crate) async fn shows(&mut self, words: &[&str]) -> String {
        let all = |picture: &String| words.iter().all(|word| picture.contains(word));
        let wait = self.picture.wait_for(all);
        let found = tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .is_ok_and(|picture| picture.is_ok());
        let picture = self.picture.borrow().clone();
        assert!(found, "{words:?} not shown:\n{picture}");
        picture
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> Result<Exit, RunError> {
        let end = self.task.join_next().await.expect("the loop was started");
        end.expect("the loop does not panic")
    }
}

/// A terminal that nobody takes away.
struct Nobody;

impl Host for Nobody {
    fn was_lost(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A [`Book`] behind the contract of the real engine.
#[derive(Debug, Clone)]
struct Engine {
    book: Arc<Mutex<Book>>,
    status: watch::Sender<Status>,
    marks: watch::Sender<Marks>,
}

impl Engine {
    fn new(book: Book) -> Self {
        let status = watch::Sender::new(book.status.clone());
        let marks = watch::Sender::new(book.marks());
        let book = Arc::new(Mutex::new(book));
        Self {
            book,
            status,
            marks,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut book);
        self.status.send_replace(book.status.clone());
        self.marks.send_replace(book.marks());
        changed
    }

    fn read<T>(&self, read: impl FnOnce(&Book) -> T) -> Result<T, SourceError> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        match book.broken {
            Some(why) => Err(SourceError::new(why)),
            None => Ok(read(&book)),
        }
    }
}

impl Source for Engine {
    fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn marks(&self) -> watch::Receiver<Marks> {
        self.marks.subscribe()
    }

    async fn events_before(&self, row: RowId, limit: usize) -> Result<Vec<EventRow>, SourceError> {
        self.read(|book| book.events_before(row, limit))
    }

    async fn events_after(&self, row: RowId, limit: usize) -> Result<Vec<EventRow>, SourceError> {
        self.read(|book| book.events_after(row, limit))
    }

    async fn attempts_after(
        &self,
        row: RowId,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, SourceError> {
        self.read(|book| book.attempts_after(row, limit))
    }

    async fn gaps_after(&self, row: RowId, limit: usize) -> Result<Vec<GapRow>, SourceError> {
        self.read(|book| book.gaps_after(row, limit))
    }

    async fn event(&self, id: EventId) -> Result<Option<EventDetail>, SourceError> {
        self.read(|book| book.event(id))
    }

    async fn replay(&self, id: EventId) -> Result<AttemptRow, SourceError> {
        self.read(|_| ())?;
        Ok(self.change(|book| book.replay(id)))
    }
}

/// A test backend that publishes each picture.
struct Paper {
    backend: TestBackend,
    pictures: watch::Sender<String>,
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
        self.backend
            .get_cursor_position()
            .map_err(|never| match never {})
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
        self.pictures.send_replace(self.backend.to_string());
        Ok(())
    }
}
