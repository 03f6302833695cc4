//! Pages of events.

use bytes::Bytes;
use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params};

use super::{SEQ_MAX, event_key, seq_of};
use crate::journal::{EndpointKey, Page};

pub(super) fn read(
    connection: &mut Connection,
    endpoint: EndpointKey,
    after: u64,
    max_events: usize,
    max_bytes: usize,
) -> rusqlite::Result<Page> {
    // One transaction, so that the head is that of the same moment as the events.
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let head = snapshot
        .prepare_cached("SELECT next_seq - 1 FROM endpoint WHERE key = :endpoint")?
        .query_row(named_params! { ":endpoint": endpoint.0 }, |row| row.get(0))
        .optional()?
        .map_or(0, i64::unsigned_abs);
    let events = if after < head {
        events(&snapshot, endpoint, after, max_events, max_bytes)?
    } else {
        Vec::new()
    };
    Ok(Page { events, head })
}

fn events(
    snapshot: &Connection,
    endpoint: EndpointKey,
    after: u64,
    max_events: usize,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Event>> {
    let mut select = snapshot.prepare_cached(
        "SELECT key, id, received_at, kind, disposition, duplicate_of, request
         FROM event WHERE key > :after AND key <= :last ORDER BY key",
    )?;
    let mut rows = select.query(named_params! {
        ":after": event_key(endpoint, after),
        ":last": event_key(endpoint, SEQ_MAX),
    })?;
    let mut events = Vec::new();
    let mut bytes = 0_usize;
    while let Some(row) = rows.next()? {
        let event = event(row)?;
        bytes = bytes.saturating_add(event.encoded_len());
        if !events.is_empty() && bytes > max_bytes {
            break;
        }
        events.push(event);
        if events.len() >= max_events {
            break;
        }
    }
    Ok(events)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let request = row.get_ref("request")?.as_blob()?;
    let duplicate_of: Option<i64> = row.get("duplicate_of")?;
    Ok(Event {
        seq: seq_of(row.get("key")?),
        id: EventId::from_bytes(row.get("id")?),
        received_at: Timestamp(row.get("received_at")?),
        kind: Kind::from_code(row.get("kind")?),
        disposition: Disposition::from_code(row.get("disposition")?),
        duplicate_of: duplicate_of.map(i64::unsigned_abs),
        request: EncodedRequest::from_stored(Bytes::copy_from_slice(request)),
    })
}
