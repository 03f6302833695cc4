//! A request whose answer is the app's.

use http::StatusCode;
use ringtail_protocol::event::{Disposition, EventId, Kind};
use ringtail_protocol::path;
use ringtail_ringcentral::classify::Fallback;
use tokio::time::Instant;

use super::NotStored;
use super::received::Received;
use crate::answer::{self, Answer, AnswerBody};
use crate::links::{Asked, NoAnswer, NoPlace, Question};
use crate::metrics::Limit;
use crate::relay::Relay;

/// Asks the app by way of a link, or answers in its place.
pub(super) async fn passthrough(
    relay: &Relay,
    received: &Received,
    fallback: Fallback,
) -> Result<Answer, NotStored> {
    // A request with a body has its share already. What has none is waited for now, too.
    let _share = match received.body.share {
        Some(_) => None,
        None => match relay
            .memory
            .request(Some(received.endpoint), &received.head)
        {
            Some(share) => Some(share),
            None => {
                relay.metrics.limits.hit(Limit::BufferedBytes);
                return Ok(answer::unavailable("the relay is busy\n"));
            }
        },
    };
    let deadline = Instant::now() + relay.limits.passthrough_deadline;
    let mut headers = received.head.headers.clone();
    path::strip_hop_by_hop(&mut headers);
    let mut event: Option<EventId> = None;
    let mut untouched = NoAnswer::NotForwarding;
    let mut tried = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = relay.limits.passthrough_wait.min(left);
        let place = match relay.links.place(received.endpoint, &tried, wait).await {
            Ok(place) => place,
            Err(NoPlace::Offline) => {
                return fall_back(relay, received, fallback, event.map(|_| untouched)).await;
            }
            Err(NoPlace::Busy) => {
                relay.metrics.limits.hit(Limit::PassthroughsPerLink);
                if event.is_none() {
                    received.note(relay, Kind::Passthrough, Disposition::Answered)?;
                }
                return Ok(answer::unavailable("the app is busy\n"));
            }
        };
        tried.push(place.link());
        // Noted before it is handed over, and only with a place on a link in hand, since live means that a client has it.
        let event = match event {
            Some(event) => event,
            None => *event.insert(received.note(relay, Kind::Passthrough, Disposition::Passed)?),
        };
        let question = Question {
            event,
            method: &received.head.method,
            path: received.below(),
            headers: &headers,
            body: received.body.bytes.clone(),
        };
        let asked = place.ask(question, deadline, relay).await;
        match asked {
            Asked::Answer(answer) => {
                return Ok(answer.map(|body| AnswerBody::App(Box::new(body))));
            }
            // No app has seen the request, so another client may have it.
            Asked::None(
                reason @ (NoAnswer::NotForwarding | NoAnswer::NotSent | NoAnswer::Unreachable),
            ) => untouched = reason,
            Asked::None(reason) => {
                let limit = match reason {
                    NoAnswer::Deadline => Some(Limit::PassthroughTime),
                    NoAnswer::HeadTooLarge => Some(Limit::AnswerHeadBytes),
                    _ => None,
                };
                if let Some(limit) = limit {
                    relay.metrics.limits.hit(limit);
                }
                return Ok(no_answer(reason));
            }
        }
    }
}

/// Answers in the app's place. When clients were asked and none reached an app, the event is in the journal as live
/// already; a callback that cannot be asked for again is then stored once more as owed, since the app must get it.
async fn fall_back(
    relay: &Relay,
    received: &Received,
    fallback: Fallback,
    asked: Option<NoAnswer>,
) -> Result<Answer, NotStored> {
    match fallback {
        Fallback::Accept { content_type, body } => {
            received
                .store(relay, Kind::Passthrough, Disposition::Pending)
                .await?;
            Ok(answer::with_body(StatusCode::OK, content_type, body))
        }
        Fallback::Refuse => match asked {
            Some(reason) => Ok(no_answer(reason)),
            None => {
                received.note(relay, Kind::Passthrough, Disposition::Answered)?;
                Ok(answer::unavailable(
                    "no client with an app is connected to this endpoint\n",
                ))
            }
        },
    }
}

fn no_answer(reason: NoAnswer) -> Answer {
    match reason {
        NoAnswer::Deadline => answer::text(
            StatusCode::GATEWAY_TIMEOUT,
            "the app did not answer in time\n",
        ),
        NoAnswer::Unreachable => answer::text(
            StatusCode::BAD_GATEWAY,
            "nothing listens at the app's address\n",
        ),
        NoAnswer::Failed => answer::text(StatusCode::BAD_GATEWAY, "the app gave no HTTP answer\n"),
        NoAnswer::LinkLost => answer::text(
            StatusCode::BAD_GATEWAY,
            "the connection to the app was lost before it answered\n",
        ),
        NoAnswer::HeadTooLarge => answer::text(
            StatusCode::BAD_GATEWAY,
            "the app's answer has more than 64 KiB of header fields\n",
        ),
        NoAnswer::TooLarge => answer::empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        NoAnswer::NotForwarding | NoAnswer::NotSent => {
            answer::unavailable("no app is connected to this endpoint\n")
        }
    }
}
