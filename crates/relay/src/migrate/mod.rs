//! Moves accounts, endpoints and events from one database to another, with their keys, numbers and identity.
//!
//! The target must be empty, and is filled in one transaction. What was written is read again, and must have the same
//! digest as what was read from the source.

mod postgres;
mod sqlite;

use ringtail_errors::{Code, Coded, codes};
use sha2::{Digest as _, Sha256};

use self::postgres::PostgresSide;
use self::sqlite::SqliteSide;
use crate::postgres::{Postgres, PostgresError};
use crate::store::{DataDir, StoreError};

/// Events that are read and written at once, at most, and bytes after which no more are.
const PAGE_EVENTS: usize = 500;
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Accounts.
    pub accounts: u64,
    /// Endpoints.
    pub endpoints: u64,
    /// Events.
    pub events: u64,
    /// SHA-256 over all of them, in hexadecimal.
    pub digest: String,
}

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A relay serves from the database.
    #[error("a ringtail-relay serves from the PostgreSQL database")]
    Served,
    /// The target has accounts.
    #[error("the target has {0} accounts; it must be empty")]
    Occupied(i64),
    /// What was written is not what was read.
    #[error(
        "the target has other contents than the source: {read:?} was read, {written:?} written"
    )]
    Differs {
        /// What the source has.
        read: Box<Moved>,
        /// What the target had.
        written: Box<Moved>,
    },
    /// SQLite's file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQLite failed.
    #[error("the relay's SQLite database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl From<tokio_postgres::Error> for MigrateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error.into())
    }
}

impl Coded for MigrateError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Served => &codes::RELAY_DATA_IN_USE,
            Self::Occupied(_) | Self::Differs { .. } => &codes::RELAY_MIGRATE,
            Self::Store(error) => error.code(),
            Self::Sqlite(_) => &codes::RELAY_DATABASE,
            Self::Postgres(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Served => {
                Some("stop every relay of that database; a killed one counts for 5 seconds more")
            }
            _ => self.code().hint,
        };
        hint.map(str::to_owned)
    }
}

/// Moves the database of a data directory to PostgreSQL. Blocks. The caller holds the directory's lock.
///
/// # Errors
/// When PostgreSQL has accounts, or a database fails. PostgreSQL is unchanged then.
pub fn to_postgres(dir: &DataDir, postgres: &Postgres) -> Result<Moved, MigrateError> {
    run(
        &mut SqliteSide::open(dir)?,
        &mut PostgresSide::open(postgres)?,
    )
}

/// Moves a PostgreSQL database to a data directory. Blocks. The caller holds the directory's lock.
///
/// # Errors
/// When the directory has accounts, or a database fails. The directory's database is unchanged then.
pub fn to_sqlite(postgres: &Postgres, dir: &DataDir) -> Result<Moved, MigrateError> {
    run(
        &mut PostgresSide::open(postgres)?,
        &mut SqliteSide::open(dir)?,
    )
}

fn run(source: &mut dyn Side, target: &mut dyn Side) -> Result<Moved, MigrateError> {
    source.begin()?;
    target.begin()?;
    match target.accounts()?.len() {
        0 => {}
        many => {
            return Err(MigrateError::Occupied(
                i64::try_from(many).unwrap_or(i64::MAX),
            ));
        }
    }
    target.set_journal(&source.journal()?)?;
    for account in source.accounts()? {
        target.add_account(&account)?;
    }
    for endpoint in source.endpoints()? {
        target.add_endpoint(&endpoint)?;
    }
    let read = visit(source, |events| target.add_events(events))?;
    target.finish()?;
    let written = visit(target, |_| Ok(()))?;
    if read != written {
        return Err(MigrateError::Differs {
            read: Box::new(read),
            written: Box::new(written),
        });
    }
    target.commit()?;
    Ok(read)
}

/// Reads everything, gives the events to `each`, and returns what there is.
fn visit(
    side: &mut dyn Side,
    mut each: impl FnMut(&[EventRow]) -> Result<(), MigrateError>,
) -> Result<Moved, MigrateError> {
    let mut digest = Sha256::new();
    let accounts = side.accounts()?;
    for account in &accounts {
        digest.update(format!("{account:?}\n"));
    }
    let endpoints = side.endpoints()?;
    let mut count = 0;
    for endpoint in &endpoints {
        digest.update(format!("{endpoint:?}\n"));
        let mut after = 0;
        loop {
            let events = side.events(endpoint.key, after)?;
            let Some(last) = events.last() else { break };
            after = last.seq;
            count += u64::try_from(events.len()).unwrap_or(u64::MAX);
            for event in &events {
                event.digest(&mut digest);
            }
            each(&events)?;
        }
    }
    Ok(Moved {
        accounts: u64::try_from(accounts.len()).unwrap_or(u64::MAX),
        endpoints: u64::try_from(endpoints.len()).unwrap_or(u64::MAX),
        events: count,
        digest: digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    })
}

/// A database that is read or filled.
trait Side {
    /// Begins the one transaction of everything else, unless a relay serves from the database.
    fn begin(&mut self) -> Result<(), MigrateError>;
    fn journal(&mut self) -> Result<String, MigrateError>;
    fn set_journal(&mut self, id: &str) -> Result<(), MigrateError>;
    /// Returns all accounts by key.
    fn accounts(&mut self) -> Result<Vec<AccountRow>, MigrateError>;
    fn add_account(&mut self, account: &AccountRow) -> Result<(), MigrateError>;
    /// Returns all endpoints by key.
    fn endpoints(&mut self) -> Result<Vec<EndpointRow>, MigrateError>;
    fn add_endpoint(&mut self, endpoint: &EndpointRow) -> Result<(), MigrateError>;
    /// Returns the next page of an endpoint's events.
    fn events(&mut self, endpoint: i64, after: i64) -> Result<Vec<EventRow>, MigrateError>;
    fn add_events(&mut self, events: &[EventRow]) -> Result<(), MigrateError>;
    /// Makes the tables that are derived from the rows.
    fn finish(&mut self) -> Result<(), MigrateError>;
    fn commit(&mut self) -> Result<(), MigrateError>;
}

#[derive(Debug)]
struct AccountRow {
    key: i64,
    name: String,
    token_hash: Option<Vec<u8>>,
    token_number: i64,
    created_at: i64,
    changed_at: i64,
}

#[derive(Debug)]
struct EndpointRow {
    key: i64,
    account: i64,
    name: String,
    id: String,
    created_at: i64,
    next_seq: i64,
    bytes: i64,
    verify_token_hash: Option<Vec<u8>>,
    retention_days: Option<i32>,
}

struct EventRow {
    endpoint: i64,
    seq: i64,
    id: [u8; 16],
    received_at: i64,
    kind: i16,
    disposition: i16,
    duplicate_of: Option<i64>,
    uuid_hash: Option<i64>,
    request: Vec<u8>,
}

impl EventRow {
    fn digest(&self, digest: &mut Sha256) {
        let Self {
            endpoint,
            seq,
            id,
            received_at,
            kind,
            disposition,
            duplicate_of,
            uuid_hash,
            request,
        } = self;
        digest.update(format!(
            "{endpoint} {seq} {id:?} {received_at} {kind} {disposition} {duplicate_of:?} {uuid_hash:?} {}\n",
            request.len()
        ));
        digest.update(request);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
