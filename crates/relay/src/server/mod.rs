//! A running relay: binding, serving, and stopping.

mod connection;
mod error;
mod plain_http;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringtail_protocol::event::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connection::ListenerContext;
pub use self::error::SpawnError;
use crate::accounts::{Accounts, Known, KnownFile, SharedAccounts};
use crate::api::{ApiContext, Authenticator, Validations};
use crate::budget::Budget;
use crate::cluster::{self, Cluster};
use crate::config::Config;
use crate::database::{Database, DatabaseError};
use crate::edge::EdgeContext;
use crate::hosts::Hosts;
use crate::journal::{AppendError, Deleted, Journal};
use crate::limits::{Limits, Shares, link_shares, request_shares, stray_shares};
use crate::links::LinkContext;
use crate::links::registry::Links;
use crate::links::revocation;
use crate::metrics::Metrics;
use crate::net::admission::Admission;
use crate::net::socket;
use crate::net::turns::Turns;
use crate::ops::{AdminListeners, Ops};
use crate::postgres;
use crate::public_url::{Host, PublicUrl};
pub use crate::shutdown::Stopped;
use crate::shutdown::{Phase, Shutdown};
use crate::store::{self, DataDir, ServeLock};
use crate::tls::{CertificateState, Source, Tls};

/// A relay that accepts connections.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    ca: Option<PathBuf>,
    http_addr: Option<SocketAddr>,
    certificate: watch::Receiver<CertificateState>,
    certificate_asked: Arc<Notify>,
    accounts: SharedAccounts,
    hosts: Arc<Hosts>,
    journal: Arc<dyn Journal>,
    limits: Arc<Limits>,
    shutdown: Shutdown,
    /// Cancelled when the accept loop has ended, even by a panic.
    accept_ended: CancellationToken,
    /// The operator's connections, which end last.
    ops_tasks: TaskTracker,
    _lock: ServeLock,
}

impl Server {
    /// Binds, and starts to serve. When this returns, connections are accepted.
    ///
    /// # Errors
    /// When the data directory, the certificate or the address cannot be had.
    pub async fn spawn(config: Config) -> Result<Self, SpawnError> {
        let listener = match &config.socket {
            Some(socket) => socket::adopt(socket),
            None => socket::bind(config.listen),
        };
        let hint = "name another address with --listen; port 0 takes any that is free";
        let failed = SpawnError::bind(config.listen, "", hint);
        let listener = listener.map_err(&failed)?;
        let local_addr = listener.local_addr().map_err(&failed)?;
        let admin = match config.metrics {
            Some(address) => {
                let hint = "name another address with --metrics; port 0 takes any that is free";
                let failed = SpawnError::bind(address, " for metrics", hint);
                AdminListeners::at(address).map_err(failed)?
            }
            None => AdminListeners::default(),
        };
        let plain = plain_http::bind(&config.certificate)?;
        let relays = match &config.cluster {
            None => None,
            Some(address) => {
                let hint = "--cluster needs an address of this machine that the other relays reach";
                let failed = SpawnError::bind(address, " for other relays", hint);
                Some(cluster::bind(address).await.map_err(failed)?)
            }
        };
        let (relays, address) = relays.unzip();
        // Opening databases and making keys blocks.
        let opened = tokio::task::spawn_blocking(move || open(&config, local_addr, address));
        let opened = opened.await.map_err(|_| SpawnError::Interrupted)??;
        Ok(opened.start(listener, local_addr, plain, admin, relays))
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

    /// Returns the relay's public URL.
    #[must_use]
    pub fn public_url(&self) -> &str {
        self.hosts.public_url().as_str()
    }

    /// Returns the file of the certificate authority that clients must trust, if the relay has its own.
    #[must_use]
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Returns the state of the relay's certificates, and its changes.
    #[must_use]
    pub fn certificate(&self) -> watch::Receiver<CertificateState> {
        self.certificate.clone()
    }

    /// Waits for a certificate, which there is at once unless the relay orders its first one.
    pub async fn certified(&self) {
        let mut certificate = self.certificate.clone();
        let ready = certificate.wait_for(|state| state.is_ready());
        if ready.await.is_err() {
            // The sender is gone: the relay stops.
            std::future::pending::<()>().await;
        }
    }

    /// Reloads the certificate, if it comes from files.
    pub fn reload_certificate(&self) {
        if self.certificate.borrow().source == Source::Files {
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
        &self.accounts
    }

    /// Returns the journal's identity.
    #[must_use]
    pub fn journal_id(&self) -> &str {
        self.journal.id()
    }

    /// Applies the journal's retention as of `now`. The relay does this by itself every minute.
    pub async fn retain(&self, now: Timestamp) -> Result<Deleted, AppendError> {
        self.journal.retain(Some(now)).await
    }

    /// Stops, and returns whether every request in flight was finished. The journal is closed when this returns.
    pub async fn shutdown(self) -> Stopped {
        let stopped = self.shutdown.drain(&self.limits).await;
        self.journal.close().await;
        self.shutdown.advance(Phase::Stopped);
        self.ops_tasks.close();
        self.ops_tasks.wait().await;
        tracing::info!(cut_off = stopped == Stopped::CutOff, "stopped");
        stopped
    }

    /// Waits until the relay accepts no more connections. Without [`Server::shutdown`], that is a bug.
    pub async fn join(&self) {
        self.accept_ended.cancelled().await;
    }
}

struct Opened {
    dir: DataDir,
    lock: ServeLock,
    journal: Arc<dyn Journal>,
    database: Database,
    metrics: Arc<Metrics>,
    accounts: SharedAccounts,
    tls: Tls,
    public_url: PublicUrl,
    config: Config,
    links: Arc<Links>,
    cluster: Option<Arc<Cluster>>,
}

/// `cluster` is where other relays reach this one.
fn open(
    config: &Config,
    local_addr: SocketAddr,
    cluster: Option<String>,
) -> Result<Opened, SpawnError> {
    let dir = DataDir::open(&config.data)?;
    let lock = dir.lock_serving()?;
    let (database, known) = database(config, &dir)?;
    let public_url = config
        .public_url
        .clone()
        .unwrap_or_else(|| PublicUrl::localhost(local_addr.port()));
    let host: Host = public_url.host();
    let tls = Tls::load(
        &config.certificate,
        dir.path(),
        &host,
        config.wildcard.as_ref(),
        &config.clock,
    )?;
    if let Some(domain) = &config.wildcard {
        has_wildcard(&tls, &format!("*.{domain}"))?;
    }
    let accounts = match (&database, known) {
        (Database::Postgres(postgres), Some(known)) => {
            SharedAccounts::with(Accounts::in_postgres(postgres), known.endpoints)
        }
        _ => SharedAccounts::new(database.accounts()?).map_err(DatabaseError::from)?,
    };
    let metrics = Arc::new(Metrics::new());
    let journal = database.journal(&dir, config.retention, metrics.journal.clone())?;
    if let Database::Postgres(_) = database {
        accounts.keep(KnownFile::new(dir.known(), journal.id()));
    }
    let links = Arc::new(Links::default());
    let cluster = match &database {
        Database::Sqlite(_) => None,
        Database::Postgres(postgres) => {
            let cluster = Cluster::new(postgres.clone(), cluster, links.clone())?;
            Some(Arc::new(cluster))
        }
    };
    Ok(Opened {
        links,
        cluster,
        dir,
        lock,
        journal,
        database,
        metrics,
        accounts,
        tls,
        public_url,
        config: config.clone(),
    })
}

/// Opens the database. If PostgreSQL is not there, returns what an earlier run knew of it, too.
fn database(config: &Config, dir: &DataDir) -> Result<(Database, Option<Known>), DatabaseError> {
    let Some(url) = &config.database else {
        store::examine(dir)?;
        return Ok((Database::Sqlite(dir.clone()), None));
    };
    let error = match postgres::open(url) {
        Ok(postgres) => return Ok((Database::Postgres(postgres), None)),
        Err(error) => error,
    };
    let known = error.is_outage().then(|| Known::read(&dir.known()));
    let Some(known) = known.flatten() else {
        return Err(error.into());
    };
    let cause = &error as &dyn std::error::Error;
    let endpoints = known.endpoints.len();
    tracing::error!(
        error = cause,
        endpoints,
        "PostgreSQL cannot be reached: serving the endpoints that this relay knew, whose events wait on its disk"
    );
    let postgres = postgres::open_later(url, &known.journal)?;
    Ok((Database::Postgres(postgres), Some(known)))
}

/// Checks that there is a certificate for the hosts of endpoints, unless a proxy has it or the local authority issues it.
fn has_wildcard(tls: &Tls, star: &str) -> Result<(), SpawnError> {
    let state = tls.state.borrow();
    let mut names = state.shown.iter().flat_map(|shown| &shown.names);
    let comes_otherwise = matches!(state.source, Source::Proxy | Source::Dev);
    if comes_otherwise || names.any(|name| name.eq_ignore_ascii_case(star)) {
        return Ok(());
    }
    Err(SpawnError::NoWildcard {
        star: star.to_owned(),
    })
}

fn divided(total: usize, shares: fn(usize) -> Shares) -> Budget {
    Budget::new(total, shares(total))
}

impl Opened {
    fn start(
        mut self,
        listener: TcpListener,
        local_addr: SocketAddr,
        plain: Option<TcpListener>,
        admin: AdminListeners,
        relays: Option<TcpListener>,
    ) -> Server {
        let shutdown = Shutdown::new();
        let limits = Arc::new(self.config.limits);
        let metrics = self.metrics;
        let proxies = Arc::new(self.config.proxies);
        let hosts = Arc::new(Hosts::new(self.public_url, self.config.wildcard));
        let links = LinkContext {
            links: self.links,
            journal: self.journal.clone(),
            accounts: self.accounts.clone(),
            limits: limits.clone(),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
        };
        let tasks = &shutdown.background;
        tasks.spawn(revocation::watch(links.clone()));
        let ops = Ops {
            links: links.links.clone(),
            hosts: hosts.clone(),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
            journal: self.journal.clone(),
            database: self.database,
            cluster: self.cluster.clone(),
            certificate: self.tls.state.clone(),
            recent: self.config.recent,
            started: Timestamp::now(),
        };
        let api = ApiContext {
            auth: Authenticator::new(self.accounts.clone(), metrics.clone()),
            hosts: hosts.clone(),
            proxies: proxies.clone(),
            memory: divided(limits.buffered_bytes, request_shares),
            stray_memory: divided(limits.stray_bytes, stray_shares),
            link_places: divided(limits.links(), link_shares),
            validations: Validations::default(),
            links,
        };
        if let Some(cluster) = &self.cluster {
            let (cluster, journal) = (cluster.clone(), self.journal.clone());
            let context = cluster::OtherRelaysContext {
                cluster: cluster.clone(),
                links: api.links.links.clone(),
                memory: api.memory.clone(),
                limits: limits.clone(),
                metrics: metrics.clone(),
                shutdown: shutdown.clone(),
            };
            if let Some(relays) = relays {
                tasks.spawn(cluster::serve(relays, Arc::new(context)));
            }
            let stopping = shutdown.clone();
            let present = async move { cluster.keep_present(&*journal, &stopping).await };
            shutdown.links.spawn(present);
        }
        let listener_context = Arc::new(ListenerContext {
            edge: EdgeContext::new(api, self.cluster),
            proxies,
            tls: self.tls.acceptor,
            admission: Admission::new(
                limits.connections,
                limits.connections_per_address,
                metrics.connections.clone(),
            ),
            turns: Turns::for_cpus(),
            limits: limits.clone(),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
        });
        let accept_ended = CancellationToken::new();
        let guard = accept_ended.clone().drop_guard();
        tasks.spawn(async move {
            connection::accept(listener, listener_context).await;
            drop(guard);
        });
        let http_addr = plain.as_ref().and_then(|plain| plain.local_addr().ok());
        if let (Some(listener), Some(challenges)) = (plain, self.tls.challenges) {
            self.tls.keeper.answers_http(true);
            let plain_http = plain_http::PlainHttp {
                hosts: hosts.clone(),
                challenges,
                metrics: metrics.clone(),
                shutdown: shutdown.clone(),
            };
            tasks.spawn(plain_http::serve(listener, Arc::new(plain_http)));
        }
        let (keeper, draining) = (self.tls.keeper, shutdown.clone());
        tasks.spawn(async move {
            tokio::select! {
                biased;
                () = draining.reached(Phase::Draining) => {}
                () = keeper.run() => {}
            }
        });
        // At the start, too: a relay may be restarted more often than its journal sweeps. Not awaited, because a stop would
        // wait for it. The journal logs errors.
        drop(self.journal.retain(None));
        let metrics_addr = admin.metrics_addr();
        let admin = admin.with_socket(&self.dir);
        let ops_tasks = TaskTracker::new();
        admin.open(ops, &ops_tasks);
        Server {
            local_addr,
            metrics_addr,
            ca: self.tls.ca,
            http_addr,
            certificate: self.tls.state,
            certificate_asked: self.tls.asked,
            accounts: self.accounts,
            hosts,
            journal: self.journal,
            limits,
            shutdown,
            accept_ended,
            ops_tasks,
            _lock: self.lock,
        }
    }
}

impl Drop for Server {
    /// Stops at once what [`Server::shutdown`] has not stopped.
    fn drop(&mut self) {
        self.shutdown.advance(Phase::Stopped);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ringtail_kit::wait::soon;
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn a_stop_does_not_wait_for_the_first_sweep() {
        ringtail_kit::tls::install();
        let temp = TempDir::new().expect("a directory");
        let listener = socket::bind(([127, 0, 0, 1], 0).into()).expect("it binds");
        let address = listener.local_addr().expect("an address");
        let mut config = Config::dev(address, temp.path().to_owned());
        config.limits.drain_timeout = Duration::from_secs(1);
        let opened = open(&config, address, None).expect("it opens");
        // The sweep waits for this transaction.
        let other = store::open_writer(&opened.dir).expect("it opens");
        other.execute_batch("BEGIN IMMEDIATE").expect("begun");
        let server = opened.start(listener, address, None, AdminListeners::default(), None);
        let stopped = soon("the drain", server.shutdown.drain(&server.limits)).await;
        assert_eq!(stopped, Stopped::Drained);
        drop(other);
        server.shutdown().await;
    }
}
