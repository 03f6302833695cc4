//! The relay's responses to callers.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};
use ringtail_ringcentral::validation::VALIDATION_TOKEN;

use crate::app_body::AppBody;
use crate::limits::RETRY_AFTER;

/// A response whose body is the relay's own, or an app's.
pub(crate) type RelayResponse = Response<Either<Full<Bytes>, Box<AppBody>>>;

/// Returns a response without a body.
pub(crate) fn empty(status: StatusCode) -> RelayResponse {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}

/// Returns the response to a validation request. It must fit 1024 bytes, so it has no other fields.
pub(crate) fn validation(token: HeaderValue) -> RelayResponse {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(VALIDATION_TOKEN, token);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    // Over HTTP/2, too: without it, a proxy may send an empty chunked body.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

pub(crate) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> RelayResponse {
    let mut response = empty(status);
    *response.body_mut() = Either::Left(Full::new(body.into()));
    let content_type = HeaderValue::from_static(content_type);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    response
}

/// Returns a response with one line of text.
pub(crate) fn text(status: StatusCode, line: &'static str) -> RelayResponse {
    with_body(status, "text/plain", line)
}

/// Returns a 503 with `Retry-After`.
pub(crate) fn unavailable(line: &'static str) -> RelayResponse {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, line);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, RETRY_AFTER.into());
    response
}
