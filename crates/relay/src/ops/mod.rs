//! What the operator asks a running relay, apart from what the world sees of it.
//!
//! ```text
//! GET /health    200: the process answers
//! GET /ready     200: events can be stored and requests are taken; 503: not, and a line that says why
//! GET /metrics   numbers for Prometheus
//! GET /status    all that `ringtail-relay status` shows; only at the socket
//! ```
//!
//! There are two doors to it: a socket in the data directory, which whoever may read that directory can open, and the
//! address of `--metrics`, if it is given. Nothing here can change the relay, and nothing shows a token, the address of
//! an endpoint, or a byte of an event.

mod door;
mod live;
mod ready;
mod status;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use ringtail_protocol::event::Timestamp;
use tokio::sync::watch;

pub(crate) use self::door::Doors;
pub(crate) use self::status::{Status, time};
use crate::hosts::Hosts;
use crate::journal::Journal;
use crate::links::registry::Links;
use crate::metrics::{self, Metrics};
use crate::recent::RecentLog;
use crate::shutdown::Shutdown;
use crate::store::DataDir;
use crate::survey::{self, Survey};
use crate::tls::CertificateState;

/// What is asked about.
#[derive(Debug)]
pub(crate) struct Ops {
    pub(crate) links: Arc<Links>,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) dir: DataDir,
    pub(crate) certificate: watch::Receiver<CertificateState>,
    pub(crate) recent: RecentLog,
    pub(crate) started: Timestamp,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// Whoever can open the socket in the data directory, and so could read the database.
    Owner,
    /// Whoever reaches the address of `--metrics`.
    Anybody,
}

type Answer = Response<Full<Bytes>>;

impl Ops {
    /// Answers one request; its body is not looked at.
    async fn answer<B>(&self, caller: Caller, request: Request<B>) -> Result<Answer, Infallible> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n"));
        }
        Ok(match request.uri().path() {
            "/health" => text(StatusCode::OK, "ok\n"),
            "/ready" => self.ready().await,
            "/metrics" => self.metrics().await,
            "/status" if caller == Caller::Owner => self.status().await,
            _ => text(
                StatusCode::NOT_FOUND,
                "there is /health, /ready and /metrics\n",
            ),
        })
    }

    async fn ready(&self) -> Answer {
        match ready::check(self).await {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(reason) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {reason}\n"),
            ),
        }
    }

    async fn metrics(&self) -> Answer {
        let survey = self.survey().await;
        match self.metrics.encode(&live::registry(self, survey.as_ref())) {
            Ok(numbers) => with_type(StatusCode::OK, metrics::CONTENT_TYPE, numbers),
            Err(error) => {
                tracing::error!(%error, "metrics not written");
                text(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n")
            }
        }
    }

    async fn status(&self) -> Answer {
        let Some(survey) = self.survey().await else {
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the database cannot be read\n",
            );
        };
        let status = status::of(self, &survey).await;
        match serde_json::to_vec(&status) {
            Ok(json) => with_type(StatusCode::OK, "application/json", json),
            Err(error) => {
                tracing::error!(%error, "status not written");
                text(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n")
            }
        }
    }

    /// Looks through the database, if it can be.
    async fn survey(&self) -> Option<Survey> {
        let (dir, cursors) = (self.dir.clone(), self.links.cursors());
        let looked = tokio::task::spawn_blocking(move || survey::survey(&dir, &cursors));
        match looked.await {
            Ok(Ok(survey)) => Some(survey),
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the database was not looked through");
                None
            }
            Err(_the_runtime_ends) => None,
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
