//! Passthroughs: the caller waits, so the app's answer streams back to it while it is recorded.
//!
//! The request to the target runs in a task of its own. A caller that goes away, before the answer or in the
//! middle of it, does not end it: the answer is read to its end and recorded, because what the app did is worth
//! seeing also when nobody waited for it.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{StatusCode, response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use ringtail_protocol::event::EventId;
use ringtail_protocol::path::strip_hop_by_hop;

use super::send::{Delivery, Draft, OutgoingBody, Sender};
use ringtail_model::signature::SignaturePolicy;
use ringtail_model::{Cause, FailureKind};
use ringtail_outbound::failure::{RequestBroken, SendFailure};
use ringtail_store::History;

/// Pieces of an answer that wait for a slow caller; then the app waits too.
const ANSWER_QUEUE: usize = 16;

/// Hands passthrough requests to the target and records them. Clones work for the same target.
#[derive(Debug, Clone)]
pub struct Passthrough {
    history: History,
    sender: Sender,
    tasks: TaskTracker,
    cancel: CancellationToken,
    guard: Option<SignaturePolicy>,
}

impl Passthrough {
    /// Makes one. `tasks` owns what is in flight; `cancel` ends it, and what was going on is recorded as
    /// broken off.
    #[must_use]
    pub fn new(
        history: History,
        sender: Sender,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            history,
            sender,
            tasks,
            cancel,
            guard: None,
        }
    }

    /// Lets a guard decide which requests may reach the target; the caller asks it.
    #[must_use]
    pub fn guarded(mut self, guard: Option<SignaturePolicy>) -> Self {
        self.guard = guard;
        self
    }

    /// Returns the guard, if there is one.
    #[must_use]
    pub fn guard(&self) -> Option<&SignaturePolicy> {
        self.guard.as_ref()
    }

    /// Sends the caller's request to the target and returns the answer as soon as its head is there. The
    /// attempt is recorded when the answer has ended, whatever becomes of this future and of the body.
    ///
    /// `below` is the path below the endpoint with the query; the request's own URL is not looked at.
    ///
    /// # Errors
    /// When the target gives no answer; the attempt is recorded all the same.
    pub async fn passthrough<B>(
        &self,
        event: EventId,
        below: &str,
        peer: Option<&str>,
        request: http::Request<B>,
    ) -> Result<http::Response<PassthroughBody>, SendFailure>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let mut fields = head.headers;
        self.sender
            .rewrite(&mut fields, event, peer, Cause::Passthrough);
        let body = body
            .map_err(|error| Box::new(RequestBroken(error.into())) as Box<dyn Error + Send + Sync>)
            .boxed_unsync();
        let mut draft = Draft::new(event, Cause::Passthrough, self.sender.target().to_string());
        let outgoing = match self.sender.build(head.method, below, fields, body) {
            Ok(outgoing) => outgoing,
            Err(failure) => {
                record(&self.history, draft.failed(failure.clone())).await;
                return Err(failure);
            }
        };
        draft.target = outgoing.uri().to_string();
        let (answer, answered) = oneshot::channel();
        let run = Run {
            draft,
            history: self.history.clone(),
            sender: self.sender.clone(),
            cancel: self.cancel.clone(),
        };
        self.tasks.spawn(run.run(outgoing, answer));
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

async fn record(history: &History, delivery: Delivery) {
    if let Err(error) = history.record_attempt(delivery.attempt, false).await {
        tracing::error!(%error, "a passthrough request could not be recorded");
    }
}

/// The app's answer on its way to the caller. An answer that breaks off ends with an error, so that the caller
/// does not take a part for the whole.
#[derive(Debug)]
pub struct PassthroughBody {
    pieces: mpsc::Receiver<Piece>,
    /// Bytes that are still to come, when the app has said how many there are.
    left: Option<u64>,
    ended: bool,
}

#[derive(Debug)]
enum Piece {
    Frame(Frame<Bytes>),
    End,
    Broken(SendFailure),
}

impl Body for PassthroughBody {
    type Data = Bytes;
    type Error = SendFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendFailure>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = ready!(self.pieces.poll_recv(cx));
        self.ended = !matches!(piece, Some(Piece::Frame(_)));
        if let (Some(Piece::Frame(frame)), Some(left)) = (&piece, self.left) {
            let taken = frame.data_ref().map_or(0, Bytes::len);
            self.left = Some(left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX)));
        }
        Poll::Ready(match piece {
            Some(Piece::Frame(frame)) => Some(Ok(frame)),
            Some(Piece::End) => None,
            Some(Piece::Broken(failure)) => Some(Err(failure)),
            // The task gave up before the end: it was stopped, or this side has not read for too long.
            None => Some(Err(stopped())),
        })
    }

    /// Lets the last bytes of an answer of known length end the stream. An end that came after them would find a relay
    /// that has the whole answer and has dropped the stream, which HTTP/2 counts as an error of the link.
    fn is_end_stream(&self) -> bool {
        self.ended || self.left == Some(0)
    }
}

type Answer = Result<http::Response<PassthroughBody>, SendFailure>;

struct Run {
    draft: Draft,
    history: History,
    sender: Sender,
    cancel: CancellationToken,
}

impl Run {
    async fn run(self, outgoing: http::Request<OutgoingBody>, answer: oneshot::Sender<Answer>) {
        let Self {
            mut draft,
            history,
            sender,
            cancel,
        } = self;
        let head = tokio::select! {
            // An answer that is there is worth more than a fast stop.
            biased;
            head = sender.head(outgoing, || ()) => Some(head),
            () = cancel.cancelled() => None,
        };
        let delivery = match head {
            Some((began, Ok(response))) => {
                draft.began = began;
                let (head, body) = pass_on(response, &mut draft);
                let (caller, pieces) = mpsc::channel(ANSWER_QUEUE);
                let passed_on = PassthroughBody {
                    pieces,
                    left: body.size_hint().exact(),
                    ended: false,
                };
                // Nobody may be waiting any more; the answer is recorded all the same.
                drop(answer.send(Ok(head.map(|()| passed_on))));
                pump(draft, body, caller, &sender, &cancel).await
            }
            Some((began, Err(failure))) => {
                draft.began = began;
                drop(answer.send(Err(failure.clone())));
                draft.failed(failure)
            }
            None => {
                drop(answer.send(Err(stopped())));
                draft.failed(stopped())
            }
        };
        record(&history, delivery).await;
    }
}

/// Takes the head of the answer apart: what the caller gets, and the body that is yet to come.
fn pass_on(
    response: http::Response<Incoming>,
    draft: &mut Draft,
) -> (http::Response<()>, Incoming) {
    let (mut head, body) = response.into_parts();
    draft.answered(&head);
    state_length_once(&mut head);
    strip_hop_by_hop(&mut head.headers);
    (http::Response::from_parts(head, ()), body)
}

/// Leaves `Content-Length` as an answer may have it (RFC 9110, 8.6; RFC 9112, 6.3): once, not beside chunks, and not
/// where there is no body. HTTP/1.1 apps are forgiven what HTTP/2 counts as a broken answer, on the link and at the
/// caller.
fn state_length_once(head: &mut response::Parts) {
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    // hyper has refused lengths that differ.
    let length = head.headers.remove(CONTENT_LENGTH);
    if let Some(length) = length
        && !chunked
        && head.status != StatusCode::NO_CONTENT
    {
        head.headers.insert(CONTENT_LENGTH, length);
    }
}

/// Reads the answer to its end and passes it on while somebody takes it.
async fn pump<B>(
    mut draft: Draft,
    mut body: B,
    caller: mpsc::Sender<Piece>,
    sender: &Sender,
    cancel: &CancellationToken,
) -> Delivery
where
    B: Body<Data = Bytes, Error: Error + 'static> + Unpin,
{
    let patience = sender.options().answer_timeout;
    // A caller that reads may take its time; once it is gone, the rest of the answer has a deadline.
    let mut caller = Some(caller);
    let mut alone_since = Instant::now();
    let failure = loop {
        if caller.as_ref().is_none_or(mpsc::Sender::is_closed) {
            caller = None;
        } else {
            alone_since = Instant::now();
        }
        let frame = tokio::select! {
            biased;
            frame = timeout_at(alone_since + patience, body.frame()) => frame,
            () = cancel.cancelled() => break stopped(),
        };
        match frame {
            Ok(None) => {
                if let Some(caller) = caller {
                    // Who does not take the end in time sees the channel close instead.
                    drop(caller.send_timeout(Piece::End, patience).await);
                }
                return draft.finished();
            }
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    draft.push(data);
                }
                let Some(open) = &caller else {
                    if draft.is_full() {
                        return draft.finished();
                    }
                    continue;
                };
                if open
                    .send_timeout(Piece::Frame(frame), patience)
                    .await
                    .is_err()
                {
                    caller = None;
                    alone_since = Instant::now();
                }
            }
            Ok(Some(Err(error))) => break SendFailure::answering(&error, sender.target()),
            Err(_) => break sender.timed_out("no whole answer"),
        }
    };
    if let Some(caller) = caller {
        drop(caller.try_send(Piece::Broken(failure.clone())));
    }
    draft.failed(failure)
}

fn stopped() -> SendFailure {
    SendFailure {
        kind: FailureKind::Reset,
        message: "ringtail was stopped before the answer was whole".to_owned(),
        connected: true,
    }
}

#[cfg(test)]
mod tests;
