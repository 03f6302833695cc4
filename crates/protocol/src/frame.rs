//! Frames of the event stream: length-prefixed, events and gaps down, cursors up.
//!
//! ```text
//! frame    length u32 of what follows | type u8 | payload
//! 1 event  (down)  the event, see `event`
//! 2 gap    (down)  first u64 | last u64
//! 3 head   (down)  seq u64
//! 1 cursor (up)    seq u64
//! ```
//!
//! Numbers are big-endian. A frame of an unknown type is skipped, so that a newer peer can say more within one
//! version.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::codec::Fields;
use crate::event::{DecodeError, Event, META_BYTES};

/// The largest body of an event in bytes. RingCentral states no maximum and inlines whole transcripts
/// (docs/RINGCENTRAL.md 2.4), so the limit is far above any of them.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The largest frame in bytes, length prefix not counted: an event with the largest body and 256 KiB for the rest.
pub const MAX_FRAME_BYTES: usize = 1 + META_BYTES + MAX_BODY_BYTES + 256 * 1024;

const PREFIX_BYTES: usize = 4;

/// What the relay tells the client on the event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    /// An event. Those of one stream have growing `seq`.
    Event(Event),
    /// Events that the journal no longer has, so that the client will never get them.
    Gap {
        /// `seq` of the first that is gone.
        first: u64,
        /// `seq` of the last that is gone.
        last: u64,
    },
    /// Newest `seq` of the endpoint when the stream began: the client is up to date once it has that one.
    Head {
        /// The newest `seq`, 0 when there is none.
        seq: u64,
    },
    /// A type of a newer relay.
    Unknown(u8),
}

impl Down {
    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Event(event) => Self::encode_event(event, 0, out),
            Self::Gap { first, last } => {
                put_prefix(out, 2, 16, 0);
                out.put_u64(*first);
                out.put_u64(*last);
            }
            Self::Head { seq } => {
                put_prefix(out, 3, 8, 0);
                out.put_u64(*seq);
            }
            Self::Unknown(code) => put_prefix(out, *code, 0, 0),
        }
    }

    /// Appends the frame of an event to `out`, whose request lacks its last `missing` bytes: these must follow.
    pub fn encode_event(event: &Event, missing: usize, out: &mut BytesMut) {
        put_prefix(out, 1, event.encoded_len(), missing);
        event.encode(out);
    }

    fn parse(code: u8, payload: Bytes) -> Result<Self, DecodeError> {
        if code == 1 {
            return Event::decode(payload).map(Self::Event);
        }
        let mut fields = Fields::new(payload);
        let (down, name) = match code {
            2 => {
                let first = fields.get("first", Buf::try_get_u64)?;
                let last = fields.get("last", Buf::try_get_u64)?;
                (Self::Gap { first, last }, "gap")
            }
            3 => {
                let seq = fields.get("seq", Buf::try_get_u64)?;
                (Self::Head { seq }, "head")
            }
            code => return Ok(Self::Unknown(code)),
        };
        whole(&fields, name)?;
        Ok(down)
    }
}

/// What the client tells the relay on the event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Up {
    /// Everything up to this `seq` is in the client's history.
    Cursor {
        /// The newest stored `seq`.
        seq: u64,
    },
    /// A type of a newer client.
    Unknown(u8),
}

impl Up {
    /// Appends the frame to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Cursor { seq } => {
                put_prefix(out, 1, 8, 0);
                out.put_u64(*seq);
            }
            Self::Unknown(code) => put_prefix(out, *code, 0, 0),
        }
    }

    fn parse(code: u8, payload: Bytes) -> Result<Self, DecodeError> {
        if code != 1 {
            return Ok(Self::Unknown(code));
        }
        let mut fields = Fields::new(payload);
        let seq = fields.get("cursor", Buf::try_get_u64)?;
        whole(&fields, "cursor")?;
        Ok(Self::Cursor { seq })
    }
}

/// Begins a frame of `payload` bytes and `missing` more that are not appended to `out`.
fn put_prefix(out: &mut BytesMut, code: u8, payload: usize, missing: usize) {
    out.reserve(PREFIX_BYTES + 1 + payload);
    // An event's request is bounded by `MAX_FRAME_BYTES` long before `u32`; a peer refuses what saturates.
    out.put_u32(u32::try_from(1 + payload + missing).unwrap_or(u32::MAX));
    out.put_u8(code);
}

fn whole(fields: &Fields, frame: &'static str) -> Result<(), DecodeError> {
    if fields.is_empty() {
        Ok(())
    } else {
        Err(DecodeError::Trailing { frame })
    }
}

/// Cuts a byte stream into frames, however the bytes arrive.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    max: usize,
}

impl Decoder {
    /// Makes a decoder of frames sent down.
    #[must_use]
    pub fn down() -> Self {
        Self::with_max(MAX_FRAME_BYTES)
    }

    /// Makes a decoder of frames sent up; a client has little to say, so its frames are small.
    #[must_use]
    pub fn up() -> Self {
        Self::with_max(1024)
    }

    fn with_max(max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            max,
        }
    }

    /// Adds received bytes. Take frames until there is none before adding more: then no more than one frame and
    /// one chunk are held.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// Takes the next whole frame sent down.
    ///
    /// # Errors
    /// When the frame is too long or not well-formed; the stream cannot be read further.
    pub fn next_down(&mut self) -> Result<Option<Down>, DecodeError> {
        match self.next_frame()? {
            Some((code, payload)) => Down::parse(code, payload).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the next whole frame sent up.
    ///
    /// # Errors
    /// When the frame is too long or not well-formed; the stream cannot be read further.
    pub fn next_up(&mut self) -> Result<Option<Up>, DecodeError> {
        match self.next_frame()? {
            Some((code, payload)) => Up::parse(code, payload).map(Some),
            None => Ok(None),
        }
    }

    fn next_frame(&mut self) -> Result<Option<(u8, Bytes)>, DecodeError> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let len = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if len > self.max {
            return Err(DecodeError::FrameTooLong { len, max: self.max });
        }
        if len == 0 {
            return Err(DecodeError::Truncated {
                field: "frame type",
            });
        }
        if self.buffer.len() < PREFIX_BYTES + len {
            return Ok(None);
        }
        self.buffer.advance(PREFIX_BYTES);
        let mut frame = self.buffer.split_to(len).freeze();
        let code = frame.get_u8();
        Ok(Some((code, frame)))
    }
}

#[cfg(test)]
mod tests;
