//! Follows the history: returns each new event, attempt, gap and new field exactly once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringtail_model::redact;
use ringtail_model::secrets::Secrets;
use ringtail_model::signature::{self, Reveal};
use ringtail_model::{AttemptRow, EventDetail, EventRow, GapRow, NewFieldsRow, Watermarks};
use ringtail_protocol::event::EventId;
use ringtail_store::{History, QueryResult, ReadError, Reader, Search};
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

/// Reads what is new in a history, each page in one query of the pool.
#[derive(Debug)]
pub(crate) struct Follow {
    history: History,
    marks: watch::Receiver<Watermarks>,
    position: Arc<Mutex<Position>>,
}

impl Follow {
    /// Follows from a position; the secrets verify signatures. A search skips events that do not match, and their attempts,
    /// until an attempt or a new field makes them match.
    pub(crate) fn new(
        history: History,
        at: Watermarks,
        secrets: Secrets,
        reveal: Reveal,
        search: Option<Arc<Search>>,
    ) -> Self {
        let position = Position {
            at,
            secrets,
            reveal,
            search,
            known: KnownEvents::default(),
            early: VecDeque::new(),
        };
        Self {
            marks: history.watermarks(),
            history,
            position: Arc::new(Mutex::new(position)),
        }
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
            let mut all = self.position().at;
            if !all.advance(reach) {
                return Ok(Vec::new());
            }
            let (position, endpoint) = (Arc::clone(&self.position), endpoint.to_owned());
            let items = self
                .history
                .read(move |reader| lock(&position).page(reader, reach, &endpoint))
                .await?;
            // A page may hold other endpoints' rows only.
            if !items.is_empty() {
                return Ok(items);
            }
        }
    }

    /// Returns true if the event with this number was shown of late.
    pub(crate) fn has_shown(&self, seq: u64) -> bool {
        let position = self.position();
        let mut known = position.known.events.values();
        known.any(|belongs| matches!(belongs, Belongs::Ours(shown) if *shown == seq))
    }

    fn position(&self) -> MutexGuard<'_, Position> {
        lock(&self.position)
    }
}

fn lock(position: &Mutex<Position>) -> MutexGuard<'_, Position> {
    position.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A position in the history.
#[derive(Debug)]
struct Position {
    at: Watermarks,
    secrets: Secrets,
    reveal: Reveal,
    search: Option<Arc<Search>>,
    known: KnownEvents,
    /// Attempts whose event has not come: the app may answer a passthrough request before its event is stored.
    early: VecDeque<AttemptRow>,
}

impl Position {
    /// Reads the next rows up to the watermarks. Attempts and new fields follow once no event is left before them.
    fn page(
        &mut self,
        reader: &Reader<'_>,
        reach: Watermarks,
        endpoint: &str,
    ) -> QueryResult<Vec<Item>> {
        let mut items = Vec::new();
        let gaps = match self.at.gaps < reach.gaps {
            true => reader.gaps_after(self.at.gaps, PAGE_ROWS)?,
            false => Vec::new(),
        };
        let all_gaps = gaps.len() < PAGE_ROWS;
        for gap in gaps {
            self.at.gaps = gap.row;
            if gap.endpoint == endpoint {
                items.push(Item::Gap(gap));
            }
        }
        let mut is_last =
            self.at.events >= reach.events || self.events(reader, endpoint, &mut items)?;
        let is_known = |attempt: &AttemptRow| self.known.events.contains_key(&attempt.event);
        let (due, early) = self.early.drain(..).partition(is_known);
        self.early = early;
        for attempt in due {
            // The verdict needs the event.
            if let Some(detail) = reader.attempt(attempt.row)? {
                self.attempt(reader, detail.attempt, endpoint, &mut items)?;
            }
        }
        if is_last && self.at.attempts < reach.attempts {
            let attempts = reader.attempts_after(self.at.attempts, PAGE_ROWS)?;
            is_last = attempts.len() < PAGE_ROWS;
            for attempt in attempts {
                if attempt.row <= reach.attempts {
                    self.at.attempts = attempt.row;
                    self.attempt(reader, attempt, endpoint, &mut items)?;
                }
            }
        }
        if is_last && self.at.new_fields < reach.new_fields {
            let new_fields = reader.new_fields_after(self.at.new_fields, PAGE_ROWS)?;
            is_last = new_fields.len() < PAGE_ROWS;
            for row in new_fields {
                if row.row <= reach.new_fields {
                    self.at.new_fields = row.row;
                    let belongs = self.now(reader, row.event, endpoint, &mut items)?;
                    if matches!(belongs, Belongs::Ours(_)) {
                        items.push(Item::NewFields(row));
                    }
                }
            }
        }
        if is_last && all_gaps {
            self.at.advance(reach);
        }
        Ok(items)
    }

    /// Reads the next events. Returns whether there are no more.
    fn events(
        &mut self,
        reader: &Reader<'_>,
        endpoint: &str,
        items: &mut Vec<Item>,
    ) -> QueryResult<bool> {
        let events = reader.events_after(self.at.events, PAGE_ROWS)?;
        let is_last = events.len() < PAGE_ROWS;
        let mut bytes = 0;
        for row in events {
            self.at.events = row.row;
            let (id, seq, len) = (row.id, row.seq, row.body_len);
            let belongs = if row.endpoint != endpoint {
                Belongs::Other
            // Match the event as received, then redact it.
            } else if reader.matches(&row, self.search.as_deref())? {
                items.extend(self.shown(reader, row)?);
                bytes += len;
                Belongs::Ours(seq)
            } else {
                Belongs::Hidden
            };
            self.known.insert(id, belongs);
            if bytes >= PAGE_BYTES {
                return Ok(false);
            }
        }
        Ok(is_last)
    }

    fn attempt(
        &mut self,
        reader: &Reader<'_>,
        attempt: AttemptRow,
        endpoint: &str,
        items: &mut Vec<Item>,
    ) -> QueryResult<()> {
        match self.now(reader, attempt.event, endpoint, items)? {
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

    /// Returns where an event belongs after a new attempt or field, and shows it if it matches now.
    fn now(
        &mut self,
        reader: &Reader<'_>,
        id: EventId,
        endpoint: &str,
        items: &mut Vec<Item>,
    ) -> QueryResult<Belongs> {
        let belongs = self.number(reader, id, endpoint)?;
        if matches!(belongs, Belongs::Hidden)
            && let Some(row) = reader.row(id)?
            && reader.matches(&row, self.search.as_deref())?
        {
            let seq = row.seq;
            if let Some(item) = self.shown(reader, row)? {
                items.push(item);
                self.known.insert(id, Belongs::Ours(seq));
                return Ok(Belongs::Ours(seq));
            }
        }
        Ok(belongs)
    }

    fn number(&mut self, reader: &Reader<'_>, id: EventId, endpoint: &str) -> QueryResult<Belongs> {
        if let Some(known) = self.known.events.get(&id) {
            return Ok(*known);
        }
        // An event that was stored just now is shown first.
        let stored = reader.row(id)?;
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

    /// Reads an event to show it; `None` if it was deleted meanwhile.
    fn shown(&self, reader: &Reader<'_>, row: EventRow) -> QueryResult<Option<Item>> {
        Ok(reader.received(row)?.map(|mut detail| {
            signature::show(&mut detail, &self.secrets, self.reveal);
            Item::Event(Box::new(detail))
        }))
    }
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
struct KnownEvents {
    events: HashMap<EventId, Belongs>,
    order: VecDeque<EventId>,
}

impl KnownEvents {
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
