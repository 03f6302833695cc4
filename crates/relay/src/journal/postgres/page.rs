//! Pages of events.

use bytes::Bytes;
use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::stored;
use crate::journal::{EndpointKey, Page};
use crate::postgres::{PostgresError, Session};

/// Reads the head and the next events in one snapshot. The first event's request is cut to `$4` bytes; others come whole,
/// as long as their sum is within `$4`, so that a page never loads more than that.
const READ: &str = "SELECT next_seq - 1, size, page.seq, page.id, page.received_at, page.kind, page.disposition,
        page.duplicate_of, CASE WHEN size = total THEN substring(page.request FOR $4::integer) ELSE page.request END
    FROM endpoint LEFT JOIN LATERAL (
        SELECT *, octet_length(request) AS size, sum(octet_length(request)) OVER (ORDER BY seq) AS total
        FROM (SELECT * FROM event WHERE endpoint = endpoint.key AND seq > $2 ORDER BY seq LIMIT $3) AS next
    ) AS page ON total = size OR total <= $4::integer
    WHERE key = $1 ORDER BY page.seq";

const PART: &str = "SELECT substring(request FROM $3::integer FOR $4::integer) FROM event WHERE endpoint = $1 AND seq = $2";

pub(super) async fn read(
    session: &mut Session,
    endpoint: EndpointKey,
    after: u64,
    max_events: usize,
    max_bytes: usize,
) -> Result<Page, PostgresError> {
    let most = i64::try_from(max_events.max(1)).unwrap_or(i64::MAX);
    let room = i32::try_from(max_bytes).unwrap_or(i32::MAX);
    let rows = session
        .query(READ, &[&endpoint.0, &stored(after), &most, &room])
        .await?;
    let mut page = Page::default();
    let mut bytes = 0_usize;
    for row in rows {
        page.head = row.try_get::<_, i64>(0)?.unsigned_abs();
        let Some(size) = row.try_get::<_, Option<i32>>(1)? else {
            // The endpoint has no event after that.
            break;
        };
        let event = event(&row)?;
        let size = usize::try_from(size).unwrap_or_default();
        page.missing = size.saturating_sub(event.request.as_bytes().len());
        bytes = bytes.saturating_add(event.encoded_len());
        if !page.events.is_empty() && bytes > max_bytes {
            page.missing = 0;
            break;
        }
        page.events.push(event);
        if page.missing > 0 {
            break;
        }
    }
    Ok(page)
}

/// Reads part of an event's request; nothing if the event is gone.
pub(super) async fn part(
    session: &mut Session,
    endpoint: EndpointKey,
    seq: u64,
    offset: usize,
    max_bytes: usize,
) -> Result<Bytes, PostgresError> {
    let (Ok(from), Ok(room)) = (i32::try_from(offset), i32::try_from(max_bytes)) else {
        return Ok(Bytes::new());
    };
    // PostgreSQL counts bytes from 1.
    let from = from.saturating_add(1);
    let rows = session
        .query(PART, &[&endpoint.0, &stored(seq), &from, &room])
        .await?;
    match rows.first() {
        Some(row) => Ok(Bytes::copy_from_slice(row.try_get(0)?)),
        None => Ok(Bytes::new()),
    }
}

fn event(row: &Row) -> Result<Event, PostgresError> {
    let code = |code: i16| u8::try_from(code).unwrap_or(u8::MAX);
    let duplicate_of: Option<i64> = row.try_get(7)?;
    Ok(Event {
        seq: row.try_get::<_, i64>(2)?.unsigned_abs(),
        id: EventId::from_bytes(row.try_get::<_, Uuid>(3)?.into_bytes()),
        received_at: Timestamp(row.try_get(4)?),
        kind: Kind::from_code(code(row.try_get(5)?)),
        disposition: Disposition::from_code(code(row.try_get(6)?)),
        duplicate_of: duplicate_of.map(i64::unsigned_abs),
        request: EncodedRequest::from_stored(Bytes::copy_from_slice(row.try_get(8)?)),
    })
}
