//! Requests that the app answers.

use std::collections::VecDeque;
use std::sync::Arc;

use http::StatusCode;
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
use crate::cluster::{Cluster, NoClient, OtherRelay, Terms};
use crate::journal::EndpointKey;
use crate::limits::PASSTHROUGH_BYTES;
use crate::links::passthrough::{LinkRequest, NoResponse, PassthroughRequest, response_of};
use crate::links::registry::{AcquireError, LinkId, PassthroughPermit};
use crate::metrics::Limit;
use crate::response::{self, RelayResponse};
use crate::shutdown::Phase;

/// Fields by which an app would act on the pages of every other endpoint of the relay's host.
const OF_THE_WHOLE_ORIGIN: [&str; 2] = ["clear-site-data", "service-worker-allowed"];

/// Answers with the app's response, or in the app's place.
pub(super) async fn respond(
    edge: &EdgeContext,
    endpoint: &EndpointRecord,
    received: &Received,
) -> Result<RelayResponse, RecordError> {
    match received.callback.fallback() {
        Fallback::Accept => {
            let app = accept(edge, endpoint, received).await?;
            Ok(
                app.unwrap_or_else(|| {
                    response::with_body(StatusCode::OK, "application/json", "{}")
                }),
            )
        }
        Fallback::Refuse => pass(edge, endpoint, received).await,
    }
}

/// Stores a callback that RingCentral sends only once, and returns the app's response if it comes in time.
///
/// The event is durable and pending before a client hears of it, and takes the way of a notification to the app. Only its
/// response is asked for here, so nothing that happens to the client can lose the event or make two of it.
async fn accept(
    edge: &EdgeContext,
    endpoint: &EndpointRecord,
    received: &Received,
) -> Result<Option<RelayResponse>, RecordError> {
    let (event, appended) = edge.recorder.append_durable(received).await?;
    if appended.is_spooled() {
        // Clients would wait for it until RingCentral has given up.
        return Ok(None);
    }
    let app = ask(edge, endpoint, received, || Ok(response_of(event)));
    let app = tokio::select! {
        biased;
        app = app => app.ok(),
        () = edge.shutdown.reached(Phase::GiveUp) => None,
    };
    // A client that does not know the path answers 404, and not with the event's id.
    Ok(app.and_then(|mut app| app.headers_mut().remove(path::EVENT_ID).map(|_| app)))
}

/// Passes the request on to the app of one client.
async fn pass(
    edge: &EdgeContext,
    endpoint: &EndpointRecord,
    received: &Received,
) -> Result<RelayResponse, RecordError> {
    let request = &received.request;
    let mut headers = request.head.headers.clone();
    path::strip_hop_by_hop(&mut headers);
    let peer = request.caller.to_string();
    let mut event: Option<EventId> = None;
    let asked = ask(edge, endpoint, received, || {
        // Appended before it is sent, and only with a permit: `Passed` means that a client has the request.
        let event = match event {
            Some(event) => event,
            None => *event.insert(append(edge, received, Disposition::Passed)?),
        };
        let outgoing = PassthroughRequest {
            event,
            method: &request.head.method,
            path: request.below(),
            peer: &peer,
            names: request.head.extensions.get(),
            headers: &headers,
            body: request.body.clone(),
        };
        outgoing
            .encode()
            .ok_or(NoAnswer::Client(NoResponse::TooLarge))
    });
    let asked = tokio::select! {
        biased;
        asked = asked => asked,
        () = edge.shutdown.reached(Phase::GiveUp) => {
            return Ok(response::unavailable("the relay is restarting\n"));
        }
    };
    let no_answer = match asked {
        Ok(response) => return Ok(response),
        Err(no_answer) => no_answer,
    };
    let (response, event) = match no_answer {
        NoAnswer::Record(error) => return Err(error),
        NoAnswer::Client(reason) => return Ok(no_response(reason)),
        NoAnswer::NoMemory => return Ok(response::unavailable("the relay is busy\n")),
        NoAnswer::Busy => (response::unavailable("the app is busy\n"), event),
        NoAnswer::Offline => {
            let line = "no client with an app is connected to this endpoint\n";
            (response::unavailable(line), event)
        }
    };
    if event.is_none() {
        append(edge, received, Disposition::Answered)?;
    }
    Ok(response)
}

/// Why no app has answered.
#[derive(Debug)]
enum NoAnswer {
    Record(RecordError),
    /// No client was asked: the endpoint, its account or the caller holds all memory that it may.
    NoMemory,
    /// No client was asked: none that forwards is connected.
    Offline,
    /// The client has as many requests as it may.
    Busy,
    Client(NoResponse),
}

impl From<RecordError> for NoAnswer {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// Asks the endpoint's clients until the request may have reached the app of one: this relay's, the newest first, and then those
/// of other relays. `request` makes the request once there is a permit for it.
async fn ask(
    edge: &EdgeContext,
    endpoint: &EndpointRecord,
    received: &Received,
    mut request: impl FnMut() -> Result<LinkRequest, NoAnswer>,
) -> Result<RelayResponse, NoAnswer> {
    let limits = &edge.limits;
    let from = received.request.caller;
    let no_memory = || {
        edge.metrics.limits.hit(Limit::BufferedBytes);
        NoAnswer::NoMemory
    };
    let owners = edge.owners(endpoint, from);
    let memory = edge
        .api
        .memory
        .take(owners, request_bytes(&received.request.head));
    let mut memory = memory.ok_or_else(no_memory)?;
    let caller = edge.api.proxies.owner(from);
    let deadline = Instant::now() + limits.passthrough_deadline;
    let mut untouched = None;
    let mut tried = Vec::new();
    let mut elsewhere = Elsewhere::default();
    let mut has_memory = false;
    let busy = || {
        edge.metrics.limits.hit(Limit::PassthroughsPerLink);
        NoAnswer::Busy
    };
    loop {
        let patience = deadline.min(Instant::now() + limits.passthrough_wait);
        let wait = patience.saturating_duration_since(Instant::now());
        let way = match edge.links.acquire(endpoint.key, caller, &tried, wait).await {
            Ok(permit) => Some(Way::Link(permit)),
            Err(AcquireError::Offline) => elsewhere.next(edge, endpoint.key).await,
            Err(AcquireError::Busy) => return Err(busy()),
        };
        let Some(way) = way else {
            return Err(untouched.map_or(NoAnswer::Offline, NoAnswer::Client));
        };
        // Requests that wait for a permit hold no memory.
        if !has_memory {
            let grown = memory.grow_until(PASSTHROUGH_BYTES, patience);
            grown.await.ok_or_else(no_memory)?;
            has_memory = true;
        }
        let sent = match way {
            Way::Link(permit) => {
                tried.push(permit.link());
                let sent = permit.send(request()?, deadline).await;
                sent.map(|(response, permit)| (response, Some(permit)))
            }
            Way::Relay(cluster, relay) => {
                let terms = Terms {
                    endpoint: endpoint.key,
                    caller,
                    tried: elsewhere.tried.clone(),
                    within: deadline.saturating_duration_since(Instant::now()),
                };
                let carried = cluster.carry(&relay, request()?, terms, deadline, &edge.shutdown);
                let (link, carried) = carried.await;
                elsewhere.asked(link);
                match carried {
                    Ok(response) => Ok((response, None)),
                    Err(NoClient::Offline) => continue,
                    Err(NoClient::Busy) => return Err(busy()),
                    Err(NoClient::Link(reason)) => Err(reason),
                }
            }
        };
        match sent {
            Ok((mut response, permit)) => {
                if received.request.shares_origin() {
                    for name in OF_THE_WHOLE_ORIGIN {
                        response.headers_mut().remove(name);
                    }
                }
                return Ok(response.map(|body| {
                    Either::Right(Box::new(AppBody::new(
                        body,
                        permit,
                        memory,
                        limits.answer_idle_timeout,
                        &edge.shutdown.connections,
                        edge.metrics.limits.clone(),
                    )))
                }));
            }
            // Another client may have it.
            Err(reason) if reason.is_untouched() => untouched = Some(reason),
            Err(reason) => {
                match reason {
                    NoResponse::Deadline => edge.metrics.limits.hit(Limit::PassthroughTime),
                    NoResponse::HeadTooLarge => edge.metrics.limits.hit(Limit::AnswerHeadBytes),
                    _ => {}
                }
                return Err(NoAnswer::Client(reason));
            }
        }
    }
}

/// A way to a client.
#[derive(Debug)]
enum Way {
    Link(PassthroughPermit),
    Relay(Arc<Cluster>, OtherRelay),
}

/// The other relays that have links of an endpoint.
#[derive(Debug, Default)]
struct Elsewhere {
    /// Those that may have a link that was not tried; `None` until that was looked up.
    relays: Option<VecDeque<OtherRelay>>,
    /// Links of the first one.
    tried: Vec<LinkId>,
}

impl Elsewhere {
    async fn next(&mut self, edge: &EdgeContext, endpoint: EndpointKey) -> Option<Way> {
        let cluster = edge.cluster.as_ref()?;
        let relays = match &self.relays {
            Some(relays) => relays,
            None => self
                .relays
                .insert(cluster.relays_with(endpoint).await.into()),
        };
        let relay = relays.front()?.clone();
        Some(Way::Relay(cluster.clone(), relay))
    }

    /// Notes the link that the first relay tried; none if it has no other one.
    fn asked(&mut self, link: Option<LinkId>) {
        match (link, &mut self.relays) {
            (Some(link), _) => self.tried.push(link),
            (None, Some(relays)) => {
                relays.pop_front();
                self.tried.clear();
            }
            (None, None) => {}
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

fn no_response(reason: NoResponse) -> RelayResponse {
    let (status, line) = match reason {
        NoResponse::Deadline | NoResponse::TimedOut => (
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
