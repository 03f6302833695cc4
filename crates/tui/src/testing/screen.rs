//! The screen through the real loop: keys come in on a channel, pictures go out on another.

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
use ringtail_filter::Filter;
use ringtail_model::{
    AttemptRow, Bookmark, BookmarkRow, EventDetail, EventRow, GapRow, NewFieldsRow, RowId, Status,
    Watermarks,
};
use ringtail_protocol::event::EventId;
use ringtail_store::{Direction, Found};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::book::{Book, NOW};
use super::stage::keys;
use crate::run::drive;
use crate::source::{Form, MarkWish, OptionLine, ReplayStep, Report, Sight, Source, SourceError};
use crate::terminal::Host;
use crate::{Exit, Options, RunError};

/// A running screen.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) cancel: CancellationToken,
    engine: Engine,
    input: Keyboard,
    picture: watch::Receiver<Picture>,
    task: JoinSet<Result<Exit, RunError>>,
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
            read_replay: |line| OptionLine {
                edits: line == "--edit",
                ..OptionLine::default()
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
            drive(&mut terminal, &mut Shell::default(), keys, source, &options).await
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

    /// Changes what the engine knows, and tells the screen.
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

    /// Waits until everything was drawn anew.
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

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> Result<Exit, RunError> {
        let end = self.task.join_next().await.expect("the loop was started");
        end.expect("the loop does not panic")
    }
}

/// Keys as crossterm's stream gives them: whoever polls first is woken, and nobody else until then.
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

/// A terminal that is taken away by a suspend, and has other things on it when it comes back.
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

/// A [`Book`] behind the contract of the real engine.
#[derive(Debug, Clone)]
struct Engine {
    book: Arc<Mutex<Book>>,
    status: watch::Sender<Status>,
    marks: watch::Sender<Watermarks>,
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
    fn status(&self) -> Vec<watch::Receiver<Status>> {
        vec![self.status.subscribe()]
    }

    fn marks(&self) -> watch::Receiver<Watermarks> {
        self.marks.subscribe()
    }

    async fn events(
        &self,
        filter: &Filter,
        direction: Direction,
        from: RowId,
        limit: usize,
        sight: Sight,
    ) -> Result<Found, SourceError> {
        self.read(|book| book.events(filter, direction, from, limit, sight))
    }

    async fn meant(
        &self,
        filter: &Filter,
        ids: Vec<EventId>,
        _sight: Sight,
    ) -> Result<Vec<EventRow>, SourceError> {
        self.read(|book| book.meant(filter, ids))
    }

    async fn attempts_after(
        &self,
        row: RowId,
        limit: usize,
        _sight: Sight,
    ) -> Result<Vec<AttemptRow>, SourceError> {
        self.read(|book| book.attempts_after(row, limit))
    }

    async fn gaps_after(&self, row: RowId, limit: usize) -> Result<Vec<GapRow>, SourceError> {
        self.read(|book| book.gaps_after(row, limit))
    }

    async fn new_fields_after(
        &self,
        row: RowId,
        _limit: usize,
    ) -> Result<Vec<NewFieldsRow>, SourceError> {
        self.read(|book| book.new_fields_after(row))
    }

    async fn bookmarks_between(
        &self,
        first: RowId,
        last: RowId,
        _limit: usize,
        _sight: Sight,
    ) -> Result<Vec<BookmarkRow>, SourceError> {
        self.read(|book| book.bookmarks_between(first, last))
    }

    async fn event(&self, id: EventId, sight: Sight) -> Result<Option<EventDetail>, SourceError> {
        let mut changed = self.status.subscribe();
        while self.read(|book| book.withheld)? {
            changed.changed().await.map_err(SourceError::new)?;
        }
        self.read(|book| book.shown(id, sight))
    }

    async fn course(
        &self,
        row: RowId,
        _limit: usize,
        sight: Sight,
    ) -> Result<Vec<EventDetail>, SourceError> {
        self.read(|book| book.course(row, sight))
    }

    async fn previous(&self, row: RowId) -> Result<Option<EventId>, SourceError> {
        self.read(|book| book.previous(row))
    }

    async fn taken(
        &self,
        id: EventId,
        form: Form,
        sight: Sight,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        self.read(|book| book.taken(id, form, sight))
    }

    async fn mark(&self, id: EventId, wish: MarkWish) -> Result<Option<Bookmark>, SourceError> {
        Ok(self.change(|book| book.mark(id, wish)))
    }

    fn hold(&self, on: bool) {
        self.change(|book| book.status.paused = on);
    }

    async fn replay(
        &self,
        ids: Vec<EventId>,
        _line: String,
        _sight: Sight,
        steps: mpsc::Sender<ReplayStep>,
        stop: CancellationToken,
    ) -> Result<Report, SourceError> {
        self.read(|_| ())?;
        let _told = steps.send(ReplayStep::Begun(ids.len())).await;
        if ids.len() > 1 {
            // As long as the app thinks.
            stop.cancelled().await;
        }
        Ok(self.change(|book| book.replay_all(&ids[..1])))
    }

    async fn edit(&self, ids: Vec<EventId>, _line: String) -> Result<Option<EventId>, SourceError> {
        Ok(ids.first().copied())
    }
}

/// What is on the paper.
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
