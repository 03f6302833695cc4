//! Which endpoint has which links, and permits for passthrough requests on them.
//!
//! The registry is a lock around a map, held for a lookup and never over an await.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::Channel;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use parking_lot::{Mutex, RwLock};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, SetOnce};
use tokio::time::{Instant, timeout_at};

use crate::accounts::Account;
use crate::budget::{Budget, Owner, Share};
use crate::journal::EndpointKey;

/// Every attached link of a relay.
#[derive(Debug, Default)]
pub(crate) struct Links {
    attached: RwLock<HashMap<EndpointKey, Vec<Arc<Link>>>>,
    /// The newest cursor of each endpoint since the relay started, for status and metrics. Delivery follows the cursor
    /// that each client sends when it dials.
    cursors: Mutex<HashMap<EndpointKey, Arc<AtomicU64>>>,
    changed: Notify,
}

impl Links {
    /// Adds a link; dropping the guard removes it.
    pub(super) fn attach(self: &Arc<Self>, link: Arc<Link>) -> AttachedLink {
        let mut attached = self.attached.write();
        let links = attached.entry(link.endpoint).or_default();
        links.push(link.clone());
        drop(attached);
        self.changed.notify_waiters();
        AttachedLink {
            links: self.clone(),
            link,
        }
    }

    /// Acquires a permit for a caller on the newest link that forwards and is not in `tried`. Waits up to `wait` when that
    /// link has none left for it.
    pub(crate) async fn acquire(
        &self,
        endpoint: EndpointKey,
        caller: Option<Owner>,
        tried: &[LinkId],
        wait: Duration,
    ) -> Result<PassthroughPermit, AcquireError> {
        let until = Instant::now() + wait;
        loop {
            let link = self.newest(endpoint, tried).ok_or(AcquireError::Offline)?;
            let returned = link.permits.returned();
            if let Some(permit) = link.permits.take(caller, 1) {
                return Ok(PassthroughPermit { link, permit });
            }
            // A link that ends wakes those who wait for it, after it has left the map.
            let returned = timeout_at(until, returned).await;
            returned.map_err(|_elapsed| AcquireError::Busy)?;
        }
    }

    fn newest(&self, endpoint: EndpointKey, tried: &[LinkId]) -> Option<Arc<Link>> {
        let attached = self.attached.read();
        let mut newest_first = attached.get(&endpoint)?.iter().rev();
        newest_first
            .find(|link| link.forwards && !tried.contains(&link.id) && !link.send.is_closed())
            .cloned()
    }

    /// Ends the links that `matches` selects.
    pub(super) fn end_where(&self, end: LinkEnd, matches: impl Fn(&Link) -> bool) {
        for link in self.attached.read().values().flatten() {
            if matches(link) {
                // The first reason stays.
                let _already_ending = link.end.set(end);
            }
        }
    }

    /// Returns how many links an endpoint has.
    pub(crate) fn count_of(&self, endpoint: EndpointKey) -> usize {
        self.attached.read().get(&endpoint).map_or(0, Vec::len)
    }

    /// Returns the newest cursor of each endpoint that had a client since the relay started.
    pub(crate) fn cursors(&self) -> HashMap<EndpointKey, u64> {
        let cursors = self.cursors.lock();
        cursors
            .iter()
            .map(|(endpoint, cursor)| (*endpoint, cursor.load(Ordering::Relaxed)))
            .collect()
    }

    pub(super) fn cursor(&self, endpoint: EndpointKey) -> Arc<AtomicU64> {
        self.cursors.lock().entry(endpoint).or_default().clone()
    }

    /// Returns how many links forward, and how many do not.
    pub(crate) fn count(&self) -> (usize, usize) {
        let attached = self.attached.read();
        let all: usize = attached.values().map(Vec::len).sum();
        let links = attached.values().flatten();
        let forwarding = links.filter(|link| link.forwards).count();
        (forwarding, all - forwarding)
    }

    /// Resolves when a link comes or goes after this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Returns the endpoints with a link that forwards.
    pub(crate) fn forwarding(&self) -> HashSet<EndpointKey> {
        let attached = self.attached.read();
        let forwarding = attached.values().flatten().filter(|link| link.forwards);
        forwarding.map(|link| link.endpoint).collect()
    }

    /// Returns the accounts that have links, each token once.
    pub(super) fn accounts(&self) -> Vec<Account> {
        let mut accounts: Vec<Account> = Vec::new();
        for link in self.attached.read().values().flatten() {
            if !accounts.contains(&link.account) {
                accounts.push(link.account.clone());
            }
        }
        accounts
    }
}

/// Why a permit could not be acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcquireError {
    /// No client that forwards is attached.
    Offline,
    /// The link has as many requests in flight as it may, and none ended in time.
    Busy,
}

/// Number of a link within one run of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LinkId(u64);

impl LinkId {
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Reads what another relay was told.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Body of the relay's requests on a link: of a passthrough request, of the event stream, or of a request that another relay
/// carries here.
pub(crate) type LinkBody = Either<Full<Bytes>, Either<Channel<Bytes>, Incoming>>;

/// One link, as others see it. Its task owns the socket.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) endpoint: EndpointKey,
    /// The account whose token opened the link.
    pub(super) account: Account,
    pub(super) forwards: bool,
    pub(super) send: SendRequest<LinkBody>,
    pub(super) permits: Budget,
    /// The client's cursor.
    pub(super) cursor: AtomicU64,
    /// Notified of each frame that the client sends.
    pub(super) spoke: Notify,
    /// Set when the relay ends the link.
    pub(super) end: SetOnce<LinkEnd>,
}

/// Why the relay ends a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkEnd {
    #[error("the relay is stopping")]
    Stopping,
    #[error("its token was rotated or revoked")]
    Revoked,
    #[error("its endpoint was deleted")]
    Deleted,
}

/// The right to send one passthrough request over a link.
#[derive(Debug)]
pub(crate) struct PassthroughPermit {
    pub(super) link: Arc<Link>,
    pub(super) permit: Share,
}

impl PassthroughPermit {
    pub(crate) fn link(&self) -> LinkId {
        self.link.id
    }

    /// Returns where to send the request, and the permit for the time until the response's body has been read.
    pub(crate) fn into_parts(self) -> (SendRequest<LinkBody>, Share) {
        (self.link.send.clone(), self.permit)
    }
}

/// Removes the link from the registry, and then makes those who wait for a permit on it look for another link.
#[derive(Debug)]
pub(super) struct AttachedLink {
    links: Arc<Links>,
    link: Arc<Link>,
}

impl Drop for AttachedLink {
    fn drop(&mut self) {
        let mut attached = self.links.attached.write();
        if let Some(links) = attached.get_mut(&self.link.endpoint) {
            links.retain(|link| link.id != self.link.id);
            if links.is_empty() {
                attached.remove(&self.link.endpoint);
            }
        }
        drop(attached);
        self.links.changed.notify_waiters();
        self.link.permits.wake();
    }
}
