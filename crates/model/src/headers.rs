//! Header fields as events hold them and as hyper does.

use bytes::Bytes;
use ringtail_protocol::event::Header;

/// Takes over the fields of an answer.
pub fn from_map(map: &http::HeaderMap) -> Vec<Header> {
    map.iter()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        })
        .collect()
}
