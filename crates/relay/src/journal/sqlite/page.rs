//! Pages of events.

use bytes::Bytes;
use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};
use rusqlite::{
    Connection, MAIN_DB, OptionalExtension as _, Row, TransactionBehavior, named_params,
};

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
    let mut page = if after < head {
        events(&snapshot, endpoint, after, max_events, max_bytes)?
    } else {
        Page::default()
    };
    page.head = head;
    Ok(page)
}

fn events(
    snapshot: &Connection,
    endpoint: EndpointKey,
    after: u64,
    max_events: usize,
    max_bytes: usize,
) -> rusqlite::Result<Page> {
    let mut select = snapshot.prepare_cached(
        "SELECT key, id, received_at, kind, disposition, duplicate_of, length(request) AS bytes,
                iif(length(request) <= :max_bytes, request, NULL) AS request
         FROM event WHERE key > :after AND key <= :last ORDER BY key",
    )?;
    let mut rows = select.query(named_params! {
        ":after": event_key(endpoint, after),
        ":last": event_key(endpoint, SEQ_MAX),
        ":max_bytes": i64::try_from(max_bytes).unwrap_or(i64::MAX),
    })?;
    let mut page = Page::default();
    let mut bytes = 0_usize;
    while let Some(row) = rows.next()? {
        let key = row.get("key")?;
        let size = usize::try_from(row.get::<_, i64>("bytes")?).unwrap_or_default();
        let request = match row.get_ref("request")?.as_blob_or_null()? {
            Some(whole) => Bytes::copy_from_slice(whole),
            None if page.events.is_empty() => blob(snapshot, key, 0, max_bytes)?,
            None => break,
        };
        page.missing = size.saturating_sub(request.len());
        let event = event(row, request)?;
        bytes = bytes.saturating_add(event.encoded_len());
        if !page.events.is_empty() && bytes > max_bytes {
            break;
        }
        page.events.push(event);
        if page.missing > 0 || page.events.len() >= max_events {
            break;
        }
    }
    Ok(page)
}

/// Reads part of an event's request; nothing if the event is gone.
pub(super) fn part(
    connection: &mut Connection,
    key: i64,
    offset: usize,
    max_bytes: usize,
) -> rusqlite::Result<Bytes> {
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let is_there = snapshot
        .prepare_cached("SELECT 1 FROM event WHERE key = :key")?
        .exists(named_params! { ":key": key })?;
    if is_there {
        blob(&snapshot, key, offset, max_bytes)
    } else {
        Ok(Bytes::new())
    }
}

/// Reads part of a request without loading the rest.
fn blob(
    snapshot: &Connection,
    key: i64,
    offset: usize,
    max_bytes: usize,
) -> rusqlite::Result<Bytes> {
    let blob = snapshot.blob_open(MAIN_DB, "event", "request", key, true)?;
    let mut part = vec![0; blob.len().saturating_sub(offset).min(max_bytes)];
    blob.read_at_exact(&mut part, offset)?;
    Ok(part.into())
}

fn event(row: &Row<'_>, request: Bytes) -> rusqlite::Result<Event> {
    let duplicate_of: Option<i64> = row.get("duplicate_of")?;
    Ok(Event {
        seq: seq_of(row.get("key")?),
        id: EventId::from_bytes(row.get("id")?),
        received_at: Timestamp(row.get("received_at")?),
        kind: Kind::from_code(row.get("kind")?),
        disposition: Disposition::from_code(row.get("disposition")?),
        duplicate_of: duplicate_of.map(i64::unsigned_abs),
        request: EncodedRequest::from_stored(request),
    })
}
