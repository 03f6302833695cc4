//! Connections: a pool, and single ones for those that keep theirs.

use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use ringtail_errors::{Code, Coded, codes};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Connection, Row, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::migrate;
use super::url::DatabaseUrl;

/// How long one statement may take; that of the writer has its own limit.
const STATEMENT_TIME: Duration = Duration::from_secs(10);

/// Connections for reads, accounts and retention.
const CONNECTIONS: usize = 8;

/// Runs on each new connection. A transaction whose relay was cut off holds its locks, or waits for one, for half a minute at
/// most: a large event on a slow network needs as long. A server that acknowledges before it and a synchronous standby have
/// synced is overruled, and a stricter one is left as it is.
const SETUP: &str = "SET search_path = ringtail;
    SET idle_in_transaction_session_timeout = '30s';
    SET lock_timeout = '30s';
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";

/// Names the history of commits that a server has: a standby that takes over begins another, as a restored backup does.
const TIMELINE: &str =
    "SELECT system_identifier || ' ' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
    FROM pg_control_system()";

/// Why PostgreSQL did not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// It cannot be reached, or refused.
    #[error("PostgreSQL cannot be reached or refused a statement")]
    Server(#[from] tokio_postgres::Error),
    /// It did not answer in time.
    #[error("PostgreSQL did not answer within {} s", .0.as_secs())]
    Slow(Duration),
    /// A newer relay migrated the database.
    #[error(
        "the database was migrated by a newer ringtail-relay: its schema is {found}, this one knows up to {known}"
    )]
    Newer {
        /// Its schema.
        found: usize,
        /// The newest schema that this program knows.
        known: usize,
    },
    /// It has another journal than the relay started with.
    #[error("the database has another journal than this relay started with: restart the relay")]
    OtherJournal,
    /// The certificates that this machine trusts cannot be read.
    #[error("the certificates that this machine trusts cannot be read")]
    Tls(#[from] rustls::Error),
    /// The system gave no thread.
    #[error("the runtime could not be started")]
    Runtime(#[source] std::io::Error),
}

impl Coded for PostgresError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Newer { .. } => &codes::RELAY_DATABASE_NEWER,
            Self::Server(_) | Self::Slow(_) | Self::OtherJournal | Self::Tls(_) => {
                &codes::RELAY_POSTGRES
            }
            Self::Runtime(_) => &codes::FAILED,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Newer { .. } => {
                Some("run the version of the newest relay of this database".to_owned())
            }
            _ => self.code().hint.map(str::to_owned),
        }
    }
}

impl PostgresError {
    /// Returns whether the server was not there or not up, as opposed to a server that refused.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Slow(_) => true,
            Self::Server(error) => error
                .as_db_error()
                // Class 57: it starts, stops or was stopped. Class 53: all its connections are taken, or its memory or disk.
                .is_none_or(|refused| {
                    ["53", "57"]
                        .iter()
                        .any(|class| refused.code().code().starts_with(class))
                }),
            _ => false,
        }
    }
}

/// A database, and idle connections to it. Clones share them.
#[derive(Clone)]
pub struct Postgres(Arc<Inner>);

struct Inner {
    url: DatabaseUrl,
    /// The journal that it must have, if it was not there when the relay started.
    journal: Option<String>,
    /// Whether its schema is known to be this program's.
    is_opened: AtomicBool,
    tls: MakeRustlsConnect,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
    tasks: TaskTracker,
    accounts_changed: Notify,
    /// Of the server that connections are to, if it tells.
    timeline: Mutex<Option<String>>,
    on_takeover: OnceLock<Box<dyn Fn() + Send + Sync>>,
    runtime: Handle,
    /// For commands, which have none.
    _own: Option<Runtime>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Postgres").field(&self.0.url).finish()
    }
}

impl Postgres {
    /// Prepares to connect.
    pub(super) fn new(url: &DatabaseUrl, journal: Option<String>) -> Result<Self, PostgresError> {
        let (runtime, own) = match Handle::try_current() {
            Ok(current) => (current, None),
            Err(_) => {
                let own = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .map_err(PostgresError::Runtime)?;
                (own.handle().clone(), Some(own))
            }
        };
        let tls = ClientConfig::builder()
            .with_platform_verifier()?
            .with_no_client_auth();
        Ok(Self(Arc::new(Inner {
            url: url.clone(),
            journal,
            is_opened: AtomicBool::new(false),
            tls: MakeRustlsConnect::new(tls),
            permits: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
            tasks: TaskTracker::new(),
            accounts_changed: Notify::new(),
            timeline: Mutex::default(),
            on_takeover: OnceLock::new(),
            runtime,
            _own: own,
        })))
    }

    /// Waits for a future outside the runtime, or on a worker thread of it.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        tokio::task::block_in_place(|| self.0.runtime.block_on(future))
    }

    /// Is notified when a relay has changed accounts or endpoints.
    pub(crate) fn accounts_changed(&self) -> &Notify {
        &self.0.accounts_changed
    }

    /// Calls a function before the first use of a server that has taken over, which may lack the last commits.
    pub(crate) fn on_takeover(&self, call: impl Fn() + Send + Sync + 'static) {
        // The journal is opened once.
        drop(self.0.on_takeover.set(Box::new(call)));
    }

    /// Runs a task until it ends by itself.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.0.tasks.spawn_on(task, &self.0.runtime)
    }

    /// Opens a connection that is not the pool's.
    pub(crate) async fn connect(&self) -> Result<Session, PostgresError> {
        let (mut session, connection) = self.dial().await?;
        let task = self.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        session.task = Some(AbortOnDropHandle::new(task));
        session.batch(SETUP).await?;
        self.notice_takeover(&mut session).await;
        if !self.0.is_opened.load(Ordering::Acquire) {
            migrate::migrate(&mut session).await?;
            if let Some(wanted) = &self.0.journal
                && migrate::journal(&mut session).await? != *wanted
            {
                return Err(PostgresError::OtherJournal);
            }
            self.0.is_opened.store(true, Ordering::Release);
        }
        Ok(session)
    }

    async fn notice_takeover(&self, session: &mut Session) {
        let rows = match session.query(TIMELINE, &[]).await {
            Ok(rows) => rows,
            // Not every server lets everybody ask.
            Err(error) => return tracing::debug!(%error, "PostgreSQL does not tell its timeline"),
        };
        let found: Option<String> = rows.first().and_then(|row| row.try_get(0).ok());
        let mut known = self.0.timeline.lock();
        if known.is_some() && *known != found {
            tracing::warn!(
                "another PostgreSQL server has taken over; links end and clients redial"
            );
            if let Some(call) = self.0.on_takeover.get() {
                call();
            }
        }
        *known = found;
    }

    /// Returns once the database's schema is known to be this program's.
    pub(crate) async fn opened(&self) -> Result<(), PostgresError> {
        if !self.0.is_opened.load(Ordering::Acquire) {
            self.take().await?.release();
        }
        Ok(())
    }

    /// Returns the journal that the database must have, if it was not there when the relay started.
    pub(crate) fn expected_journal(&self) -> Option<&str> {
        self.0.journal.as_deref()
    }

    /// Opens a connection whose other half the caller polls, for notifications.
    pub(crate) async fn dial(&self) -> Result<(Session, Dialled), PostgresError> {
        let dialled = self.0.url.config().connect(self.0.tls.clone());
        let time = self.0.url.connect_time();
        let (client, connection) = timeout(time, dialled)
            .await
            .map_err(|_elapsed| PostgresError::Slow(time))??;
        let session = Session {
            client,
            statements: HashMap::new(),
            task: None,
        };
        Ok((session, connection))
    }

    /// Takes a connection from the pool, or opens one. Waits in order of arrival while all are taken.
    pub(crate) async fn take(&self) -> Result<Lease<'_>, PostgresError> {
        let permit = self.0.permits.acquire().await;
        let permit = permit.expect("the pool is never closed");
        let idle = || self.0.idle.lock().pop();
        while let Some(session) = idle() {
            if !session.client.is_closed() {
                return Ok(self.lease(session, permit));
            }
        }
        let session = self.connect().await?;
        Ok(self.lease(session, permit))
    }

    fn lease<'a>(&'a self, session: Session, permit: SemaphorePermit<'a>) -> Lease<'a> {
        Lease {
            pool: &self.0,
            session,
            _permit: permit,
        }
    }
}

/// The half of a connection that receives.
pub(crate) type Dialled =
    Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>;

/// A connection, with the statements that it has prepared.
pub(crate) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// The other half. Without the abort, it keeps what was sent in memory until a stuck server answers.
    task: Option<AbortOnDropHandle<()>>,
}

impl Session {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Prepares a statement once.
    pub(crate) async fn prepare(
        &mut self,
        sql: &'static str,
    ) -> Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(crate) async fn query(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        in_time(async {
            let statement = self.prepare(sql).await?;
            self.client.query(&statement, params).await
        })
        .await
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, PostgresError> {
        in_time(async {
            let statement = self.prepare(sql).await?;
            self.client.execute(&statement, params).await
        })
        .await
    }

    /// Runs statements without parameters or results.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), PostgresError> {
        in_time(self.client.batch_execute(sql)).await
    }

    pub(super) async fn table_exists(&mut self, name: &str) -> Result<bool, PostgresError> {
        let rows = self
            .query("SELECT to_regclass($1::text) IS NOT NULL", &[&name])
            .await?;
        let first = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(first.unwrap_or(false))
    }
}

async fn in_time<T>(
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, PostgresError> {
    match timeout(STATEMENT_TIME, answer).await {
        Ok(answered) => Ok(answered?),
        Err(_elapsed) => Err(PostgresError::Slow(STATEMENT_TIME)),
    }
}

/// A connection of the pool. Dropped without [`Lease::release`], it is closed, which rolls its transaction back.
pub(crate) struct Lease<'a> {
    pool: &'a Inner,
    session: Session,
    _permit: SemaphorePermit<'a>,
}

impl Lease<'_> {
    /// Returns the connection to the pool. Call it outside a transaction.
    pub(crate) fn release(self) {
        self.pool.idle.lock().push(self.session);
    }
}

impl Deref for Lease<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use ringtail_kit::eventually;
    use ringtail_kit::postgres::PostgresServer;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_ends_with_its_session_and_not_with_its_answer() {
        ringtail_kit::tls::install();
        let url = DatabaseUrl::parse(&PostgresServer::shared().database()).expect("a URL");
        let postgres = Postgres::new(&url, None).expect("it starts");
        let mut session = postgres.connect().await.expect("it connects");
        let sleep = session.batch("SELECT pg_sleep(3600)");
        let given_up = timeout(Duration::from_millis(50), sleep).await;
        assert!(given_up.is_err(), "{given_up:?}");
        drop(session);
        eventually!(postgres.0.tasks.is_empty(), "no connection").expect("it ends");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_commit_survives_server_and_standby_whatever_the_database_says() {
        ringtail_kit::tls::install();
        let server = PostgresServer::shared();
        for (set, expected) in [
            ("off", "on"),
            ("local", "on"),
            ("remote_write", "on"),
            ("remote_apply", "remote_apply"),
        ] {
            let database = server.database();
            let alter = format!(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = {set}', current_database()); END $$"
            );
            server.sql(&database, &alter);
            let url = DatabaseUrl::parse(&database).expect("a URL");
            let postgres = Postgres::new(&url, None).expect("it starts");
            let mut session = postgres.connect().await.expect("it connects");
            let rows = session.query("SHOW synchronous_commit", &[]).await;
            let found: String = rows.expect("it answers")[0].get(0);
            assert_eq!(found, expected, "{set}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_without_a_free_connection_is_an_outage() {
        ringtail_kit::tls::install();
        let server = PostgresServer::start("-c max_connections=8").expect("it starts");
        let url = DatabaseUrl::parse(&server.database()).expect("a URL");
        let postgres = Postgres::new(&url, None).expect("it starts");
        let mut sessions = Vec::new();
        let refused = loop {
            match postgres.connect().await {
                Ok(session) => sessions.push(session),
                Err(error) => break error,
            }
        };
        assert!((1..=8).contains(&sessions.len()));
        assert!(refused.is_outage(), "{refused:?}");
    }
}
