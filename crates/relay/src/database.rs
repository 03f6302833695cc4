//! The relay's database: SQLite in the data directory, or PostgreSQL.

pub(crate) mod error;

use std::collections::HashMap;
use std::sync::Arc;

pub use self::error::DatabaseError;
use crate::accounts::Accounts;
use crate::db_stats::{self, DatabaseStats};
use crate::journal::postgres::{self as postgres_journal, PostgresJournal};
use crate::journal::sqlite::{SqliteJournal, purge};
use crate::journal::{Deleted, EndpointKey, Journal, Retention};
use crate::metrics::JournalMetrics;
use crate::postgres::Postgres;
use crate::store::DataDir;

/// Accounts, endpoints and journal of a relay. Every call blocks.
#[derive(Debug, Clone)]
pub enum Database {
    /// SQLite, for one relay.
    Sqlite(DataDir),
    /// PostgreSQL, for one relay or several.
    Postgres(Postgres),
}

impl Database {
    /// Opens the accounts.
    pub fn accounts(&self) -> Result<Accounts, DatabaseError> {
        Ok(match self {
            Self::Sqlite(dir) => Accounts::open(dir)?,
            Self::Postgres(postgres) => Accounts::in_postgres(postgres),
        })
    }

    /// Opens the journal, which counts what it does and may spool in the data directory.
    pub(crate) fn journal(
        &self,
        spool: &DataDir,
        retention: Retention,
        metrics: JournalMetrics,
    ) -> Result<Arc<dyn Journal>, DatabaseError> {
        Ok(match self {
            Self::Sqlite(dir) => Arc::new(SqliteJournal::observed(dir, retention, metrics)?),
            Self::Postgres(postgres) => Arc::new(PostgresJournal::open(
                postgres,
                Some(spool),
                retention,
                metrics,
            )?),
        })
    }

    /// Reads the statistics.
    pub fn stats(
        &self,
        cursors: &HashMap<EndpointKey, u64>,
    ) -> Result<DatabaseStats, DatabaseError> {
        Ok(match self {
            Self::Sqlite(dir) => db_stats::read(dir, cursors)?,
            Self::Postgres(postgres) => db_stats::postgres::read(postgres, cursors)?,
        })
    }

    /// Deletes the events that the endpoint has now. Their numbers are not used again; clients report a gap.
    ///
    /// # Errors
    /// When the database fails. What was deleted until then stays deleted.
    pub fn purge(&self, endpoint: EndpointKey) -> Result<Deleted, DatabaseError> {
        Ok(match self {
            Self::Sqlite(dir) => purge::purge(dir, endpoint)?,
            Self::Postgres(postgres) => postgres_journal::purge(postgres, endpoint)?,
        })
    }

    /// Deletes the endpoint with its events: from now on its URL answers 404.
    ///
    /// # Errors
    /// When the database fails. What was deleted until then stays deleted.
    pub fn delete(&self, endpoint: EndpointKey) -> Result<Deleted, DatabaseError> {
        Ok(match self {
            Self::Sqlite(dir) => purge::delete(dir, endpoint)?,
            Self::Postgres(postgres) => postgres_journal::delete(postgres, endpoint)?,
        })
    }
}
