//! The event stream of a link: everything after the client's cursor, in order, with gaps stated.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::channel::Sender;
use ringtail_protocol::frame::Down;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::registry::Link;
use crate::budget::tie;
use crate::journal::{EndpointKey, Journal, Page, ReadError};

/// Events in one page.
const PAGE_EVENTS: usize = 512;

/// Bytes of one page. A larger event travels in several.
const PAGE_BYTES: usize = 64 * 1024;

/// Pages of a link in memory: one is on its way while the next is read.
const PAGES: usize = 2;

/// Pages between the pump and HTTP/2, which has the other.
pub(super) const QUEUED_PAGES: usize = PAGES - 1;

/// Sends events of an endpoint over a link.
pub(super) struct Pump<'a> {
    journal: &'a dyn Journal,
    endpoint: EndpointKey,
    out: &'a mut Sender<Bytes>,
    pages: Arc<Semaphore>,
    patience: Patience<'a>,
}

/// Time for the client to take a page, or to say something: a client whose disk is full takes none.
struct Patience<'a> {
    time: Duration,
    spoke: &'a Notify,
}

impl Patience<'_> {
    async fn wait<T>(&self, done: impl Future<Output = T>) -> Result<T, PumpError> {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                biased;
                done = done.as_mut() => return Ok(done),
                spoke = timeout(self.time, self.spoke.notified()) => {
                    spoke.map_err(|_elapsed| PumpError::Unread)?;
                }
            }
        }
    }
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        journal: &'a dyn Journal,
        link: &'a Link,
        out: &'a mut Sender<Bytes>,
        time: Duration,
    ) -> Self {
        Self {
            journal,
            endpoint: link.endpoint,
            out,
            pages: Arc::new(Semaphore::new(PAGES)),
            patience: Patience {
                time,
                spoke: &link.spoke,
            },
        }
    }

    /// Sends frames until the client is gone or takes no more. Never returns `Ok`.
    pub(super) async fn run(mut self, cursor: Option<u64>) -> Result<Infallible, PumpError> {
        let mut head = self.journal.head(self.endpoint);
        let mut newest = *head.borrow_and_update();
        if cursor.is_some_and(|cursor| cursor > newest) {
            // Another relay may have stored events that this one has not heard of.
            newest = self.journal.read(self.endpoint, newest, 1, 0).await?.head;
        }
        let mut position = Position::from(cursor, newest);
        let mut bytes = BytesMut::new();
        Down::Head { seq: newest }.encode(&mut bytes);
        let permit = self.permit().await?;
        self.send(bytes, permit).await?;
        loop {
            let permit = self.permit().await?;
            let page = self
                .journal
                .read(self.endpoint, position.seq, PAGE_EVENTS, PAGE_BYTES)
                .await?;
            if head.has_changed().is_err() {
                // What was read may not follow what was sent.
                return Err(PumpError::Journal(ReadError::Closed));
            }
            let is_last = page.events.is_empty();
            let missing = page.missing;
            let bytes = encode(position.frames(page), missing);
            self.send(bytes, permit).await?;
            self.send_rest(position.seq, missing).await?;
            if is_last {
                // Returns at once if the head has advanced since it was last seen.
                let advanced = head.changed().await;
                advanced.map_err(|_| PumpError::Journal(ReadError::Closed))?;
            }
        }
    }

    /// Sends the `missing` last bytes of an event's request.
    async fn send_rest(&mut self, seq: u64, missing: usize) -> Result<(), PumpError> {
        let mut left = missing;
        let mut offset = PAGE_BYTES;
        while left > 0 {
            let permit = self.permit().await?;
            let part = self
                .journal
                .read_part(self.endpoint, seq, offset, PAGE_BYTES.min(left))
                .await?;
            if part.is_empty() {
                return Err(PumpError::Deleted);
            }
            left -= part.len();
            offset += part.len();
            self.send(BytesMut::from(part), permit).await?;
        }
        Ok(())
    }

    /// Waits for memory of a page: until one of those before is on the wire.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, PumpError> {
        let permit = self.patience.wait(self.pages.clone().acquire_owned());
        permit.await?.map_err(|_| PumpError::ClientGone)
    }

    /// Sends bytes, which hold their permit until HTTP/2 has dropped them.
    async fn send(
        &mut self,
        bytes: BytesMut,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), PumpError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let page = tie(bytes.freeze(), permit);
        let sent = self.patience.wait(self.out.send_data(page));
        sent.await?.map_err(|_| PumpError::ClientGone)
    }
}

fn encode(frames: Vec<Down>, missing: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    for frame in frames {
        match frame {
            Down::Event(event) => Down::encode_event(&event, missing, &mut bytes),
            frame => frame.encode(&mut bytes),
        }
    }
    bytes
}

/// Why the event stream stops.
#[derive(Debug, thiserror::Error)]
pub(super) enum PumpError {
    #[error("could not read the journal")]
    Journal(#[from] ReadError),
    #[error("an event was deleted while it was sent")]
    Deleted,
    #[error("the client did not take the events that wait for it")]
    Unread,
    #[error("the client is gone")]
    ClientGone,
}

/// How far a link's client has been sent events.
#[derive(Debug, PartialEq, Eq)]
struct Position {
    seq: u64,
    /// Whether the client has the events before: only then a missing number is a gap to it.
    anchored: bool,
}

impl Position {
    /// Ignores a cursor beyond the journal's newest event: it is not from this journal, and would hide every event up to
    /// there.
    fn from(cursor: Option<u64>, newest: u64) -> Self {
        match cursor.filter(|seq| *seq <= newest) {
            Some(seq) => Self {
                seq,
                anchored: true,
            },
            None => Self {
                seq: 0,
                anchored: false,
            },
        }
    }

    /// Turns a page that was read after `seq` into frames, and advances.
    fn frames(&mut self, page: Page) -> Vec<Down> {
        let mut frames = Vec::with_capacity(page.events.len() + 1);
        let empty = page.events.is_empty();
        for event in page.events {
            self.gap_before(event.seq, &mut frames);
            self.seq = event.seq;
            self.anchored = true;
            frames.push(Down::Event(event));
        }
        if empty && page.head > self.seq {
            // Retention has deleted even the newest.
            self.gap_before(page.head + 1, &mut frames);
            self.seq = page.head;
            self.anchored = true;
        }
        frames
    }

    fn gap_before(&self, next: u64, frames: &mut Vec<Down>) {
        let first = self.seq + 1;
        if self.anchored && first < next {
            let last = next - 1;
            frames.push(Down::Gap { first, last });
        }
    }
}

#[cfg(test)]
mod tests {
    use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};

    use super::*;

    fn event(seq: u64) -> Event {
        Event {
            seq,
            id: EventId::from_bytes([0; 16]),
            received_at: Timestamp(0),
            kind: Kind::Notification,
            disposition: Disposition::Pending,
            duplicate_of: None,
            request: EncodedRequest::from_stored(Bytes::new()),
        }
    }

    fn page(seqs: &[u64], head: u64) -> Page {
        Page {
            events: seqs.iter().copied().map(event).collect(),
            missing: 0,
            head,
        }
    }

    /// Frames in short: `5` is an event, `gap 2-4` a gap.
    fn shown(frames: &[Down]) -> Vec<String> {
        frames
            .iter()
            .map(|frame| match frame {
                Down::Event(event) => event.seq.to_string(),
                Down::Gap { first, last } => format!("gap {first}-{last}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_cursor_that_retention_passed_gets_a_gap() {
        let mut position = Position::from(Some(3), 9);
        assert_eq!(
            shown(&position.frames(page(&[7, 8], 9))),
            ["gap 4-6", "7", "8"]
        );
        assert_eq!(shown(&position.frames(page(&[9], 9))), ["9"]);
    }

    #[test]
    fn a_cursor_at_the_oldest_gets_none() {
        let mut position = Position::from(Some(6), 9);
        assert_eq!(shown(&position.frames(page(&[7], 9))), ["7"]);
    }

    #[test]
    fn a_new_client_gets_no_gap_before_its_first_event() {
        let mut position = Position::from(None, 9);
        assert_eq!(
            shown(&position.frames(page(&[7, 9], 9))),
            ["7", "gap 8-8", "9"]
        );
    }

    #[test]
    fn a_journal_that_kept_nothing_is_one_gap() {
        let mut position = Position::from(Some(3), 9);
        assert_eq!(shown(&position.frames(page(&[], 9))), ["gap 4-9"]);
        assert_eq!(shown(&position.frames(page(&[], 9))), Vec::<String>::new());
        let mut fresh = Position::from(None, 9);
        assert_eq!(shown(&fresh.frames(page(&[], 9))), Vec::<String>::new());
        assert_eq!(shown(&fresh.frames(page(&[12], 12))), ["gap 10-11", "12"]);
    }

    #[test]
    fn a_cursor_beyond_the_head_is_ignored() {
        assert_eq!(Position::from(Some(10), 9), Position::from(None, 9));
        assert_ne!(Position::from(Some(9), 9), Position::from(None, 9));
    }
}
