//! Follows the history: returns each new event, attempt, gap and new field exactly once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ringtail_model::redact;
use ringtail_model::secrets::Secrets;
use ringtail_model::signature::{self, Reveal};
use ringtail_model::{AttemptRow, EventDetail, GapRow, NewFieldsRow, RowId, Watermarks};
use ringtail_protocol::event::EventId;
use ringtail_store::{History, ReadError, Search};
use tokio::sync::watch;

/// Rows of a kind per page.
const PAGE_ROWS: usize = 64;

/// Bytes of bodies that end a page; the last body may exceed it.
const PAGE_BYTES: u64 = 8 * 1024 * 1024;

/// Events remembered for their attempts.
const MAX_KNOWN: usize = 4096;

/// A row to show.
#[derive(Debug)]
pub(crate) enum Item {
    /// An event.
    Event(Box<EventDetail>),
    /// An attempt, with its event's number.
    Attempt(AttemptRow, u64),
    /// Events that the relay no longer has.
    Gap(GapRow),
    /// New fields of an event.
    NewFields(NewFieldsRow),
}

/// A position in the history.
#[derive(Debug)]
pub(crate) struct Follow {
    history: History,
    marks: watch::Receiver<Watermarks>,
    at: Watermarks,
    secrets: Secrets,
    reveal: Reveal,
    search: Option<Arc<Search>>,
    known: Known,
    /// Attempts whose event has not come: the app may answer a passthrough request before its event is stored.
    early: VecDeque<AttemptRow>,
}

impl Follow {
    /// Follows from a position; the secrets verify signatures.
    pub(crate) fn new(history: History, at: Watermarks, secrets: Secrets, reveal: Reveal) -> Self {
        Self {
            marks: history.watermarks(),
            history,
            at,
            secrets,
            reveal,
            search: None,
            known: Known::default(),
            early: VecDeque::new(),
        }
    }

    /// Skips events that do not match, and their attempts, until an attempt or a new field makes them match.
    pub(crate) fn only(mut self, search: Option<Arc<Search>>) -> Self {
        self.search = search;
        self
    }

    /// Waits for new rows. Never returns once the history is closed.
    pub(crate) async fn changed(&mut self) {
        if self.marks.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Reads the next page of the endpoint's rows; empty once everything has been read.
    pub(crate) async fn page(&mut self, endpoint: &str) -> Result<Vec<Item>, ReadError> {
        loop {
            // An attempt below the watermark has its event below it too, unless the event is not stored yet.
            let reach = *self.marks.borrow_and_update();
            let mut all = self.at;
            if !all.advance(reach) {
                return Ok(Vec::new());
            }
            let rows = self.rows(reach, endpoint).await?;
            let mut items = Vec::new();
            for gap in rows.gaps {
                self.at.gaps = gap.row;
                if gap.endpoint == endpoint {
                    items.push(Item::Gap(gap));
                }
            }
            for event in rows.events {
                self.at.events = event.row;
                self.known.insert(event.id, event.belongs);
                items.extend(event.shown.map(Item::Event));
            }
            let is_known = |attempt: &AttemptRow| self.known.events.contains_key(&attempt.event);
            let (due, early) = self.early.drain(..).partition(is_known);
            self.early = early;
            for attempt in due {
                // The verdict needs the event.
                if let Some(detail) = self.history.attempt(attempt.row).await? {
                    self.attempt(detail.attempt, endpoint, &mut items).await?;
                }
            }
            for attempt in rows.attempts {
                self.at.attempts = attempt.row;
                self.attempt(attempt, endpoint, &mut items).await?;
            }
            for row in rows.new_fields {
                self.at.new_fields = row.row;
                let belongs = self.now(row.event, endpoint, &mut items).await?;
                if matches!(belongs, Belongs::Ours(_)) {
                    items.push(Item::NewFields(row));
                }
            }
            if rows.is_last {
                self.at.advance(reach);
            }
            // A page may hold other endpoints' rows only.
            if !items.is_empty() {
                return Ok(items);
            }
        }
    }

    /// Returns true if the event with this number was shown of late.
    pub(crate) fn has_shown(&self, seq: u64) -> bool {
        let mut known = self.known.events.values();
        known.any(|belongs| matches!(belongs, Belongs::Ours(shown) if *shown == seq))
    }

    async fn attempt(
        &mut self,
        attempt: AttemptRow,
        endpoint: &str,
        items: &mut Vec<Item>,
    ) -> Result<(), ReadError> {
        match self.now(attempt.event, endpoint, items).await? {
            Belongs::Ours(seq) => items.push(Item::Attempt(redact::attempt(attempt), seq)),
            Belongs::Unknown => {
                self.early.push_back(attempt);
                if self.early.len() > MAX_KNOWN {
                    self.early.pop_front();
                }
            }
            Belongs::Other | Belongs::Hidden => {}
        }
        Ok(())
    }

    /// Reads the next rows up to the watermarks, in one query of the pool. Attempts and new fields follow once no event is left
    /// before them.
    async fn rows(&self, reach: Watermarks, endpoint: &str) -> Result<Rows, ReadError> {
        let at = self.at;
        let (secrets, reveal) = (self.secrets.clone(), self.reveal);
        let search = self.search.clone();
        let endpoint = endpoint.to_owned();
        self.history
            .read(move |reader| {
                let mut rows = Rows::default();
                if at.gaps < reach.gaps {
                    rows.gaps = reader.gaps_after(at.gaps, PAGE_ROWS)?;
                }
                let mut bytes = 0;
                let events = match at.events < reach.events {
                    true => reader.events_after(at.events, PAGE_ROWS)?,
                    false => Vec::new(),
                };
                rows.is_last = events.len() < PAGE_ROWS;
                for row in events {
                    let mut event = NewEvent {
                        row: row.row,
                        id: row.id,
                        belongs: Belongs::Other,
                        shown: None,
                    };
                    if row.endpoint == endpoint {
                        event.belongs = Belongs::Hidden;
                        // Match the event as received, then redact it.
                        if reader.matches(&row, search.as_deref())? {
                            bytes += row.body_len;
                            event.belongs = Belongs::Ours(row.seq);
                            event.shown = shown(reader.received(row)?, &secrets, reveal);
                        }
                    }
                    rows.events.push(event);
                    if bytes >= PAGE_BYTES {
                        rows.is_last = false;
                        break;
                    }
                }
                if rows.is_last && at.attempts < reach.attempts {
                    rows.attempts = reader.attempts_after(at.attempts, PAGE_ROWS)?;
                    rows.is_last = rows.attempts.len() < PAGE_ROWS;
                    rows.attempts.retain(|row| row.row <= reach.attempts);
                }
                if rows.is_last && at.new_fields < reach.new_fields {
                    rows.new_fields = reader.new_fields_after(at.new_fields, PAGE_ROWS)?;
                    rows.is_last = rows.new_fields.len() < PAGE_ROWS;
                    rows.new_fields.retain(|row| row.row <= reach.new_fields);
                }
                rows.is_last &= rows.gaps.len() < PAGE_ROWS;
                Ok(rows)
            })
            .await
    }

    /// Returns where an event belongs after a new attempt or field, and shows it if it matches now.
    async fn now(
        &mut self,
        id: EventId,
        endpoint: &str,
        items: &mut Vec<Item>,
    ) -> Result<Belongs, ReadError> {
        let belongs = self.number(id, endpoint).await?;
        if !matches!(belongs, Belongs::Hidden) {
            return Ok(belongs);
        }
        let (secrets, reveal) = (self.secrets.clone(), self.reveal);
        let search = self.search.clone();
        let read = self.history.read(move |reader| match reader.row(id)? {
            Some(row) if reader.matches(&row, search.as_deref())? => {
                Ok(shown(reader.received(row)?, &secrets, reveal))
            }
            _ => Ok(None),
        });
        let Some(detail) = read.await? else {
            return Ok(belongs);
        };
        let belongs = Belongs::Ours(detail.event.seq);
        self.known.insert(id, belongs);
        items.push(Item::Event(detail));
        Ok(belongs)
    }

    async fn number(&mut self, id: EventId, endpoint: &str) -> Result<Belongs, ReadError> {
        if let Some(known) = self.known.events.get(&id) {
            return Ok(*known);
        }
        // An event that was stored just now is shown first.
        let stored = self.history.read(move |reader| reader.row(id)).await?;
        let Some(event) = stored.filter(|event| event.row <= self.at.events) else {
            return Ok(Belongs::Unknown);
        };
        // The event is older than this run, so only its attempt is new.
        let belongs = match (event.endpoint == endpoint, &self.search) {
            (false, _) => Belongs::Other,
            (true, None) => Belongs::Ours(event.seq),
            (true, Some(_)) => Belongs::Hidden,
        };
        self.known.insert(id, belongs);
        Ok(belongs)
    }
}

/// Prepares an event to be shown, if it was not deleted meanwhile.
fn shown(read: Option<EventDetail>, secrets: &Secrets, reveal: Reveal) -> Option<Box<EventDetail>> {
    read.map(|mut detail| {
        signature::show(&mut detail, secrets, reveal);
        Box::new(detail)
    })
}

/// What one look at the history finds.
#[derive(Debug, Default)]
struct Rows {
    gaps: Vec<GapRow>,
    events: Vec<NewEvent>,
    attempts: Vec<AttemptRow>,
    new_fields: Vec<NewFieldsRow>,
    /// Whether there is nothing more up to the watermarks.
    is_last: bool,
}

/// An event that was stored.
#[derive(Debug)]
struct NewEvent {
    row: RowId,
    id: EventId,
    belongs: Belongs,
    /// `None` if it is another endpoint's, does not match, or was deleted meanwhile.
    shown: Option<Box<EventDetail>>,
}

/// What to do with an event's rows.
#[derive(Debug, Clone, Copy)]
enum Belongs {
    /// The event is shown, with this number.
    Ours(u64),
    /// The event does not match yet.
    Hidden,
    /// The event is another endpoint's.
    Other,
    /// The event is not stored, or not shown yet.
    Unknown,
}

/// The newest events.
#[derive(Debug, Default)]
struct Known {
    events: HashMap<EventId, Belongs>,
    order: VecDeque<EventId>,
}

impl Known {
    fn insert(&mut self, id: EventId, belongs: Belongs) {
        if self.events.insert(id, belongs).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.events.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
