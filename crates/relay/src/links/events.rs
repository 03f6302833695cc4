//! The event stream of a link: everything after the client's cursor, in order, with gaps stated.

use bytes::{Bytes, BytesMut};
use http_body_util::channel::Sender;
use ringtail_protocol::frame::Down;

use crate::journal::{EndpointKey, Journal, Page, ReadError};

/// Events in one page. With [`PAGE_BYTES`] it bounds the memory of a link whose client does not read.
const PAGE_EVENTS: usize = 512;

/// Bytes of one page, unless its first event is larger.
const PAGE_BYTES: usize = 256 * 1024;

/// Pages between the journal and HTTP/2's buffer: one is sent while the next is read.
pub(super) const QUEUED_PAGES: usize = 1;

/// Sends frames until the client is gone. Never returns `Ok`.
pub(super) async fn pump(
    journal: &dyn Journal,
    endpoint: EndpointKey,
    cursor: Option<u64>,
    out: &mut Sender<Bytes>,
) -> Result<std::convert::Infallible, PumpError> {
    let mut head = journal.head(endpoint);
    let newest = *head.borrow_and_update();
    let mut position = Position::from(cursor, newest);
    send(out, &[Down::Head { seq: newest }]).await?;
    loop {
        let page = journal
            .read(endpoint, position.seq, PAGE_EVENTS, PAGE_BYTES)
            .await?;
        let full = !page.events.is_empty();
        send(out, &position.frames(page)).await?;
        if !full {
            // Returns at once if the head has advanced since it was last seen.
            let advanced = head.changed().await;
            advanced.map_err(|_| PumpError::Journal(ReadError::Closed))?;
        }
    }
}

async fn send(out: &mut Sender<Bytes>, frames: &[Down]) -> Result<(), PumpError> {
    if frames.is_empty() {
        return Ok(());
    }
    let mut bytes = BytesMut::new();
    for frame in frames {
        frame.encode(&mut bytes);
    }
    out.send_data(bytes.freeze())
        .await
        .map_err(|_| PumpError::ClientGone)
}

/// Why the event stream stops.
#[derive(Debug, thiserror::Error)]
pub(super) enum PumpError {
    #[error("could not read the journal")]
    Journal(#[from] ReadError),
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
