//! The answer to RingCentral's validation (docs/RINGCENTRAL.md 1.2 to 1.5).
//!
//! The answer is `200`, the token unchanged, `Content-Type: application/json`, `Content-Length: 0`, `Date`,
//! and nothing else. This module decides only whether the token can be echoed; the edge writes the answer.

use std::error::Error;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::ANSWER_MAX_BYTES;

/// The header that RingCentral sends and wants back (section 1.3, required response).
pub const VALIDATION_TOKEN: HeaderName = HeaderName::from_static("validation-token");

/// Returns the header value to echo.
///
/// Of repeated headers the first counts; RingCentral sends one.
///
/// # Errors
///
/// When there is no token, or none that an answer within RingCentral's 1024 bytes can carry. The edge answers
/// 400 to these: echoing part of a token would only move the failure to where no log shows it.
pub fn answer_token(headers: &HeaderMap) -> Result<&HeaderValue, ValidationError> {
    let token = headers
        .get(VALIDATION_TOKEN)
        .ok_or(ValidationError::Missing)?;
    if token.as_bytes().trim_ascii().is_empty() {
        return Err(ValidationError::Empty);
    }
    if token.len() > TOKEN_MAX_BYTES {
        return Err(ValidationError::TooLong { bytes: token.len() });
    }
    if token.to_str().is_err() {
        return Err(ValidationError::NotText);
    }
    Ok(token)
}

/// What became of a validation's token in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Echo {
    /// Unknown, or no token was sent.
    #[default]
    Unknown,
    /// The token came back.
    Returned,
    /// The answer has no such header.
    Missing,
    /// The answer has the header with another value.
    Differs,
}

/// Holds the headers of an answer against those of its validation. Of repeated headers the first counts, on both sides.
pub fn echo(asked: &HeaderMap, answered: &HeaderMap) -> Echo {
    match (asked.get(VALIDATION_TOKEN), answered.get(VALIDATION_TOKEN)) {
        (None, _) => Echo::Unknown,
        (Some(_), None) => Echo::Missing,
        (sent, given) if sent == given => Echo::Returned,
        _ => Echo::Differs,
    }
}

/// Longest token that leaves the whole answer below RingCentral's limit. An answer of exactly that size has failed (section 1.3).
pub const TOKEN_MAX_BYTES: usize = ANSWER_MAX_BYTES - 1 - OVERHEAD.len();

/// The whole answer but for the token, as HTTP/1.0 writes it for a caller who keeps the connection. Others are shorter.
const OVERHEAD: &str = "HTTP/1.1 200 OK\r\n\
    validation-token: \r\n\
    content-type: application/json\r\n\
    content-length: 0\r\n\
    date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    connection: keep-alive\r\n\
    \r\n";

/// Why a validation cannot be answered as RingCentral wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidationError {
    /// There is no `Validation-Token` header.
    Missing,
    /// The token is empty or blank, and an empty header proves nothing to RingCentral.
    Empty,
    /// The answer would exceed 1024 bytes.
    TooLong {
        /// Length of the token.
        bytes: usize,
    },
    /// The token has bytes outside visible ASCII, which proxies between here and RingCentral may drop or refuse.
    NotText,
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no Validation-Token header"),
            Self::Empty => f.write_str("the Validation-Token header is empty"),
            Self::TooLong { bytes } => write!(
                f,
                "the Validation-Token is {bytes} bytes long, and an answer of {ANSWER_MAX_BYTES} bytes holds at most {TOKEN_MAX_BYTES}"
            ),
            Self::NotText => f.write_str("the Validation-Token is not plain ASCII"),
        }
    }
}

impl Error for ValidationError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::wire_size;

    fn headers(token: &[u8]) -> HeaderMap {
        let value = HeaderValue::from_bytes(token).unwrap();
        HeaderMap::from_iter([(VALIDATION_TOKEN, value)])
    }

    #[test]
    fn token_comes_back_as_it_came() {
        let headers = headers(b"  a-B c\t9 ");
        assert_eq!(answer_token(&headers).unwrap().as_bytes(), b"  a-B c\t9 ");
    }

    #[test]
    fn longest_token_leaves_the_answer_below_the_limit() {
        let mut answer = headers("x".repeat(TOKEN_MAX_BYTES).as_bytes());
        assert_eq!(
            answer_token(&answer).map(HeaderValue::len),
            Ok(TOKEN_MAX_BYTES)
        );
        answer.insert("content-type", HeaderValue::from_static("application/json"));
        answer.insert("content-length", HeaderValue::from_static("0"));
        answer.insert(
            "date",
            HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"),
        );
        answer.insert("connection", HeaderValue::from_static("keep-alive"));
        assert_eq!(wire_size(200, &answer, 0), ANSWER_MAX_BYTES as u64 - 1);
    }

    #[test]
    fn tokens_that_cannot_be_echoed_are_named() {
        let long = vec![b'x'; TOKEN_MAX_BYTES + 1];
        let cases: [(HeaderMap, ValidationError); 5] = [
            (HeaderMap::new(), ValidationError::Missing),
            (headers(b""), ValidationError::Empty),
            (headers(b" \t"), ValidationError::Empty),
            (
                headers(&long),
                ValidationError::TooLong {
                    bytes: TOKEN_MAX_BYTES + 1,
                },
            ),
            (headers("t\u{f6}ken".as_bytes()), ValidationError::NotText),
        ];
        for (headers, error) in cases {
            assert_eq!(answer_token(&headers), Err(error));
            assert!(error.to_string().contains("Validation-Token"));
        }
    }

    #[test]
    fn only_the_token_that_was_sent_is_its_echo() {
        let (none, sent, other) = (HeaderMap::new(), headers(b"aB-1"), headers(b"ab-1"));
        assert_eq!(echo(&none, &sent), Echo::Unknown);
        assert_eq!(echo(&sent, &none), Echo::Missing);
        assert_eq!(echo(&sent, &other), Echo::Differs);
        assert_eq!(echo(&sent, &sent), Echo::Returned);
    }

    #[test]
    fn first_of_repeated_tokens_counts() {
        let mut headers = headers(b"one");
        headers.append(VALIDATION_TOKEN, HeaderValue::from_static("two"));
        assert_eq!(answer_token(&headers).unwrap(), "one");
    }
}
