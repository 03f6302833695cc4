//! Requests that the app answers.

use http::{Response, StatusCode};
use http_body_util::Either;
use ringtail_protocol::event::{Disposition, EventId, Kind};
use ringtail_protocol::path;
use ringtail_ringcentral::classify::Fallback;
use tokio::time::Instant;

use super::context::EdgeContext;
use super::received::Received;
use super::recorder::RecordError;
use crate::accounts::EndpointRecord;
use crate::app_body::AppBody;
use crate::budget::request_bytes;
use crate::limits::PASSTHROUGH_BYTES;
use crate::links::passthrough::{NoResponse, PassthroughRequest};
use crate::links::registry::AcquireError;
use crate::metrics::Limit;
use crate::response::{self, RelayResponse};

/// Fields by which an app would act on the pages of every other endpoint of the relay's host.
const OF_THE_WHOLE_ORIGIN: [&str; 2] = ["clear-site-data", "service-worker-allowed"];

/// Sends the request to the app over a link, or answers in its place.
pub(super) async fn respond(
    edge: &EdgeContext,
    endpoint: &EndpointRecord,
    received: &Received,
) -> Result<RelayResponse, RecordError> {
    let request = &received.request;
    let owners = edge.owners(endpoint, request.caller);
    let no_memory = || {
        edge.metrics.limits.hit(Limit::BufferedBytes);
        Ok(response::unavailable("the relay is busy\n"))
    };
    let Some(mut memory) = edge.memory.take(owners, request_bytes(&request.head)) else {
        return no_memory();
    };
    let caller = edge.api.proxies.owner(request.caller);
    let deadline = Instant::now() + edge.limits.passthrough_deadline;
    let mut headers = request.head.headers.clone();
    path::strip_hop_by_hop(&mut headers);
    let mut event: Option<EventId> = None;
    let mut untouched = NoResponse::NotForwarding;
    let mut tried = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = edge.limits.passthrough_wait.min(left);
        let permit = match edge
            .links
            .acquire(request.endpoint, caller, &tried, wait)
            .await
        {
            Ok(permit) => permit,
            Err(AcquireError::Offline) => {
                return fall_back(edge, received, event.map(|_| untouched)).await;
            }
            Err(AcquireError::Busy) => {
                edge.metrics.limits.hit(Limit::PassthroughsPerLink);
                if event.is_none() {
                    append(edge, received, Disposition::Answered)?;
                }
                return Ok(response::unavailable("the app is busy\n"));
            }
        };
        // Requests that wait for a permit hold none of it.
        if tried.is_empty() && memory.grow(PASSTHROUGH_BYTES).is_none() {
            return no_memory();
        }
        tried.push(permit.link());
        // Appended before it is sent, and only with a permit: `Passed` means that a client has the request.
        let event = match event {
            Some(event) => event,
            None => *event.insert(append(edge, received, Disposition::Passed)?),
        };
        let outgoing = PassthroughRequest {
            event,
            method: &request.head.method,
            path: request.below(),
            headers: &headers,
            body: request.body.clone(),
        };
        match permit.send(outgoing, deadline).await {
            Ok((response, permit)) => {
                let (head, body) = response.into_parts();
                let body = AppBody::new(
                    body,
                    permit,
                    memory,
                    edge.limits.answer_idle_timeout,
                    &edge.shutdown.connections,
                    edge.metrics.limits.clone(),
                );
                let mut response = Response::new(Either::Right(Box::new(body)));
                *response.status_mut() = head.status;
                *response.headers_mut() = head.headers;
                if request.shares_origin() {
                    for name in OF_THE_WHOLE_ORIGIN {
                        response.headers_mut().remove(name);
                    }
                }
                return Ok(response);
            }
            // Another client may have it.
            Err(reason) if reason.is_untouched() => untouched = reason,
            Err(reason) => {
                match reason {
                    NoResponse::Deadline => edge.metrics.limits.hit(Limit::PassthroughTime),
                    NoResponse::HeadTooLarge => edge.metrics.limits.hit(Limit::AnswerHeadBytes),
                    _ => {}
                }
                return Ok(no_response(reason));
            }
        }
    }
}

fn append(
    edge: &EdgeContext,
    received: &Received,
    disposition: Disposition,
) -> Result<EventId, RecordError> {
    let recorder = &edge.recorder;
    recorder.append_detached(received, Kind::Passthrough, disposition)
}

/// Answers in the app's place. `sent` is why no client reached an app; without it, no client was asked. A callback that
/// RingCentral sends only once is stored as pending, even if it has been stored as passed before: the app must get it.
async fn fall_back(
    edge: &EdgeContext,
    received: &Received,
    sent: Option<NoResponse>,
) -> Result<RelayResponse, RecordError> {
    if let Fallback::Accept { content_type, body } = received.callback.fallback() {
        edge.recorder
            .append_durable(received, Kind::Passthrough, Disposition::Pending)
            .await?;
        return Ok(response::with_body(StatusCode::OK, content_type, body));
    }
    if let Some(reason) = sent {
        return Ok(no_response(reason));
    }
    append(edge, received, Disposition::Answered)?;
    Ok(response::unavailable(
        "no client with an app is connected to this endpoint\n",
    ))
}

fn no_response(reason: NoResponse) -> RelayResponse {
    let (status, line) = match reason {
        NoResponse::Deadline => (
            StatusCode::GATEWAY_TIMEOUT,
            "the app did not answer in time\n",
        ),
        NoResponse::Unreachable => (
            StatusCode::BAD_GATEWAY,
            "nothing listens at the app's address\n",
        ),
        NoResponse::Failed => (
            StatusCode::BAD_GATEWAY,
            "the app did not send an HTTP response\n",
        ),
        NoResponse::LinkLost => (
            StatusCode::BAD_GATEWAY,
            "the connection to the app was lost before it answered\n",
        ),
        NoResponse::HeadTooLarge => (
            StatusCode::BAD_GATEWAY,
            "the app's answer has more than 64 KiB of header fields\n",
        ),
        NoResponse::TooLarge => {
            return response::empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        NoResponse::NotForwarding | NoResponse::NotSent => {
            return response::unavailable("no app is connected to this endpoint\n");
        }
    };
    response::text(status, line)
}
