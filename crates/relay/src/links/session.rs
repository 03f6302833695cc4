//! The task of one link: HTTP/2 over the WebSocket, the event stream on it, and the end.

use std::convert::Infallible;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ringtail_protocol::event::DecodeError;
use ringtail_protocol::frame::{Decoder, Up};
use ringtail_protocol::stream::{ByteStream, websocket_config};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::body::LinkBody;
use super::events::{self, PumpError};
use super::{End, Link, LinkId};
use crate::accounts::Account;
use crate::journal::EndpointKey;
use crate::relay::Relay;

/// What a client asked for when it dialled.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) id: LinkId,
    pub(super) endpoint: EndpointKey,
    pub(super) account: Account,
    pub(super) forwards: bool,
    /// Where the client stands in this journal, if anywhere.
    pub(super) cursor: Option<u64>,
}

/// How a link ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The relay ended it.
    #[error("{0}")]
    Ended(End),
    /// The client did not answer the first request in time.
    #[error("the client did not open the event stream in time")]
    Silent,
    /// The client answered the first request with something else than 200.
    #[error("the client refused the event stream with {0}")]
    Refused(StatusCode),
    /// The client closed its half of the event stream.
    #[error("the client closed the event stream")]
    Closed,
    /// HTTP/2 on the link broke: the client spoke something else, went away, or was silent for too long.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    /// The client sent a frame that is not one.
    #[error("the client sent a bad frame")]
    BadFrame(#[from] DecodeError),
    /// The events cannot be sent.
    #[error(transparent)]
    Events(#[from] PumpError),
}

impl LinkError {
    /// Says whether the client broke the rules, and neither left nor was sent away.
    pub(super) fn is_the_clients(&self) -> bool {
        match self {
            Self::Silent | Self::Refused(_) | Self::BadFrame(_) => true,
            // A connection that is lost is an error of the socket; what came over it and is wrong, one of what reads it.
            Self::Broken(error) => match error.source().and_then(|cause| cause.downcast_ref()) {
                Some(error) => is_about_what_came(error),
                None => true,
            },
            Self::Ended(_) | Self::Closed | Self::Events(_) => false,
        }
    }
}

fn is_about_what_came(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::Other
    )
}

/// Serves a link until it ends.
pub(super) async fn run(relay: &Relay, upgraded: Upgraded, terms: Terms) -> LinkError {
    let socket = WebSocketStream::from_raw_socket(
        TokioIo::new(upgraded),
        Role::Server,
        Some(websocket_config()),
    )
    .await;
    let io = TokioIo::new(ByteStream::new(socket));
    let handshake = ringtail_protocol::http2::client().handshake(io);
    let (send, connection) = match timeout(relay.limits.link_timeout, handshake).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return LinkError::Broken(error),
        Err(_elapsed) => return LinkError::Silent,
    };
    let link = Arc::new(Link::new(
        terms.id,
        terms.endpoint,
        terms.account,
        terms.forwards,
        send,
    ));
    let ending = async {
        tokio::select! {
            biased;
            () = link.ended.cancelled() => link.end.get().copied().unwrap_or(End::Stopping),
            () = relay.end_links.cancelled() => End::Stopping,
        }
    };
    let mut connection = std::pin::pin!(connection);
    let end = tokio::select! {
        // An end that was asked for goes before work that never ends; the connection before the streams on it, so that
        // its failure is the reason that is told.
        biased;
        end = ending => LinkError::Ended(end),
        ended = connection.as_mut() => broken(ended),
        Err(error) = converse(relay, &link, terms.cursor) => error,
    };
    let cursor = link.cursor.load(Ordering::Relaxed);
    tracing::Span::current().record("cursor", cursor);
    // With the last sender gone the connection says goodbye and ends; a client that does not listen is not waited for.
    drop(link);
    if !matches!(end, LinkError::Broken(_)) {
        let goodbye = timeout(relay.limits.link_timeout.min(GOODBYE), connection).await;
        tracing::trace!(link = %terms.id, polite = goodbye.is_ok(), "goodbye said");
    }
    end
}

/// How long a client may take to hear that its link ends.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(1);

fn broken(ended: hyper::Result<()>) -> LinkError {
    match ended {
        Ok(()) => LinkError::Closed,
        Err(error) => LinkError::Broken(error),
    }
}

/// Opens the event stream, attaches the link, and keeps both directions going.
async fn converse(
    relay: &Relay,
    link: &Arc<Link>,
    cursor: Option<u64>,
) -> Result<Infallible, LinkError> {
    let (frames, body) = mpsc::channel(events::QUEUED_PAGES);
    let mut request = Request::new(LinkBody::Stream(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = EVENTS_URI.parse().unwrap_or_default();
    let mut send = link.send.clone();
    let answer = send.send_request(request);
    // The sender would keep the connection from ending.
    drop(send);
    let attached = Notify::new();
    let upward = async {
        let response = match timeout(relay.limits.link_timeout, answer).await {
            Err(_elapsed) => return Err(LinkError::Silent),
            Ok(Err(error)) => return Err(LinkError::Broken(error)),
            Ok(Ok(response)) => response,
        };
        if response.status() != StatusCode::OK {
            return Err(LinkError::Refused(response.status()));
        }
        let _attached = relay.links.attach(link.clone());
        relay.metrics.attached_links.inc();
        let newest = relay.links.cursor(link.endpoint);
        // One from the future is not this journal's.
        let head = *relay.journal.head(link.endpoint).borrow();
        let dialled_with = cursor.filter(|cursor| *cursor <= head);
        newest.fetch_max(dialled_with.unwrap_or_default(), Ordering::Relaxed);
        tracing::info!(link = %link.id, forwards = link.forwards, "link attached");
        attached.notify_one();
        // A token that was revoked between the dial and now was not seen by the check that ends attached links.
        if !relay.still_current(&link.account).await {
            return Err(LinkError::Ended(End::Revoked));
        }
        read_cursors(link, &newest, response.into_body()).await
    };
    let downward = async {
        // The first frame tells the client that passthrough requests may come.
        attached.notified().await;
        events::pump(&*relay.journal, link.endpoint, cursor, &frames)
            .await
            .map_err(LinkError::Events)
    };
    tokio::select! {
        // Cursors first: they are small and free the client's memory of what it told.
        biased;
        end = upward => end,
        end = downward => end,
    }
}

/// Full, since HTTP/2 wants a scheme and an authority; see `path::EVENTS`.
const EVENTS_URI: &str = "http://ringtail/events";

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
        decoder.push(&bytes);
        while let Some(up) = decoder.next_up()? {
            if let Up::Cursor { seq } = up {
                link.cursor.store(seq, Ordering::Relaxed);
                newest.fetch_max(seq, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ringtail_protocol::path;

    use super::*;

    #[test]
    fn the_event_stream_is_asked_for_at_its_path() {
        let uri: http::Uri = EVENTS_URI.parse().unwrap();
        assert_eq!(uri.path(), path::EVENTS);
    }
}
