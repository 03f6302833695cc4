//! The schema, as numbered migrations. A migration that was released is never edited.

use rusqlite::{Connection, TransactionBehavior};

/// The newest schema.
pub(super) const VERSION: i64 = 3;

/// `MIGRATIONS[n]` takes schema `n` to `n + 1`.
const MIGRATIONS: [&str; VERSION as usize] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
];

/// Returns the schema of the database, 0 when it is empty.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a database of schema `found` to [`VERSION`].
pub(super) fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    for (migration, schema) in MIGRATIONS.iter().zip(1..).skip_while(|(_, n)| *n <= found) {
        // One transaction each, version included: a crash leaves a schema that has a number.
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "user_version", schema)?;
        step.commit()?;
    }
    Ok(())
}
