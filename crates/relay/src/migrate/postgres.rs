//! PostgreSQL's side.

use uuid::Uuid;

use super::{AccountRow, EndpointRow, EventRow, MigrateError, PAGE_BYTES, PAGE_EVENTS, Side};
use crate::postgres::{Postgres, PostgresError, Session};

/// Events of an endpoint, as long as those before have fewer bytes than `$4`.
const EVENTS: &str = "SELECT seq, id, received_at, kind, disposition, duplicate_of, uuid_hash, request
    FROM (SELECT *, sum(octet_length(request)) OVER (ORDER BY seq) - octet_length(request) AS before
          FROM (SELECT * FROM event WHERE endpoint = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS next) AS page
    WHERE before < $4::bigint ORDER BY seq";

const ADD_EVENTS: &str = "INSERT INTO event
        (endpoint, seq, id, received_at, kind, disposition, duplicate_of, uuid_hash, request)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[], $5::smallint[], $6::smallint[],
                         $7::bigint[], $8::bigint[], $9::bytea[])";

/// A PostgreSQL database, on one connection: dropping it rolls back.
pub(super) struct PostgresSide {
    postgres: Postgres,
    session: Session,
}

impl PostgresSide {
    pub(super) fn open(postgres: &Postgres) -> Result<Self, PostgresError> {
        Ok(Self {
            session: postgres.block_on(postgres.connect())?,
            postgres: postgres.clone(),
        })
    }

    /// Runs statements while PostgreSQL waits for nothing else.
    fn batch(&mut self, sql: &str) -> Result<(), MigrateError> {
        Ok(self.postgres.block_on(self.session.batch(sql))?)
    }

    fn query(
        &mut self,
        sql: &'static str,
        params: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, MigrateError> {
        Ok(self.postgres.block_on(self.session.query(sql, params))?)
    }
}

impl Side for PostgresSide {
    fn begin(&mut self) -> Result<(), MigrateError> {
        // The source may take its time between two statements.
        self.batch(
            "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ",
        )?;
        // Relays tell of themselves there. SQLite's side has the directory's lock.
        match self.query("SELECT 1 FROM relay_present", &[])?.is_empty() {
            true => Ok(()),
            false => Err(MigrateError::Served),
        }
    }

    fn journal(&mut self) -> Result<String, MigrateError> {
        let rows = self.query("SELECT value FROM meta WHERE name = 'journal'", &[])?;
        let id = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(id.unwrap_or_default())
    }

    fn set_journal(&mut self, id: &str) -> Result<(), MigrateError> {
        let update = "UPDATE meta SET value = $1 WHERE name = 'journal'";
        self.query(update, &[&id]).map(drop)
    }

    fn accounts(&mut self) -> Result<Vec<AccountRow>, MigrateError> {
        let rows = self.query(
            "SELECT key, name, token_hash, token_number, created_at, changed_at FROM account ORDER BY key",
            &[],
        )?;
        let accounts = rows.iter().map(|row| {
            Ok(AccountRow {
                key: row.try_get(0)?,
                name: row.try_get(1)?,
                token_hash: row.try_get(2)?,
                token_number: row.try_get(3)?,
                created_at: row.try_get(4)?,
                changed_at: row.try_get(5)?,
            })
        });
        accounts.collect()
    }

    fn add_account(&mut self, account: &AccountRow) -> Result<(), MigrateError> {
        let insert =
            "INSERT INTO account (key, name, token_hash, token_number, created_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6)";
        self.query(
            insert,
            &[
                &account.key,
                &account.name,
                &account.token_hash,
                &account.token_number,
                &account.created_at,
                &account.changed_at,
            ],
        )
        .map(drop)
    }

    fn endpoints(&mut self) -> Result<Vec<EndpointRow>, MigrateError> {
        let rows = self.query(
            "SELECT key, account, name, id, created_at, next_seq, bytes, verify_token_hash, retention_days
             FROM endpoint ORDER BY key",
            &[],
        )?;
        let endpoints = rows.iter().map(|row| {
            Ok(EndpointRow {
                key: row.try_get(0)?,
                account: row.try_get(1)?,
                name: row.try_get(2)?,
                id: row.try_get(3)?,
                created_at: row.try_get(4)?,
                next_seq: row.try_get(5)?,
                bytes: row.try_get(6)?,
                verify_token_hash: row.try_get(7)?,
                retention_days: row.try_get(8)?,
            })
        });
        endpoints.collect()
    }

    fn add_endpoint(&mut self, endpoint: &EndpointRow) -> Result<(), MigrateError> {
        let insert = "INSERT INTO endpoint
                 (key, account, name, id, created_at, next_seq, bytes, verify_token_hash, retention_days)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        self.query(
            insert,
            &[
                &endpoint.key,
                &endpoint.account,
                &endpoint.name,
                &endpoint.id,
                &endpoint.created_at,
                &endpoint.next_seq,
                &endpoint.bytes,
                &endpoint.verify_token_hash,
                &endpoint.retention_days,
            ],
        )
        .map(drop)
    }

    fn events(&mut self, endpoint: i64, after: i64) -> Result<Vec<EventRow>, MigrateError> {
        let (most, room) = (PAGE_EVENTS as i64, PAGE_BYTES as i64);
        let rows = self.query(EVENTS, &[&endpoint, &after, &most, &room])?;
        let events = rows.iter().map(|row| {
            Ok(EventRow {
                endpoint,
                seq: row.try_get(0)?,
                id: row.try_get::<_, Uuid>(1)?.into_bytes(),
                received_at: row.try_get(2)?,
                kind: row.try_get(3)?,
                disposition: row.try_get(4)?,
                duplicate_of: row.try_get(5)?,
                uuid_hash: row.try_get(6)?,
                request: row.try_get(7)?,
            })
        });
        events.collect()
    }

    fn add_events(&mut self, events: &[EventRow]) -> Result<(), MigrateError> {
        let endpoints: Vec<i64> = events.iter().map(|it| it.endpoint).collect();
        let seqs: Vec<i64> = events.iter().map(|it| it.seq).collect();
        let ids: Vec<Uuid> = events.iter().map(|it| Uuid::from_bytes(it.id)).collect();
        let times: Vec<i64> = events.iter().map(|it| it.received_at).collect();
        let kinds: Vec<i16> = events.iter().map(|it| it.kind).collect();
        let dispositions: Vec<i16> = events.iter().map(|it| it.disposition).collect();
        let originals: Vec<Option<i64>> = events.iter().map(|it| it.duplicate_of).collect();
        let hashes: Vec<Option<i64>> = events.iter().map(|it| it.uuid_hash).collect();
        let requests: Vec<&[u8]> = events.iter().map(|it| it.request.as_slice()).collect();
        self.query(
            ADD_EVENTS,
            &[
                &endpoints,
                &seqs,
                &ids,
                &times,
                &kinds,
                &dispositions,
                &originals,
                &hashes,
                &requests,
            ],
        )
        .map(drop)
    }

    /// New accounts and endpoints get keys beyond those that were moved.
    fn finish(&mut self) -> Result<(), MigrateError> {
        self.batch(
            "SELECT setval(pg_get_serial_sequence('account', 'key'), max(key)) FROM account;
             SELECT setval(pg_get_serial_sequence('endpoint', 'key'), max(key)) FROM endpoint",
        )
    }

    fn commit(&mut self) -> Result<(), MigrateError> {
        self.batch("COMMIT")
    }
}
