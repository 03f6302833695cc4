//! SQLite's side.

use rusqlite::{Connection, named_params};

use super::{AccountRow, EndpointRow, EventRow, MigrateError, PAGE_BYTES, PAGE_EVENTS, Side};
use crate::journal::EndpointKey;
use crate::journal::sqlite::event_keys;
use crate::store::{self, DataDir, StoreError};

/// A data directory's database.
pub(super) struct SqliteSide(Connection);

impl SqliteSide {
    pub(super) fn open(dir: &DataDir) -> Result<Self, StoreError> {
        Ok(Self(store::open_writer(dir)?))
    }
}

impl Side for SqliteSide {
    fn begin(&mut self) -> Result<(), MigrateError> {
        Ok(self.0.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn journal(&mut self) -> Result<String, MigrateError> {
        let select = "SELECT value FROM meta WHERE name = 'journal'";
        Ok(self.0.query_row(select, [], |row| row.get(0))?)
    }

    fn set_journal(&mut self, id: &str) -> Result<(), MigrateError> {
        let update = "UPDATE meta SET value = :id WHERE name = 'journal'";
        self.0.execute(update, named_params! { ":id": id })?;
        Ok(())
    }

    fn accounts(&mut self) -> Result<Vec<AccountRow>, MigrateError> {
        let mut select = self.0.prepare(
            "SELECT key, name, token_hash, token_number, created_at, changed_at FROM account ORDER BY key",
        )?;
        let rows = select.query_map([], |row| {
            Ok(AccountRow {
                key: row.get(0)?,
                name: row.get(1)?,
                token_hash: row.get(2)?,
                token_number: row.get(3)?,
                created_at: row.get(4)?,
                changed_at: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn add_account(&mut self, account: &AccountRow) -> Result<(), MigrateError> {
        self.0.execute(
            "INSERT INTO account (key, name, token_hash, token_number, created_at, changed_at)
             VALUES (:key, :name, :token_hash, :token_number, :created_at, :changed_at)",
            named_params! {
                ":key": account.key,
                ":name": account.name,
                ":token_hash": account.token_hash,
                ":token_number": account.token_number,
                ":created_at": account.created_at,
                ":changed_at": account.changed_at,
            },
        )?;
        Ok(())
    }

    fn endpoints(&mut self) -> Result<Vec<EndpointRow>, MigrateError> {
        let mut select = self.0.prepare(
            "SELECT key, account, name, id, created_at, next_seq, bytes, verify_token_hash, retention_days
             FROM endpoint ORDER BY key",
        )?;
        let rows = select.query_map([], |row| {
            Ok(EndpointRow {
                key: row.get(0)?,
                account: row.get(1)?,
                name: row.get(2)?,
                id: row.get(3)?,
                created_at: row.get(4)?,
                next_seq: row.get(5)?,
                bytes: row.get(6)?,
                verify_token_hash: row.get(7)?,
                retention_days: row.get(8)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn add_endpoint(&mut self, endpoint: &EndpointRow) -> Result<(), MigrateError> {
        self.0.execute(
            "INSERT INTO endpoint (key, account, name, id, created_at, next_seq, bytes, verify_token_hash, retention_days)
             VALUES (:key, :account, :name, :id, :created_at, :next_seq, :bytes, :verify_token_hash, :retention_days)",
            named_params! {
                ":key": endpoint.key,
                ":account": endpoint.account,
                ":name": endpoint.name,
                ":id": endpoint.id,
                ":created_at": endpoint.created_at,
                ":next_seq": endpoint.next_seq,
                ":bytes": endpoint.bytes,
                ":verify_token_hash": endpoint.verify_token_hash,
                ":retention_days": endpoint.retention_days,
            },
        )?;
        Ok(())
    }

    fn events(&mut self, endpoint: i64, after: i64) -> Result<Vec<EventRow>, MigrateError> {
        let (first, last) = event_keys(EndpointKey(endpoint));
        let mut select = self.0.prepare_cached(
            "SELECT key - :first, id, received_at, kind, disposition, duplicate_of, uuid_hash, request
             FROM event WHERE key > :first + :after AND key <= :last ORDER BY key",
        )?;
        let mut rows = select.query(named_params! {
            ":first": first,
            ":after": after,
            ":last": last,
        })?;
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let request: Vec<u8> = row.get(7)?;
            bytes += request.len();
            events.push(EventRow {
                endpoint,
                seq: row.get(0)?,
                id: row.get(1)?,
                received_at: row.get(2)?,
                kind: row.get(3)?,
                disposition: row.get(4)?,
                duplicate_of: row.get(5)?,
                uuid_hash: row.get(6)?,
                request,
            });
            if events.len() >= PAGE_EVENTS || bytes >= PAGE_BYTES {
                break;
            }
        }
        Ok(events)
    }

    fn add_events(&mut self, events: &[EventRow]) -> Result<(), MigrateError> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO event (key, id, received_at, kind, disposition, duplicate_of, uuid_hash, request)
             VALUES (:key, :id, :received_at, :kind, :disposition, :duplicate_of, :uuid_hash, :request)",
        )?;
        for event in events {
            let (first, _) = event_keys(EndpointKey(event.endpoint));
            insert.execute(named_params! {
                ":key": first + event.seq,
                ":id": event.id,
                ":received_at": event.received_at,
                ":kind": event.kind,
                ":disposition": event.disposition,
                ":duplicate_of": event.duplicate_of,
                ":uuid_hash": event.uuid_hash,
                ":request": event.request,
            })?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), MigrateError> {
        self.0.execute(
            "INSERT INTO uuid (hash, event)
             SELECT uuid_hash, key FROM event WHERE uuid_hash IS NOT NULL ORDER BY uuid_hash, key",
            [],
        )?;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), MigrateError> {
        Ok(self.0.execute_batch("COMMIT")?)
    }
}
