//! What the operator asks a running relay, apart from what the world sees of it.
//!
//! ```text
//! GET /health    200: the process answers
//! GET /ready     200: events can be stored and requests are taken; 503: not, and a line that says why
//! GET /metrics   numbers for Prometheus
//! ```
//!
//! There are two doors to it: a socket in the data directory, which whoever may read that directory can open, and the
//! address of `--metrics`, if it is given. Nothing here can change the relay, and nothing shows a token, the address of
//! an endpoint, or a byte of an event.

mod door;
mod live;
mod ready;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use ringtail_protocol::event::Timestamp;

pub(crate) use self::door::Doors;
use crate::journal::sqlite::SqliteJournal;
use crate::metrics;
use crate::relay::Relay;

/// What is asked about.
#[derive(Debug)]
pub(crate) struct Ops {
    relay: Arc<Relay>,
    journal: Arc<SqliteJournal>,
    started: Timestamp,
}

type Answer = Response<Full<Bytes>>;

impl Ops {
    pub(crate) fn new(relay: Arc<Relay>, journal: Arc<SqliteJournal>) -> Self {
        Self {
            relay,
            journal,
            started: Timestamp::now(),
        }
    }

    /// Answers one request; its body is not looked at.
    async fn answer<B>(&self, request: Request<B>) -> Result<Answer, Infallible> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n"));
        }
        Ok(match request.uri().path() {
            "/health" => text(StatusCode::OK, "ok\n"),
            "/ready" => self.ready().await,
            "/metrics" => self.metrics(),
            _ => text(
                StatusCode::NOT_FOUND,
                "there is /health, /ready and /metrics\n",
            ),
        })
    }

    async fn ready(&self) -> Answer {
        match ready::check(&self.relay, &self.journal).await {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(reason) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {reason}\n"),
            ),
        }
    }

    fn metrics(&self) -> Answer {
        match self.relay.metrics.encode(&live::registry(self)) {
            Ok(numbers) => with_type(StatusCode::OK, metrics::CONTENT_TYPE, numbers),
            Err(error) => {
                tracing::error!(%error, "metrics not written");
                text(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n")
            }
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    with_type(status, "text/plain; charset=utf-8", body)
}

fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
