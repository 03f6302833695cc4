//! An event and its encoding, the same on the wire and in the journal.
//!
//! ```text
//! event     seq u64 | id 16 bytes | received_at i64 | kind u8 | disposition u8 | duplicate_of u64 (0: none) | request
//! request   method len u8, bytes | path len u32, bytes | peer len u8, bytes
//!           header count u16, each: name len u16, bytes, value len u32, bytes
//!           body: all that is left
//! ```
//!
//! Numbers are big-endian. The request is encoded once, when the relay receives it, and travels as those bytes
//! through journal and link until the client decodes it to store it: see [`EncodedRequest`].

mod parts;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::parts::RequestParts;
use crate::codec::Fields;
pub use crate::codec::{DecodeError, MAX_HEADERS};

/// Bytes of an encoded event before its request.
pub(crate) const META_BYTES: usize = 8 + 16 + 8 + 1 + 1 + 8;

/// One HTTP request that a relay received on an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Number of the event on its endpoint, from 1, without gaps when it is assigned.
    pub seq: u64,
    /// Identity of the event, the same wherever it is stored.
    pub id: EventId,
    /// When the relay had read the whole request.
    pub received_at: Timestamp,
    /// What the request is to RingCentral.
    pub kind: Kind,
    /// What became of the request at the edge.
    pub disposition: Disposition,
    /// `seq` of the earlier event on this endpoint that has the same RingCentral `uuid`.
    pub duplicate_of: Option<u64>,
    /// The request itself.
    pub request: EncodedRequest,
}

impl Event {
    /// Appends the encoding of the event to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        out.reserve(self.encoded_len());
        out.put_u64(self.seq);
        out.put_slice(self.id.as_bytes());
        out.put_i64(self.received_at.0);
        out.put_u8(self.kind.code());
        out.put_u8(self.disposition.code());
        out.put_u64(self.duplicate_of.unwrap_or(0));
        out.put_slice(&self.request.0);
    }

    /// Returns how many bytes [`Event::encode`] appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        META_BYTES + self.request.0.len()
    }

    /// Decodes an event; the request inside stays encoded and is checked by [`EncodedRequest::decode`].
    ///
    /// # Errors
    /// When the buffer ends before the request begins.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut fields = Fields::new(bytes);
        Ok(Self {
            seq: fields.get("seq", Buf::try_get_u64)?,
            id: EventId(fields.get("id", Buf::try_get_u128)?.to_be_bytes()),
            received_at: Timestamp(fields.get("received_at", Buf::try_get_i64)?),
            kind: Kind::from_code(fields.get("kind", Buf::try_get_u8)?),
            disposition: Disposition::from_code(fields.get("disposition", Buf::try_get_u8)?),
            duplicate_of: Some(fields.get("duplicate_of", Buf::try_get_u64)?)
                .filter(|seq| *seq != 0),
            request: EncodedRequest(fields.rest()),
        })
    }
}

/// A request as it was received: bytes stay bytes, repeated headers stay repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method, as sent.
    pub method: String,
    /// Path below the endpoint with the query, as sent: empty, or it starts with `/` or `?`.
    pub path: String,
    /// Address of the caller, as the relay saw it.
    pub peer: String,
    /// Header fields in order.
    pub headers: Vec<Header>,
    /// Body, after transfer decoding and nothing else.
    pub body: Bytes,
}

/// One header field. The value is bytes: it need not be text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Name as sent; compare it without case. Over HTTP/2 it is sent in lower case.
    pub name: String,
    /// Value as received.
    pub value: Bytes,
}

impl Header {
    /// Returns true if the field has this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Returns header fields as the `http` crate holds them, without those that HTTP forbids: only a broken peer sends one.
#[must_use]
pub fn header_map(headers: &[Header]) -> http::HeaderMap {
    let mut map = http::HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = http::HeaderName::from_bytes(header.name.as_bytes());
        let value = http::HeaderValue::from_maybe_shared(header.value.clone());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

fn fit<T: TryFrom<usize>>(len: usize, field: &'static str) -> Result<T, EncodeError> {
    T::try_from(len).map_err(|_| EncodeError { field })
}

/// A [`Request`] in its encoding.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedRequest(Bytes);

impl EncodedRequest {
    /// Takes bytes that [`Request::encode`] made earlier, as a journal returns them.
    #[must_use]
    pub fn from_stored(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Returns the encoding.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Returns the encoding itself.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Decodes the request. The body shares the buffer.
    ///
    /// # Errors
    /// When the bytes are not a whole request, whatever they are: never a panic, never an allocation beyond
    /// what is there.
    pub fn decode(&self) -> Result<Request, DecodeError> {
        let mut fields = Fields::new(self.0.clone());
        let len = fields.get("method", Buf::try_get_u8)?;
        let method = fields.text(len.into(), "method")?;
        let len = fields.get("path", Buf::try_get_u32)?;
        let path = fields.text(widen(len), "path")?;
        let len = fields.get("peer", Buf::try_get_u8)?;
        let peer = fields.text(len.into(), "peer")?;
        let count = usize::from(fields.get("header count", Buf::try_get_u16)?);
        if count > MAX_HEADERS {
            return Err(DecodeError::TooManyHeaders { count });
        }
        let mut headers = Vec::with_capacity(count);
        for _ in 0..count {
            let len = fields.get("header name", Buf::try_get_u16)?;
            let name = fields.text(len.into(), "header name")?;
            let len = fields.get("header value", Buf::try_get_u32)?;
            let value = fields.bytes(widen(len), "header value")?;
            headers.push(Header { name, value });
        }
        Ok(Request {
            method,
            path,
            peer,
            headers,
            body: fields.rest(),
        })
    }
}

impl fmt::Debug for EncodedRequest {
    /// Bodies never reach a log, so the bytes are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedRequest({} bytes)", self.0.len())
    }
}

fn widen(len: u32) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Identity of an event: a UUID of version 7, so ids sort by time of receipt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    /// Makes a new id.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7().into_bytes())
    }

    /// Takes an id from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads an id in the hyphenated form that [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text)
            .ok()
            .map(|uuid| Self(uuid.into_bytes()))
    }

    /// Returns the id's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

/// Microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads the system clock. A clock set before 1970 reads as 0.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The kind of a request, which decides whether relay or app answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RingCentral's check of the address; the relay answers it from the request alone.
    Validation,
    /// The relay answers it 200 once it is durable.
    Notification,
    /// The app answers it.
    Passthrough,
    /// A kind of a newer peer.
    Unknown(u8),
}

impl Kind {
    /// Returns the number that stands for the kind in the encoding.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Validation => 1,
            Self::Notification => 2,
            Self::Passthrough => 3,
            Self::Unknown(code) => code,
        }
    }

    /// Reads the kind's number.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Validation,
            2 => Self::Notification,
            3 => Self::Passthrough,
            code => Self::Unknown(code),
        }
    }

    /// Returns the word for the kind in output and docs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Notification => "notification",
            Self::Passthrough => "passthrough",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What the relay did with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// It gave the final answer; the event is not forwarded: a validation, a refusal.
    Answered,
    /// It answered 200; the event is still to be forwarded to the app.
    Pending,
    /// It passed the request on to a client, whose app answers it.
    Passed,
    /// A disposition of a newer peer.
    Unknown(u8),
}

impl Disposition {
    /// Returns the number that stands for the disposition in the encoding.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Answered => 1,
            Self::Pending => 2,
            Self::Passed => 3,
            Self::Unknown(code) => code,
        }
    }

    /// Reads the disposition's number.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Answered,
            2 => Self::Pending,
            3 => Self::Passed,
            code => Self::Unknown(code),
        }
    }

    /// Returns the word for the disposition in output and docs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Pending => "pending",
            Self::Passed => "passed",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A part of a request that its encoding has no room for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the request cannot be encoded: its {field} is too long")]
pub struct EncodeError {
    /// The part.
    pub field: &'static str,
}

#[cfg(test)]
mod tests;
