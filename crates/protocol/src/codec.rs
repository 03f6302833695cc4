//! Bounded reading of big-endian fields from a buffer.

use bytes::{Bytes, TryGetError};

/// Takes fields off the front of a buffer and names the one that is missing.
pub(crate) struct Fields {
    rest: Bytes,
}

impl Fields {
    pub(crate) fn new(rest: Bytes) -> Self {
        Self { rest }
    }

    /// Takes a number with one of [`bytes::Buf`]'s functions, such as `Buf::try_get_u8`.
    pub(crate) fn get<T>(
        &mut self,
        field: &'static str,
        get: fn(&mut Bytes) -> Result<T, TryGetError>,
    ) -> Result<T, DecodeError> {
        get(&mut self.rest).map_err(|_| DecodeError::Truncated { field })
    }

    /// Splits off `len` bytes without copying them; nothing is allocated on the word of the peer.
    pub(crate) fn bytes(&mut self, len: usize, field: &'static str) -> Result<Bytes, DecodeError> {
        if self.rest.len() < len {
            return Err(DecodeError::Truncated { field });
        }
        Ok(self.rest.split_to(len))
    }

    pub(crate) fn text(&mut self, len: usize, field: &'static str) -> Result<String, DecodeError> {
        let bytes = self.bytes(len, field)?;
        std::str::from_utf8(&bytes)
            .map(str::to_owned)
            .map_err(|_| DecodeError::NotText { field })
    }

    pub(crate) fn rest(self) -> Bytes {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Most header fields of an encoded request; the relay refuses more.
pub const MAX_HEADERS: usize = 512;

/// Why bytes cannot be decoded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The buffer ends inside a field.
    #[error("the bytes end inside the {field}")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// A text field is not UTF-8.
    #[error("the {field} is not UTF-8")]
    NotText {
        /// The field.
        field: &'static str,
    },
    /// More header fields than [`MAX_HEADERS`].
    #[error("{count} header fields exceed the limit of {MAX_HEADERS}")]
    TooManyHeaders {
        /// How many the bytes announce.
        count: usize,
    },
    /// A frame longer than the limit.
    #[error("a frame of {len} bytes exceeds the limit of {max}")]
    FrameTooLong {
        /// The announced length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A frame with bytes after its last field.
    #[error("bytes after the end of a {frame} frame")]
    Trailing {
        /// The frame.
        frame: &'static str,
    },
}
