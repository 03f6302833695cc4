//! Frames for one transaction: everything that has already arrived, so events share commits under load and a single
//! pending event does not wait.

use std::time::Duration;

use ringtail_protocol::event::{DecodeError, Disposition};
use ringtail_protocol::frame::{Decoder, Down};

use ringtail_store::Incoming;
use tokio::time::Instant;

use crate::canary_key::CanaryKey;

/// Maximum events per transaction.
const MAX_EVENTS: usize = 512;

/// Bytes of events after which a batch is full; the last event may exceed it.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How long events that are not forwarded wait for others.
const COMPANY: Duration = Duration::from_millis(50);

/// The contents of one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    incoming: Vec<Incoming>,
    bytes: usize,
    head: Option<u64>,
    /// Since when it has contents.
    since: Option<Instant>,
    has_pending: bool,
}

impl Batch {
    /// Takes complete frames from the decoder until it has none or the batch is full.
    pub(super) fn fill(&mut self, decoder: &mut Decoder) -> Result<(), DecodeError> {
        while !self.is_full()
            && let Some(frame) = decoder.next_down()?
        {
            match frame {
                Down::Event(event) => {
                    self.bytes += event.encoded_len();
                    self.raise_head(event.seq);
                    self.has_pending |= event.disposition == Disposition::Pending;
                    self.incoming.push(Incoming::Event(event));
                }
                Down::Gap { first, last } => {
                    self.raise_head(last);
                    self.incoming.push(Incoming::Gap { first, last });
                }
                Down::Head { seq } => {
                    self.raise_head(seq);
                    if seq == 0 {
                        self.incoming.push(Incoming::Start);
                    }
                }
                // A newer relay may send frames that this version does not know.
                Down::Unknown(_) => {}
            }
        }
        if self.since.is_none() && !self.is_empty() {
            self.since = Some(Instant::now());
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.incoming.len() >= MAX_EVENTS || self.bytes >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.incoming.is_empty()
    }

    /// Returns until when more may join it; `None` if it is urgent. Events that are not forwarded can wait, and so share a
    /// transaction.
    pub(super) fn open_until(&self) -> Option<Instant> {
        let since = self.since.filter(|_| !self.has_pending)?;
        Some(since + COMPANY)
    }

    /// Returns the bytes of the events.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the contents, with canaries for what they are, and leaves the batch empty.
    pub(super) fn take(&mut self, canaries: &CanaryKey) -> Vec<Incoming> {
        self.bytes = 0;
        self.since = None;
        self.has_pending = false;
        let mut incoming = std::mem::take(&mut self.incoming);
        for item in &mut incoming {
            if let Incoming::Event(event) = item
                && let Some(id) = canaries.recognise(event)
            {
                let seq = event.seq;
                *item = Incoming::Canary { seq, id };
            }
        }
        incoming
    }

    /// Returns the newest `seq` in the frames since the last call.
    pub(super) fn take_head(&mut self) -> Option<u64> {
        self.head.take()
    }

    fn raise_head(&mut self, seq: u64) {
        self.head = self.head.max(Some(seq));
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};

    use super::*;

    fn event(seq: u64, len: usize) -> Down {
        Down::Event(Event {
            seq,
            id: EventId::fresh(),
            received_at: Timestamp(1),
            kind: Kind::Notification,
            disposition: Disposition::Pending,
            duplicate_of: None,
            request: EncodedRequest::from_stored(Bytes::from(vec![0; len])),
        })
    }

    fn decoder(frames: &[Down]) -> Decoder {
        let mut bytes = BytesMut::new();
        for frame in frames {
            frame.encode(&mut bytes);
        }
        let mut decoder = Decoder::down();
        decoder.push(&bytes);
        decoder
    }

    #[test]
    fn everything_that_is_there_is_one_batch() {
        let mut decoder = decoder(&[
            Down::Head { seq: 9 },
            Down::Gap { first: 1, last: 4 },
            event(5, 10),
            Down::Unknown(77),
            event(6, 10),
        ]);
        let mut batch = Batch::default();
        batch.fill(&mut decoder).unwrap();
        assert_eq!(batch.take_head(), Some(9));
        assert_eq!(batch.take_head(), None);
        let seqs: Vec<_> = batch
            .take(&CanaryKey::test())
            .into_iter()
            .map(|incoming| match incoming {
                Incoming::Event(event) => event.seq,
                Incoming::Canary { seq, .. } => seq,
                Incoming::Gap { last, .. } => last,
                Incoming::Start => 0,
            })
            .collect();
        assert_eq!(seqs, [4, 5, 6]);
        assert!(batch.is_empty());
    }

    #[test]
    fn a_batch_ends_at_its_number_of_events() {
        let frames: Vec<_> = (1..=MAX_EVENTS as u64 + 1)
            .map(|seq| event(seq, 1))
            .collect();
        let mut decoder = decoder(&frames);
        let mut batch = Batch::default();
        batch.fill(&mut decoder).unwrap();
        assert!(batch.is_full());
        assert_eq!(batch.take(&CanaryKey::test()).len(), MAX_EVENTS);
        batch.fill(&mut decoder).unwrap();
        assert_eq!(batch.take(&CanaryKey::test()).len(), 1);
    }

    #[test]
    fn a_batch_ends_at_its_bytes() {
        let half = MAX_BYTES / 2;
        let mut decoder = decoder(&[event(1, half), event(2, half), event(3, 1)]);
        let mut batch = Batch::default();
        batch.fill(&mut decoder).unwrap();
        assert!(batch.bytes() > MAX_BYTES, "the events have a head, too");
        assert_eq!(batch.take(&CanaryKey::test()).len(), 2);
        assert_eq!(batch.bytes(), 0);
    }

    #[test]
    fn only_what_is_not_forwarded_waits_for_others() {
        let answered = |seq| match event(seq, 1) {
            Down::Event(event) => Down::Event(Event {
                disposition: Disposition::Answered,
                ..event
            }),
            other => other,
        };
        let mut batch = Batch::default();
        batch.fill(&mut decoder(&[answered(1)])).unwrap();
        let until = batch.open_until();
        assert!(until > Some(Instant::now()));
        batch.fill(&mut decoder(&[answered(2)])).unwrap();
        assert_eq!(
            batch.open_until(),
            until,
            "the first one does not wait longer"
        );
        batch.fill(&mut decoder(&[event(3, 1)])).unwrap();
        assert_eq!(batch.open_until(), None);
        batch.take(&CanaryKey::test());
        batch.fill(&mut decoder(&[answered(4)])).unwrap();
        assert!(batch.open_until() > until);
    }

    #[test]
    fn events_raise_the_head_that_the_relay_announced() {
        let mut decoder = decoder(&[Down::Head { seq: 1 }, event(2, 1)]);
        let mut batch = Batch::default();
        batch.fill(&mut decoder).unwrap();
        assert_eq!(batch.take_head(), Some(2));
    }

    #[test]
    fn an_endpoint_without_events_is_noted_as_such() {
        for (seq, expected) in [(0, 1), (1, 0)] {
            let mut batch = Batch::default();
            batch.fill(&mut decoder(&[Down::Head { seq }])).unwrap();
            assert_eq!(batch.take(&CanaryKey::test()).len(), expected);
        }
    }

    #[test]
    fn garbage_is_an_error() {
        let mut decoder = Decoder::down();
        decoder.push(b"GET / HTTP/1.1\r\n\r\n");
        assert!(Batch::default().fill(&mut decoder).is_err());
    }
}
