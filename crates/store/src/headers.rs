//! Header fields as one blob: bytes stay bytes, repeated fields stay repeated.
//!
//! ```text
//! each field: name len u32, bytes | value len u32, bytes      (big-endian)
//! ```

use bytes::{Buf, BufMut, Bytes};

use ringtail_protocol::event::Header;

/// Encodes the fields.
pub(super) fn encode(headers: &[Header]) -> Vec<u8> {
    let len = headers
        .iter()
        .map(|header| 8 + header.name.len() + header.value.len())
        .sum();
    let mut out = Vec::with_capacity(len);
    for header in headers {
        put(&mut out, header.name.as_bytes());
        put(&mut out, &header.value);
    }
    out
}

/// Decodes the fields. What is not whole at the end of a damaged blob is left out.
pub(super) fn decode(blob: Vec<u8>) -> Vec<Header> {
    let mut rest = Bytes::from(blob);
    let mut headers = Vec::new();
    while let Some(name) = take(&mut rest)
        && let Some(value) = take(&mut rest)
    {
        headers.push(Header {
            name: String::from_utf8_lossy(&name).into_owned(),
            value,
        });
    }
    headers
}

fn put(out: &mut Vec<u8>, part: &[u8]) {
    // A part comes from a frame or an HTTP head, both far below 4 GiB.
    let len = u32::try_from(part.len()).unwrap_or(u32::MAX);
    out.put_u32(len);
    out.put_slice(part);
}

fn take(rest: &mut Bytes) -> Option<Bytes> {
    let len = usize::try_from(rest.try_get_u32().ok()?).ok()?;
    (len <= rest.len()).then(|| rest.split_to(len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn fields_survive(fields in prop::collection::vec(
            ("[a-z-]{0,12}", prop::collection::vec(any::<u8>(), 0..40)), 0..8
        )) {
            let headers: Vec<Header> = fields
                .into_iter()
                .map(|(name, value)| Header { name, value: value.into() })
                .collect();
            prop_assert_eq!(decode(encode(&headers)), headers);
        }

        #[test]
        fn damaged_blobs_do_not_panic(blob in prop::collection::vec(any::<u8>(), 0..64)) {
            decode(blob);
        }
    }
}
