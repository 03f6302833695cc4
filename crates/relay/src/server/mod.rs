//! A running relay: binding, accepting, and stopping in order.
//!
//! Stopping, in order:
//!
//! 1. Nothing new is accepted. Connections that there are end with the answer to the next request, which may be on its
//!    way: for [`crate::limits::Limits::linger`] they are waited for, and those on which nothing happens end then.
//! 2. Requests in flight are finished. Links stay up, because passthrough requests are answered over them.
//! 3. After [`crate::limits::Limits::drain_timeout`] passthrough requests whose app has not answered get 503, and what is left
//!    after that is cut off.
//! 4. Links are told to end, and their clients dial the next relay. The journal writes what it has, and closes.

mod accept;
pub(crate) mod admission;
mod connection;
mod http01;
mod plain;
pub(crate) mod progress;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use governor::{Quota, RateLimiter};
use ringtail_protocol::event::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::{Accounts, AccountsError, SharedAccounts};
use crate::clock::Clock;
use crate::config::{Config, Host, PublicUrl};
use crate::hosts::Hosts;
use crate::journal::sqlite::{OpenError, SqliteJournal, Swept};
use crate::journal::{AppendError, Journal};
use crate::limits::{LARGE_BODIES, LAST_WORDS, NOTED_VALIDATIONS};
use crate::links::Links;
use crate::logins::FailedLogins;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::ops::{Doors, Ops};
use crate::rates::EventRates;
use crate::relay::Relay;
use crate::store::{self, DataDir, DataDirError, ServeLock, StoreError};
use crate::tls::{CertificateState, Source, Tls, TlsError};

pub(crate) use self::accept::bind;

/// A relay that accepts connections.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    ca: Option<PathBuf>,
    http_addr: Option<SocketAddr>,
    certificate: watch::Receiver<CertificateState>,
    certificate_asked: Arc<Notify>,
    relay: Arc<Relay>,
    journal: Arc<SqliteJournal>,
    tasks: TaskTracker,
    /// Cancelled when the accept loop has ended, even by a panic.
    accepting: CancellationToken,
    /// The operator's connections, which end last.
    ops_tasks: TaskTracker,
    end_ops: CancellationToken,
    _lock: ServeLock,
}

/// How a relay stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every request was finished.
    Drained,
    /// Requests were still in flight after the time for them, and were cut off.
    CutOff,
}

impl Server {
    /// Binds, and starts to serve. When this returns, connections are accepted.
    ///
    /// # Errors
    /// When the data directory, the certificate or the address cannot be had.
    pub async fn spawn(config: Config) -> Result<Self, SpawnError> {
        let listener = match &config.socket {
            Some(socket) => accept::adopt(socket),
            None => accept::bind(config.listen),
        };
        let listener = listener.map_err(|source| SpawnError::Bind {
            address: config.listen,
            source,
        })?;
        let local_addr = listener.local_addr().map_err(|source| SpawnError::Bind {
            address: config.listen,
            source,
        })?;
        let doors = match config.metrics {
            Some(address) => {
                Doors::at(address).map_err(|source| SpawnError::BindMetrics { address, source })?
            }
            None => Doors::default(),
        };
        let plain = http01::bind(&config.certificate)
            .map_err(|(address, source)| SpawnError::BindPlain { address, source })?;
        // Opening databases and making keys blocks.
        tokio::task::spawn_blocking(move || open(&config, local_addr))
            .await
            .map_err(|_| SpawnError::Interrupted)?
            .map(|opened| opened.start(listener, local_addr, plain, doors))
    }

    /// Returns the address listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns the address at which metrics are read, if there is one.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Returns where the world reaches the relay.
    #[must_use]
    pub fn public_url(&self) -> &str {
        self.relay.hosts.public_url().as_str()
    }

    /// Returns the authority that clients must be told to trust, if the relay has its own.
    #[must_use]
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Returns what is known of the relay's certificates, and goes on being.
    #[must_use]
    pub fn certificate(&self) -> watch::Receiver<CertificateState> {
        self.certificate.clone()
    }

    /// Waits until there is a certificate to show, which is at once unless the relay orders its first one.
    pub async fn certified(&self) {
        let mut certificate = self.certificate.clone();
        let shown = certificate.wait_for(|state| state.is_ready());
        if shown.await.is_err() {
            // Nobody looks after it any more: the relay stops.
            std::future::pending::<()>().await;
        }
    }

    /// Reads the certificate's files again, if it comes from files.
    pub fn reload_certificate(&self) {
        if self.certificate.borrow().source == Source::Files {
            self.certificate_asked.notify_one();
        }
    }

    /// Orders a new certificate now, if the relay orders certificates.
    pub fn renew_certificate(&self) {
        if matches!(self.certificate.borrow().source, Source::Acme { .. }) {
            self.certificate_asked.notify_one();
        }
    }

    /// Returns the address of the plain listener, if there is one.
    #[must_use]
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http_addr
    }

    /// Returns the relay's accounts.
    #[must_use]
    pub fn accounts(&self) -> &SharedAccounts {
        &self.relay.accounts
    }

    /// Returns the journal's identity.
    #[must_use]
    pub fn journal_id(&self) -> &str {
        self.journal.id()
    }

    /// Throws away what the journal does not keep at the time `now`. The relay does this by itself every minute.
    ///
    /// # Errors
    /// When the journal cannot.
    pub async fn retain(&self, now: Timestamp) -> Result<Swept, AppendError> {
        self.journal.retain(now).await
    }

    /// Stops, and says whether everything in flight was finished. The journal is closed when this returns.
    pub async fn shutdown(self) -> Stopped {
        let relay = &self.relay;
        let now = Instant::now();
        let deadline = now + relay.limits.drain_timeout;
        let lingering = deadline.min(now + relay.limits.linger);
        relay.drain.cancel();
        self.tasks.close();
        relay.connection_tasks.close();
        relay.link_tasks.close();
        let quiet = async {
            self.tasks.wait().await;
            relay.connection_tasks.wait().await;
        };
        // Whether they ended by themselves is seen below.
        drop(timeout_at(lingering, quiet).await);
        relay.quiet.cancel();
        let drained = timeout_at(deadline, async {
            self.tasks.wait().await;
            relay.connection_tasks.wait().await;
        });
        let stopped = match drained.await {
            Ok(()) => Stopped::Drained,
            Err(_elapsed) => {
                relay.give_up.cancel();
                drop(timeout(LAST_WORDS, relay.connection_tasks.wait()).await);
                Stopped::CutOff
            }
        };
        relay.end_links.cancel();
        // A client that does not listen has nothing to lose: it stores what it gets, and dials again.
        drop(timeout(LAST_WORDS, relay.link_tasks.wait()).await);
        relay.abort.cancel();
        self.tasks.wait().await;
        relay.connection_tasks.wait().await;
        relay.link_tasks.wait().await;
        self.journal.close().await;
        self.end_ops.cancel();
        self.ops_tasks.close();
        self.ops_tasks.wait().await;
        tracing::info!(?stopped, metrics = ?relay.metrics, "stopped");
        stopped
    }

    /// Waits until the relay accepts no more, which without [`Server::shutdown`] means that it is broken.
    pub async fn join(&self) {
        self.accepting.cancelled().await;
    }
}

struct Opened {
    dir: DataDir,
    lock: ServeLock,
    journal: Arc<SqliteJournal>,
    accounts: SharedAccounts,
    tls: Tls,
    public_url: PublicUrl,
    config: Config,
}

fn open(config: &Config, local_addr: SocketAddr) -> Result<Opened, SpawnError> {
    let dir = DataDir::open(&config.data)?;
    let lock = dir.lock_serving()?;
    store::examine(&dir)?;
    let public_url = config
        .public_url
        .clone()
        .unwrap_or_else(|| PublicUrl::localhost(local_addr.port()));
    let host: Host = public_url.host();
    let tls = Tls::load(&config.certificate, dir.path(), &host, &config.clock)?;
    if let Some(domain) = &config.wildcard {
        has_wildcard(&tls, &domain.star())?;
    }
    let accounts = SharedAccounts::new(Accounts::open(&dir)?)?;
    let journal = SqliteJournal::open(&dir, config.journal)?;
    Ok(Opened {
        dir,
        lock,
        journal: Arc::new(journal),
        accounts,
        tls,
        public_url,
        config: config.clone(),
    })
}

/// Endpoints' own names need a certificate for all of them, unless the proxy in front has it.
fn has_wildcard(tls: &Tls, star: &str) -> Result<(), SpawnError> {
    let state = tls.state.borrow();
    let mut names = state.shown.iter().flat_map(|shown| &shown.names);
    if state.source == Source::Proxy || names.any(|name| name.eq_ignore_ascii_case(star)) {
        return Ok(());
    }
    Err(SpawnError::NoWildcard {
        star: star.to_owned(),
    })
}

impl Opened {
    fn start(
        mut self,
        listener: TcpListener,
        local_addr: SocketAddr,
        plain: Option<TcpListener>,
        doors: Doors,
    ) -> Server {
        let relay = Arc::new(Relay {
            journal: self.journal.clone() as Arc<dyn Journal>,
            accounts: self.accounts,
            links: Arc::new(Links::default()),
            hosts: Hosts::new(self.public_url, self.config.wildcard),
            proxies: self.config.proxies,
            memory: Memory::new(self.config.limits.buffered_bytes),
            stray_memory: Memory::new(self.config.limits.stray_bytes),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES)),
            event_rates: EventRates::new(self.config.limits.events_per_second),
            failed_logins: FailedLogins::default(),
            limits: self.config.limits,
            metrics: Metrics::new(self.journal.metrics()),
            validation_notes: RateLimiter::direct(Quota::per_second(NOTED_VALIDATIONS)),
            unstored_lines: RateLimiter::direct(Quota::per_second(NonZeroU32::MIN)),
            clock: Clock::new(),
            connection_tasks: TaskTracker::new(),
            link_tasks: TaskTracker::new(),
            drain: CancellationToken::new(),
            quiet: CancellationToken::new(),
            give_up: CancellationToken::new(),
            end_links: CancellationToken::new(),
            abort: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        let accepting = CancellationToken::new();
        let ended = accepting.clone().drop_guard();
        let accept = accept::accept(listener, relay.clone(), self.tls.acceptor.clone());
        tasks.spawn(async move {
            let _ended = ended;
            accept.await;
        });
        let http_addr = plain.as_ref().and_then(|plain| plain.local_addr().ok());
        if let (Some(plain), Some(challenges)) = (plain, self.tls.challenges) {
            self.tls.keeper.answers_http(true);
            tasks.spawn(http01::serve(plain, relay.clone(), challenges));
        }
        let (keeper, drain) = (self.tls.keeper, relay.drain.clone());
        tasks.spawn(async move {
            drain.run_until_cancelled(keeper.run()).await;
        });
        let watched = relay.clone();
        tasks.spawn(async move { watched.watch_accounts().await });
        let journal = self.journal.clone();
        tasks.spawn(async move {
            // A relay that is restarted more often than the journal sweeps by itself keeps its limits too. The
            // journal logs what fails.
            drop(journal.sweep().await);
        });
        let (ops_tasks, end_ops) = (TaskTracker::new(), CancellationToken::new());
        let metrics_addr = doors.metrics_addr();
        #[cfg(unix)]
        let doors = doors.with_socket(&self.dir);
        let ops = Ops {
            relay: relay.clone(),
            journal: self.journal.clone(),
            dir: self.dir,
            certificate: self.tls.state.clone(),
            recent: self.config.recent,
            started: Timestamp::now(),
        };
        doors.open(ops, &ops_tasks, &end_ops);
        Server {
            local_addr,
            metrics_addr,
            ca: self.tls.ca,
            http_addr,
            certificate: self.tls.state,
            certificate_asked: self.tls.asked,
            relay,
            journal: self.journal,
            tasks,
            accepting,
            ops_tasks,
            end_ops,
            _lock: self.lock,
        }
    }
}

impl Drop for Server {
    /// A server that is dropped without [`Server::shutdown`] stops at once.
    fn drop(&mut self) {
        self.relay.drain.cancel();
        self.relay.abort.cancel();
        self.end_ops.cancel();
    }
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The address cannot be listened on.
    #[error(
        "{address} cannot be listened on\n\
         hint: name another address with --listen; port 0 takes any that is free"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The address of the metrics cannot be listened on.
    #[error(
        "{address} cannot be listened on for metrics\n\
         hint: name another address with --metrics; port 0 takes any that is free"
    )]
    BindMetrics {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The address of the plain listener cannot be listened on.
    #[error(
        "{address} cannot be listened on for plain HTTP\n\
         hint: name another address with --http-listen; port 80 must lead there"
    )]
    BindPlain {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The accounts cannot be read.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// There is no certificate to show.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No certificate is for the endpoints' names.
    #[error(
        "no certificate is for {star}\n\
         hint: --wildcard needs one that is, in PEM files or at a proxy; name it with another --cert and --key"
    )]
    NoWildcard {
        /// The name that is missing.
        star: String,
    },
    /// The runtime stopped meanwhile.
    #[error("the relay was stopped while it started")]
    Interrupted,
}
