//! What is new, by server-sent events.
//!
//! Each stream has its own position in the history, which is the id of its messages: a browser that reconnects sends the last
//! one, and nothing is missed. What a slow page has not read waits in the history.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::future::{pending, select_all};
use futures_util::{FutureExt as _, Stream, stream};
use ringtail_client::engine::Engine;
use ringtail_filter::Filter;
use ringtail_model::{RowId, Status, Watermarks};
use ringtail_views::{PAGE, QueryError, Updates, json};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{parsed, status};
use crate::Shared;
use crate::error::ApiError;

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(100);

/// The same while more than [`MANY`] rows come with each: nobody can read them, and each message is a repaint of the page.
const LONG_PAUSE: Duration = Duration::from_millis(500);

const MANY: usize = 10;

#[derive(Debug, Deserialize)]
pub(super) struct Follow {
    filter: Option<String>,
    /// A position of a list or of this stream; without it, the newest.
    since: Option<String>,
    #[serde(default)]
    mask: bool,
}

/// A position in all logs of the history, as text.
pub(super) fn position(at: &Watermarks) -> String {
    let rows = [at.events, at.attempts, at.gaps, at.new_fields];
    let rows = rows.map(|row| row.0.to_string()).join(".");
    format!("{rows}.{}", at.bookmarks)
}

fn parse(text: &str) -> Option<Watermarks> {
    let numbers: Result<Vec<i64>, _> = text.split('.').map(str::parse).collect();
    let [events, attempts, gaps, new_fields, bookmarks] = numbers.ok()?[..] else {
        return None;
    };
    Some(Watermarks {
        events: RowId(events),
        attempts: RowId(attempts),
        gaps: RowId(gaps),
        new_fields: RowId(new_fields),
        bookmarks: u64::try_from(bookmarks).ok()?,
    })
}

pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Follow>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let filter = parsed(asked.filter.as_deref())?;
    let watermarks = shared.store.history.watermarks();
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let at = match resumed.or(asked.since.as_deref()) {
        None => *watermarks.borrow(),
        Some(text) => parse(text).ok_or_else(|| ApiError::usage("`since` is not a position"))?,
    };
    let permit = shared.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::busy("too many open pages; close some"))?;
    let statuses = shared.store.engines.iter().map(Engine::status).collect();
    let others = shared.others.clone();
    let feed = Feed {
        masked: shared.masks(asked.mask),
        shared,
        filter,
        watermarks,
        statuses,
        others,
        at,
        first: true,
        more: true,
        pause: PAUSE,
        _permit: permit,
    };
    let messages = stream::unfold(feed, |mut feed| async {
        let message = feed.next().await?;
        Some((Ok(message), feed))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::default()))
}

/// An open stream.
struct Feed {
    shared: Arc<Shared>,
    filter: Filter,
    masked: bool,
    watermarks: watch::Receiver<Watermarks>,
    statuses: Vec<watch::Receiver<Status>>,
    others: watch::Receiver<Vec<Value>>,
    at: Watermarks,
    /// Whether nothing was sent yet.
    first: bool,
    /// Whether the history may have more than was sent.
    more: bool,
    pause: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    /// Returns the next message; `None` when the server stops.
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.first) {
            return Some(self.status());
        }
        loop {
            let cancel = self.shared.cancel.clone();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return None,
                () = tokio::time::sleep(self.pause) => {}
            }
            if !self.more {
                let is_status = tokio::select! {
                    biased;
                    () = cancel.cancelled() => return None,
                    () = any_changed(&mut self.statuses) => true,
                    Ok(()) = self.others.changed() => true,
                    changed = self.watermarks.changed() => match changed {
                        Ok(()) => false,
                        Err(_) => return None,
                    },
                };
                if is_status {
                    // Under load a status changes with each event, so the history is next.
                    self.more = self.watermarks.has_changed().unwrap_or(true);
                    return Some(self.status());
                }
            }
            match self.updates().await {
                Ok(Some(updates)) => {
                    let message = Event::default().event("updates").id(position(&self.at));
                    return Some(message.data(updates.to_string()));
                }
                Ok(None) => {}
                Err(error) => {
                    let text = ringtail_text::chain(&error);
                    let text = ringtail_text::one_line(&text, 400);
                    return Some(Event::default().event("failed").data(text));
                }
            }
        }
    }

    fn status(&mut self) -> Event {
        self.statuses.iter_mut().for_each(|status| {
            status.mark_unchanged();
        });
        self.others.mark_unchanged();
        let value = status::value(&self.shared);
        Event::default().event("status").data(value.to_string())
    }

    /// Reads new rows and moves the position; `None` if nothing that the page shows is.
    async fn updates(&mut self) -> Result<Option<Value>, QueryError> {
        let reached = *self.watermarks.borrow_and_update();
        // A failed query is tried again when there is something new.
        self.more = false;
        let bookmarks =
            (reached.bookmarks != self.at.bookmarks).then_some((RowId::default(), RowId(i64::MAX)));
        let store = &self.shared.store;
        let updates = store.updates(self.at, true, bookmarks, &self.filter, self.masked);
        let updates = updates.await?;
        self.advance(&updates, reached);
        let is_many = updates.events.rows.len() + updates.attempts.len() > MANY;
        self.pause = if is_many && !self.more {
            LONG_PAUSE
        } else {
            PAUSE
        };
        let Updates {
            events,
            matching,
            attempts,
            gaps,
            new_fields,
            bookmarks,
        } = updates;
        let is_empty = events.rows.is_empty()
            && matching.is_empty()
            && attempts.is_empty()
            && gaps.is_empty()
            && new_fields.is_empty()
            && bookmarks.is_none();
        if is_empty {
            return Ok(None);
        }
        let bookmarks = bookmarks.map(|rows| {
            let rows = rows
                .iter()
                .map(|row| json!({"position": row.row.0, "comment": row.bookmark.comment}));
            rows.collect::<Value>()
        });
        Ok(Some(json!({
            "events": events.rows.iter().map(json::event_row).collect::<Value>(),
            "matching": matching.iter().map(json::event_row).collect::<Value>(),
            "attempts": attempts.iter().map(json::attempt).collect::<Value>(),
            "gaps": gaps.iter().map(json::gap).collect::<Value>(),
            "new_fields": new_fields.iter().map(json::new_fields).collect::<Value>(),
            "bookmarks": bookmarks,
        })))
    }

    fn advance(&mut self, updates: &Updates, reached: Watermarks) {
        let last = updates.events.rows.last().map(|event| event.row);
        self.at.events = match updates.events.next {
            Some(next) => next,
            None => last.max(Some(reached.events)).unwrap_or_default(),
        };
        self.more = updates.events.next.is_some();
        let mut log = |rows: Vec<RowId>, reached: RowId| {
            let full = rows.len() >= PAGE;
            self.more |= full;
            let last = rows.last().copied().unwrap_or_default();
            if full { last } else { last.max(reached) }
        };
        self.at.attempts = log(
            updates.attempts.iter().map(|row| row.row).collect(),
            reached.attempts,
        );
        self.at.gaps = log(
            updates.gaps.iter().map(|row| row.row).collect(),
            reached.gaps,
        );
        self.at.new_fields = log(
            updates.new_fields.iter().map(|row| row.row).collect(),
            reached.new_fields,
        );
        self.at.bookmarks = reached.bookmarks;
    }
}

/// Waits until one of the engines has another status.
async fn any_changed(statuses: &mut [watch::Receiver<Status>]) {
    let changes = statuses.iter_mut().map(|status| {
        async {
            if status.changed().await.is_err() {
                pending().await
            }
        }
        .boxed()
    });
    let changes: Vec<_> = changes.collect();
    match changes.is_empty() {
        true => pending().await,
        false => drop(select_all(changes).await),
    }
}

#[cfg(test)]
mod tests {
    use ringtail_store::testing::{TestHistory, call};

    use super::*;

    fn feed(kept: &TestHistory, statuses: Vec<watch::Receiver<Status>>) -> Feed {
        let shared = Arc::new(crate::tests::shared(kept));
        Feed {
            filter: Filter::default(),
            masked: false,
            watermarks: kept.history.watermarks(),
            statuses,
            others: shared.others.clone(),
            at: Watermarks::default(),
            first: false,
            more: false,
            pause: PAUSE,
            _permit: shared.streams.clone().try_acquire_owned().unwrap(),
            shared,
        }
    }

    #[tokio::test]
    async fn a_status_that_changes_all_the_time_holds_back_no_event() {
        let kept = TestHistory::open();
        let (changes, status) = watch::channel(Status::new("demo"));
        let mut feed = feed(&kept, vec![status]);
        kept.receives(vec![call(1, "s")]).await;
        tokio::time::pause();
        for expected in [0, 1] {
            changes.send_modify(|status| status.pending += 1);
            assert!(feed.next().await.is_some());
            assert_eq!(feed.at.events, RowId(expected));
        }
    }

    #[tokio::test]
    async fn a_burst_is_few_messages_and_a_single_event_is_soon_there() {
        let kept = TestHistory::open();
        let mut feed = feed(&kept, Vec::new());
        for (count, expected) in [(1, PAUSE), (MANY as u64 + 1, LONG_PAUSE), (1, PAUSE)] {
            let newest = kept.history.watermarks().borrow().events.0 as u64;
            kept.receives((1..=count).map(|it| call(newest + it, "s")).collect())
                .await;
            assert!(feed.updates().await.unwrap().is_some());
            assert_eq!(feed.pause, expected, "{count}");
        }
    }

    #[test]
    fn a_position_round_trips_and_others_are_refused() {
        let at = Watermarks {
            events: RowId(7),
            attempts: RowId(8),
            gaps: RowId(9),
            new_fields: RowId(10),
            bookmarks: 11,
        };
        assert_eq!(position(&at), "7.8.9.10.11");
        assert_eq!(parse(&position(&at)), Some(at));
        for wrong in ["", "1.2.3.4", "1.2.3.4.5.6", "a.2.3.4.5", "1.2.3.4.-5"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
