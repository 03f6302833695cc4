//! Relays that share a database: who they are, and passthrough requests that one carries to another's link.
//!
//! ```text
//! caller ─▶ relay without a link ── HTTP/2 over TLS 1.3, both ends prove their keys ──▶ relay with the link ─▶ client ─▶ app
//!                    └─ asks PostgreSQL which relay has one
//! ```
//!
//! Each run of a relay makes a key pair and publishes the public half in its row of the database. Whoever may write that row is
//! a relay, so there is no secret to hand out, and none in the database or its backups.
//!
//! A carried request is the request that the other relay sends on its link, with `Terms` in front; what comes back is the
//! client's response as the link brought it. The relay that has the caller judges it as if the link were its own.

mod carrier;
mod identity;
mod listener;
mod presence;
mod terms;

use std::sync::Arc;

use tokio::net::TcpListener;

use self::carrier::Connections;
pub(crate) use self::carrier::OtherRelay;
use self::identity::Identity;
pub use self::identity::IdentityError;
pub(crate) use self::listener::{OtherRelaysContext, serve};
pub(crate) use self::presence::RelayStatus;
pub(crate) use self::terms::{NoClient, Terms};
use crate::links::registry::Links;
use crate::postgres::Postgres;

/// This relay among those of its database.
#[derive(Debug)]
pub(crate) struct Cluster {
    postgres: Postgres,
    identity: Identity,
    /// Where other relays reach this one.
    address: Option<String>,
    links: Arc<Links>,
    connections: Connections,
}

impl Cluster {
    pub(crate) fn new(
        postgres: Postgres,
        address: Option<String>,
        links: Arc<Links>,
    ) -> Result<Self, IdentityError> {
        Ok(Self {
            postgres,
            identity: Identity::new()?,
            address,
            links,
            connections: Connections::default(),
        })
    }
}

/// Binds the address at which other relays reach this one, and returns it with the port that the system chose.
pub(crate) async fn bind(address: &str) -> std::io::Result<(TcpListener, String)> {
    let mut resolved = tokio::net::lookup_host(address).await?;
    let resolved = resolved.next().ok_or(std::io::ErrorKind::NotFound)?;
    let listener = crate::net::socket::bind(resolved)?;
    let port = listener.local_addr()?.port();
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    Ok((listener, format!("{host}:{port}")))
}
