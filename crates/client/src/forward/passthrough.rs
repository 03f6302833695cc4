//! Passthrough requests: the app's response streams back to the waiting caller while it is recorded.
//!
//! The request to the target runs in a separate task. If the caller disconnects, the response is still read to its end
//! and recorded, because it shows what the app did.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode, response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use ringtail_protocol::event::EventId;
use ringtail_protocol::field_names::FieldNames;
use ringtail_protocol::path::{FIELD_NAMES, PEER, strip_hop_by_hop};

use super::pool::AnswerBody;
use super::request::Origin;
use super::send::{Delivery, Draft, KEPT_BODY_BYTES, Outgoing, RequestBody, Sender};
use ringtail_model::signature::SignaturePolicy;
use ringtail_model::{AttemptDetail, Cause, FailureKind, ForwardState, Status, TargetState};
use ringtail_outbound::failure::{RequestBroken, SendFailure};
use ringtail_store::History;

/// Chunks of a response buffered for a slow caller; when full, reading from the app pauses.
const ANSWER_QUEUE: usize = 16;

/// Bytes of attempts that are in flight or wait for the history; further requests wait before they are sent. An app may answer
/// faster than the history stores.
const UNRECORDED_BYTES: usize = 32 * 1024 * 1024;

/// Bytes that an attempt counts for beside the body of its response.
const ATTEMPT_BYTES: usize = 4 * 1024;

/// Bytes that are reserved for an attempt until its response is complete.
const RESERVED_BYTES: usize = KEPT_BODY_BYTES + ATTEMPT_BYTES;

/// Sends passthrough requests to the target and records them. Clones share the target.
#[derive(Debug, Clone)]
pub struct Passthrough {
    history: History,
    sender: Sender,
    tasks: TaskTracker,
    cancel: CancellationToken,
    policy: Option<SignaturePolicy>,
    /// Permits for [`UNRECORDED_BYTES`].
    unrecorded: Arc<Semaphore>,
}

impl Passthrough {
    /// Creates the handler. `tasks` owns requests in flight; `cancel` aborts them, and they are recorded as aborted. `policy`
    /// decides which requests may reach the target; the caller applies it.
    #[must_use]
    pub fn new(
        history: History,
        sender: Sender,
        tasks: TaskTracker,
        cancel: CancellationToken,
        policy: Option<SignaturePolicy>,
    ) -> Self {
        Self {
            history,
            sender,
            tasks,
            cancel,
            policy,
            unrecorded: Arc::new(Semaphore::new(UNRECORDED_BYTES)),
        }
    }

    /// Returns the signature policy, if there is one.
    #[must_use]
    pub fn policy(&self) -> Option<&SignaturePolicy> {
        self.policy.as_ref()
    }

    /// Sends the caller's request to the target and returns the response as soon as its head arrives. The attempt is
    /// recorded when the response ends, even if this future or the body is dropped.
    ///
    /// `below` is the path below the endpoint with the query; the request's own URL is ignored.
    ///
    /// # Errors
    /// When the target does not respond; the attempt is recorded as well.
    pub async fn passthrough<B>(
        &self,
        event: EventId,
        endpoint: &str,
        below: &str,
        request: http::Request<B>,
    ) -> Result<http::Response<PassthroughBody>, SendFailure>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let unrecorded = Arc::clone(&self.unrecorded).acquire_many_owned(RESERVED_BYTES as u32);
        let reserved = unrecorded.await.map_err(|_| stopped())?;
        let (head, body) = request.into_parts();
        let mut fields = head.headers;
        let ours = |field: Option<HeaderValue>| Some(field?.to_str().ok()?.to_owned());
        let names = ours(fields.remove(FIELD_NAMES));
        let origin = Origin {
            event,
            endpoint,
            peer: &ours(fields.remove(PEER)).unwrap_or_default(),
            cause: Cause::Passthrough,
        };
        self.sender.rewrite(&mut fields, &origin);
        let body = body
            .map_err(|error| Box::new(RequestBroken(error.into())) as Box<dyn Error + Send + Sync>)
            .boxed_unsync();
        let mut draft = Draft::new(event, Cause::Passthrough, self.sender.target().to_string());
        let body = RequestBody::Stream(body);
        let mut outgoing = match self.sender.build(head.method, below, fields, body) {
            Ok(outgoing) => outgoing,
            Err(failure) => {
                record(&self.history, Duration::ZERO, draft.failed(failure.clone())).await;
                return Err(failure);
            }
        };
        outgoing.names = names.as_deref().map(FieldNames::from_text);
        draft.target.clone_from(&outgoing.url);
        let (answer, answered) = oneshot::channel();
        let run = PassthroughTask {
            draft,
            history: self.history.clone(),
            sender: self.sender.clone(),
            cancel: self.cancel.clone(),
            reserved,
        };
        self.tasks.spawn(run.run(outgoing, answer));
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// Why a pending event has no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// The event is not forwarded for now: the user paused forwarding, there is no target, or the history cannot be read.
    NotForwarding,
    /// The target accepts no connections.
    Unreachable,
    /// The event's signature or token is missing or invalid.
    Rejected,
}

impl Passthrough {
    /// Waits until a pending event has been delivered, and returns the attempt with the app's response. The event takes
    /// the way of all pending events: here it is only waited for.
    ///
    /// # Errors
    /// When it is not delivered for now. It stays pending unless it is rejected.
    pub(crate) async fn delivered(
        &self,
        event: EventId,
        mut status: watch::Receiver<Status>,
    ) -> Result<AttemptDetail, Undelivered> {
        let mut marks = self.history.watermarks();
        let hindrance = |status: &Status| {
            let state = status.target.as_ref().map(|target| &target.state);
            let is_down = matches!(state, Some(TargetState::Down { .. }));
            (is_down, status.paused)
        };
        loop {
            marks.borrow_and_update();
            let seen = hindrance(&status.borrow_and_update());
            let (is_down, paused) = seen;
            let Ok(row) = self.history.row(event).await else {
                return Err(Undelivered::NotForwarding);
            };
            match row.map(|row| (row.forward, row.last_attempt)) {
                Some((ForwardState::Done, Some(attempt))) => {
                    let attempt = self.history.attempt(attempt.row).await;
                    return attempt.ok().flatten().ok_or(Undelivered::NotForwarding);
                }
                Some((ForwardState::Rejected, _)) => return Err(Undelivered::Rejected),
                Some((ForwardState::Pending, _)) if paused => {
                    return Err(Undelivered::NotForwarding);
                }
                // The app may have come back since it was last seen.
                Some((ForwardState::Pending, _)) if is_down => {
                    if let Err(failure) = self.sender.probe().await {
                        let target = self.sender.target().to_string();
                        // Not a forward: a recorded one is the end of its event.
                        let draft = Draft::new(event, Cause::Passthrough, target);
                        record(&self.history, Duration::ZERO, draft.failed(failure)).await;
                        return Err(Undelivered::Unreachable);
                    }
                }
                // It is on its way.
                None | Some((ForwardState::Pending, _)) => {}
                Some((ForwardState::None | ForwardState::Done, _)) => {
                    return Err(Undelivered::NotForwarding);
                }
            }
            tokio::select! {
                Ok(()) = marks.changed() => {}
                Ok(()) = async { status.wait_for(|now| hindrance(now) != seen).await.map(drop) } => {}
                else => return Err(Undelivered::NotForwarding),
            }
        }
    }
}

/// Time for an attempt, whose record may wait, to share a transaction.
const RECORD_WITHIN: Duration = Duration::from_millis(50);

/// Records an attempt within some time.
async fn record(history: &History, within: Duration, delivery: Delivery) {
    let recorded = history.record_attempt_within(within, delivery.attempt, false);
    if let Err(error) = recorded.await {
        tracing::error!(%error, "cannot record a passthrough request");
    }
}

/// The app's response body on its way to the caller. A truncated response ends with an error.
#[derive(Debug)]
pub struct PassthroughBody {
    chunks: mpsc::Receiver<Chunk>,
    /// Bytes still to come, if the app has announced a length.
    left: Option<u64>,
    ended: bool,
}

#[derive(Debug)]
enum Chunk {
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
        let piece = ready!(self.chunks.poll_recv(cx));
        self.ended = !matches!(piece, Some(Chunk::Frame(_)));
        if let (Some(Chunk::Frame(frame)), Some(left)) = (&piece, self.left) {
            let taken = frame.data_ref().map_or(0, Bytes::len);
            self.left = Some(left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX)));
        }
        Poll::Ready(match piece {
            Some(Chunk::Frame(frame)) => Some(Ok(frame)),
            Some(Chunk::End) => None,
            Some(Chunk::Broken(failure)) => Some(Err(failure)),
            // The task ended early: it was aborted, or this side has not read for too long.
            None => Some(Err(stopped())),
        })
    }

    /// Ends the stream with the last bytes of a response of known length. A separate end would reach a relay that has
    /// already dropped the complete stream, which is an HTTP/2 error on the link.
    fn is_end_stream(&self) -> bool {
        self.ended || self.left == Some(0)
    }
}

type Answer = Result<http::Response<PassthroughBody>, SendFailure>;

struct PassthroughTask {
    draft: Draft,
    history: History,
    sender: Sender,
    cancel: CancellationToken,
    reserved: OwnedSemaphorePermit,
}

impl PassthroughTask {
    async fn run(self, outgoing: Outgoing, answer: oneshot::Sender<Answer>) {
        let Self {
            mut draft,
            history,
            sender,
            cancel,
            mut reserved,
        } = self;
        let lost = &mut None;
        let head = tokio::select! {
            // `biased`: on shutdown, prefer a response that has already arrived.
            biased;
            head = sender.head(outgoing, || (), lost) => Some(head),
            () = cancel.cancelled() => None,
        };
        let delivery = match head {
            Some((began, Ok(response))) => {
                draft.began = began;
                let (head, body) = pass_on(response, &mut draft);
                let (caller, chunks) = mpsc::channel(ANSWER_QUEUE);
                let passed_on = PassthroughBody {
                    chunks,
                    left: body.size_hint().exact(),
                    ended: false,
                };
                // The caller may have gone; the response is recorded anyway.
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
        // The body is known now. What it takes stays reserved until it is recorded.
        drop(reserved.split(KEPT_BODY_BYTES - delivery.attempt.body.len()));
        record(&history, RECORD_WITHIN, delivery).await;
    }
}

/// Splits a response into the head for the caller and the body.
fn pass_on(
    response: http::Response<AnswerBody>,
    draft: &mut Draft,
) -> (http::Response<()>, AnswerBody) {
    let (mut head, body) = response.into_parts();
    draft.answered(&head);
    state_length_once(&mut head);
    strip_hop_by_hop(&mut head.headers);
    (http::Response::from_parts(head, ()), body)
}

/// Corrects `Content-Length` (RFC 9110, 8.6; RFC 9112, 6.3): at most once, not with chunked encoding, and not without a
/// body. HTTP/1.1 tolerates these mistakes of apps; HTTP/2 does not.
fn state_length_once(head: &mut response::Parts) {
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    // hyper rejects lengths that differ.
    let length = head.headers.remove(CONTENT_LENGTH);
    if let Some(length) = length
        && !chunked
        && head.status != StatusCode::NO_CONTENT
    {
        head.headers.insert(CONTENT_LENGTH, length);
    }
}

/// Reads the response to its end and passes it on while the caller reads.
async fn pump<B>(
    mut draft: Draft,
    mut body: B,
    caller: mpsc::Sender<Chunk>,
    sender: &Sender,
    cancel: &CancellationToken,
) -> Delivery
where
    B: Body<Data = Bytes, Error: Error + 'static> + Unpin,
{
    let wait = sender.options().answer_timeout;
    // A reading caller may be slow; without one, the rest of the response has a deadline.
    let mut caller = Some(caller);
    let mut no_caller_since = Instant::now();
    let failure = loop {
        if caller.as_ref().is_none_or(mpsc::Sender::is_closed) {
            caller = None;
        } else {
            no_caller_since = Instant::now();
        }
        let frame = tokio::select! {
            biased;
            frame = timeout_at(no_caller_since + wait, body.frame()) => frame,
            () = cancel.cancelled() => break stopped(),
        };
        match frame {
            Ok(None) => {
                if let Some(caller) = caller {
                    // A caller that does not read the end in time sees the channel close instead.
                    drop(caller.send_timeout(Chunk::End, wait).await);
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
                if open.send_timeout(Chunk::Frame(frame), wait).await.is_err() {
                    caller = None;
                    no_caller_since = Instant::now();
                }
            }
            Ok(Some(Err(error))) => break SendFailure::answering(&error, sender.target()),
            Err(_) => break sender.timed_out("no whole answer"),
        }
    };
    if let Some(caller) = caller {
        drop(caller.try_send(Chunk::Broken(failure.clone())));
    }
    draft.failed(failure)
}

fn stopped() -> SendFailure {
    SendFailure {
        kind: FailureKind::Reset,
        message: "ringtail was stopped before the response was complete".to_owned(),
        connected: true,
    }
}

#[cfg(test)]
mod tests;
