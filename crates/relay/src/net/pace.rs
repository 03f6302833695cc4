//! Reads no faster than a peer's frames bring something: an HTTP/2 or WebSocket frame without content is 6 to 9 bytes, and
//! takes as long to handle as one with 16 KiB.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::{EMPTY_FRAME_BURST, EMPTY_FRAMES_PER_SECOND};
use crate::metrics::{Limit, LimitHits};

/// The bytes with which an HTTP/2 client begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of DATA that are worth a frame, unless it is the last of a body.
const WORTHY_BYTES: u64 = 128;

/// Empty frames that each other frame may bring along, such as the windows that a response needs.
const FREE_FRAMES: u32 = 2;

/// Time in which another empty frame may come.
const FRAME_TIME: Duration = Duration::from_micros(1_000_000 / EMPTY_FRAMES_PER_SECOND as u64);

/// A connection whose peer's frames are paced.
#[derive(Debug)]
pub(crate) struct Paced<S> {
    inner: S,
    frames: Frames,
    budget: FrameBudget,
    pause: Option<Pin<Box<Sleep>>>,
    limits: LimitHits,
}

impl<S> Paced<S> {
    /// Paces HTTP/2 if the peer, which is a client, speaks it.
    pub(crate) fn client(inner: S, limits: LimitHits) -> Self {
        Self::new(inner, Frames::Preface { read: 0 }, limits)
    }

    /// Does not pace a trusted proxy: its connection carries the frames of many callers.
    pub(crate) fn proxy(inner: S, limits: LimitHits) -> Self {
        Self::new(inner, Frames::Unframed, limits)
    }

    /// Paces an HTTP/2 server.
    pub(crate) fn http2(inner: S, limits: LimitHits) -> Self {
        Self::new(inner, Frames::in_order(Framing::Http2), limits)
    }

    /// Paces a WebSocket after its handshake.
    pub(crate) fn websocket(inner: S, limits: LimitHits) -> Self {
        Self::new(inner, Frames::in_order(Framing::WebSocket), limits)
    }

    fn new(inner: S, frames: Frames, limits: LimitHits) -> Self {
        Self {
            inner,
            frames,
            budget: FrameBudget::new(Instant::now()),
            pause: None,
            limits,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let before = out.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, out))?;
        let read = out.filled().get(before..).unwrap_or_default();
        let counted = self.frames.count(read);
        if let Some(until) = self.budget.spend(counted, Instant::now()) {
            self.limits.hit(Limit::EmptyFrames);
            self.pause = Some(Box::pin(sleep_until(until)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Frames that began in some bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counted {
    empty: u32,
    other: u32,
}

/// Where in the peer's bytes a frame begins.
#[derive(Debug)]
enum Frames {
    /// In [`PREFACE`], of which so many bytes have come.
    Preface { read: usize },
    /// In the head of a frame, or in the bytes after it.
    Framed {
        framing: Framing,
        head: FrameHead,
        skip: u64,
    },
    /// The peer speaks no protocol with frames.
    Unframed,
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    Http2,
    WebSocket,
}

/// The first bytes of a frame: at most those of a WebSocket's (RFC 6455, 5.2).
#[derive(Debug, Default)]
struct FrameHead {
    bytes: [u8; 14],
    length: usize,
}

/// A frame, according to its head.
struct Frame {
    payload: u64,
    is_empty: bool,
}

impl Frames {
    fn in_order(framing: Framing) -> Self {
        Self::Framed {
            framing,
            head: FrameHead::default(),
            skip: 0,
        }
    }

    /// Goes on by some bytes.
    fn count(&mut self, mut bytes: &[u8]) -> Counted {
        let mut counted = Counted::default();
        while let [first, rest @ ..] = bytes {
            match self {
                Self::Unframed => break,
                Self::Preface { read } => {
                    if PREFACE.get(*read) != Some(first) {
                        *self = Self::Unframed;
                        break;
                    }
                    *read += 1;
                    bytes = rest;
                    if *read == PREFACE.len() {
                        *self = Self::in_order(Framing::Http2);
                    }
                }
                Self::Framed { skip, .. } if *skip > 0 => {
                    let skipped =
                        usize::try_from(*skip).map_or(bytes.len(), |it| it.min(bytes.len()));
                    *skip -= skipped as u64;
                    bytes = bytes.get(skipped..).unwrap_or_default();
                }
                Self::Framed {
                    framing,
                    head,
                    skip,
                } => {
                    bytes = rest;
                    if let Some(frame) = head.push(*first, *framing) {
                        *head = FrameHead::default();
                        *skip = frame.payload;
                        match frame.is_empty {
                            true => counted.empty += 1,
                            false => counted.other += 1,
                        }
                    }
                }
            }
        }
        counted
    }
}

impl FrameHead {
    /// Adds a byte, and returns the frame once its head is whole.
    fn push(&mut self, byte: u8, framing: Framing) -> Option<Frame> {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
        match framing {
            Framing::Http2 => self.of_http2(),
            Framing::WebSocket => self.of_websocket(),
        }
    }

    /// RFC 9113, 4.1.
    fn of_http2(&self) -> Option<Frame> {
        let [a, b, c, kind, flags, ..] = self.bytes;
        let payload = u64::from(u32::from_be_bytes([0, a, b, c]));
        let is_empty = match kind {
            0 => payload < WORTHY_BYTES && flags & 1 == 0,
            1 => false,
            _ => true,
        };
        (self.length == 9).then_some(Frame { payload, is_empty })
    }

    /// RFC 6455, 5.2.
    fn of_websocket(&self) -> Option<Frame> {
        let [kind, length, a, b, c, d, e, f, g, h, ..] = self.bytes;
        let (payload, extended) = match length & 0x7f {
            126 => (u64::from(u16::from_be_bytes([a, b])), 2),
            127 => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 8),
            short => (u64::from(short), 0),
        };
        let mask = if length & 0x80 == 0 { 0 } else { 4 };
        // Pieces of a message; the shortest useful one is a frame of HTTP/2.
        let is_empty = kind & 0x0f > 2 || payload < 9;
        (self.length >= 2 && self.length == 2 + extended + mask)
            .then_some(Frame { payload, is_empty })
    }
}

/// How many empty frames a peer may still send.
#[derive(Debug)]
struct FrameBudget {
    /// The time for which all frames so far were allowed.
    used_until: Instant,
}

impl FrameBudget {
    fn new(now: Instant) -> Self {
        Self {
            used_until: Self::oldest(now),
        }
    }

    /// Returns the time from which unused frames are saved.
    fn oldest(now: Instant) -> Instant {
        now.checked_sub(FRAME_TIME * EMPTY_FRAME_BURST)
            .unwrap_or(now)
    }

    /// Returns until when the peer has to wait, if it has sent more than it may.
    fn spend(&mut self, counted: Counted, now: Instant) -> Option<Instant> {
        let free = counted.other.saturating_mul(FREE_FRAMES);
        self.used_until -= FRAME_TIME * free.min(EMPTY_FRAME_BURST);
        self.used_until = self.used_until.max(Self::oldest(now)) + FRAME_TIME * counted.empty;
        (self.used_until > now).then_some(self.used_until)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringtail_kit::http2::{ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS, frame};
    use tokio_tungstenite::tungstenite::protocol::frame::Frame as Message;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    use super::*;

    const fn counted(empty: u32, other: u32) -> Counted {
        Counted { empty, other }
    }

    /// Counts bytes that come in pieces.
    fn count(mut frames: Frames, bytes: &[u8], piece: usize) -> Counted {
        let mut all = Counted::default();
        for piece in bytes.chunks(piece) {
            let some = frames.count(piece);
            all.empty += some.empty;
            all.other += some.other;
        }
        all
    }

    /// A frame as a client sends it, masked.
    fn masked(mut frame: Message) -> Vec<u8> {
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).expect("a vector takes all");
        bytes
    }

    /// A piece of a message.
    fn message(opcode: Data, payload: usize) -> Vec<u8> {
        masked(Message::message(
            vec![7; payload],
            OpCode::Data(opcode),
            true,
        ))
    }

    #[test]
    fn http2_is_counted_from_its_preface() {
        let wire = [
            PREFACE.to_vec(),
            frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]),
            frame(SETTINGS, ACK, 0, b""),
            frame(HEADERS, END_HEADERS, 1, &[0x82; 300]),
            frame(DATA, 0, 1, b""),
            frame(DATA, 0, 1, b"x"),
            frame(DATA, 0, 1, &[0; 5000]),
            frame(DATA, END_STREAM, 1, b""),
            frame(PING, 0, 0, &[0; 8]),
        ]
        .concat();
        for piece in [1, 8, wire.len()] {
            let begin = Frames::Preface { read: 0 };
            assert_eq!(count(begin, &wire, piece), counted(5, 3), "{piece}");
        }
        let http1 = b"PRI / HTTP/1.1\r\n\r\n\0\0\0\x04\0\0\0\0\0".repeat(100);
        assert_eq!(count(Frames::Preface { read: 0 }, &http1, 7), counted(0, 0));
    }

    #[test]
    fn websockets_are_counted_by_their_messages() {
        let wire = [
            message(Data::Binary, 0),
            message(Data::Binary, 8),
            message(Data::Binary, 125),
            message(Data::Continue, 70_000),
            masked(Message::ping(vec![7; 125])),
            message(Data::Binary, 300),
        ]
        .concat();
        for piece in [1, 3, wire.len()] {
            let begin = Frames::in_order(Framing::WebSocket);
            assert_eq!(count(begin, &wire, piece), counted(3, 3), "{piece}");
        }
    }

    #[test]
    fn empty_frames_over_the_rate_wait_and_others_bring_some_along() {
        let now = Instant::now() + Duration::from_secs(3600);
        let mut budget = FrameBudget::new(now);
        // A new connection begins with the whole burst.
        assert_eq!(budget.spend(counted(EMPTY_FRAME_BURST, 0), now), None);
        assert_eq!(budget.spend(counted(1, 0), now), Some(now + FRAME_TIME));
        assert_eq!(budget.spend(counted(9, 5), now), None);
        assert_eq!(budget.spend(counted(2, 0), now), Some(now + FRAME_TIME * 2));
        let later = now + FRAME_TIME * 2;
        assert_eq!(budget.spend(counted(0, 0), later), None);
        // What was not used is not saved beyond the burst.
        assert_eq!(
            budget.spend(counted(EMPTY_FRAME_BURST, u32::MAX), later),
            None
        );
        assert_eq!(budget.spend(counted(1, 0), later), Some(later + FRAME_TIME));
    }

    proptest! {
        /// Whatever comes, and in whatever pieces.
        #[test]
        fn any_bytes_are_counted_alike(bytes in proptest::collection::vec(any::<u8>(), 0..400), piece in 1..40_usize) {
            for framing in [Framing::Http2, Framing::WebSocket] {
                let whole = count(Frames::in_order(framing), &bytes, bytes.len().max(1));
                prop_assert_eq!(count(Frames::in_order(framing), &bytes, piece), whole);
            }
        }
    }
}
