//! One request to the target and its answer, timed and bounded.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::uri::PathAndQuery;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use ringtail_errors::{Code, Coded, codes};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use ringtail_protocol::event::{EventId, Timestamp, header_map};
use ringtail_protocol::field_names::FieldNames;

use super::connect::Connector;
use super::pool::{AnswerBody, HttpConnection, OutgoingBody, Pool};
use super::request::{Origin, rewrite, state_length};
use ringtail_model::headers;
use ringtail_model::target::TargetUrl;
use ringtail_model::{Cause, FailureKind, Outcome};
use ringtail_outbound::failure::SendFailure;
use ringtail_store::{NewAttempt, StoredRequest};

/// Bytes of an answer's body that are kept with the attempt.
pub const KEPT_BODY_BYTES: usize = 256 * 1024;

/// Bytes of an answer's body that are read; the rest is neither counted nor waited for.
pub const MAX_READ_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of a body that arrives in pieces up to which it is read first, so that the request can be sent again.
const WHOLE_BYTES: u64 = 64 * 1024;

/// Pause before a request that a new connection lost is sent again: an app that stops may close its listener last.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

const ROOT: PathAndQuery = PathAndQuery::from_static("/");

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendOptions {
    /// Leave the `Host` header as the caller sent it.
    pub keep_host: bool,
    /// Accept any certificate of the target.
    pub insecure: bool,
    /// Longest time to make a connection, names and TLS included.
    pub connect_timeout: Duration,
    /// Longest time from the connection to the end of the answer.
    pub answer_timeout: Duration,
}

/// Ten times what RingCentral grants, so that a person sees how late a late answer is.
impl Default for SendOptions {
    fn default() -> Self {
        Self {
            keep_host: false,
            insecure: false,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
        }
    }
}

/// Sends requests to one target; clones are cheap.
#[derive(Debug, Clone)]
pub struct Sender {
    inner: Arc<SenderInner>,
}

#[derive(Debug)]
struct SenderInner {
    target: TargetUrl,
    options: SendOptions,
    connector: Connector,
    pool: Pool,
    seen: Notify,
}

/// The system's trust store cannot be used for an `https` target.
#[derive(Debug, thiserror::Error)]
#[error("the system's trusted certificates cannot be read; use --insecure for a local target")]
pub struct TrustError(#[source] rustls::Error);

impl Coded for TrustError {
    fn code(&self) -> &'static Code {
        &codes::TARGET_TLS
    }
}

impl Sender {
    /// Makes a sender; connects to nothing yet.
    ///
    /// # Errors
    /// When the target is `https` and the system's trust store cannot be used.
    pub fn new(target: TargetUrl, options: SendOptions) -> Result<Self, TrustError> {
        let connector = Connector::new(&target, options.insecure).map_err(TrustError)?;
        Ok(Self {
            inner: Arc::new(SenderInner {
                target,
                options,
                connector,
                pool: Pool::default(),
                seen: Notify::new(),
            }),
        })
    }

    /// Returns the target.
    #[must_use]
    pub fn target(&self) -> &TargetUrl {
        &self.inner.target
    }

    /// Connects to the target, to see that it accepts connections.
    ///
    /// # Errors
    /// When it does not.
    pub async fn probe(&self) -> Result<(), SendFailure> {
        self.connect().await?;
        self.inner.seen.notify_one();
        Ok(())
    }

    pub(super) fn options(&self) -> &SendOptions {
        &self.inner.options
    }

    /// Waits until a connection to the target is made by anybody.
    pub(super) async fn seen(&self) {
        self.inner.seen.notified().await;
    }

    /// Forgets the connections until now.
    pub(super) fn forget_seen(&self) {
        _ = self.inner.seen.notified().now_or_never();
    }

    /// Sends a stored request and reads the whole answer. `connected` is called once, as soon as there is a connection.
    pub async fn deliver(
        &self,
        stored: &StoredRequest,
        cause: Cause,
        connected: impl FnOnce() + Send,
    ) -> Delivery {
        let mut draft = Draft::new(stored.id, cause, self.target().to_string());
        let outgoing = match self.outgoing(stored, cause) {
            Ok(outgoing) => outgoing,
            Err(failure) => return draft.failed(failure),
        };
        draft.target.clone_from(&outgoing.url);
        let mut lost = None;
        let (began, answer) = self.head(outgoing, connected, &mut lost).await;
        draft.began = began;
        match answer {
            Ok(response) => self.read(draft, response).await,
            Err(failure) => Delivery {
                lost: lost.filter(|_| !failure.connected),
                ..draft.failed(failure)
            },
        }
    }

    /// Builds the request to the target from a stored one.
    fn outgoing(&self, stored: &StoredRequest, cause: Cause) -> Result<Outgoing, SendFailure> {
        let request = &stored.request;
        let mut fields = header_map(&request.headers);
        let method = http::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| unsendable("its method is not one of HTTP"))?;
        let origin = Origin {
            event: stored.id,
            endpoint: &stored.endpoint,
            peer: &request.peer,
            cause,
        };
        self.rewrite(&mut fields, &origin);
        state_length(&mut fields, &method, request.body.len());
        let body = RequestBody::Whole(request.body.clone());
        let mut outgoing = self.build(method, &request.path, fields, body)?;
        let names = request.headers.iter().map(|header| header.name.as_str());
        outgoing.names = Some(FieldNames::of_fields(names));
        Ok(outgoing)
    }

    pub(super) fn rewrite(&self, fields: &mut HeaderMap, origin: &Origin<'_>) {
        rewrite(fields, self.target(), self.options().keep_host, origin);
    }

    pub(super) fn build(
        &self,
        method: http::Method,
        below: &str,
        fields: HeaderMap,
        body: RequestBody,
    ) -> Result<Outgoing, SendFailure> {
        let too_long = |_| unsendable("its URL at the target is too long or not one of HTTP");
        let url = self.target().join(below).map_err(too_long)?;
        let mut request = http::Request::new(());
        *request.method_mut() = method;
        *request.headers_mut() = fields;
        let shown = self.target().show(&url);
        // The target is not a proxy: it gets only the path.
        *request.uri_mut() = url.path_and_query().cloned().unwrap_or(ROOT).into();
        Ok(Outgoing {
            request,
            body,
            names: None,
            url: shown,
        })
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A request whose connection ended without one byte of a response is sent again: after a kept connection on a new one, and
    /// after that once more. An app that stops ends the connections that it has kept, and those that it has not accepted or read.
    /// `lost` gets how the last of these connections ended.
    pub(super) async fn head(
        &self,
        mut outgoing: Outgoing,
        connected: impl FnOnce() + Send,
        lost: &mut Option<SendFailure>,
    ) -> (Began, Result<http::Response<AnswerBody>, SendFailure>) {
        let mut began = Began::now();
        let read = timeout_at(self.deadline(began), outgoing.body.read_small()).await;
        match read {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let failure = SendFailure::answering(&*error, self.target());
                return (began, Err(failure));
            }
            Err(_) => return (began, Err(self.request_timed_out())),
        }
        let pool = &self.inner.pool;
        let is_whole = matches!(outgoing.body, RequestBody::Whole(_));
        let mut kept = is_whole.then(|| pool.take()).flatten();
        let mut connected = Some(connected);
        let mut may_retry = is_whole;
        loop {
            let is_kept = kept.is_some();
            let connection = match kept.take() {
                Some(connection) => connection,
                None => match self.connect().await {
                    Ok(connection) => connection,
                    Err(failure) => return (began, Err(failure)),
                },
            };
            began = Began::now();
            if let Some(connected) = connected.take() {
                connected();
            }
            self.inner.seen.notify_one();
            let answer = connection.exchange(outgoing.names.clone(), outgoing.next(), pool);
            let answer = match timeout_at(self.deadline(began), answer).await {
                Err(_) => Err(self.timed_out("no answer")),
                // Nothing may follow it but the other protocol, and as a final answer it would break the link.
                Ok(Ok(answer)) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    Err(SendFailure::switched(self.target()))
                }
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(broken)) => {
                    let failure = SendFailure::answering(&broken.error, self.target());
                    let may_retry = is_kept || std::mem::take(&mut may_retry);
                    if may_retry && !broken.is_answered {
                        if !is_kept {
                            tokio::time::sleep(RETRY_PAUSE).await;
                        }
                        // Those that are kept have most likely ended, too.
                        pool.clear();
                        *lost = Some(failure);
                        continue;
                    }
                    Err(failure)
                }
            };
            return (began, answer);
        }
    }

    async fn connect(&self) -> Result<HttpConnection, SendFailure> {
        let limit = self.options().connect_timeout;
        match timeout(limit, self.inner.connector.connect()).await {
            Ok(Ok(made)) => HttpConnection::over(made)
                .await
                .map_err(|error| SendFailure::answering(&error, self.target())),
            Ok(Err(error)) => Err(SendFailure::of_target(&*error, self.target())),
            Err(_) => Err(SendFailure {
                kind: FailureKind::Unreachable,
                message: format!(
                    "{} does not answer (no connection within {} ms)",
                    self.target().host(),
                    limit.as_millis()
                ),
                connected: false,
            }),
        }
    }

    async fn read<B>(&self, mut draft: Draft, response: http::Response<B>) -> Delivery
    where
        B: Body<Data = Bytes, Error: Error + 'static> + Unpin,
    {
        let (head, mut body) = response.into_parts();
        draft.answered(&head);
        let deadline = self.deadline(draft.began);
        while let Some(frame) = match timeout_at(deadline, body.frame()).await {
            Ok(frame) => frame,
            Err(_) => return draft.failed(self.timed_out("no whole answer")),
        } {
            match frame {
                Ok(frame) => {
                    if let Some(data) = frame.data_ref() {
                        draft.push(data);
                    }
                }
                Err(error) => return draft.failed(SendFailure::answering(&error, self.target())),
            }
            if draft.is_full() {
                break;
            }
        }
        draft.finished()
    }

    fn deadline(&self, began: Began) -> Instant {
        began.instant + self.options().answer_timeout
    }

    pub(super) fn timed_out(&self, what: &str) -> SendFailure {
        let host = self.target().host();
        let waited = self.options().answer_timeout.as_millis();
        SendFailure {
            kind: FailureKind::TimedOut,
            message: format!("{what} from {host} within {waited} ms"),
            connected: true,
        }
    }

    /// The caller of a passthrough request is too slow.
    fn request_timed_out(&self) -> SendFailure {
        let waited = self.options().answer_timeout.as_millis();
        SendFailure {
            kind: FailureKind::TimedOut,
            message: format!("the caller did not send its whole request within {waited} ms"),
            connected: true,
        }
    }
}

/// The event itself is at fault. Counts as connected: waiting for the target would not help.
fn unsendable(reason: &str) -> SendFailure {
    SendFailure {
        kind: FailureKind::Unknown,
        message: format!("the event cannot be sent: {reason}"),
        connected: true,
    }
}

/// A request to the target.
#[derive(Debug)]
pub(super) struct Outgoing {
    request: http::Request<()>,
    body: RequestBody,
    /// The names of its header fields as the caller sent them, if known.
    pub(super) names: Option<FieldNames>,
    /// Its URL, for people.
    pub(super) url: String,
}

impl Outgoing {
    /// Returns the request to send. A body that comes in pieces is there once.
    fn next(&mut self) -> http::Request<OutgoingBody> {
        let body = match &mut self.body {
            RequestBody::Whole(body) => whole(body.clone()),
            RequestBody::Stream(body) => std::mem::replace(body, whole(Bytes::new())),
        };
        self.request.clone().map(|()| body)
    }
}

/// The body of a request to the target.
#[derive(Debug)]
pub(super) enum RequestBody {
    Whole(Bytes),
    Stream(OutgoingBody),
}

impl RequestBody {
    /// Reads a small body to its end.
    async fn read_small(&mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        if let Self::Stream(body) = self
            && body.size_hint().upper().is_some_and(|it| it <= WHOLE_BYTES)
        {
            *self = Self::Whole(body.collect().await?.to_bytes());
        }
        Ok(())
    }
}

fn whole(body: Bytes) -> OutgoingBody {
    Full::new(body)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What to record.
    pub attempt: NewAttempt,
    /// Whether the last connection was made. If not, the app has not seen the request, unless a connection was lost before.
    pub connected: bool,
    /// How the connection before the last one was lost, if the last one was not made.
    pub lost: Option<SendFailure>,
}

/// When a request began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    at: Timestamp,
    instant: Instant,
}

impl Began {
    fn now() -> Self {
        Self {
            at: Timestamp::now(),
            instant: Instant::now(),
        }
    }
}

/// An attempt while it is being made.
#[derive(Debug)]
pub(super) struct Draft {
    event: EventId,
    cause: Cause,
    pub(super) target: String,
    pub(super) began: Began,
    status: Option<u16>,
    headers: Vec<ringtail_protocol::event::Header>,
    body: BytesMut,
    body_len: u64,
}

impl Draft {
    pub(super) fn new(event: EventId, cause: Cause, target: String) -> Self {
        Self {
            event,
            cause,
            target,
            began: Began::now(),
            status: None,
            headers: Vec::new(),
            body: BytesMut::new(),
            body_len: 0,
        }
    }

    pub(super) fn answered(&mut self, head: &http::response::Parts) {
        self.status = Some(head.status.as_u16());
        self.headers = headers::from_map(&head.headers);
    }

    /// Counts a piece of the body, and keeps it while there is room.
    pub(super) fn push(&mut self, data: &Bytes) {
        let room = KEPT_BODY_BYTES - self.body.len();
        self.body.extend_from_slice(&data[..data.len().min(room)]);
        self.body_len += data.len() as u64;
    }

    pub(super) fn is_full(&self) -> bool {
        self.body_len >= MAX_READ_BYTES
    }

    /// The answer is whole, or as much of it as is read.
    pub(super) fn finished(self) -> Delivery {
        let status = self.status.unwrap_or_default();
        self.end(Outcome::Status(status), true)
    }

    pub(super) fn failed(self, failure: SendFailure) -> Delivery {
        let message = match self.status {
            Some(status) => format!(
                "{} (after status {status} and {} bytes)",
                failure.message, self.body_len
            ),
            None => failure.message,
        };
        let kind = failure.kind;
        self.end(Outcome::Error { kind, message }, failure.connected)
    }

    fn end(self, outcome: Outcome, connected: bool) -> Delivery {
        Delivery {
            connected,
            lost: None,
            attempt: NewAttempt {
                event: self.event,
                cause: self.cause,
                target: self.target,
                started_at: self.began.at,
                duration: self.began.instant.elapsed(),
                outcome,
                headers: self.headers,
                body: self.body.freeze(),
                body_len: self.body_len,
            },
        }
    }
}

#[cfg(test)]
mod tests;
