//! The engines and their history as the screen's source.

mod copy;
mod masked;
pub(crate) mod panel;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;
use ringtail_client::engine::{Engine, last_target};
use ringtail_client::forward::Sender;
use ringtail_filter::{Context, Filter};
use ringtail_model::redact;
use ringtail_model::secrets::AllSecrets;
use ringtail_model::signature::{self, Reveal};
use ringtail_model::{
    AttemptRow, Bookmark, BookmarkRow, EventDetail, EventRow, NewFieldsRow, RowId, Status,
    Watermarks, endpoint_name,
};
use ringtail_protocol::event::EventId;
use ringtail_recordings::pseudonyms::KeyError;
use ringtail_store::{BookmarkChange, Direction, Found, History, ReadError, Search, StoreError};
use ringtail_text::chain;
use tokio::sync::watch;

use self::masked::Masked;
use crate::effect::{Ask, PAGE, PagePosition, Query};
use crate::msg::{Msg, Unread, Updates};
use crate::replayer::ReplayReport;
use crate::source::Source;

/// How long a search may take before its first results are shown.
const PATIENCE: Duration = Duration::from_millis(150);

/// What the screen reads and controls.
#[derive(Debug, Clone)]
pub struct Store {
    /// One for each endpoint.
    pub engines: Vec<Engine>,
    /// The history, which all engines share.
    pub history: History,
    /// Directory of the history.
    pub data: PathBuf,
    /// Whether secrets are shown without asking.
    pub reveal: Reveal,
    /// Secrets shared with RingCentral, by endpoint.
    pub secrets: AllSecrets,
    /// Formats an event as a line of JSON.
    pub json: fn(&EventDetail) -> Vec<u8>,
}

impl Store {
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
}

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
enum QueryError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The [`Store`] as a source.
pub(crate) struct StoreSource {
    store: Store,
    masked: Masked,
    zone: TimeZone,
}

impl StoreSource {
    pub(crate) fn new(store: Store, zone: TimeZone) -> Self {
        let masked = Masked::new(store.data.clone());
        Self {
            store,
            masked,
            zone,
        }
    }

    fn search(&self, filter: &Filter) -> Arc<Search> {
        let secrets = self.store.secrets.clone();
        let context = Context::new(Zoned::now(), move |endpoint| secrets.of_id(endpoint));
        Arc::new(Search::new(filter.clone(), context))
    }

    async fn rows(&self, rows: Vec<EventRow>, masked: bool) -> Result<Vec<EventRow>, QueryError> {
        if masked {
            return self.masked.rows(&self.store.history, rows).await;
        }
        Ok(rows.into_iter().map(redact::row).collect())
    }

    async fn attempts(
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
    async fn page(
        &self,
        position: PagePosition,
        filter: &Filter,
        masked: bool,
    ) -> Result<Found, QueryError> {
        let history = &self.store.history;
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
            let search = self.search(filter);
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

    /// Reads everything new.
    async fn updates(
        &self,
        since: Watermarks,
        events: bool,
        bookmarks: Option<(RowId, RowId)>,
        filter: &Filter,
        masked: bool,
    ) -> Result<Updates, QueryError> {
        let history = &self.store.history;
        // Events come first: an attempt recorded meanwhile is read now or next time, never missed.
        let from = match events {
            true => since.events,
            false => RowId(i64::MAX),
        };
        let events = self.page(PagePosition::After(from), filter, masked).await?;
        let attempts = history.attempts_after(since.attempts, PAGE).await?;
        let attempts = self.attempts(attempts, masked).await?;
        let new_fields = history.new_fields_after(since.new_fields, PAGE).await?;
        let bookmarks = match bookmarks {
            Some((first, last)) => {
                let mut bookmarks = history.bookmarks_between(first, last, PAGE).await?;
                if masked {
                    // A comment may hold personal data, which cannot be found in it.
                    bookmarks
                        .iter_mut()
                        .for_each(|row| row.bookmark.comment.clear());
                }
                Some(bookmarks)
            }
            None => None,
        };
        let matching = match filter.is_empty() {
            true => Vec::new(),
            false => {
                let ids = changed(&attempts, &new_fields, bookmarks.as_deref());
                self.matching(ids, filter, masked).await?
            }
        };
        let gaps = history.gaps_after(since.gaps, PAGE).await?;
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
        let search = self.search(filter);
        let read = self.store.history.read(move |reader| {
            let mut rows = Vec::new();
            for id in ids {
                if let Some((detail, true)) = reader.event_for(id, Some(&search))? {
                    rows.push(detail.event);
                }
            }
            Ok(rows)
        });
        self.rows(read.await?, masked).await
    }

    /// Reads an event. Masking replaces secrets, too, so a masked event is never revealed.
    async fn event(
        &self,
        id: EventId,
        reveal: bool,
        masked: bool,
    ) -> Result<Option<EventDetail>, QueryError> {
        let reveal = match reveal || masked {
            true => Reveal::Yes,
            false => self.store.reveal,
        };
        let secrets = self.store.secrets.clone();
        // A MAC over 16 MB takes a while, so it is computed on the reader's thread.
        let read = self.store.history.read(move |reader| {
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

    async fn bookmark(
        &self,
        id: EventId,
        change: BookmarkChange,
    ) -> Result<Option<Bookmark>, QueryError> {
        let history = &self.store.history;
        history.set_bookmark(vec![id], change).await?;
        Ok(history.row(id).await?.and_then(|event| event.bookmark))
    }
}

impl Source for StoreSource {
    fn status(&self) -> Vec<watch::Receiver<Status>> {
        self.store.engines.iter().map(Engine::status).collect()
    }

    fn watermarks(&self) -> watch::Receiver<Watermarks> {
        self.store.history.watermarks()
    }

    async fn redact(&self, mut report: ReplayReport, masked: bool) -> Result<ReplayReport, String> {
        let redact = async {
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
                table
                    .rows
                    .extend(rows.into_iter().filter_map(|(event, result)| {
                        let event = redacted.next_if(|row| row.id == event.id)?;
                        Some((event, result))
                    }));
            }
            Ok(report)
        };
        redact.await.map_err(|error: QueryError| chain(&error))
    }

    fn pause(&self, on: bool) {
        self.store.engines.iter().for_each(|engine| engine.hold(on));
    }

    async fn answer(&self, query: Query) -> Msg {
        let Query {
            ask,
            filter,
            masked,
        } = query;
        let unreadable = |what, error: QueryError| Msg::Unreadable {
            what,
            reason: chain(&error),
        };
        match ask {
            Ask::Page(position) => match self.page(position, &filter, masked).await {
                Ok(found) => Msg::Page { position, found },
                Err(error) => unreadable(Unread::Rows, error),
            },
            Ask::Updates {
                since,
                events,
                bookmarks,
            } => {
                let updates = self.updates(since, events, bookmarks, &filter, masked);
                match updates.await {
                    Ok(updates) => Msg::Updates(updates),
                    Err(error) => unreadable(Unread::Rows, error),
                }
            }
            Ask::Detail { id, reveal } => match self.event(id, reveal, masked).await {
                Ok(detail) => Msg::Detail {
                    id,
                    detail: detail.map(Arc::new),
                },
                Err(error) => unreadable(Unread::Detail(id), error),
            },
            Ask::Panel(key) => {
                let rows = self.panel(&key).await.map(Arc::new);
                Msg::Panel { key, rows }
            }
            Ask::Copy { ids, format, file } => self.copy(ids, format, file, masked).await,
            Ask::Bookmark { id, change } => match self.bookmark(id, change).await {
                Ok(bookmark) => Msg::Bookmarked { id, bookmark },
                Err(error) => Msg::Done(Err(chain(&error))),
            },
        }
    }
}

/// Returns the events that changed, and may match the filter now.
pub(crate) fn changed(
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

#[cfg(test)]
mod tests;
