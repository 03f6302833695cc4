//! A request as a text that is easily read and easily mutated.
//!
//! ```text
//! POST /hook?a=1
//! content-type: application/json
//!
//! {"uuid":"1"}
//! ```
//!
//! Whatever HTTP does not allow is left out: how it is refused is the business of hyper and of the `edge` target.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ringtail_ringcentral::classify::RequestView;
use ringtail_simulate::SimRequest;

/// A request that was read from its text.
#[derive(Debug)]
pub struct TextRequest<'a> {
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> TextRequest<'a> {
    /// Reads any bytes as a request.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Self {
        let (first, mut rest) = line(bytes);
        let mut words = first.splitn(2, |byte| *byte == b' ');
        let method = Method::from_bytes(words.next().unwrap_or_default()).unwrap_or(Method::POST);
        let below = String::from_utf8_lossy(words.next().unwrap_or_default());
        let (path, query) = match below.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (below.into_owned(), None),
        };
        let mut headers = HeaderMap::new();
        loop {
            let (field, after) = line(rest);
            rest = after;
            if field.is_empty() {
                break;
            }
            let mut parts = field.splitn(2, |byte| *byte == b':');
            let name = HeaderName::from_bytes(parts.next().unwrap_or_default());
            let value = HeaderValue::from_bytes(parts.next().unwrap_or_default().trim_ascii());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        Self {
            method,
            path,
            query,
            headers,
            body: rest,
        }
    }

    /// Returns the request as the classifier sees it.
    #[must_use]
    pub fn view(&self) -> RequestView<'_> {
        RequestView {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            body: self.body,
        }
    }
}

/// Writes the text of a request; `below` is the path with the query, and `end` ends each line.
#[must_use]
pub fn write(request: &SimRequest, first_line: &str, end: &str) -> Vec<u8> {
    let mut text = format!("{first_line}{end}").into_bytes();
    for (name, value) in &request.headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(end.as_bytes());
    }
    text.extend_from_slice(end.as_bytes());
    text.extend_from_slice(&request.body);
    text
}

/// Writes the text of a request with a JSON body.
#[must_use]
pub fn with_json_body(body: &[u8]) -> Vec<u8> {
    [b"POST /\ncontent-type: application/json\n\n", body].concat()
}

/// Splits off the first line, without its end.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let line = &bytes[..end];
            (line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..])
        }
        None => (bytes, &[]),
    }
}
