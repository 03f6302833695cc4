//! Reads from the history what a face has not shown yet: each event, attempt, gap and novelty exactly once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ringtail_model::redact;
use ringtail_model::secrets::Secrets;
use ringtail_model::signature::{self, Reveal};
use ringtail_model::{AttemptRow, EventDetail, GapRow, NewFieldsRow, RowId, Watermarks};
use ringtail_protocol::event::EventId;
use ringtail_store::{History, ReadError, Search};
use tokio::sync::watch;

/// The most rows of a kind that are read at once.
const PAGE_ROWS: usize = 64;

/// Bodies of a page in bytes, above which it takes no more events; the last may pass it.
const PAGE_BYTES: u64 = 8 * 1024 * 1024;

/// Events whose number is remembered for their attempts.
const MAX_KNOWN: usize = 4096;

/// Something to show.
#[derive(Debug)]
pub(crate) enum Item {
    /// An event.
    Event(Box<EventDetail>),
    /// An attempt with its event's number, unless the event is not here yet: the attempt of a passthrough request may be.
    Attempt(AttemptRow, Option<u64>),
    /// Events that never come.
    Gap(GapRow),
    /// What is new in the body of an event.
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
}

impl Follow {
    /// Follows from a position on; what proofs are worth is told by the secrets.
    pub(crate) fn new(history: History, at: Watermarks, secrets: Secrets, reveal: Reveal) -> Self {
        Self {
            marks: history.watermarks(),
            history,
            at,
            secrets,
            reveal,
            search: None,
            known: Known::default(),
        }
    }

    /// Leaves out events that are not meant, until an attempt or a novelty makes them so, and what is theirs.
    pub(crate) fn only(mut self, search: Option<Arc<Search>>) -> Self {
        self.search = search;
        self
    }

    /// Waits until there may be something new. Never returns once the history is closed.
    pub(crate) async fn changed(&mut self) {
        if self.marks.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Reads the next page of what belongs to `endpoint`; empty only when everything has been read.
    pub(crate) async fn page(&mut self, endpoint: &str) -> Result<Vec<Item>, ReadError> {
        loop {
            // An attempt below the marks has its event below them too, unless the event is still to come.
            let reach = *self.marks.borrow_and_update();
            let gaps = self.history.gaps_after(self.at.gaps, PAGE_ROWS).await?;
            let events = self.events().await?;
            // Attempts and novelties wait until no event is left before them.
            let (mut attempts, mut novelties) = (Vec::new(), Vec::new());
            if events.is_empty() {
                let after = self.at.attempts;
                attempts = self.history.attempts_after(after, PAGE_ROWS).await?;
                attempts.retain(|attempt| attempt.row <= reach.attempts);
                let after = self.at.new_fields;
                novelties = self.history.new_fields_after(after, PAGE_ROWS).await?;
                novelties.retain(|novelty| novelty.row <= reach.new_fields);
            }
            let nothing = gaps.is_empty() && events.is_empty() && attempts.is_empty();
            if nothing && novelties.is_empty() {
                return Ok(Vec::new());
            }
            let mut items = Vec::new();
            for gap in gaps {
                self.at.gaps = gap.row;
                if gap.endpoint == endpoint {
                    items.push(Item::Gap(gap));
                }
            }
            for (detail, is_meant) in events {
                self.at.events = detail.event.row;
                let belongs = match (detail.event.endpoint == endpoint, is_meant) {
                    (false, _) => Belongs::Other,
                    (true, true) => Belongs::Ours(detail.event.seq),
                    (true, false) => Belongs::Hidden,
                };
                self.known.insert(detail.event.id, belongs);
                if let Belongs::Ours(_) = belongs {
                    items.push(Item::Event(Box::new(detail)));
                }
            }
            for attempt in attempts.into_iter().map(redact::attempt) {
                self.at.attempts = attempt.row;
                match self.now(attempt.event, endpoint, &mut items).await? {
                    Belongs::Ours(seq) => items.push(Item::Attempt(attempt, Some(seq))),
                    Belongs::Unknown => items.push(Item::Attempt(attempt, None)),
                    Belongs::Other | Belongs::Hidden => {}
                }
            }
            for novelty in novelties {
                self.at.new_fields = novelty.row;
                let belongs = self.now(novelty.event, endpoint, &mut items).await?;
                if matches!(belongs, Belongs::Ours(_)) {
                    items.push(Item::NewFields(novelty));
                }
            }
            // A page of other endpoints' events is not the end.
            if !items.is_empty() {
                return Ok(items);
            }
        }
    }

    /// Reads events, and whether each is meant.
    async fn events(&self) -> Result<Vec<(EventDetail, bool)>, ReadError> {
        let after: RowId = self.at.events;
        let (secrets, reveal) = (self.secrets.clone(), self.reveal);
        let search = self.search.clone();
        self.history
            .read(move |reader| {
                let mut details = Vec::new();
                let mut bytes = 0;
                for row in reader.events_after(after, PAGE_ROWS)? {
                    bytes += row.body_len;
                    // As it was received: masked secrets are not what a filter is about.
                    if let Some((mut detail, is_meant)) =
                        reader.event_for(row.id, search.as_deref())?
                    {
                        signature::show(&mut detail, &secrets, reveal);
                        details.push((detail, is_meant));
                    }
                    if bytes >= PAGE_BYTES {
                        break;
                    }
                }
                Ok(details)
            })
            .await
    }

    /// Returns where an event belongs of which something has come to be known. It may be meant by now: then it is shown.
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
        let Some((detail, true)) = self.event(id).await? else {
            return Ok(belongs);
        };
        let belongs = Belongs::Ours(detail.event.seq);
        self.known.insert(id, belongs);
        items.push(Item::Event(Box::new(detail)));
        Ok(belongs)
    }

    async fn number(&mut self, id: EventId, endpoint: &str) -> Result<Belongs, ReadError> {
        if let Some(known) = self.known.events.get(&id) {
            return Ok(*known);
        }
        let Some((detail, _)) = self.event(id).await? else {
            return Ok(Belongs::Unknown);
        };
        // It came before all that is shown, so that its attempt is what is new.
        let belongs = match (detail.event.endpoint == endpoint, &self.search) {
            (false, _) => Belongs::Other,
            (true, None) => Belongs::Ours(detail.event.seq),
            (true, Some(_)) => Belongs::Hidden,
        };
        self.known.insert(id, belongs);
        Ok(belongs)
    }

    /// Reads one event, and whether it is meant.
    async fn event(&self, id: EventId) -> Result<Option<(EventDetail, bool)>, ReadError> {
        let (secrets, reveal) = (self.secrets.clone(), self.reveal);
        let search = self.search.clone();
        self.history
            .read(move |reader| {
                let mut read = reader.event_for(id, search.as_deref())?;
                if let Some((detail, _)) = &mut read {
                    signature::show(detail, &secrets, reveal);
                }
                Ok(read)
            })
            .await
    }
}

/// Where an event belongs.
#[derive(Debug, Clone, Copy)]
enum Belongs {
    /// Shown, with its number.
    Ours(u64),
    /// Of the endpoint, and not shown yet.
    Hidden,
    /// Of another endpoint.
    Other,
    /// Not here yet.
    Unknown,
}

/// Where the newest events belong.
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
