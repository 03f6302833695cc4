//! Encoding of a request from the pieces that hyper hands out, without building a [`Request`] first: the edge does
//! this once per request, on its hot path.

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName};

use super::{EncodeError, EncodedRequest, MAX_HEADERS, Request, fit};
use crate::field_names::FieldNames;
use crate::path::HopByHop;

/// A request as hyper holds it, with its body read.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// Method, as sent.
    pub method: &'a str,
    /// Path below the endpoint with the query, as sent: empty, or it starts with `/` or `?`.
    pub path: &'a str,
    /// Address of the caller, as the relay saw it.
    pub peer: &'a str,
    /// All header fields; those that concern one hop only are left out of the encoding.
    pub headers: &'a HeaderMap,
    /// Their names as sent, if known.
    pub names: Option<&'a FieldNames>,
    /// Body, after transfer decoding and nothing else.
    pub body: &'a [u8],
}

impl RequestParts<'_> {
    /// Encodes the request.
    ///
    /// # Errors
    /// When a part does not fit its length field or there are more than [`MAX_HEADERS`] fields.
    pub fn encode(&self) -> Result<EncodedRequest, EncodeError> {
        let hop = HopByHop::of(self.headers);
        if let Some(fields) = (self.names).and_then(|names| names.fields(self.headers)) {
            let kept = || {
                let kept = fields.iter().filter(|field| !hop.has(field.name));
                kept.map(|field| (field.sent, field.value))
            };
            return encode(self.method, self.path, self.peer, kept, self.body);
        }
        let kept = || {
            self.headers
                .iter()
                .filter(|(name, _)| !hop.has(name))
                .map(|(name, value)| (HeaderName::as_str(name), value.as_bytes()))
        };
        encode(self.method, self.path, self.peer, kept, self.body)
    }
}

impl Request {
    /// Encodes the request.
    ///
    /// # Errors
    /// When a part does not fit its length field or there are more than [`MAX_HEADERS`] fields.
    pub fn encode(&self) -> Result<EncodedRequest, EncodeError> {
        let fields = || {
            self.headers
                .iter()
                .map(|header| (header.name.as_str(), &*header.value))
        };
        encode(&self.method, &self.path, &self.peer, fields, &self.body)
    }
}

/// `headers` is walked twice, once to know the size, so that there is one allocation of exactly that.
fn encode<'a, I: Iterator<Item = (&'a str, &'a [u8])>>(
    method: &str,
    path: &str,
    peer: &str,
    headers: impl Fn() -> I,
    body: &[u8],
) -> Result<EncodedRequest, EncodeError> {
    let (count, bytes) = headers().fold((0, 0), |(count, bytes), (name, value)| {
        (count + 1, bytes + 2 + name.len() + 4 + value.len())
    });
    if count > MAX_HEADERS {
        return Err(EncodeError {
            field: "header count",
        });
    }
    let fixed = 1 + 4 + 1 + 2;
    let len = fixed + method.len() + path.len() + peer.len() + bytes + body.len();
    let mut out = BytesMut::with_capacity(len);
    out.put_u8(fit(method.len(), "method")?);
    out.put_slice(method.as_bytes());
    out.put_u32(fit(path.len(), "path")?);
    out.put_slice(path.as_bytes());
    out.put_u8(fit(peer.len(), "peer")?);
    out.put_slice(peer.as_bytes());
    out.put_u16(fit(count, "header count")?);
    for (name, value) in headers() {
        out.put_u16(fit(name.len(), "header name")?);
        out.put_slice(name.as_bytes());
        out.put_u32(fit(value.len(), "header value")?);
        out.put_slice(value);
    }
    out.put_slice(body);
    Ok(EncodedRequest(out.freeze()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::super::Header;
    use super::*;

    #[test]
    fn parts_encode_as_the_request_does() {
        let mut headers = HeaderMap::new();
        headers.append("connection", HeaderValue::from_static("close, X-Hop"));
        headers.append("x-hop", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_bytes(b"\xff2").unwrap());
        headers.append("host", HeaderValue::from_static("relay"));
        let parts = RequestParts {
            method: "POST",
            path: "/hook?a=%20",
            peer: "192.0.2.1:1",
            headers: &headers,
            names: None,
            body: b"{}",
        };
        let field = |name: &str, value: &'static [u8]| Header {
            name: name.to_owned(),
            value: Bytes::from_static(value),
        };
        let request = Request {
            method: "POST".to_owned(),
            path: "/hook?a=%20".to_owned(),
            peer: "192.0.2.1:1".to_owned(),
            headers: vec![
                field("x-a", b"1"),
                field("x-a", b"\xff2"),
                field("host", b"relay"),
            ],
            body: Bytes::from_static(b"{}"),
        };
        let encoded = parts.encode().unwrap();
        assert_eq!(encoded, request.encode().unwrap());
        assert_eq!(encoded.decode().unwrap(), request);
    }
}
