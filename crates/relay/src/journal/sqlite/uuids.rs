//! Which events have which RingCentral `uuid`, to find duplicates.
//!
//! `uuid` values are random: with one sorted table, each append would write a page of it, which makes an append three
//! times as expensive. New events therefore go to the end of `uuid_recent`, which is also held in memory, and move to the
//! sorted table `uuid` many at a time: each transaction of appends takes one slice of the hashes along, so that none of them
//! writes the whole table. The rows leave `uuid_recent` with the last slice.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, named_params};

/// Rows of `uuid_recent` after which they move. More makes moving cheaper.
const RECENT_EVENTS: usize = 8192;

/// Parts of the range of hashes; a power of two.
const SLICES: u8 = 16;

/// The contents of `uuid_recent`, and what the current transaction adds.
#[derive(Debug, Default)]
pub(super) struct Uuids {
    recent: Recent,
    moving: Option<Moving>,
    /// Hashes and keys of the current transaction's events.
    added: Vec<(i64, i64)>,
}

#[derive(Debug, Default)]
struct Recent {
    /// Key of the first event with that hash.
    first: HashMap<i64, i64>,
    rows: usize,
}

/// The older rows of `uuid_recent`.
#[derive(Debug)]
struct Moving {
    first: HashMap<i64, i64>,
    /// Number of the last one.
    last: i64,
    /// The slice that the next transaction takes.
    slice: u8,
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
        // What has moved is older than what moves, and that than the recent ones.
        let moved = connection
            .prepare_cached("SELECT event FROM uuid WHERE hash = :hash ORDER BY event LIMIT 1")?
            .query_row(named_params! { ":hash": hash }, |row| row.get(0))
            .optional()?;
        let moving = || self.moving.as_ref()?.first.get(&hash).copied();
        let added = || self.added.iter().find(|(added, _)| *added == hash);
        Ok(moved
            .or_else(moving)
            .or_else(|| self.recent.first.get(&hash).copied())
            .or_else(|| added().map(|(_, event)| *event)))
    }

    /// Adds an event of the current transaction.
    pub(super) fn add(&mut self, hash: i64, event: i64) {
        self.added.push((hash, event));
    }

    /// Writes what the current transaction adds, and moves a slice if there are enough rows.
    pub(super) fn store(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.moving.is_none() && self.recent.rows >= RECENT_EVENTS {
            let last = connection
                .prepare_cached("SELECT max(number) FROM uuid_recent")?
                .query_row([], |row| row.get(0))?;
            self.moving = Some(Moving {
                first: std::mem::take(&mut self.recent).first,
                last,
                slice: 0,
            });
        }
        if let Some(moving) = &self.moving {
            moving.store(connection)?;
        }
        let mut insert = connection
            .prepare_cached("INSERT INTO uuid_recent (hash, event) VALUES (:hash, :event)")?;
        for (hash, event) in &self.added {
            insert.execute(named_params! { ":hash": hash, ":event": event })?;
        }
        Ok(())
    }

    /// Counts what the current transaction added as recent: it is committed.
    pub(super) fn commit(&mut self) {
        self.recent.rows += self.added.len();
        for (hash, event) in self.added.drain(..) {
            self.recent.first.entry(hash).or_insert(event);
        }
        if let Some(moving) = &mut self.moving {
            moving.slice += 1;
            if moving.slice == SLICES {
                self.moving = None;
            }
        }
    }

    /// Forgets what the current transaction added.
    pub(super) fn roll_back(&mut self) {
        self.added.clear();
    }

    /// Moves all recent events within a transaction. Call [`Uuids::moved`] after its commit.
    pub(super) fn move_recent(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.recent.rows == 0 && self.moving.is_none() {
            return Ok(());
        }
        transaction.execute(
            "INSERT OR IGNORE INTO uuid (hash, event) SELECT hash, event FROM uuid_recent ORDER BY hash, event",
            [],
        )?;
        transaction.execute("DELETE FROM uuid_recent", [])?;
        Ok(())
    }

    /// Forgets what was moved.
    pub(super) fn moved(&mut self) {
        self.recent = Recent::default();
        self.moving = None;
    }
}

impl Moving {
    /// Writes the slice; with the last one, deletes all from `uuid_recent`.
    fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        const WIDTH: i64 = 1 << (i64::BITS - SLICES.ilog2());
        let from = WIDTH * (i64::from(self.slice) - i64::from(SLICES / 2));
        connection
            // A run of the relay that ended in between has moved some.
            .prepare_cached(
                "INSERT OR IGNORE INTO uuid (hash, event)
                 SELECT hash, event FROM uuid_recent
                 WHERE number <= :last AND hash BETWEEN :from AND :to ORDER BY hash, event",
            )?
            .execute(
                named_params! { ":last": self.last, ":from": from, ":to": from + (WIDTH - 1) },
            )?;
        if self.slice == SLICES - 1 {
            connection
                .prepare_cached("DELETE FROM uuid_recent WHERE number <= :last")?
                .execute(named_params! { ":last": self.last })?;
        }
        Ok(())
    }
}
