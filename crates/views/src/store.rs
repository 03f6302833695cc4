//! The history as front ends read it.

mod masked;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use ringtail_client::endpoint_cache::last_target;
use ringtail_client::engine::Engine;
use ringtail_client::forward::Sender;
use ringtail_errors::{Code, Coded, codes};
use ringtail_filter::{Context, Filter};
use ringtail_model::redact;
use ringtail_model::secrets::AllSecrets;
use ringtail_model::signature::{self, Reveal};
use ringtail_model::{
    AttemptRow, Bookmark, BookmarkRow, EventDetail, EventRow, GapRow, NewFieldsRow, RowId,
    Watermarks, endpoint_name,
};
use ringtail_protocol::event::EventId;
use ringtail_recordings::pseudonyms::KeyError;
use ringtail_store::{BookmarkChange, Direction, Found, History, ReadError, Search, StoreError};

use self::masked::Masked;
use crate::replayer::ReplayReport;

/// Most events of a page, and of an update.
pub const PAGE: usize = 500;

/// How long a search may take before its first results are shown.
const PATIENCE: Duration = Duration::from_millis(150);

/// Most events of a timeline: a long call has some hundred.
const MAX_EVENTS: usize = 500;

/// Longest body of an event of a timeline that is read.
const MAX_BODY: usize = 64 * 1024;

/// What front ends read and control.
#[derive(Debug, Clone)]
pub struct Store {
    /// One for each endpoint that this process listens on.
    pub engines: Vec<Engine>,
    /// The history, which all engines share.
    pub history: History,
    /// Directory of the history.
    pub data: PathBuf,
    /// Whether secrets are shown without asking.
    pub reveal: Reveal,
    /// Secrets shared with RingCentral, by endpoint.
    pub secrets: AllSecrets,
    masked: Arc<Masked>,
}

/// Where a page lies in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagePosition {
    /// The newest events.
    Newest,
    /// The oldest events.
    Oldest,
    /// The events before a row.
    Before(RowId),
    /// The events after a row.
    After(RowId),
}

impl PagePosition {
    /// Returns the row to read from, and the direction.
    #[must_use]
    pub fn from(self) -> (Direction, RowId) {
        match self {
            Self::Newest => (Direction::Older, RowId(i64::MAX)),
            Self::Before(row) => (Direction::Older, row),
            Self::Oldest => (Direction::Newer, RowId(0)),
            Self::After(row) => (Direction::Newer, row),
        }
    }
}

/// What is new in the history, each kind oldest first.
#[derive(Debug, Clone)]
pub struct Updates {
    /// Events that match the filter, and where to continue.
    pub events: Found,
    /// Older events that came to match the filter.
    pub matching: Vec<EventRow>,
    /// Attempts.
    pub attempts: Vec<AttemptRow>,
    /// Gaps.
    pub gaps: Vec<GapRow>,
    /// New fields.
    pub new_fields: Vec<NewFieldsRow>,
    /// Bookmarks, newest first, if they were wanted.
    pub bookmarks: Option<Vec<BookmarkRow>>,
}

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The history cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The history cannot be written.
    #[error(transparent)]
    Write(#[from] StoreError),
    /// The key to mask with is missing.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Coded for QueryError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Read(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::Key(error) => error.code(),
        }
    }
}

/// Why two events cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The other event is missing.
    #[error("no earlier event of its kind")]
    NothingBefore,
    /// Retention deleted it.
    #[error("the history no longer has event {0}")]
    Gone(EventId),
    /// A query failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Coded for CompareError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NothingBefore | Self::Gone(_) => &codes::NO_DATA,
            Self::Query(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NothingBefore => Some("pass the other event".to_owned()),
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

impl Store {
    /// Makes a store of the engines of this process, which may be none, and their history in the directory `data`.
    #[must_use]
    pub fn new(
        engines: Vec<Engine>,
        history: History,
        data: PathBuf,
        reveal: Reveal,
        secrets: AllSecrets,
    ) -> Self {
        Self {
            engines,
            history,
            masked: Arc::new(Masked::new(data.clone())),
            data,
            reveal,
            secrets,
        }
    }

    /// Returns the sender of an endpoint's engine, or of the only engine unless the endpoint had another target before.
    #[must_use]
    pub fn sender(&self, endpoint: &str) -> Option<&Sender> {
        let of = |engine: &&Engine| engine.status().borrow().name == endpoint_name(endpoint);
        let own = self.engines.iter().find(of);
        let only = match self.engines.as_slice() {
            [only] if last_target(&self.data, endpoint).is_none() => Some(only),
            _ => None,
        };
        own.or(only)?.sender()
    }

    /// Redacts or masks rows. Masking reads the events again, because the summary of each is made from its masked request.
    ///
    /// # Errors
    /// When the history or the key cannot be read.
    pub async fn rows(
        &self,
        rows: Vec<EventRow>,
        masked: bool,
    ) -> Result<Vec<EventRow>, QueryError> {
        if masked {
            return self.masked.rows(&self.history, rows).await;
        }
        Ok(rows.into_iter().map(redact::row).collect())
    }

    /// Redacts or masks attempts.
    ///
    /// # Errors
    /// When the history or the key cannot be read.
    pub async fn attempts(
        &self,
        rows: Vec<AttemptRow>,
        masked: bool,
    ) -> Result<Vec<AttemptRow>, QueryError> {
        match masked {
            true => self.masked.attempts(rows).await,
            false => Ok(rows.into_iter().map(redact::attempt).collect()),
        }
    }

    /// Reads a page of matching events, oldest first. A slow search returns what it found so far.
    ///
    /// # Errors
    /// When the history or the key cannot be read.
    pub async fn page(
        &self,
        position: PagePosition,
        filter: &Filter,
        masked: bool,
    ) -> Result<Found, QueryError> {
        let history = &self.history;
        let (direction, from) = position.from();
        let mut found = if filter.is_empty() {
            let rows = match direction {
                Direction::Older => history.events_before(from, PAGE).await?,
                Direction::Newer => history.events_after(from, PAGE).await?,
            };
            let last = rows.last().map(|event| event.row);
            Found {
                next: last.filter(|_| rows.len() >= PAGE),
                rows,
            }
        } else {
            let search = search(filter.clone(), self.secrets.clone());
            history
                .search(&search, direction, from, PAGE, PATIENCE)
                .await?
        };
        if direction == Direction::Older {
            found.rows.reverse();
        }
        found.rows = self.rows(found.rows, masked).await?;
        Ok(found)
    }

    /// Reads everything new since the watermarks.
    ///
    /// # Errors
    /// When the history or the key cannot be read.
    pub async fn updates(
        &self,
        since: Watermarks,
        events: bool,
        bookmarks: Option<(RowId, RowId)>,
        filter: &Filter,
        masked: bool,
    ) -> Result<Updates, QueryError> {
        // Events come first: an attempt recorded meanwhile is read now or next time, never missed.
        let from = match events {
            true => since.events,
            false => RowId(i64::MAX),
        };
        let events = self.page(PagePosition::After(from), filter, masked).await?;
        let read = self.history.read(move |reader| {
            let attempts = reader.attempts_after(since.attempts, PAGE)?;
            let new_fields = reader.new_fields_after(since.new_fields, PAGE)?;
            let bookmarks =
                bookmarks.map(|(first, last)| reader.bookmarks_between(first, last, PAGE));
            let gaps = reader.gaps_after(since.gaps, PAGE)?;
            Ok((attempts, new_fields, bookmarks.transpose()?, gaps))
        });
        let (attempts, new_fields, mut bookmarks, gaps) = read.await?;
        let attempts = self.attempts(attempts, masked).await?;
        if masked {
            // A comment may hold personal data, which cannot be found in it.
            let bookmarks = bookmarks.iter_mut().flatten();
            bookmarks.for_each(|row| row.bookmark.comment.clear());
        }
        let matching = match filter.is_empty() {
            true => Vec::new(),
            false => {
                let ids = changed(&attempts, &new_fields, bookmarks.as_deref());
                self.matching(ids, filter, masked).await?
            }
        };
        Ok(Updates {
            events,
            matching,
            attempts,
            gaps,
            new_fields,
            bookmarks,
        })
    }

    async fn matching(
        &self,
        ids: Vec<EventId>,
        filter: &Filter,
        masked: bool,
    ) -> Result<Vec<EventRow>, QueryError> {
        let search = search(filter.clone(), self.secrets.clone());
        let read = self.history.read(move |reader| {
            let mut rows = Vec::new();
            for id in ids {
                if let Some(row) = reader.row(id)?
                    && reader.matches(&row, Some(&search))?
                {
                    rows.push(row);
                }
            }
            Ok(rows)
        });
        self.rows(read.await?, masked).await
    }

    /// Reads an event. Masking replaces secrets, too, so a masked event is never revealed.
    ///
    /// # Errors
    /// When the history or the key cannot be read.
    pub async fn event(
        &self,
        id: EventId,
        reveal: bool,
        masked: bool,
    ) -> Result<Option<EventDetail>, QueryError> {
        let reveal = match reveal || masked {
            true => Reveal::Yes,
            false => self.reveal,
        };
        let secrets = self.secrets.clone();
        // A MAC over 16 MB takes a while, so it is computed on the reader's thread.
        let read = self.history.read(move |reader| {
            let mut event = reader.event(id)?;
            if let Some(event) = &mut event {
                let secrets = secrets.of_id(&event.event.endpoint);
                signature::show(event, &secrets, reveal);
            }
            Ok(event)
        });
        match read.await? {
            Some(event) if masked => Ok(self.masked.events(vec![event]).await?.pop()),
            event => Ok(event),
        }
    }

    /// Changes an event's bookmark, and returns the new one.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub async fn bookmark(
        &self,
        id: EventId,
        change: BookmarkChange,
    ) -> Result<Option<Bookmark>, QueryError> {
        let history = &self.history;
        history.set_bookmark(vec![id], change).await?;
        Ok(history.row(id).await?.and_then(|event| event.bookmark))
    }

    /// Reads two events to compare, the earlier one first, and redacts them together. The other one is the previous of its
    /// kind unless it is named.
    ///
    /// # Errors
    /// When one of them is missing, or the history or the key cannot be read.
    pub async fn pair(
        &self,
        id: EventId,
        other: Option<EventId>,
        masked: bool,
    ) -> Result<Box<[EventDetail; 2]>, CompareError> {
        let event = self.to_compare(id, masked).await?;
        let other = match other {
            Some(other) => Some(other),
            None => {
                let previous = self.history.previous(event.event.row).await;
                previous.map_err(QueryError::from)?.map(|event| event.id)
            }
        };
        let other = other.ok_or(CompareError::NothingBefore)?;
        let mut two = Box::new([event, self.to_compare(other, masked).await?]);
        two.sort_by_key(|one| one.event.row);
        if self.hides(masked) {
            redact::compared(two.iter_mut());
        }
        Ok(two)
    }

    /// Reads an event to compare its answers, redacted together.
    ///
    /// # Errors
    /// As for [`Store::pair`].
    pub async fn answers(&self, id: EventId, masked: bool) -> Result<EventDetail, CompareError> {
        let mut event = self.to_compare(id, masked).await?;
        if self.hides(masked) {
            redact::compared([&mut event]);
        }
        Ok(event)
    }

    async fn to_compare(&self, id: EventId, masked: bool) -> Result<EventDetail, CompareError> {
        let event = self.event(id, true, masked).await?;
        event.ok_or(CompareError::Gone(id))
    }

    /// Redacts or masks the report of a replay.
    ///
    /// # Errors
    /// When the history or the key cannot be read.
    pub async fn redact(
        &self,
        mut report: ReplayReport,
        masked: bool,
    ) -> Result<ReplayReport, QueryError> {
        if let Some((_, attempt)) = &mut report.last {
            let attempts = self.attempts(vec![attempt.clone()], masked).await?;
            attempts
                .into_iter()
                .for_each(|redacted| *attempt = redacted);
        }
        if let Some(table) = &mut report.table {
            let rows = std::mem::take(&mut table.rows);
            let events = rows.iter().map(|(event, _)| event.clone()).collect();
            // Events that retention deleted meanwhile are missing.
            let mut redacted = self.rows(events, masked).await?.into_iter().peekable();
            let rows = rows.into_iter().filter_map(|(event, result)| {
                let event = redacted.next_if(|row| row.id == event.id)?;
                Some((event, result))
            });
            table.rows.extend(rows);
        }
        Ok(report)
    }

    fn hides(&self, masked: bool) -> bool {
        self.reveal == Reveal::No && !masked
    }

    /// Reads the events of the same call or conversation, oldest first, without attempts and large bodies.
    ///
    /// # Errors
    /// When the history or the key cannot be read.
    pub async fn timeline(&self, row: RowId, masked: bool) -> Result<Vec<EventDetail>, QueryError> {
        let read = self.history.read(move |reader| {
            let mut events = Vec::new();
            for event in reader.course(row, MAX_EVENTS)? {
                // Retention may have deleted it meanwhile.
                let Some(mut event) = reader.received(event)? else {
                    continue;
                };
                if event.body.len() > MAX_BODY {
                    event.body = event.body.slice(..0);
                }
                if !masked {
                    redact::detail(&mut event);
                }
                events.push(event);
            }
            Ok(events)
        });
        match masked {
            true => self.masked.events(read.await?).await,
            false => Ok(read.await?),
        }
    }
}

/// Prepares a search relative to now, with the secrets of every endpoint.
#[must_use]
pub fn search(filter: Filter, secrets: AllSecrets) -> Arc<Search> {
    let context = Context::new(Zoned::now(), move |endpoint| secrets.of_id(endpoint));
    Arc::new(Search::new(filter, context))
}

/// Returns the events that changed, and may match the filter now.
#[must_use]
pub fn changed(
    attempts: &[AttemptRow],
    new_fields: &[NewFieldsRow],
    bookmarks: Option<&[BookmarkRow]>,
) -> Vec<EventId> {
    let attempts = attempts.iter().map(|attempt| attempt.event);
    let new_fields = new_fields.iter().map(|new_fields| new_fields.event);
    let bookmarks = bookmarks
        .unwrap_or_default()
        .iter()
        .map(|bookmark| bookmark.event);
    let ids: BTreeSet<EventId> = attempts.chain(new_fields).chain(bookmarks).collect();
    ids.into_iter().collect()
}
