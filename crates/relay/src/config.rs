//! Settings of a relay.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use crate::journal::Retention;
use crate::limits::Limits;
use crate::net::proxies::Proxies;
use crate::postgres::DatabaseUrl;
use crate::public_url::PublicUrl;
use crate::recent_log::RecentLog;
use crate::tls::{Certificate, Clock, Domain};

/// Settings of a relay.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// A listening socket that replaces [`Config::listen`]. Connections wait in it while relays are exchanged.
    pub socket: Option<Arc<TcpListener>>,
    /// Directory of the journal, the accounts and, with [`Certificate::Dev`], the certificate.
    pub data: PathBuf,
    /// The PostgreSQL database of journal and accounts; `None` for SQLite in the data directory.
    pub database: Option<DatabaseUrl>,
    /// HOST:PORT at which this relay answers the other relays of the database; `None` for nowhere.
    pub cluster: Option<String>,
    /// Address of metrics and health checks, readable without authentication; `None` for none.
    pub metrics: Option<SocketAddr>,
    /// URL at which RingCentral and clients reach the relay; `https://localhost` with its port unless given.
    pub public_url: Option<PublicUrl>,
    /// Domain below which each endpoint has a host, in addition to its path.
    pub wildcard: Option<Domain>,
    /// The relay's certificate.
    pub certificate: Certificate,
    /// Proxies in front of the relay.
    pub proxies: Proxies,
    /// Which events to keep.
    pub retention: Retention,
    /// Limits on callers and clients.
    pub limits: Limits,
    /// The newest warnings and errors, for `status`; empty unless it is a layer of the subscriber.
    pub recent: RecentLog,
    /// The clock for certificates.
    pub clock: Clock,
}

impl Config {
    /// Returns settings with a local certificate authority and defaults for the rest.
    #[must_use]
    pub fn dev(listen: SocketAddr, data: PathBuf) -> Self {
        Self {
            listen,
            socket: None,
            data,
            database: None,
            cluster: None,
            metrics: None,
            public_url: None,
            wildcard: None,
            certificate: Certificate::Dev,
            proxies: Proxies::default(),
            retention: Retention::default(),
            limits: Limits::default(),
            recent: RecentLog::default(),
            clock: Clock::default(),
        }
    }
}
