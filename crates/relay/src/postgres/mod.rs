//! PostgreSQL: where it is, connections to it, and the schema.
//!
//! Everything of a relay is in the database's schema `ringtail`. Connections come from a small pool and go back after
//! success only, so that one with an open transaction or a late answer is never used again.

mod connection;
mod migrate;
mod url;

pub(crate) use self::connection::Session;
pub use self::connection::{Postgres, PostgresError};
pub(crate) use self::migrate::journal;
pub use self::url::{DatabaseUrl, DatabaseUrlError};

/// Connects to a database, and migrates it as needed. Blocks.
pub fn open(url: &DatabaseUrl) -> Result<Postgres, PostgresError> {
    let postgres = Postgres::new(url, None)?;
    postgres.block_on(async {
        let mut session = postgres.take().await?;
        migrate::warn_of_settings(&mut session).await?;
        session.release();
        Ok::<_, PostgresError>(())
    })?;
    Ok(postgres)
}

/// Prepares for a database that cannot be reached now and has this journal: the first connection migrates it as needed.
pub(crate) fn open_later(url: &DatabaseUrl, journal: &str) -> Result<Postgres, PostgresError> {
    Postgres::new(url, Some(journal.to_owned()))
}
