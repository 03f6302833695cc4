//! The loop: messages in, effects out, and a picture when something changed.
//!
//! Everything that is ready is handled first and drawn once, at most every [`FRAME`]: a thousand events a second cost
//! no more pictures than thirty. Queries run in tasks that end with the loop.

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
use ringtail_model::Status;
use ringtail_protocol::event::EventId;
use ringtail_text::size;
use ringtail_views::replayer::{ReplayStep, Replayer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::effect::Effect;
use crate::format::pages;
use crate::msg::Msg;
use crate::source::Source;
use crate::terminal::{Host, MAX_CLIP};
use crate::theme::PLAIN;
use crate::update::update;
use crate::view::view;
use crate::{Options, RunError};

/// Shortest time between two pictures.
const FRAME: Duration = Duration::from_millis(30);

/// Most messages handled between two pictures.
const BATCH: usize = 256;

/// Longest copied text that its notice repeats.
const MAX_COPY_SHOWN: usize = 120;

/// Runs the screen on any terminal with any keys until the user quits, the token is cancelled or the keys end.
pub(crate) async fn drive<B>(
    terminal: &mut Terminal<B>,
    host: &mut impl Host,
    input: impl Stream<Item = io::Result<Event>>,
    source: impl Source,
    replayer: impl Replayer,
    options: &Options,
) -> Result<(), RunError>
where
    B: Backend<Error = io::Error>,
{
    let mut input = pin!(input.fuse());
    let mut status = source.status();
    let mut watermarks = source.watermarks();
    let (steps, mut progress) = mpsc::channel(BATCH);
    let mut performer = Performer {
        source: Arc::new(source),
        replayer: Arc::new(replayer),
        zone: options.time_zone.clone(),
        steps,
        stop: CancellationToken::new(),
        edit: None,
        tasks: JoinSet::new(),
    };
    // Read before the first query, which therefore sees at least as much.
    let engines = status
        .iter_mut()
        .map(|status| status.borrow_and_update().clone())
        .collect();
    let mut app = App::new(
        engines,
        *watermarks.borrow_and_update(),
        (options.clock)(),
        options.time_zone.clone(),
        options.theme,
    );
    app.keys = options.keys.clone();
    app.noise = Arc::new(options.noise.clone());
    app.filter = options.filter.clone();
    app.check_options = options.check_options;
    app.page.clone_from(&options.page);
    if let Some(url) = &options.page {
        app.notify(PLAIN, format!("page: {url}"));
    }
    if options.mouse {
        host.mouse(true).map_err(RunError::Open)?;
        app.mouse = true;
    }
    let mut next_frame = Instant::now();
    let mut dirty = true;
    let mut inbox = Vec::new();
    loop {
        if let Some((ids, options)) = performer.edit.take() {
            // The loop waits: it reads what happened meanwhile when it has the terminal back.
            host.lend();
            let id = performer.replayer.edit(ids, options.clone()).await;
            host.take_back();
            inbox.push(Msg::Edited { id, options });
        }
        if host.was_lost().map_err(RunError::Open)? {
            // `clear` would ask the terminal for its cursor, and the answer would be read as keys.
            let size = terminal.size().map_err(RunError::Draw)?;
            let whole = Rect::from((Position::ORIGIN, size));
            terminal.resize(whole).map_err(RunError::Draw)?;
            dirty = true;
        }
        if dirty && Instant::now() >= next_frame {
            let size = terminal.size().map_err(RunError::Draw)?;
            if app.size != (size.width, size.height) {
                let effects = update(&mut app, Msg::Resize(size.width, size.height));
                if performer.perform(effects, host)? {
                    return Ok(());
                }
            }
            let drawn = terminal.draw(|frame| view(&app, frame));
            // It may have been resized since then.
            dirty = drawn.map_err(RunError::Draw)?.area.as_size() != size;
            next_frame = Instant::now() + FRAME;
        }
        tokio::select! {
            // `biased`: cancellation first, then the user, who must not wait for traffic. The rest cannot starve:
            // whatever else is ready is handled below, and drawing does not depend on its arm.
            biased;
            () = options.cancel.cancelled() => return Ok(()),
            event = input.next() => match event {
                Some(event) => inbox.extend(from_input(event)?),
                None => return Ok(()),
            },
            Some(step) = progress.recv() => inbox.push(Msg::Step(step)),
            Some(done) = performer.tasks.join_next() => inbox.push(finished(done)),
            (index, status) = any_changed(&mut status) => inbox.push(Msg::Status(index, Box::new(status))),
            watermarks = changed(&mut watermarks) => inbox.push(Msg::Watermarks(watermarks)),
            () = tokio::time::sleep_until(next_frame), if dirty => {}
            () = tokio::time::sleep(app.idle()) => {}
        }
        while inbox.len() < BATCH {
            if let Some(event) = already(&mut input).await {
                inbox.extend(from_input(event)?);
            } else if let Ok(step) = progress.try_recv() {
                inbox.push(Msg::Step(step));
            } else if let Some(done) = performer.tasks.try_join_next() {
                inbox.push(finished(done));
            } else if let Some((index, status)) = any_changed(&mut status).now_or_never() {
                inbox.push(Msg::Status(index, Box::new(status)));
            } else if let Some(watermarks) = changed(&mut watermarks).now_or_never() {
                inbox.push(Msg::Watermarks(watermarks));
            } else {
                break;
            }
        }
        let tick = Msg::Tick((options.clock)());
        for msg in std::iter::once(tick).chain(inbox.drain(..)) {
            let effects = update(&mut app, msg);
            if performer.perform(effects, host)? {
                return Ok(());
            }
        }
        dirty = true;
    }
}

/// Returns an input event that is ready.
///
/// Polls as this task, unlike `now_or_never`: a stream may wake only the task that polled it last.
async fn already<T>(input: &mut (impl Stream<Item = T> + Unpin)) -> Option<T> {
    poll_fn(|cx| match input.poll_next_unpin(cx) {
        Poll::Ready(event) => Poll::Ready(event),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Returns the next status of any engine, and its index.
async fn any_changed(receivers: &mut [watch::Receiver<Status>]) -> (usize, Status) {
    let each = receivers.iter_mut().map(|status| changed(status).boxed());
    let (status, index, _) = select_all(each).await;
    (index, status)
}

/// Returns the next value. Never returns if the engine is gone: its last value stays.
async fn changed<T: Clone>(receiver: &mut watch::Receiver<T>) -> T {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    receiver.borrow_and_update().clone()
}

fn from_input(event: io::Result<Event>) -> Result<Option<Msg>, RunError> {
    Ok(match event.map_err(RunError::Input)? {
        Event::Key(key) => Some(Msg::Key(key)),
        // Movements would be most of the input.
        Event::Mouse(mouse) if mouse.kind != MouseEventKind::Moved => Some(Msg::Mouse(mouse)),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(columns, lines) => Some(Msg::Resize(columns, lines)),
        _ => None,
    })
}

/// Returns a task's message. A panic in a task ends the loop, which would wait for its answer forever.
fn finished(done: Result<Msg, tokio::task::JoinError>) -> Msg {
    match done {
        Ok(msg) => msg,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Performs effects.
struct Performer<S, R> {
    source: Arc<S>,
    replayer: Arc<R>,
    zone: TimeZone,
    /// Receives the progress of the watched replay.
    steps: mpsc::Sender<ReplayStep>,
    /// Stops the watched replay.
    stop: CancellationToken,
    /// What to edit as soon as the terminal can be lent.
    edit: Option<(Vec<EventId>, String)>,
    tasks: JoinSet<Msg>,
}

impl<S: Source, R: Replayer> Performer<S, R> {
    /// Returns whether the user quit.
    fn perform(&mut self, effects: Vec<Effect>, host: &mut impl Host) -> Result<bool, RunError> {
        for effect in effects {
            let source = Arc::clone(&self.source);
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Suspend => host.suspend().map_err(RunError::Open)?,
                Effect::Pause(on) => source.pause(on),
                Effect::Mouse(on) => host.mouse(on).map_err(RunError::Draw)?,
                Effect::Clip(text) => {
                    let done = clip(host, &text).map_err(RunError::Draw)?;
                    self.tasks.spawn(async move { Msg::Done(done) });
                }
                Effect::Query(query) => {
                    self.tasks.spawn(async move { source.answer(query).await });
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
                    name,
                    options,
                    watched,
                    masked,
                } => {
                    let stop = CancellationToken::new();
                    let steps = match watched {
                        true => self.steps.clone(),
                        false => mpsc::channel(1).0,
                    };
                    if watched {
                        self.stop = stop.clone();
                    }
                    let replayer = Arc::clone(&self.replayer);
                    self.tasks.spawn(async move {
                        let result = match replayer.replay(ids, options, steps, stop).await {
                            Ok(report) => source.redact(report, masked).await.map(Box::new),
                            Err(why) => Err(why),
                        };
                        Msg::Replayed {
                            name,
                            watched,
                            result,
                        }
                    });
                }
                Effect::StopReplay => self.stop.cancel(),
                Effect::Edit { ids, options } => self.edit = Some((ids, options)),
            }
        }
        Ok(false)
    }
}

/// Sends a text to the clipboard, and returns a notice.
fn clip(host: &mut impl Host, text: &[u8]) -> io::Result<Result<String, String>> {
    if text.len() > MAX_CLIP {
        let size = size(text.len() as u64);
        return Ok(Err(format!(
            "{size} are too much for the clipboard: the capital letter writes a file"
        )));
    }
    host.clip(text)?;
    // A terminal does not say whether it took it.
    let shown = match std::str::from_utf8(text) {
        Ok(text) if text.len() <= MAX_COPY_SHOWN && !text.contains('\n') => text.to_owned(),
        _ => size(text.len() as u64),
    };
    Ok(Ok(format!("{shown} sent to the clipboard")))
}

#[cfg(test)]
mod tests;
