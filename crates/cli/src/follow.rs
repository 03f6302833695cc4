//! Reads from the history what a face has not shown yet: each event, attempt and gap exactly once.

use std::collections::{HashMap, VecDeque};

use ringtail_client::config::Secrets;
use ringtail_client::history::{History, ReadError};
use ringtail_client::mask;
use ringtail_client::model::{AttemptRow, EventDetail, GapRow, Marks, RowId};
use ringtail_client::signature::{self, Reveal};
use ringtail_protocol::event::EventId;
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
    /// An attempt with its event's number, unless the event is not here yet: the attempt of an exchange may be.
    Attempt(AttemptRow, Option<u64>),
    /// Events that never come.
    Gap(GapRow),
}

/// A position in the history.
#[derive(Debug)]
pub(crate) struct Follow {
    history: History,
    marks: watch::Receiver<Marks>,
    at: Marks,
    secrets: Secrets,
    reveal: Reveal,
    known: Known,
}

impl Follow {
    /// Follows from a position on; what proofs are worth is told by the secrets.
    pub(crate) fn new(history: History, at: Marks, secrets: Secrets, reveal: Reveal) -> Self {
        Self {
            marks: history.marks(),
            history,
            at,
            secrets,
            reveal,
            known: Known::default(),
        }
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
            // Attempts wait until no event is left before them.
            let attempts = if events.is_empty() {
                let mut rows = self
                    .history
                    .attempts_after(self.at.attempts, PAGE_ROWS)
                    .await?;
                rows.retain(|attempt| attempt.row <= reach.attempts);
                rows
            } else {
                Vec::new()
            };
            if gaps.is_empty() && events.is_empty() && attempts.is_empty() {
                return Ok(Vec::new());
            }
            let mut items = Vec::new();
            for gap in gaps {
                self.at.gaps = gap.row;
                if gap.endpoint == endpoint {
                    items.push(Item::Gap(gap));
                }
            }
            for detail in events {
                self.at.events = detail.event.row;
                let ours = detail.event.endpoint == endpoint;
                self.known
                    .insert(detail.event.id, ours.then_some(detail.event.seq));
                if ours {
                    items.push(Item::Event(Box::new(detail)));
                }
            }
            for attempt in attempts.into_iter().map(mask::attempt) {
                self.at.attempts = attempt.row;
                match self.number(attempt.event, endpoint).await? {
                    Belongs::Ours(seq) => items.push(Item::Attempt(attempt, Some(seq))),
                    Belongs::Unknown => items.push(Item::Attempt(attempt, None)),
                    Belongs::Other => {}
                }
            }
            // A page of other endpoints' events is not the end.
            if !items.is_empty() {
                return Ok(items);
            }
        }
    }

    async fn events(&self) -> Result<Vec<EventDetail>, ReadError> {
        let after: RowId = self.at.events;
        let (secrets, reveal) = (self.secrets.clone(), self.reveal);
        self.history
            .read(move |reader| {
                let mut details = Vec::new();
                let mut bytes = 0;
                for row in reader.events_after(after, PAGE_ROWS)? {
                    bytes += row.body_len;
                    if let Some(mut detail) = reader.event(row.id)? {
                        signature::show(&mut detail, &secrets, reveal);
                        details.push(detail);
                    }
                    if bytes >= PAGE_BYTES {
                        break;
                    }
                }
                Ok(details)
            })
            .await
    }

    async fn number(&mut self, id: EventId, endpoint: &str) -> Result<Belongs, ReadError> {
        let seq = match self.known.seqs.get(&id) {
            Some(known) => *known,
            None => {
                let Some(detail) = self.history.event(id).await? else {
                    return Ok(Belongs::Unknown);
                };
                let ours = detail.event.endpoint == endpoint;
                let seq = ours.then_some(detail.event.seq);
                self.known.insert(id, seq);
                seq
            }
        };
        Ok(seq.map_or(Belongs::Other, Belongs::Ours))
    }
}

enum Belongs {
    Ours(u64),
    Other,
    Unknown,
}

/// Numbers of the newest events; none for those of other endpoints.
#[derive(Debug, Default)]
struct Known {
    seqs: HashMap<EventId, Option<u64>>,
    order: VecDeque<EventId>,
}

impl Known {
    fn insert(&mut self, id: EventId, seq: Option<u64>) {
        if self.seqs.insert(id, seq).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.seqs.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
