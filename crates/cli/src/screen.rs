//! The terminal UI as a face of the engine.

mod masked;
mod replay;

use std::path::PathBuf;
use std::time::Duration;

use ringtail_client::config::{FileError, ScreenConfig};
use ringtail_client::engine::{Engine, last_target};
use ringtail_client::forward::{SendOptions, Sender};
use ringtail_filter::Filter;
use ringtail_model::redact;
use ringtail_model::secrets::AllSecrets;
use ringtail_model::signature::{self, Reveal};
use ringtail_model::target::TargetUrl;
use ringtail_model::{
    AttemptRow, Bookmark, BookmarkRow, EventDetail, EventRow, GapRow, NewFieldsRow, RowId, Status,
    Watermarks, endpoint_name,
};
use ringtail_protocol::event::EventId;
use ringtail_recordings::diff::Noise;
use ringtail_recordings::export::{curl, httpie, raw};
use ringtail_store::{BookmarkChange, Comment, Direction, Found, History};
use ringtail_tui::Options;
use ringtail_tui::keymap::Keys;
use ringtail_tui::source::{Form, MarkWish, ReplayStep, Report, Sight, Source, SourceError};
use ringtail_tui::theme::Theme;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::masked::Masked;
use crate::command::export::aim;
use crate::command::search::search;
use crate::exit::{Exit, Failure};
use crate::output::{colour_allowed, json};

/// How long a page of a search is waited for before what was found is shown.
const PATIENCE: Duration = Duration::from_millis(150);

/// Longest body of an event of a call that is looked at.
const MAX_COURSE_BODY: usize = 64 * 1024;

/// Returns how the screen is set up, as the configuration says.
///
/// # Errors
/// When it names a theme, an action or a key that does not exist.
pub(crate) fn options(config: &ScreenConfig, noise: &Noise) -> Result<Options, Failure> {
    let wrong = |line: usize, message: String| {
        let path = config.path.clone();
        let error = FileError::Wrong {
            path,
            line,
            message,
        };
        Failure::new(Exit::Config, error)
    };
    let mut options = Options {
        noise: noise.clone(),
        read_replay: replay::read,
        ..Options::default()
    };
    if let Some((line, name)) = &config.theme {
        options.theme = Theme::named(name).ok_or_else(|| {
            let themes = "themes are ansi, high-contrast and mono";
            wrong(*line, format!("no theme is called {name:?}; {themes}"))
        })?;
    }
    if !colour_allowed() {
        options.theme = Theme::Mono;
    }
    options.mouse = config.mouse.unwrap_or(options.mouse);
    let mut keys = Keys::default();
    for (line, name, wanted) in &config.keys {
        let bound = keys.bind(name, wanted);
        bound.map_err(|error| wrong(*line, error.to_string()))?;
    }
    for (line, name, _) in &config.keys {
        let unique = keys.check(name);
        unique.map_err(|error| wrong(*line, error.to_string()))?;
    }
    options.keys = keys;
    Ok(options)
}

/// What was asked of the screen, beside what it looks like.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Directory of the history.
    pub(crate) data: PathBuf,
    /// Whether secrets are shown.
    pub(crate) reveal: Reveal,
    /// What RingCentral and the app share, by endpoint.
    pub(crate) secrets: AllSecrets,
    /// What is not compared.
    pub(crate) noise: Noise,
    /// How targets are asked.
    pub(crate) send: SendOptions,
}

/// Shows the screen until the user quits or the engine has ended.
pub(crate) async fn show(
    engines: Vec<Engine>,
    asked: Asked,
    filter: Filter,
    options: Options,
    ended: CancellationToken,
) -> Result<(), Failure> {
    let Asked {
        data,
        reveal,
        secrets,
        noise,
        send,
    } = asked;
    let options = Options {
        cancel: ended,
        filter,
        history: engines.first().map(|engine| engine.history().clone()),
        ..options
    };
    let screen = Screen {
        masked: Masked::new(data.clone()),
        engines,
        data,
        reveal,
        secrets,
        noise,
        send,
    };
    let shown = ringtail_tui::run(screen, options).await;
    shown
        .map(drop)
        .map_err(|error| anyhow::Error::from(error).into())
}

/// The engines as the screen wants them.
struct Screen {
    /// One for each endpoint, over one history; there is one at least.
    engines: Vec<Engine>,
    data: PathBuf,
    reveal: Reveal,
    secrets: AllSecrets,
    noise: Noise,
    send: SendOptions,
    masked: Masked,
}

impl Screen {
    /// Returns rows as they may be seen.
    async fn rows(&self, rows: Vec<EventRow>, sight: Sight) -> Result<Vec<EventRow>, SourceError> {
        if sight == Sight::Pseudonyms {
            return self.masked.rows(self.history(), rows).await;
        }
        Ok(rows.into_iter().map(redact::row).collect())
    }

    /// Returns where commands that send an event go.
    fn aim(&self, endpoint: &str) -> TargetUrl {
        let target = self.sender(endpoint).map(Sender::target);
        aim(&self.data, target, endpoint)
    }

    /// Returns who sends events of an endpoint: who listens on it, or who listens alone, unless they went elsewhere before.
    fn sender(&self, endpoint: &str) -> Option<&Sender> {
        let of = |engine: &&Engine| engine.status().borrow().name == endpoint_name(endpoint);
        let own = self.engines.iter().find(of);
        let alone = match self.engines.as_slice() {
            [one] if last_target(&self.data, endpoint).is_none() => Some(one),
            _ => None,
        };
        own.or(alone)?.sender()
    }

    /// Returns the history, which all engines share.
    fn history(&self) -> &History {
        let engine = self.engines.first().expect("somebody listens");
        engine.history()
    }
}

impl Source for Screen {
    fn status(&self) -> Vec<watch::Receiver<Status>> {
        self.engines.iter().map(Engine::status).collect()
    }

    fn marks(&self) -> watch::Receiver<Watermarks> {
        self.history().watermarks()
    }

    async fn events(
        &self,
        filter: &Filter,
        direction: Direction,
        from: RowId,
        limit: usize,
        sight: Sight,
    ) -> Result<Found, SourceError> {
        let history = self.history();
        let found = if filter.is_empty() {
            let rows = match direction {
                Direction::Older => history.events_before(from, limit).await,
                Direction::Newer => history.events_after(from, limit).await,
            };
            rows.map(|rows| Found {
                next: rows
                    .last()
                    .map(|event| event.row)
                    .filter(|_| rows.len() >= limit),
                rows,
            })
        } else {
            let search = search(filter.clone(), self.secrets.clone());
            history
                .search(&search, direction, from, limit, PATIENCE)
                .await
        };
        let mut found = found.map_err(SourceError::new)?;
        if direction == Direction::Older {
            // The history gives the newest first.
            found.rows.reverse();
        }
        found.rows = self.rows(found.rows, sight).await?;
        Ok(found)
    }

    async fn meant(
        &self,
        filter: &Filter,
        ids: Vec<EventId>,
        sight: Sight,
    ) -> Result<Vec<EventRow>, SourceError> {
        let search = search(filter.clone(), self.secrets.clone());
        let read = self.history().read(move |reader| {
            let mut rows = Vec::new();
            for id in ids {
                if let Some((detail, true)) = reader.event_for(id, Some(&search))? {
                    rows.push(detail.event);
                }
            }
            Ok(rows)
        });
        self.rows(read.await.map_err(SourceError::new)?, sight)
            .await
    }

    async fn attempts_after(
        &self,
        row: RowId,
        limit: usize,
        sight: Sight,
    ) -> Result<Vec<AttemptRow>, SourceError> {
        let rows = self.history().attempts_after(row, limit).await;
        let rows = rows.map_err(SourceError::new)?;
        if sight == Sight::Pseudonyms {
            return self.masked.attempts(rows).await;
        }
        Ok(rows.into_iter().map(redact::attempt).collect())
    }

    async fn gaps_after(&self, row: RowId, limit: usize) -> Result<Vec<GapRow>, SourceError> {
        let rows = self.history().gaps_after(row, limit).await;
        rows.map_err(SourceError::new)
    }

    async fn new_fields_after(
        &self,
        row: RowId,
        limit: usize,
    ) -> Result<Vec<NewFieldsRow>, SourceError> {
        let rows = self.history().new_fields_after(row, limit).await;
        rows.map_err(SourceError::new)
    }

    async fn bookmarks_between(
        &self,
        first: RowId,
        last: RowId,
        limit: usize,
        sight: Sight,
    ) -> Result<Vec<BookmarkRow>, SourceError> {
        let marks = self.history().bookmarks_between(first, last, limit);
        let mut marks = marks.await.map_err(SourceError::new)?;
        if sight == Sight::Pseudonyms {
            // As with the events themselves: what a comment says of others cannot be told.
            marks
                .iter_mut()
                .for_each(|row| row.bookmark.comment.clear());
        }
        Ok(marks)
    }

    async fn event(&self, id: EventId, sight: Sight) -> Result<Option<EventDetail>, SourceError> {
        let reveal = match sight {
            Sight::Usual => self.reveal,
            // Pseudonyms take the place of secrets, too.
            Sight::Revealed | Sight::Pseudonyms => Reveal::Yes,
        };
        let secrets = self.secrets.clone();
        // A MAC over 16 MB takes its time, as the reading does.
        let read = self.history().read(move |reader| {
            let mut event = reader.event(id)?;
            if let Some(event) = &mut event {
                let secrets = secrets.of_id(&event.event.endpoint);
                signature::show(event, &secrets, reveal);
            }
            Ok(event)
        });
        let event = read.await.map_err(SourceError::new)?;
        match (event, sight) {
            (Some(event), Sight::Pseudonyms) => self.masked.event(event).await.map(Some),
            (event, _) => Ok(event),
        }
    }

    async fn course(
        &self,
        row: RowId,
        limit: usize,
        sight: Sight,
    ) -> Result<Vec<EventDetail>, SourceError> {
        let read = self.history().read(move |reader| {
            let mut events = Vec::new();
            for event in reader.course(row, limit)? {
                // Retention may have taken it meanwhile.
                let Some(mut event) = reader.event(event.id)? else {
                    continue;
                };
                event.attempts.clear();
                if event.body.len() > MAX_COURSE_BODY {
                    event.body = event.body.slice(..0);
                }
                events.push(event);
            }
            Ok(events)
        });
        let mut events = read.await.map_err(SourceError::new)?;
        if sight == Sight::Pseudonyms {
            return self.masked.events(events).await;
        }
        events.iter_mut().for_each(redact::detail);
        Ok(events)
    }

    async fn previous(&self, row: RowId) -> Result<Option<EventId>, SourceError> {
        let previous = self.history().previous(row).await;
        let previous = previous.map_err(SourceError::new)?;
        Ok(previous.map(|event| event.id))
    }

    async fn taken(
        &self,
        id: EventId,
        form: Form,
        sight: Sight,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let Some(event) = self.event(id, sight).await? else {
            return Ok(None);
        };
        let aim = self.aim(&event.event.endpoint);
        Ok(Some(match form {
            Form::Curl => curl(&event, &aim).map_err(SourceError::new)?.into_bytes(),
            Form::Httpie => httpie(&event, &aim).map_err(SourceError::new)?.into_bytes(),
            Form::Raw => raw(&event),
            Form::Json => {
                let mut line = Vec::new();
                json::line(&mut line, &json::event_with_attempts(&event));
                line
            }
        }))
    }

    async fn mark(&self, id: EventId, wish: MarkWish) -> Result<Option<Bookmark>, SourceError> {
        let change = match wish {
            MarkWish::Mark => BookmarkChange::Set,
            MarkWish::Clear => BookmarkChange::Clear,
            MarkWish::Comment(text) => {
                BookmarkChange::Comment(Comment::parse(&text).map_err(SourceError::new)?)
            }
        };
        let history = self.history();
        let changed = history.set_bookmark(vec![id], change).await;
        changed.map_err(SourceError::new)?;
        let event = history.event(id).await.map_err(SourceError::new)?;
        Ok(event.and_then(|event| event.event.bookmark))
    }

    fn hold(&self, on: bool) {
        self.engines.iter().for_each(|engine| engine.hold(on));
    }

    async fn replay(
        &self,
        ids: Vec<EventId>,
        line: String,
        sight: Sight,
        steps: mpsc::Sender<ReplayStep>,
        stop: CancellationToken,
    ) -> Result<Report, SourceError> {
        let replayed = replay::run(self, ids, &line, sight, &steps, stop).await;
        replayed.map_err(|failure| SourceError::new(failure.line()))
    }

    async fn edit(&self, ids: Vec<EventId>, line: String) -> Result<Option<EventId>, SourceError> {
        let edited = replay::edited(self, ids, &line).await;
        edited.map_err(|failure| SourceError::new(failure.line()))
    }
}
