//! The live links: which endpoint has which, and a place on one of them for a passthrough request.
//!
//! A link is attached when its client has answered the relay's first request, so a passthrough request never waits for a client
//! that only dialled. The registry is a plain lock around a map, held for a lookup and never over an await.

pub(crate) mod attach;
mod body;
mod events;
mod passthrough;
mod session;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use ringtail_protocol::http2::MAX_PASSTHROUGHS;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::body::LinkBody;
pub(crate) use self::passthrough::{AppBody, AppBodyError, Asked, NoAnswer, Question};
use crate::accounts::Account;
use crate::journal::EndpointKey;

/// Every link of a relay.
#[derive(Debug, Default)]
pub(crate) struct Links {
    attached: RwLock<HashMap<EndpointKey, Vec<Arc<Link>>>>,
    /// The newest `seq` that a client of the endpoint said it has, in this run of the relay. It decides nothing: what a
    /// client is sent follows what it says when it dials.
    cursors: Mutex<HashMap<EndpointKey, Arc<AtomicU64>>>,
}

impl Links {
    /// Adds a link; it is there until the guard is dropped.
    fn attach(self: &Arc<Self>, link: Arc<Link>) -> Attached {
        self.write(|map| map.entry(link.endpoint).or_default().push(link.clone()));
        Attached {
            links: self.clone(),
            link,
        }
    }

    /// Finds a place for a passthrough request: on the link attached last among those that forward and are not in `tried`. Waits
    /// up to `wait` when that link has none free.
    pub(crate) async fn place(
        &self,
        endpoint: EndpointKey,
        tried: &[LinkId],
        wait: Duration,
    ) -> Result<Place, NoPlace> {
        let until = Instant::now() + wait;
        loop {
            let link = self.newest(endpoint, tried).ok_or(NoPlace::Offline)?;
            let permit = match link.places.clone().try_acquire_owned() {
                Ok(permit) => Ok(permit),
                Err(_) => tokio::time::timeout_at(until, link.places.clone().acquire_owned())
                    .await
                    .map_err(|_| NoPlace::Busy)?,
            };
            match permit {
                Ok(permit) => {
                    return Ok(Place { link, permit });
                }
                // The link ended while its places were waited for; it has left the map before it closed them.
                Err(_closed) => {}
            }
        }
    }

    fn newest(&self, endpoint: EndpointKey, tried: &[LinkId]) -> Option<Arc<Link>> {
        self.read(|map| {
            map.get(&endpoint)?
                .iter()
                .rev()
                .find(|link| link.forwards && !tried.contains(&link.id) && !link.send.is_closed())
                .cloned()
        })
    }

    /// Ends the links for which `over` says so.
    pub(crate) fn end_where(&self, end: End, over: impl Fn(&Link) -> bool) {
        let links: Vec<Arc<Link>> = self.read(|map| map.values().flatten().cloned().collect());
        for link in links.iter().filter(|link| over(link)) {
            link.end(end);
        }
    }

    /// Returns how many links an endpoint has.
    pub(crate) fn count_of(&self, endpoint: EndpointKey) -> usize {
        self.read(|map| map.get(&endpoint).map_or(0, Vec::len))
    }

    /// Returns what is known of where clients stand.
    pub(crate) fn cursors(&self) -> HashMap<EndpointKey, u64> {
        self.lock_cursors()
            .iter()
            .map(|(endpoint, cursor)| (*endpoint, cursor.load(Ordering::Relaxed)))
            .collect()
    }

    fn cursor(&self, endpoint: EndpointKey) -> Arc<AtomicU64> {
        self.lock_cursors().entry(endpoint).or_default().clone()
    }

    fn lock_cursors(&self) -> MutexGuard<'_, HashMap<EndpointKey, Arc<AtomicU64>>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many links forward, and how many do not.
    pub(crate) fn count(&self) -> (usize, usize) {
        self.read(|map| {
            let all: usize = map.values().map(Vec::len).sum();
            let forward = map.values().flatten().filter(|link| link.forwards);
            let forwarding = forward.count();
            (forwarding, all - forwarding)
        })
    }

    /// Returns the accounts that have links, each token once.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        self.read(|map| {
            let mut accounts: Vec<Account> = Vec::new();
            for link in map.values().flatten() {
                if !accounts.contains(&link.account) {
                    accounts.push(link.account.clone());
                }
            }
            accounts
        })
    }

    fn read<T>(&self, look: impl FnOnce(&HashMap<EndpointKey, Vec<Arc<Link>>>) -> T) -> T {
        look(&self.attached.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<EndpointKey, Vec<Arc<Link>>>) -> T) -> T {
        change(
            &mut self
                .attached
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// Why there is no place for a passthrough request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// No client that forwards is attached.
    Offline,
    /// The client has as many passthrough requests as a link carries, and none ended in time.
    Busy,
}

/// Number of a link within one run of the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LinkId(u64);

impl LinkId {
    fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl std::fmt::Display for LinkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One link, as others see it. Its task owns the socket.
#[derive(Debug)]
pub(crate) struct Link {
    id: LinkId,
    pub(crate) endpoint: EndpointKey,
    /// What the client showed when it dialled, looked at again while the link lives.
    pub(crate) account: Account,
    forwards: bool,
    send: SendRequest<LinkBody>,
    places: Arc<Semaphore>,
    /// Newest `seq` that the client said it has stored.
    cursor: AtomicU64,
    ended: CancellationToken,
    end: OnceLock<End>,
}

impl Link {
    fn new(
        id: LinkId,
        endpoint: EndpointKey,
        account: Account,
        forwards: bool,
        send: SendRequest<LinkBody>,
    ) -> Self {
        Self {
            id,
            endpoint,
            account,
            forwards,
            send,
            places: Arc::new(Semaphore::new(MAX_PASSTHROUGHS)),
            cursor: AtomicU64::new(0),
            ended: CancellationToken::new(),
            end: OnceLock::new(),
        }
    }

    /// Asks the link's task to end it. The first reason counts.
    fn end(&self, end: End) {
        self.end.get_or_init(|| end);
        self.ended.cancel();
    }
}

/// Why the relay ends a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum End {
    /// The relay stops.
    #[error("the relay is stopping")]
    Stopping,
    /// The token that opened the link is no longer good.
    #[error("its token was rotated or revoked")]
    Revoked,
    /// Its endpoint was deleted.
    #[error("its endpoint was deleted")]
    Deleted,
}

/// A free place on a link: holding it keeps the place.
#[derive(Debug)]
pub(crate) struct Place {
    link: Arc<Link>,
    permit: OwnedSemaphorePermit,
}

impl Place {
    /// Returns the link that it is on.
    pub(crate) fn link(&self) -> LinkId {
        self.link.id
    }
}

/// Takes the link off the map, and then lets those who wait for a place on it look elsewhere.
#[derive(Debug)]
struct Attached {
    links: Arc<Links>,
    link: Arc<Link>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.links.write(|map| {
            if let Some(links) = map.get_mut(&self.link.endpoint) {
                links.retain(|link| link.id != self.link.id);
                if links.is_empty() {
                    map.remove(&self.link.endpoint);
                }
            }
        });
        self.link.places.close();
    }
}
