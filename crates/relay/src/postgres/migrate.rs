//! The schema: numbered migrations, each run once, by one relay at a time.

use super::connection::{PostgresError, Session};

/// Steps from an empty database to the current schema. Released steps never change.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("relays.sql")];

/// Held in the transaction that migrates, so that relays may start together. `rtrl`, as SQLite's application id.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1920234092)";

/// The first step: what the migrations are counted in.
const META: &str = "CREATE SCHEMA IF NOT EXISTS ringtail;
    CREATE TABLE IF NOT EXISTS ringtail.meta (name text PRIMARY KEY, value text NOT NULL)";

/// Brings the schema up to date.
pub(super) async fn migrate(session: &mut Session) -> Result<(), PostgresError> {
    let known = MIGRATIONS.len();
    // Without the lock first: a relay whose role may not create schemas can use one that is there.
    if session.table_exists("ringtail.meta").await? && version(session).await? == known {
        return Ok(());
    }
    session.batch("BEGIN").await?;
    session.batch(LOCK).await?;
    session.batch(META).await?;
    let found = version(session).await?;
    if found > known {
        return Err(PostgresError::Newer { found, known });
    }
    for step in MIGRATIONS.iter().skip(found) {
        session.batch(step).await?;
    }
    let set = "INSERT INTO meta (name, value) VALUES ('schema', $1)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    session.execute(set, &[&known.to_string()]).await?;
    session.batch("COMMIT").await
}

/// Returns the journal's identity.
pub(crate) async fn journal(session: &mut Session) -> Result<String, PostgresError> {
    let select = "SELECT value FROM ringtail.meta WHERE name = 'journal'";
    let row = session.query(select, &[]).await?.into_iter().next();
    let id: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(id.unwrap_or_default())
}

/// Returns how many migrations ran.
async fn version(session: &mut Session) -> Result<usize, PostgresError> {
    let select = "SELECT value FROM ringtail.meta WHERE name = 'schema'";
    let row = session.query(select, &[]).await?.into_iter().next();
    let text: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
    // A value other than a number is not ours to change.
    Ok(text.map_or(0, |text| text.parse().unwrap_or(usize::MAX)))
}

/// Says what the server does less than the relay promises.
pub(super) async fn warn_of_settings(session: &mut Session) -> Result<(), PostgresError> {
    let select = "SELECT current_setting('fsync'), current_setting('full_page_writes')";
    for row in session.query(select, &[]).await? {
        let (fsync, pages): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if fsync == "off" || pages == "off" {
            tracing::warn!(
                fsync,
                full_page_writes = pages,
                "PostgreSQL loses acknowledged events when its machine crashes"
            );
        }
    }
    Ok(())
}
