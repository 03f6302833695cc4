//! Which events have which RingCentral `uuid`, so that a duplicate is known.
//!
//! `uuid` values are random, so an event's place in an index of them is a page of its own to write: that made an
//! append three times as dear. Events therefore go to the end of the table `uuid_recent`, which is also held in
//! memory, and are moved to the sorted table `uuid` many at a time, when a page takes several of them.

use std::collections::HashMap;

use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Transaction, TransactionBehavior,
};

/// Events in `uuid_recent` after which they are moved. More makes moving cheaper and the writer's pause longer.
const RECENT_EVENTS: usize = 8192;

/// The part of the index that is in memory: the contents of `uuid_recent`.
#[derive(Debug, Default)]
pub(super) struct Uuids {
    /// Key of the first recent event with that hash.
    first: HashMap<i64, i64>,
    /// Rows of `uuid_recent`.
    rows: usize,
}

impl Uuids {
    /// Reads what an earlier process did not move.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut select =
            connection.prepare("SELECT hash, event FROM uuid_recent ORDER BY number")?;
        let mut rows = select.query([])?;
        let mut uuids = Self::default();
        while let Some(row) = rows.next()? {
            uuids.add(row.get(0)?, row.get(1)?);
        }
        Ok(uuids)
    }

    fn add(&mut self, hash: i64, event: i64) {
        self.first.entry(hash).or_insert(event);
        self.rows += 1;
    }

    /// Takes over what a committed transaction added.
    pub(super) fn commit(&mut self, added: Added) {
        for (hash, event) in added.rows {
            self.add(hash, event);
        }
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

    /// Moves the recent events within a transaction; [`Uuids::moved`] is due when that is committed.
    pub(super) fn move_recent(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        transaction
            .prepare_cached(
                "INSERT INTO uuid (hash, event) SELECT hash, event FROM uuid_recent ORDER BY hash, event",
            )?
            .execute([])?;
        transaction
            .prepare_cached("DELETE FROM uuid_recent")?
            .execute([])?;
        Ok(())
    }

    /// Forgets what was moved.
    pub(super) fn moved(&mut self) {
        self.first.clear();
        self.rows = 0;
    }
}

/// What one transaction adds. It becomes [`Uuids`]'s only by the commit.
#[derive(Debug, Default)]
pub(super) struct Added {
    first: HashMap<i64, i64>,
    rows: Vec<(i64, i64)>,
}

/// The statements of a transaction that looks for duplicates.
pub(super) struct Lookup<'c> {
    uuids: &'c Uuids,
    added: Added,
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
}

impl<'c> Lookup<'c> {
    pub(super) fn prepare(connection: &'c Connection, uuids: &'c Uuids) -> rusqlite::Result<Self> {
        Ok(Self {
            uuids,
            added: Added::default(),
            find: connection
                .prepare_cached("SELECT event FROM uuid WHERE hash = ?1 ORDER BY event LIMIT 1")?,
            insert: connection
                .prepare_cached("INSERT INTO uuid_recent (hash, event) VALUES (?1, ?2)")?,
        })
    }

    /// Returns the key of the first event with that hash.
    pub(super) fn first(&mut self, hash: i64) -> rusqlite::Result<Option<i64>> {
        // What was moved is older than what was not.
        let moved = self.find.query_row([hash], |row| row.get(0)).optional()?;
        Ok(moved
            .or_else(|| self.uuids.first.get(&hash).copied())
            .or_else(|| self.added.first.get(&hash).copied()))
    }

    /// Adds an event.
    pub(super) fn add(&mut self, hash: i64, event: i64) -> rusqlite::Result<()> {
        self.insert.execute([hash, event])?;
        self.added.first.entry(hash).or_insert(event);
        self.added.rows.push((hash, event));
        Ok(())
    }

    pub(super) fn into_added(self) -> Added {
        self.added
    }
}
