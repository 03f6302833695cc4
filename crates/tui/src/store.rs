//! The engines and their history as the screen's source.

mod copy;
pub(crate) mod panel;

use std::sync::Arc;

use jiff::tz::TimeZone;
use ringtail_client::engine::Engine;
use ringtail_model::{Status, Watermarks};
use ringtail_text::chain;
use ringtail_views::replayer::ReplayReport;
use ringtail_views::{QueryError, Store};
use tokio::sync::watch;

use crate::effect::{Ask, Query};
use crate::msg::{Msg, Unread};
use crate::source::Source;

/// The [`Store`] as a source.
pub(crate) struct StoreSource {
    store: Store,
    zone: TimeZone,
}

impl StoreSource {
    pub(crate) fn new(store: Store, zone: TimeZone) -> Self {
        Self { store, zone }
    }
}

impl Source for StoreSource {
    fn status(&self) -> Vec<watch::Receiver<Status>> {
        self.store.engines.iter().map(Engine::status).collect()
    }

    fn watermarks(&self) -> watch::Receiver<Watermarks> {
        self.store.history.watermarks()
    }

    async fn redact(&self, report: ReplayReport, masked: bool) -> Result<ReplayReport, String> {
        let redacted = self.store.redact(report, masked).await;
        redacted.map_err(|error| chain(&error))
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
            Ask::Page(position) => match self.store.page(position, &filter, masked).await {
                Ok(found) => Msg::Page { position, found },
                Err(error) => unreadable(Unread::Rows, error),
            },
            Ask::Updates {
                since,
                events,
                bookmarks,
            } => {
                let updates = self
                    .store
                    .updates(since, events, bookmarks, &filter, masked);
                match updates.await {
                    Ok(updates) => Msg::Updates(updates),
                    Err(error) => unreadable(Unread::Rows, error),
                }
            }
            Ask::Detail { id, reveal } => match self.store.event(id, reveal, masked).await {
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
            Ask::Bookmark { id, change } => match self.store.bookmark(id, change).await {
                Ok(bookmark) => Msg::Bookmarked { id, bookmark },
                Err(error) => Msg::Done(Err(chain(&error))),
            },
        }
    }
}

#[cfg(test)]
mod tests;
