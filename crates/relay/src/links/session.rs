//! The task of one link: HTTP/2 over the WebSocket, the event stream on it, and its end.

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, Request, StatusCode, Uri};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt as _, Either};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ringtail_protocol::event::DecodeError;
use ringtail_protocol::frame::{Decoder, Up};
use ringtail_protocol::http2::MAX_PASSTHROUGHS;
use ringtail_protocol::path;
use ringtail_protocol::stream::{ByteStream, websocket_config};
use tokio::sync::{Notify, SetOnce};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tracing::Instrument as _;

use super::LinkContext;
use super::events::{Pump, PumpError, QUEUED_PAGES};
use super::registry::{Link, LinkBody, LinkEnd, LinkId};
use crate::accounts::Account;
use crate::budget::{Budget, Share};
use crate::journal::EndpointKey;
use crate::limits::PASSTHROUGH_SHARES;
use crate::metrics::Limit;
use crate::net::activity::ConnectionActivity;
use crate::net::pace::Paced;
use crate::net::proxies::Caller;
use crate::shutdown::Phase;

/// How long to wait for a client to take note that its link ends.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a client asked for when it dialled.
#[derive(Debug)]
pub(crate) struct LinkParams {
    pub(crate) endpoint: EndpointKey,
    pub(crate) account: Account,
    pub(crate) forwards: bool,
    /// The client's cursor in this journal, if it has one.
    pub(crate) cursor: Option<u64>,
    /// The link's place, which is returned when it ends.
    pub(crate) place: Share,
}

/// Starts the task of a link. It waits for the connection of `request` to be upgraded.
pub(crate) fn spawn(
    context: LinkContext,
    request: Request<Incoming>,
    params: LinkParams,
    caller: Caller,
) {
    let id = LinkId::fresh();
    let span = tracing::info_span!(
        "link",
        link = %id,
        account = %params.account.name,
        %caller,
        cursor = tracing::field::Empty
    );
    let tasks = context.shutdown.links.clone();
    tasks.spawn(async move { serve(&context, request, id, params).await }.instrument(span));
}

async fn serve(context: &LinkContext, request: Request<Incoming>, id: LinkId, params: LinkParams) {
    let activity = request.extensions().get::<ConnectionActivity>().cloned();
    let upgrade = timeout(context.limits.link_timeout, hyper::upgrade::on(request));
    let upgraded = tokio::select! {
        biased;
        () = context.shutdown.reached(Phase::EndLinks) => return,
        upgraded = upgrade => upgraded,
    };
    let Ok(Ok(upgraded)) = upgraded else {
        tracing::debug!("the connection ended before it became a link");
        return;
    };
    let error = tokio::select! {
        biased;
        () = context.shutdown.reached(Phase::Abort) => return,
        error = run(context, upgraded, activity, id, params) => error,
    };
    if error.is_violation() {
        context.metrics.limits.hit(Limit::Links);
    }
    match &error {
        LinkError::Events(error @ PumpError::Journal(_)) => {
            tracing::error!(error = error as &dyn std::error::Error, "link ended");
        }
        reason => tracing::info!(%reason, "link ended"),
    }
}

/// How a link ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("{0}")]
    Ended(LinkEnd),
    #[error("the client did not open the event stream in time")]
    Silent,
    #[error("the client refused the event stream with {0}")]
    Refused(StatusCode),
    #[error("the client closed the event stream")]
    Closed,
    /// The connection was lost, the client was silent for too long, or what it sent is not HTTP/2.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    #[error("the client sent a bad frame")]
    BadFrame(#[from] DecodeError),
    #[error(transparent)]
    Events(#[from] PumpError),
}

impl LinkError {
    /// Returns true if the client broke the protocol, as opposed to leaving or being disconnected.
    fn is_violation(&self) -> bool {
        match self {
            Self::Silent | Self::Refused(_) | Self::BadFrame(_) => true,
            Self::Events(error) => matches!(error, PumpError::Unread),
            // A lost connection is an error of the socket; bad bytes are an error of what decodes them.
            Self::Broken(error) => {
                let cause = error.source().and_then(|cause| cause.downcast_ref());
                cause.is_none_or(|error: &io::Error| {
                    matches!(
                        error.kind(),
                        io::ErrorKind::InvalidData | io::ErrorKind::Other
                    )
                })
            }
            Self::Ended(_) | Self::Closed => false,
        }
    }
}

async fn run(
    context: &LinkContext,
    upgraded: Upgraded,
    activity: Option<ConnectionActivity>,
    id: LinkId,
    params: LinkParams,
) -> LinkError {
    let _place = params.place;
    let limits = &context.metrics.limits;
    let socket = WebSocketStream::from_raw_socket(
        Paced::websocket(TokioIo::new(upgraded), limits.clone()),
        Role::Server,
        Some(websocket_config()),
    )
    .await;
    let io = TokioIo::new(Paced::http2(ByteStream::new(socket), limits.clone()));
    let handshake = ringtail_protocol::http2::client().handshake(io);
    let (send, connection) = match timeout(context.limits.link_timeout, handshake).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return LinkError::Broken(error),
        Err(_elapsed) => return LinkError::Silent,
    };
    let link = Arc::new(Link {
        id,
        endpoint: params.endpoint,
        account: params.account,
        forwards: params.forwards,
        send,
        permits: Budget::new(MAX_PASSTHROUGHS, PASSTHROUGH_SHARES),
        cursor: AtomicU64::default(),
        spoke: Notify::new(),
        end: SetOnce::new(),
    });
    let ended = async {
        tokio::select! {
            biased;
            end = link.end.wait() => *end,
            () = context.shutdown.reached(Phase::EndLinks) => LinkEnd::Stopping,
        }
    };
    let mut connection = std::pin::pin!(connection);
    let error = tokio::select! {
        // `biased`: the connection before the streams on it, so that its error is the one reported.
        biased;
        end = ended => LinkError::Ended(end),
        ended = connection.as_mut() => match ended {
            Ok(()) => LinkError::Closed,
            Err(error) => LinkError::Broken(error),
        },
        Err(error) = stream_events(context, &link, activity, params.cursor) => error,
    };
    let cursor = link.cursor.load(Ordering::Relaxed);
    tracing::Span::current().record("cursor", cursor);
    // Without a sender, the connection sends GOAWAY and ends.
    drop(link);
    if !matches!(error, LinkError::Broken(_)) {
        let goodbye = timeout(context.limits.link_timeout.min(GOODBYE_TIMEOUT), connection).await;
        tracing::trace!(acknowledged = goodbye.is_ok(), "sent goodbye");
    }
    error
}

/// Opens the event stream, attaches the link, and runs the stream in both directions.
async fn stream_events(
    context: &LinkContext,
    link: &Arc<Link>,
    activity: Option<ConnectionActivity>,
    cursor: Option<u64>,
) -> Result<Infallible, LinkError> {
    let (mut frames, body) = Channel::new(QUEUED_PAGES);
    let mut request = Request::new(LinkBody::Right(Either::Left(body)));
    *request.method_mut() = Method::POST;
    let uri = Uri::builder().scheme("http").authority("ringtail");
    *request.uri_mut() = uri.path_and_query(path::EVENTS).build().unwrap_or_default();
    let mut send = link.send.clone();
    let response = send.send_request(request);
    // A sender keeps the connection from ending.
    drop(send);
    let attached = Notify::new();
    let upward = async {
        let response = timeout(context.limits.link_timeout, response).await;
        let response = response
            .map_err(|_elapsed| LinkError::Silent)?
            .map_err(LinkError::Broken)?;
        if response.status() != StatusCode::OK {
            return Err(LinkError::Refused(response.status()));
        }
        let _attached = context.links.attach(link.clone());
        if let Some(activity) = activity {
            activity.pin();
        }
        context.metrics.attached_links.inc();
        let newest = context.links.cursor(link.endpoint);
        // A cursor beyond the head is not from this journal.
        let head = *context.journal.head(link.endpoint).borrow();
        let known = cursor.filter(|cursor| *cursor <= head);
        newest.fetch_max(known.unwrap_or_default(), Ordering::Relaxed);
        tracing::info!(forwards = link.forwards, "link attached");
        attached.notify_one();
        // Revocation only ends attached links; this token may have been revoked just before.
        if !context.is_current(&link.account).await {
            return Err(LinkError::Ended(LinkEnd::Revoked));
        }
        read_cursors(link, &newest, response.into_body()).await
    };
    let downward = async {
        // The first frame tells the client that passthrough requests may come.
        attached.notified().await;
        let patience = context.limits.page_timeout;
        let pump = Pump::new(&*context.journal, link, &mut frames, patience);
        pump.run(cursor).await.map_err(LinkError::Events)
    };
    tokio::select! {
        // `biased`: cursors first; they are small.
        biased;
        end = upward => end,
        end = downward => end,
    }
}

async fn read_cursors(
    link: &Link,
    newest: &AtomicU64,
    mut body: Incoming,
) -> Result<Infallible, LinkError> {
    let mut decoder = Decoder::up();
    loop {
        let frame = match body.frame().await {
            None => return Err(LinkError::Closed),
            Some(Err(error)) => return Err(LinkError::Broken(error)),
            Some(Ok(frame)) => frame,
        };
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        link.spoke.notify_one();
        decoder.push(&bytes);
        while let Some(up) = decoder.next_up()? {
            if let Up::Cursor { seq } = up {
                link.cursor.store(seq, Ordering::Relaxed);
                newest.fetch_max(seq, Ordering::Relaxed);
            }
        }
    }
}
