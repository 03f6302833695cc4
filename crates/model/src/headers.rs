//! Conversions between header fields of events and `HeaderMap`.

use bytes::Bytes;
use ringtail_protocol::event::Header;

/// Converts from a `HeaderMap`.
pub fn from_map(map: &http::HeaderMap) -> Vec<Header> {
    map.iter()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        })
        .collect()
}
