//! Which relays there are, and which has a link that forwards.
//!
//! Each relay writes its own rows, at once when its links change and every [`BEAT`] in any case. One that has been silent for a
//! few beats has left the view `relay_present` and is asked nothing: its clients dial another relay.

use std::collections::HashSet;
use std::time::Duration;

use ringtail_protocol::event::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::Cluster;
use super::carrier::OtherRelay;
use crate::journal::{EndpointKey, Journal};
use crate::limits::LAST_WORDS;
use crate::postgres::PostgresError;
use crate::rfc3339;
use crate::shutdown::{Phase, Shutdown};

/// How often a relay says that it is there.
const BEAT: Duration = Duration::from_secs(1);

/// How long PostgreSQL may take to say which relay has a link.
const LOOKUP_TIME: Duration = Duration::from_secs(1);

/// Ends the rows of earlier runs of this relay, and of relays that nobody misses any more.
const BEGIN: &str =
    "DELETE FROM relay WHERE id <> $1 AND (address = $2 OR seen_at < now() - interval '1 hour')";

/// Returns whether the row was missing.
const BEAT_ROW: &str = "INSERT INTO relay
        (id, address, key, version, started_at, seen_at, forwarding, inspecting, spooled)
    VALUES ($1, $2, $3, $4, $5, now(), $6, $7, $8)
    ON CONFLICT (id) DO UPDATE SET seen_at = now(), forwarding = $6, inspecting = $7, spooled = $8
    RETURNING xmax = 0";

/// A relay of the database, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RelayStatus {
    /// Where other relays reach it, if they can.
    pub(crate) address: Option<String>,
    pub(crate) is_this: bool,
    pub(crate) version: String,
    pub(crate) started_at: String,
    /// Whether it has been heard of within the last seconds.
    pub(crate) is_present: bool,
    pub(crate) silent_seconds: u64,
    pub(crate) forwarding: u64,
    pub(crate) inspecting: u64,
    pub(crate) spooled_events: u64,
}

/// What a relay publishes about itself.
#[derive(Debug)]
struct Present {
    started: Timestamp,
    /// Endpoints with a link that forwards.
    attached: HashSet<EndpointKey>,
    forwarding: i64,
    inspecting: i64,
    /// Events on its disk that wait for the database.
    spooled: i64,
}

impl Cluster {
    /// Keeps this relay's rows until its links end.
    pub(crate) async fn keep_present(&self, journal: &dyn Journal, shutdown: &Shutdown) {
        let started = Timestamp::now();
        // The endpoints that the database has for this relay; `None` if that is not known.
        let mut written: Option<HashSet<EndpointKey>> = None;
        let mut is_failing = false;
        let keep = async {
            loop {
                let changed = self.links.changed();
                let (forwarding, inspecting) = self.links.count();
                let now = Present {
                    started,
                    attached: self.links.forwarding(),
                    forwarding: count(forwarding),
                    inspecting: count(inspecting),
                    spooled: count(journal.spooled().events),
                };
                match self.write(now, &mut written).await {
                    Ok(()) => is_failing = false,
                    Err(error) => {
                        written = None;
                        // The journal has said that the database is gone.
                        if !is_failing {
                            let error = &error as &dyn std::error::Error;
                            tracing::debug!(error, "could not tell the other relays of links");
                        }
                        is_failing = true;
                    }
                }
                if is_failing {
                    // Links that come and go must not make it try faster.
                    sleep(BEAT).await;
                } else {
                    let _elapsed = timeout(BEAT, changed).await;
                }
            }
        };
        tokio::select! {
            biased;
            () = shutdown.reached(Phase::EndLinks) => {}
            () = keep => {}
        }
        // Without this, the row expires.
        let _elapsed = timeout(LAST_WORDS, self.leave()).await;
    }

    async fn write(
        &self,
        now: Present,
        written: &mut Option<HashSet<EndpointKey>>,
    ) -> Result<(), PostgresError> {
        let mut session = self.postgres.take().await?;
        let id = &self.identity.id;
        if written.is_none() {
            session.execute(BEGIN, &[id, &self.address]).await?;
        }
        let rows = session
            .query(
                BEAT_ROW,
                &[
                    id,
                    &self.address,
                    &self.identity.public_key,
                    &env!("CARGO_PKG_VERSION"),
                    &now.started.0,
                    &now.forwarding,
                    &now.inspecting,
                    &now.spooled,
                ],
            )
            .await?;
        let was_missing: Option<bool> = rows.first().map(|row| row.try_get(0)).transpose()?;
        if written.is_none() || was_missing == Some(true) {
            let forget = "DELETE FROM relay_link WHERE relay = $1";
            session.execute(forget, &[id]).await?;
            *written = Some(HashSet::new());
        }
        let written = written.get_or_insert_default();
        let attached = now.attached;
        let keys = |keys: Vec<&EndpointKey>| keys.into_iter().map(|key| key.0).collect::<Vec<_>>();
        let gone = keys(written.difference(&attached).collect());
        if !gone.is_empty() {
            let remove = "DELETE FROM relay_link WHERE relay = $1 AND endpoint = ANY ($2)";
            session.execute(remove, &[id, &gone]).await?;
        }
        let new = keys(attached.difference(written).collect());
        if !new.is_empty() {
            let add = "INSERT INTO relay_link (endpoint, relay) SELECT unnest($2::bigint[]), $1
                       ON CONFLICT DO NOTHING";
            session.execute(add, &[id, &new]).await?;
        }
        *written = attached;
        session.release();
        Ok(())
    }

    async fn leave(&self) -> Result<(), PostgresError> {
        let mut session = self.postgres.take().await?;
        let delete = "DELETE FROM relay WHERE id = $1";
        session.execute(delete, &[&self.identity.id]).await?;
        session.release();
        Ok(())
    }

    /// Returns the other relays that have a link of the endpoint, the newest first; none when PostgreSQL does not say.
    pub(crate) async fn relays_with(&self, endpoint: EndpointKey) -> Vec<OtherRelay> {
        match timeout(LOOKUP_TIME, self.find(endpoint)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "could not ask which relay has a link");
                Vec::new()
            }
            Err(_elapsed) => {
                tracing::debug!("PostgreSQL did not say in time which relay has a link");
                Vec::new()
            }
        }
    }

    async fn find(&self, endpoint: EndpointKey) -> Result<Vec<OtherRelay>, PostgresError> {
        let select = "SELECT id, address, key
            FROM relay_link JOIN relay_present ON id = relay
            WHERE endpoint = $1 AND id <> $2 AND address IS NOT NULL ORDER BY attached_at DESC";
        let mut session = self.postgres.take().await?;
        let rows = session
            .query(select, &[&endpoint.0, &self.identity.id])
            .await?;
        session.release();
        let relays = rows.iter().map(|row| {
            Ok(OtherRelay {
                id: row.try_get(0)?,
                address: row.try_get(1)?,
                key: row.try_get(2)?,
            })
        });
        relays.collect()
    }

    /// Returns whether a relay that is there has this public key.
    pub(super) async fn knows(&self, public_key: &[u8]) -> Result<bool, PostgresError> {
        let mut session = self.postgres.take().await?;
        let select = "SELECT 1 FROM relay_present WHERE key = $1";
        let rows = session.query(select, &[&public_key]).await?;
        session.release();
        Ok(!rows.is_empty())
    }

    /// Returns the relays of the database, by their addresses.
    pub(crate) async fn relays(&self) -> Result<Vec<RelayStatus>, PostgresError> {
        let mut session = self.postgres.take().await?;
        let select = "SELECT id = $1, address, version, started_at, extract(epoch FROM now() - seen_at)::bigint,
                   id IN (SELECT id FROM relay_present), forwarding, inspecting, spooled
            FROM relay ORDER BY address, started_at";
        let rows = session.query(select, &[&self.identity.id]).await?;
        session.release();
        let relays = rows.iter().map(|row| {
            let count = |column: usize| -> Result<u64, tokio_postgres::Error> {
                Ok(row.try_get::<_, i64>(column)?.max(0).unsigned_abs())
            };
            Ok(RelayStatus {
                is_this: row.try_get(0)?,
                address: row.try_get(1)?,
                version: row.try_get(2)?,
                started_at: rfc3339::of_event(Timestamp(row.try_get(3)?)),
                silent_seconds: count(4)?,
                is_present: row.try_get(5)?,
                forwarding: count(6)?,
                inspecting: count(7)?,
                spooled_events: count(8)?,
            })
        });
        relays.collect()
    }
}

fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::sync::Arc;

    use ringtail_kit::postgres::PostgresServer;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::cluster::listener::prove;
    use crate::postgres::{self, DatabaseUrl};

    async fn cluster(url: &str, address: &str) -> Cluster {
        ringtail_kit::tls::install();
        let url = DatabaseUrl::parse(url).unwrap();
        let opened = tokio::task::spawn_blocking(move || postgres::open(&url));
        let postgres = opened.await.unwrap().unwrap();
        Cluster::new(postgres, Some(address.to_owned()), Arc::default()).unwrap()
    }

    fn with(attached: impl IntoIterator<Item = i64>) -> Present {
        Present {
            started: Timestamp(0),
            attached: attached.into_iter().map(EndpointKey).collect(),
            forwarding: 0,
            inspecting: 0,
            spooled: 0,
        }
    }

    async fn found(cluster: &Cluster, endpoint: i64) -> Vec<String> {
        let found = cluster.find(EndpointKey(endpoint)).await.unwrap();
        found.into_iter().map(|it| it.id).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn links_are_found_until_they_end_or_their_relay_is_silent() {
        let server = PostgresServer::shared();
        let url = server.database();
        let (here, there) = (
            cluster(&url, "here:1").await,
            cluster(&url, "there:1").await,
        );
        let id = there.identity.id.clone();
        let mut written = None;
        there.write(with([1, 2]), &mut written).await.unwrap();
        assert_eq!(found(&here, 1).await, [&*id]);
        assert!(found(&there, 1).await.is_empty(), "it is asked itself");
        there.write(with([2, 3]), &mut written).await.unwrap();
        assert!(found(&here, 1).await.is_empty());
        assert_eq!(found(&here, 3).await, [&*id]);
        // The server crashed, and has no unlogged rows any more.
        server.sql(&url, "TRUNCATE ringtail.relay CASCADE");
        there.write(with([2, 3]), &mut written).await.unwrap();
        assert_eq!(found(&here, 2).await, [&*id]);
        server.sql(
            &url,
            "UPDATE ringtail.relay SET seen_at = seen_at - interval '6 seconds'",
        );
        assert!(found(&here, 2).await.is_empty());
        assert!(!here.relays().await.unwrap()[0].is_present);
        there.write(with([2, 3]), &mut written).await.unwrap();
        assert_eq!(found(&here, 2).await, [&*id]);
        // It is killed and starts again.
        let again = cluster(&url, "there:1").await;
        again.write(with([2]), &mut None).await.unwrap();
        assert_eq!(found(&here, 2).await, [&*again.identity.id]);
        assert!(found(&here, 3).await.is_empty());
        again.leave().await.unwrap();
        assert!(found(&here, 2).await.is_empty());
    }

    /// Returns whether `here` takes a connection of `there` for a relay's.
    async fn lets_in(here: &Cluster, there: &Cluster) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(
            there.identity.client(&here.identity.public_key),
        ));
        let connect = async {
            let socket = TcpStream::connect(address).await.unwrap();
            connector.connect("relay".try_into().unwrap(), socket).await
        };
        let accept = async {
            let (socket, _) = listener.accept().await.unwrap();
            prove(here, socket).await.unwrap()
        };
        let (connected, accepted) = tokio::join!(connect, accept);
        connected.unwrap();
        accepted.is_some()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stranger_is_no_relay() {
        let server = PostgresServer::shared();
        let url = server.database();
        let (here, there) = (
            cluster(&url, "here:1").await,
            cluster(&url, "there:1").await,
        );
        assert!(!lets_in(&here, &there).await);
        there.write(with([]), &mut None).await.unwrap();
        assert!(lets_in(&here, &there).await);
        there.leave().await.unwrap();
        assert!(!lets_in(&here, &there).await);
    }
}
