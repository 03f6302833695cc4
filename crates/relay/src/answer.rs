//! What the relay answers, and the few answers that are its own.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use ringtail_ringcentral::validation::VALIDATION_TOKEN;

use crate::limits::RETRY_AFTER;
use crate::links::{AppBody, AppBodyError};

/// An answer on its way to the caller.
pub(crate) type Answer = Response<AnswerBody>;

/// Body of an answer.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// The relay's own; `None` when it is sent or empty.
    Own(Option<Bytes>),
    /// An app's.
    App(Box<AppBody>),
}

/// Returns an answer without a body. HTTP adds the length and the date, and nothing adds more.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(AnswerBody::Own(None));
    *answer.status_mut() = status;
    answer
}

/// Returns the answer to a validation. It has to fit 1024 bytes, so nothing else is in it.
pub(crate) fn validation(token: HeaderValue) -> Answer {
    let mut answer = empty(StatusCode::OK);
    let headers = answer.headers_mut();
    headers.insert(VALIDATION_TOKEN, token);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    // Said also over HTTP/2, where a proxy that is not told frames an empty body in chunks.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    answer
}

/// Returns an answer with a body of the relay's own.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(AnswerBody::Own(Some(body.into())));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// Returns a line of text for whoever reads answers.
pub(crate) fn text(status: StatusCode, line: &'static str) -> Answer {
    with_body(status, "text/plain", line)
}

/// Returns a 503 that says when to come again.
pub(crate) fn unavailable(line: &'static str) -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, line);
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, RETRY_AFTER.into());
    answer
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AppBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AppBodyError>>> {
        match &mut *self {
            Self::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::App(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::App(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => {
                let len = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(len).unwrap_or(u64::MAX))
            }
            Self::App(body) => body.size_hint(),
        }
    }
}
