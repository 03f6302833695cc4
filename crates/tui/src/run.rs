//! The one loop: messages in, effects out, and a picture when something changed.
//!
//! Whatever is ready is taken in first and drawn once, at most every [`FRAME`]: a thousand events a second cost no
//! more pictures than thirty. Queries run beside the loop as its own tasks, which end with it.

pub(crate) mod study;
mod take;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event, MouseEventKind};
use futures_util::future::select_all;
use futures_util::{FutureExt, Stream, StreamExt};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::layout::{Position, Rect};
use ringtail_filter::Filter;
use ringtail_model::{AttemptRow, BookmarkRow, NewFieldsRow, RowId, Status, Watermarks};
use ringtail_protocol::event::EventId;
use ringtail_store::{Direction, Found};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::effect::{Effect, PAGE, Place};
use crate::format::pages;
use crate::msg::{Asked, Msg};
use crate::source::{ReplayStep, Sight, Source, SourceError};
use crate::terminal::Host;
use crate::update::update;
use crate::view::view;
use crate::{Exit, Options, RunError};

/// Shortest time between two pictures.
const FRAME: Duration = Duration::from_millis(30);

/// Messages taken in before the next look at the clock and the screen.
const BATCH: usize = 256;

/// Runs the screen on any terminal with any keys until the user quits or the token is cancelled.
pub(crate) async fn drive<B, S>(
    terminal: &mut Terminal<B>,
    host: &mut impl Host,
    input: impl Stream<Item = io::Result<Event>>,
    source: S,
    options: &Options,
) -> Result<Exit, RunError>
where
    B: Backend<Error = io::Error>,
    S: Source,
{
    let mut input = pin!(input.fuse());
    let mut status = source.status();
    let mut marks = source.marks();
    let (steps, mut told) = mpsc::channel(BATCH);
    let mut engine = Engine {
        source: Arc::new(source),
        zone: options.time_zone.clone(),
        filter: options.filter.clone(),
        masked: false,
        steps,
        stop: CancellationToken::new(),
        edit: None,
        tasks: JoinSet::new(),
    };
    // Both are read before the first query, which therefore sees at least as much.
    let first = (
        status
            .iter_mut()
            .map(|status| status.borrow_and_update().clone())
            .collect(),
        *marks.borrow_and_update(),
    );
    let now = (options.clock)();
    let mut app = App::new(
        first.0,
        first.1,
        now,
        options.time_zone.clone(),
        options.theme,
    );
    app.keys = options.keys.clone();
    app.noise = Arc::new(options.noise.clone());
    app.filter = options.filter.clone();
    app.read_replay = options.read_replay;
    if options.mouse {
        host.mouse(true).map_err(RunError::Open)?;
        app.mouse = true;
    }
    let mut next_frame = Instant::now();
    let mut dirty = true;
    let mut inbox = Vec::new();
    loop {
        if let Some((ids, line)) = engine.edit.take() {
            // Nothing else goes on here meanwhile: what happens is found when the terminal is back.
            host.lend();
            let id = engine.source.edit(ids, line.clone()).await;
            host.take_back();
            let id = id.map_err(|error| words(&error));
            inbox.push(Msg::Edited { id, line });
        }
        if host.was_lost().map_err(RunError::Open)? {
            // Not `clear`, which asks the terminal for its cursor: the answer would be read as keys.
            let size = terminal.size().map_err(RunError::Draw)?;
            let whole = Rect::from((Position::ORIGIN, size));
            terminal.resize(whole).map_err(RunError::Draw)?;
            dirty = true;
        }
        if dirty && Instant::now() >= next_frame {
            let size = terminal.size().map_err(RunError::Draw)?;
            if app.size != (size.width, size.height) {
                let effects = update(&mut app, Msg::Resize(size.width, size.height));
                if let Some(exit) = engine.perform(effects, host)? {
                    return Ok(exit);
                }
            }
            terminal
                .draw(|frame| view(&app, frame))
                .map_err(RunError::Draw)?;
            next_frame = Instant::now() + FRAME;
            dirty = false;
        }
        tokio::select! {
            // The end first, then the user, who must never wait for traffic. None of the rest can starve: whatever
            // is ready besides is taken in below, and the picture does not depend on its arm being polled.
            biased;
            () = options.cancel.cancelled() => return Ok(Exit::Stopped),
            event = input.next() => match event {
                Some(event) => inbox.extend(from_input(event)?),
                None => return Ok(Exit::Stopped),
            },
            Some(step) = told.recv() => inbox.push(Msg::Step(step)),
            Some(done) = engine.tasks.join_next() => inbox.push(finished(done)),
            (index, status) = any_changed(&mut status) => inbox.push(Msg::Status(index, status)),
            marks = changed(&mut marks) => inbox.push(Msg::Marks(marks)),
            () = tokio::time::sleep_until(next_frame), if dirty => {}
            () = tokio::time::sleep(app.idle()) => {}
        }
        while inbox.len() < BATCH {
            if let Some(event) = already(&mut input).await {
                inbox.extend(from_input(event)?);
            } else if let Ok(step) = told.try_recv() {
                inbox.push(Msg::Step(step));
            } else if let Some(done) = engine.tasks.try_join_next() {
                inbox.push(finished(done));
            } else if let Some((index, status)) = any_changed(&mut status).now_or_never() {
                inbox.push(Msg::Status(index, status));
            } else if let Some(marks) = changed(&mut marks).now_or_never() {
                inbox.push(Msg::Marks(marks));
            } else {
                break;
            }
        }
        let tick = Msg::Tick((options.clock)());
        for msg in std::iter::once(tick).chain(inbox.drain(..)) {
            let effects = update(&mut app, msg);
            if let Some(exit) = engine.perform(effects, host)? {
                return Ok(exit);
            }
        }
        dirty = true;
    }
}

/// Returns an event that is there already.
///
/// Polls as this task, unlike `now_or_never`: a stream may wake whoever polled it last, and nobody else.
async fn already<T>(input: &mut (impl Stream<Item = T> + Unpin)) -> Option<T> {
    poll_fn(|cx| match input.poll_next_unpin(cx) {
        Poll::Ready(event) => Poll::Ready(event),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Returns the next status of any engine, and its place.
async fn any_changed(receivers: &mut [watch::Receiver<Status>]) -> (usize, Status) {
    let each = receivers.iter_mut().map(|status| changed(status).boxed());
    let (status, index, _) = select_all(each).await;
    (index, status)
}

/// Returns the next value, or never if the engine is gone: then the last value stands.
async fn changed<T: Clone>(receiver: &mut watch::Receiver<T>) -> T {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    receiver.borrow_and_update().clone()
}

fn from_input(event: io::Result<Event>) -> Result<Option<Msg>, RunError> {
    Ok(match event.map_err(RunError::Input)? {
        Event::Key(key) => Some(Msg::Key(key)),
        // Moves alone would be most of what comes in.
        Event::Mouse(mouse) if mouse.kind != MouseEventKind::Moved => Some(Msg::Mouse(mouse)),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(columns, lines) => Some(Msg::Resize(columns, lines)),
        _ => None,
    })
}

/// Returns a task's message. Its panic is the loop's own: a query that never ends would leave the screen waiting.
fn finished(done: Result<Msg, tokio::task::JoinError>) -> Msg {
    match done {
        Ok(msg) => msg,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The engine and what was asked of it.
struct Engine<S> {
    source: Arc<S>,
    zone: TimeZone,
    filter: Filter,
    /// Whether personal data is read as pseudonyms.
    masked: bool,
    /// Where the replay that is watched tells of itself.
    steps: mpsc::Sender<ReplayStep>,
    /// Stops it.
    stop: CancellationToken,
    /// What is to be edited as soon as the terminal can be lent.
    edit: Option<(Vec<EventId>, String)>,
    tasks: JoinSet<Msg>,
}

impl<S: Source> Engine<S> {
    fn perform(
        &mut self,
        effects: Vec<Effect>,
        host: &mut impl Host,
    ) -> Result<Option<Exit>, RunError> {
        let mut sight = sight(self.masked);
        for effect in effects {
            let source = Arc::clone(&self.source);
            match effect {
                Effect::Quit => return Ok(Some(Exit::Quit)),
                Effect::Suspend => host.suspend().map_err(RunError::Open)?,
                Effect::Filter(filter) => self.filter = filter,
                Effect::Mask(masked) => {
                    self.masked = masked;
                    sight = self::sight(masked);
                }
                Effect::Hold(on) => source.hold(on),
                Effect::Mouse(on) => host.mouse(on).map_err(RunError::Draw)?,
                Effect::Clip(text) => {
                    let told = take::clip(host, &text).map_err(RunError::Draw)?;
                    self.tasks.spawn(async move { Msg::Taken(told) });
                }
                Effect::Take { ids, form, file } => {
                    self.tasks
                        .spawn(async move { take::take(&*source, ids, form, sight, file).await });
                }
                Effect::Mark { id, wish } => {
                    self.tasks.spawn(async move {
                        match source.mark(id, wish).await {
                            Ok(mark) => Msg::Marked { id, mark },
                            Err(error) => Msg::Taken(Err(words(&error))),
                        }
                    });
                }
                Effect::Study(about) => {
                    let zone = self.zone.clone();
                    self.tasks
                        .spawn(async move { study::study(&source, about, sight, zone).await });
                }
                Effect::Page(place) => {
                    let filter = self.filter.clone();
                    self.tasks
                        .spawn(async move { page(&*source, &filter, place, sight).await });
                }
                Effect::News {
                    events,
                    attempts,
                    gaps,
                    novelties,
                    marked,
                } => {
                    let filter = self.filter.clone();
                    let since = Watermarks {
                        events: events.unwrap_or_default(),
                        attempts,
                        gaps,
                        new_fields: novelties,
                        ..Watermarks::default()
                    };
                    let events = events.is_some();
                    self.tasks.spawn(async move {
                        news(&*source, &filter, events, since, marked, sight).await
                    });
                }
                Effect::Detail { id, reveal } => {
                    // Who shares the screen shows no secrets by a slip of the finger.
                    let sight = match (sight, reveal) {
                        (Sight::Usual, true) => Sight::Revealed,
                        _ => sight,
                    };
                    self.tasks
                        .spawn(async move { detail(&*source, id, sight).await });
                }
                Effect::Format(detail) => {
                    let zone = self.zone.clone();
                    self.tasks.spawn_blocking(move || {
                        let pages = Arc::new(pages(&detail, &zone));
                        Msg::Formatted { detail, pages }
                    });
                }
                Effect::Replay {
                    ids,
                    seq,
                    line,
                    watched,
                } => {
                    let stop = CancellationToken::new();
                    let mut steps = self.steps.clone();
                    if watched {
                        self.stop = stop.clone();
                    } else {
                        // Nobody is told of the steps of a replay that is not watched.
                        steps = mpsc::channel(1).0;
                    }
                    self.tasks.spawn(async move {
                        let result = source.replay(ids, line, sight, steps, stop).await;
                        let result = result.map(Box::new).map_err(|error| words(&error));
                        Msg::Replayed {
                            seq,
                            watched,
                            result,
                        }
                    });
                }
                Effect::StopReplay => self.stop.cancel(),
                Effect::Edit { ids, line } => self.edit = Some((ids, line)),
            }
        }
        Ok(None)
    }
}

fn sight(masked: bool) -> Sight {
    match masked {
        true => Sight::Pseudonyms,
        false => Sight::Usual,
    }
}

async fn page(source: &impl Source, filter: &Filter, place: Place, sight: Sight) -> Msg {
    let (direction, from) = place.from();
    match source.events(filter, direction, from, PAGE, sight).await {
        Ok(found) => Msg::Page { place, found },
        Err(error) => unreadable(Asked::Rows, &error),
    }
}

/// Reads what is new, events only if they are wanted, and marks if they have changed.
async fn news(
    source: &impl Source,
    filter: &Filter,
    events: bool,
    since: Watermarks,
    marked: Option<(RowId, RowId)>,
    sight: Sight,
) -> Msg {
    let read = async {
        // What is of events after them: what comes in between is read now or the next time, never missed.
        let newer = Direction::Newer;
        let events = match events {
            true => {
                let events = source.events(filter, newer, since.events, PAGE, sight);
                events.await?
            }
            false => Found {
                rows: Vec::new(),
                next: None,
            },
        };
        let attempts = source.attempts_after(since.attempts, PAGE, sight).await?;
        let novelties = source.new_fields_after(since.new_fields, PAGE).await?;
        let marked = match marked {
            Some((first, last)) => Some(source.bookmarks_between(first, last, PAGE, sight).await?),
            None => None,
        };
        let meant = if filter.is_empty() {
            Vec::new()
        } else {
            let ids = concerned(&attempts, &novelties, marked.as_deref());
            source.meant(filter, ids, sight).await?
        };
        let gaps = source.gaps_after(since.gaps, PAGE).await?;
        Ok(Msg::News {
            events,
            meant,
            attempts,
            gaps,
            novelties,
            marked,
        })
    };
    read.await
        .unwrap_or_else(|error: SourceError| unreadable(Asked::Rows, &error))
}

/// Returns the events of which something has come to be known, for which a filter may be now.
pub(crate) fn concerned(
    attempts: &[AttemptRow],
    novelties: &[NewFieldsRow],
    marked: Option<&[BookmarkRow]>,
) -> Vec<EventId> {
    let attempts = attempts.iter().map(|attempt| attempt.event);
    let novelties = novelties.iter().map(|novelty| novelty.event);
    let marked = marked.unwrap_or_default().iter().map(|mark| mark.event);
    attempts.chain(novelties).chain(marked).collect()
}

async fn detail(source: &impl Source, id: EventId, sight: Sight) -> Msg {
    match source.event(id, sight).await {
        Ok(detail) => Msg::Detail {
            id,
            detail: detail.map(Arc::new),
        },
        Err(error) => unreadable(Asked::Detail(id), &error),
    }
}

fn unreadable(what: Asked, error: &SourceError) -> Msg {
    Msg::Unreadable {
        what,
        reason: words(error),
    }
}

/// Returns an error with its causes on one line.
fn words(error: &SourceError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests;
