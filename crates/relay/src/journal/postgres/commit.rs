//! One transaction of appends.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::future;
use uuid::Uuid;

use crate::journal::{Appended, Entry, event_bytes};
use crate::postgres::{PostgresError, Session};

/// Locks the endpoints, in one order for all relays, so that they never wait for each other in a circle. A statement of
/// its own: the next one then sees what the transactions that it waited for have stored.
const LOCK: &str = "SELECT 1 FROM endpoint WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE";

/// Numbers and stores the events whose endpoints exist. Events that are stored already are left out if `$8`. The requests,
/// which may have many MiB, are taken from their array at the end, and so are not carried through the numbering.
const INSERT: &str = "WITH entry AS MATERIALIZED (
        SELECT entry.* FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::smallint[], $5::smallint[],
                                   $6::bigint[], $7::bigint[])
            WITH ORDINALITY AS entry (endpoint, id, received_at, kind, disposition, uuid_hash, size, number)
        WHERE NOT ($8 AND EXISTS (SELECT 1 FROM event WHERE event.id = entry.id))
    ), advanced AS (
        UPDATE endpoint SET next_seq = next_seq + fresh.events, bytes = endpoint.bytes + fresh.bytes
        FROM (SELECT endpoint AS key, count(*) AS events, sum(size)::bigint AS bytes
              FROM entry GROUP BY endpoint) AS fresh
        WHERE endpoint.key = fresh.key
        RETURNING endpoint.key, next_seq - fresh.events AS first
    ), numbered AS (
        SELECT entry.*, advanced.first - 1 + row_number() OVER (PARTITION BY endpoint ORDER BY number) AS seq
        FROM entry JOIN advanced ON advanced.key = entry.endpoint
    )
    INSERT INTO event (endpoint, seq, id, received_at, kind, disposition, duplicate_of, uuid_hash, request)
    SELECT endpoint, seq, id, received_at, kind, disposition,
           coalesce((SELECT min(stored.seq) FROM event AS stored WHERE stored.uuid_hash = numbered.uuid_hash),
                    CASE WHEN uuid_hash IS NOT NULL THEN nullif(min(seq) OVER (PARTITION BY uuid_hash), seq) END),
           uuid_hash, ($9::bytea[])[number::integer]
    FROM numbered
    RETURNING id, seq, duplicate_of";

/// Wakes the links of other relays, a payload for each 256 endpoints. In a second transaction, after the commit:
/// PostgreSQL lets only one transaction with notifications commit at a time.
const NOTIFY: &str = "SELECT pg_notify('ringtail_heads', string_agg(key || ':' || next_seq - 1, ' '))
    FROM (SELECT key, next_seq, (row_number() OVER () - 1) / 256 AS part FROM endpoint WHERE key = ANY($1)) AS heads
    GROUP BY part";

/// An event to store, as the database has it.
#[derive(Debug)]
pub(super) struct NewEvent {
    pub(super) endpoint: i64,
    pub(super) id: Uuid,
    pub(super) received_at: i64,
    pub(super) kind: i16,
    pub(super) disposition: i16,
    pub(super) uuid_hash: Option<i64>,
    pub(super) request: Bytes,
}

impl From<&Entry> for NewEvent {
    fn from(entry: &Entry) -> Self {
        Self {
            endpoint: entry.endpoint.0,
            id: Uuid::from_bytes(*entry.id.as_bytes()),
            received_at: entry.received_at.0,
            kind: entry.kind.code().into(),
            disposition: entry.disposition.code().into(),
            uuid_hash: entry.uuid_hash(),
            request: entry.request.as_bytes().clone(),
        }
    }
}

/// Stores the events in one transaction and returns what became of each: `None` when its endpoint does not exist, or
/// when `again` and it is stored already.
///
/// After an error, the transaction may have been committed or not; call it with `again` then.
pub(super) async fn commit(
    session: &mut Session,
    events: &[&NewEvent],
    again: bool,
) -> Result<Vec<Option<Appended>>, PostgresError> {
    let mut keys: Vec<i64> = events.iter().map(|it| it.endpoint).collect();
    let endpoints = keys.clone();
    keys.sort_unstable();
    keys.dedup();
    let ids: Vec<Uuid> = events.iter().map(|it| it.id).collect();
    let times: Vec<i64> = events.iter().map(|it| it.received_at).collect();
    let kinds: Vec<i16> = events.iter().map(|it| it.kind).collect();
    let dispositions: Vec<i16> = events.iter().map(|it| it.disposition).collect();
    let hashes: Vec<Option<i64>> = events.iter().map(|it| it.uuid_hash).collect();
    let sizes: Vec<i64> = events.iter().map(|it| event_bytes(&it.request)).collect();
    let requests: Vec<&[u8]> = events.iter().map(|it| it.request.as_ref()).collect();
    let lock = session.prepare(LOCK).await?;
    let insert = session.prepare(INSERT).await?;
    let notify = session.prepare(NOTIFY).await?;
    let client = session.client();
    // All five are sent at once, and answered in this order.
    let (begun, locked, inserted, committed, notified) = future::join5(
        client.batch_execute("BEGIN"),
        client.execute(&lock, &[&keys]),
        client.query(
            &insert,
            &[
                &endpoints,
                &ids,
                &times,
                &kinds,
                &dispositions,
                &hashes,
                &sizes,
                &again,
                &requests,
            ],
        ),
        client.batch_execute("COMMIT"),
        client.execute(&notify, &[&keys]),
    )
    .await;
    begun?;
    locked?;
    let rows = inserted?;
    committed?;
    if let Err(error) = notified {
        // The others look each second.
        tracing::debug!(%error, "could not notify other relays");
    }
    let mut stored: HashMap<Uuid, Appended> = HashMap::with_capacity(rows.len());
    for row in rows {
        let duplicate_of: Option<i64> = row.try_get(2)?;
        let appended = Appended {
            seq: row.try_get::<_, i64>(1)?.unsigned_abs(),
            duplicate_of: duplicate_of.map(i64::unsigned_abs),
        };
        stored.insert(row.try_get(0)?, appended);
    }
    Ok(ids.iter().map(|id| stored.get(id).copied()).collect())
}

/// Writes as an append does, without an event.
pub(super) async fn probe(session: &mut Session) -> Result<(), PostgresError> {
    let upsert = "INSERT INTO meta (name, value) VALUES ('probe', now()::text)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    session.execute(upsert, &[]).await?;
    Ok(())
}
