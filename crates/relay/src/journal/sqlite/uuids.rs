//! Which events have which RingCentral `uuid`, to find duplicates.
//!
//! `uuid` values are random: with one sorted table, each append would write a page of it, which makes an append three
//! times as expensive. New events therefore go to the end of `uuid_recent`, which is also held in memory, and move to the
//! sorted table `uuid` many at a time.

use std::collections::HashMap;

use rusqlite::{
    Connection, OptionalExtension as _, Transaction, TransactionBehavior, named_params,
};

/// Rows of `uuid_recent` after which they move. More makes moving cheaper and the writer's pause longer.
const RECENT_EVENTS: usize = 8192;

/// The contents of `uuid_recent`, and what the current transaction adds.
#[derive(Debug, Default)]
pub(super) struct Uuids {
    /// Key of the first recent event with that hash.
    first: HashMap<i64, i64>,
    /// Rows of `uuid_recent`.
    rows: usize,
    /// Hashes and keys of the current transaction's events.
    added: Vec<(i64, i64)>,
}

impl Uuids {
    /// Reads what earlier transactions left in `uuid_recent`.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut select =
            connection.prepare("SELECT hash, event FROM uuid_recent ORDER BY number")?;
        let mut rows = select.query([])?;
        let mut uuids = Self::default();
        while let Some(row) = rows.next()? {
            uuids.add(row.get(0)?, row.get(1)?);
        }
        uuids.commit();
        Ok(uuids)
    }

    /// Returns the key of the first event with that hash.
    pub(super) fn first(
        &self,
        connection: &Connection,
        hash: i64,
    ) -> rusqlite::Result<Option<i64>> {
        // Moved events are older than recent ones.
        let moved = connection
            .prepare_cached("SELECT event FROM uuid WHERE hash = :hash ORDER BY event LIMIT 1")?
            .query_row(named_params! { ":hash": hash }, |row| row.get(0))
            .optional()?;
        let added = || self.added.iter().find(|(added, _)| *added == hash);
        Ok(moved
            .or_else(|| self.first.get(&hash).copied())
            .or_else(|| added().map(|(_, event)| *event)))
    }

    /// Adds an event of the current transaction.
    pub(super) fn add(&mut self, hash: i64, event: i64) {
        self.added.push((hash, event));
    }

    /// Writes what the current transaction adds.
    pub(super) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut insert = connection
            .prepare_cached("INSERT INTO uuid_recent (hash, event) VALUES (:hash, :event)")?;
        for (hash, event) in &self.added {
            insert.execute(named_params! { ":hash": hash, ":event": event })?;
        }
        Ok(())
    }

    /// Counts what the current transaction added as recent: it is committed.
    pub(super) fn commit(&mut self) {
        self.rows += self.added.len();
        for (hash, event) in self.added.drain(..) {
            self.first.entry(hash).or_insert(event);
        }
    }

    /// Forgets what the current transaction added.
    pub(super) fn roll_back(&mut self) {
        self.added.clear();
    }

    /// Moves the recent events to the sorted table, if there are enough of them.
    pub(super) fn settle(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        if self.rows < RECENT_EVENTS {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.move_recent(&transaction)?;
        transaction.commit()?;
        self.moved();
        Ok(())
    }

    /// Moves the recent events within a transaction. Call [`Uuids::moved`] after its commit.
    pub(super) fn move_recent(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        transaction.execute(
            "INSERT INTO uuid (hash, event) SELECT hash, event FROM uuid_recent ORDER BY hash, event",
            [],
        )?;
        transaction.execute("DELETE FROM uuid_recent", [])?;
        Ok(())
    }

    /// Forgets what was moved.
    pub(super) fn moved(&mut self) {
        self.first.clear();
        self.rows = 0;
    }
}
