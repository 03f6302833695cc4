//! Sends passthrough requests to other relays.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use ringtail_protocol::http2::MAX_HEADER_LIST;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::Cluster;
use super::terms::{self, NoClient, TERMS_BYTES, Terms};
use crate::limits::{RELAY_PING_INTERVAL, RELAY_PING_TIMEOUT, RELAY_WINDOW};
use crate::links::passthrough::{LinkRequest, NoResponse, exchange, judge};
use crate::links::registry::{LinkBody, LinkId};
use crate::net::socket;
use crate::shutdown::{Phase, Shutdown};

/// How long a relay may take to accept a connection, with its look at the database.
const CONNECT_TIME: Duration = Duration::from_secs(2);

/// Another relay that has a link.
#[derive(Debug, Clone)]
pub(crate) struct OtherRelay {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) key: Vec<u8>,
}

/// Connections to other relays, one for each that was asked.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<HashMap<String, Arc<RelayConnection>>>);

/// Locked while it is dialled, so that it is dialled once.
type RelayConnection = tokio::sync::Mutex<Option<SendRequest<LinkBody>>>;

/// Why another relay cannot be asked.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("it cannot be reached")]
    Socket(#[from] std::io::Error),
    #[error("it did not accept within {} s", CONNECT_TIME.as_secs())]
    Slow,
    #[error("it does not speak HTTP/2")]
    Http(#[from] hyper::Error),
}

impl Cluster {
    /// Sends a request to another relay, and returns the link that it chose, if any. It then has to be in `tried` of the next
    /// terms.
    pub(crate) async fn carry(
        &self,
        relay: &OtherRelay,
        mut request: LinkRequest,
        terms: Terms,
        deadline: Instant,
        shutdown: &Shutdown,
    ) -> (Option<LinkId>, Result<Response<Incoming>, NoClient>) {
        terms.write(request.headers_mut());
        let connected = timeout(CONNECT_TIME, self.connected(relay, shutdown)).await;
        let send = match connected.unwrap_or(Err(DialError::Slow)) {
            Ok(send) => send,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(relay = relay.address, error, "another relay was not asked");
                return (None, Err(NoClient::Offline));
            }
        };
        let mut response = match exchange(send, request, deadline).await {
            Ok(response) => response,
            Err(NoResponse::NotSent) => return (None, Err(NoClient::Offline)),
            Err(reason) => return (None, Err(NoClient::Link(reason))),
        };
        let (link, none) = terms::take_link(response.headers_mut());
        let carried = match none {
            Some(none) => Err(none),
            // Of no relay.
            None if link.is_none() => Err(NoClient::Link(NoResponse::Failed)),
            None => judge(response).map_err(NoClient::Link),
        };
        (link, carried)
    }

    async fn connected(
        &self,
        relay: &OtherRelay,
        shutdown: &Shutdown,
    ) -> Result<SendRequest<LinkBody>, DialError> {
        let connection = {
            let mut known = self.connections.0.lock();
            // Those of relays that have gone.
            known.retain(|_, connection| {
                let send = connection.try_lock();
                send.is_err()
                    || send.is_ok_and(|send| send.as_ref().is_some_and(|it| !it.is_closed()))
            });
            known.entry(relay.id.clone()).or_default().clone()
        };
        let mut connection = connection.lock().await;
        if let Some(send) = connection.as_ref().filter(|send| !send.is_closed()) {
            return Ok(send.clone());
        }
        let send = self.dial(relay, shutdown).await?;
        Ok(connection.insert(send).clone())
    }

    async fn dial(
        &self,
        relay: &OtherRelay,
        shutdown: &Shutdown,
    ) -> Result<SendRequest<LinkBody>, DialError> {
        let socket = TcpStream::connect(&relay.address).await?;
        socket::configure(&socket)?;
        let connector = TlsConnector::from(Arc::new(self.identity.client(&relay.key)));
        // The key tells who it is.
        let name = ServerName::try_from("relay").expect("a DNS name");
        let stream = connector.connect(name, socket).await?;
        let (send, connection) = ringtail_protocol::http2::client()
            .initial_connection_window_size(RELAY_WINDOW)
            .max_header_list_size(MAX_HEADER_LIST + TERMS_BYTES)
            .keep_alive_interval(RELAY_PING_INTERVAL)
            .keep_alive_timeout(RELAY_PING_TIMEOUT)
            .keep_alive_while_idle(false)
            .handshake(TokioIo::new(stream))
            .await?;
        let ending = shutdown.clone();
        shutdown.links.spawn(async move {
            tokio::select! {
                biased;
                () = ending.reached(Phase::EndLinks) => {}
                ended = connection => {
                    if let Err(error) = ended {
                        let error = &error as &dyn std::error::Error;
                        tracing::debug!(error, "a connection to another relay ended");
                    }
                }
            }
        });
        tracing::debug!(relay = relay.address, "connected to another relay");
        Ok(send)
    }
}
