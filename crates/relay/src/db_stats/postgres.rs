//! Statistics of a PostgreSQL database.

use std::collections::HashMap;

use ringtail_protocol::event::Timestamp;
use ringtail_protocol::name::Name;
use tokio_postgres::Row;

use super::{DatabaseStats, EndpointStats};
use crate::journal::EndpointKey;
use crate::postgres::{Postgres, PostgresError};

/// All endpoints, each with the times of its first and last event and of the first after the client's cursor, in one
/// snapshot. `$1` and `$2` are endpoints and their cursors. A client may claim any number.
const SELECT: &str = "SELECT endpoint.key, account.name, endpoint.name, id, endpoint.created_at, retention_days,
        next_seq - 1, bytes, first.received_at, last.received_at, known.cursor, after.received_at
    FROM endpoint JOIN account ON account.key = endpoint.account
    LEFT JOIN unnest($1::bigint[], $2::bigint[]) AS known (key, cursor) ON known.key = endpoint.key
    LEFT JOIN LATERAL (SELECT received_at FROM event WHERE event.endpoint = endpoint.key
        ORDER BY seq LIMIT 1) AS first ON true
    LEFT JOIN LATERAL (SELECT received_at FROM event WHERE event.endpoint = endpoint.key
        ORDER BY seq DESC LIMIT 1) AS last ON true
    LEFT JOIN LATERAL (SELECT received_at FROM event WHERE event.endpoint = endpoint.key AND seq > known.cursor
        ORDER BY seq LIMIT 1) AS after ON true
    ORDER BY account.name COLLATE \"C\", endpoint.name COLLATE \"C\"";

/// Reads the statistics. Blocks.
pub(crate) fn read(
    postgres: &Postgres,
    cursors: &HashMap<EndpointKey, u64>,
) -> Result<DatabaseStats, PostgresError> {
    let keys: Vec<i64> = cursors.keys().map(|key| key.0).collect();
    let known = cursors.values().copied();
    let known: Vec<i64> = known
        .map(|it| i64::try_from(it).unwrap_or(i64::MAX))
        .collect();
    postgres.block_on(async {
        let mut session = postgres.take().await?;
        let rows = session.query(SELECT, &[&keys, &known]).await?;
        let size = "SELECT pg_database_size(current_database())";
        let size = session.query(size, &[]).await?;
        let size: Option<i64> = size.first().map(|row| row.try_get(0)).transpose()?;
        session.release();
        let endpoints = rows.iter().map(endpoint).collect::<Result<_, _>>()?;
        Ok(DatabaseStats {
            endpoints,
            database_bytes: size.unwrap_or_default().unsigned_abs(),
            wal_bytes: 0,
        })
    })
}

fn endpoint(row: &Row) -> Result<EndpointStats, tokio_postgres::Error> {
    let days: Option<i32> = row.try_get(5)?;
    let time = |column: usize| -> Result<_, tokio_postgres::Error> {
        Ok(row.try_get::<_, Option<i64>>(column)?.map(Timestamp))
    };
    let head: i64 = row.try_get(6)?;
    let cursor: Option<i64> = row.try_get(10)?;
    Ok(EndpointStats {
        key: EndpointKey(row.try_get(0)?),
        account: Name::from_stored(row.try_get(1)?),
        name: Name::from_stored(row.try_get(2)?),
        id: row.try_get(3)?,
        created_at: Timestamp(row.try_get(4)?),
        retention_days: days.and_then(|days| u16::try_from(days).ok()),
        head: head.unsigned_abs(),
        bytes: row.try_get::<_, i64>(7)?.unsigned_abs(),
        oldest_at: time(8)?,
        newest_at: time(9)?,
        cursor: cursor.map(|it| it.min(head).unsigned_abs()),
        waiting_since: time(11)?,
    })
}
