//! The queries of [`Reader`](crate::Reader), run on the pool off the runtime. Each fails when SQLite does.

use ringtail_model::secrets::Secrets;
use ringtail_model::signature::{Reveal, show};
use ringtail_model::{AttemptDetail, AttemptRow, EventDetail, EventRow, GapRow, RowId};
use ringtail_protocol::event::EventId;

use crate::pending::StoredRequest;
use crate::select::Selector;
use crate::{History, ReadError};

impl History {
    /// Reads how far a journal has been stored; `None` when nothing of it has.
    pub async fn cursor(&self, endpoint: &str, journal: &str) -> Result<Option<u64>, ReadError> {
        let (endpoint, journal) = (endpoint.to_owned(), journal.to_owned());
        self.read(move |reader| reader.cursor(&endpoint, &journal))
            .await
    }

    /// Returns seq and id of the newest event of a journal that the history has.
    pub async fn newest(
        &self,
        endpoint: &str,
        journal: &str,
    ) -> Result<Option<(u64, EventId)>, ReadError> {
        let (endpoint, journal) = (endpoint.to_owned(), journal.to_owned());
        self.read(move |reader| reader.newest(&endpoint, &journal))
            .await
    }

    /// Reads events after a row, oldest first, at most `MAX_PAGE`.
    pub async fn events_after(
        &self,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<EventRow>, ReadError> {
        self.read(move |reader| reader.events_after(after, limit))
            .await
    }

    /// Reads events before a row, newest first, at most `MAX_PAGE`. `RowId(i64::MAX)` begins with the newest.
    pub async fn events_before(
        &self,
        before: RowId,
        limit: usize,
    ) -> Result<Vec<EventRow>, ReadError> {
        self.read(move |reader| reader.events_before(before, limit))
            .await
    }

    /// Reads the events that a selector names, after a row, oldest first, at most `MAX_PAGE`.
    pub async fn find(
        &self,
        endpoint: Option<&str>,
        selector: &Selector,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<EventRow>, ReadError> {
        let (endpoint, selector) = (endpoint.map(str::to_owned), selector.clone());
        self.read(move |reader| reader.find(endpoint.as_deref(), &selector, after, limit))
            .await
    }

    /// Reads an event with all that was received and its attempts, the newest 200.
    pub async fn event(&self, id: EventId) -> Result<Option<EventDetail>, ReadError> {
        self.read(move |reader| reader.event(id)).await
    }

    /// Reads an event to show it, with its proofs verified.
    pub async fn event_to_show(
        &self,
        secrets: &Secrets,
        id: EventId,
        reveal: Reveal,
    ) -> Result<Option<EventDetail>, ReadError> {
        let secrets = secrets.clone();
        // Off the runtime, too: a MAC over 16 MB takes a while.
        self.read(move |reader| {
            let mut detail = reader.event(id)?;
            if let Some(detail) = &mut detail {
                show(detail, &secrets, reveal);
            }
            Ok(detail)
        })
        .await
    }

    /// Reads the rows of events, in the order of the ids; `None` for one that does not exist.
    pub async fn rows(&self, ids: Vec<EventId>) -> Result<Vec<Option<EventRow>>, ReadError> {
        self.read(move |reader| ids.into_iter().map(|id| reader.row(id)).collect())
            .await
    }

    /// Reads the events of the same call or conversation, the event included: the newest `limit`, at most
    /// `MAX_PAGE`, oldest first.
    pub async fn course(&self, event: RowId, limit: usize) -> Result<Vec<EventRow>, ReadError> {
        self.read(move |reader| reader.course(event, limit)).await
    }

    /// Reads the previous event of the same kind; see [`Reader::previous`](crate::Reader::previous).
    pub async fn previous(&self, event: RowId) -> Result<Option<EventRow>, ReadError> {
        self.read(move |reader| reader.previous(event)).await
    }

    /// Reads the row of an event.
    pub async fn row(&self, id: EventId) -> Result<Option<EventRow>, ReadError> {
        self.read(move |reader| reader.row(id)).await
    }

    /// Reads the position of an event.
    pub async fn row_of(&self, id: EventId) -> Result<Option<RowId>, ReadError> {
        self.read(move |reader| reader.row_of(id)).await
    }

    /// Reads an event's request.
    pub async fn stored_request(&self, row: RowId) -> Result<Option<StoredRequest>, ReadError> {
        self.read(move |reader| reader.stored_request(row)).await
    }

    /// Reads attempts after a row, oldest first, at most `MAX_PAGE`.
    pub async fn attempts_after(
        &self,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, ReadError> {
        self.read(move |reader| reader.attempts_after(after, limit))
            .await
    }

    /// Reads an attempt with the app's answer.
    pub async fn attempt(&self, row: RowId) -> Result<Option<AttemptDetail>, ReadError> {
        self.read(move |reader| reader.attempt(row)).await
    }

    /// Reads gaps after a row, oldest first, at most `MAX_PAGE`.
    pub async fn gaps_after(&self, after: RowId, limit: usize) -> Result<Vec<GapRow>, ReadError> {
        self.read(move |reader| reader.gaps_after(after, limit))
            .await
    }

    /// Counts the pending events of an endpoint.
    pub async fn count_pending(&self, endpoint: &str) -> Result<u64, ReadError> {
        let endpoint = endpoint.to_owned();
        self.read(move |reader| reader.count_pending(&endpoint))
            .await
    }
}
