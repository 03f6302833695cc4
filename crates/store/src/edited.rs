//! Edited copies of events: separate events, each linked to its origin.
//!
//! They have their own endpoint, `demo-edited` for those of `demo-33gk…`, and their own numbers, so that a number always
//! means what RingCentral sent. The name stays the same, and with it secrets and filters.

use rusqlite::{Connection, OptionalExtension, named_params};

use ringtail_model::endpoint_name;
use ringtail_protocol::event::{Disposition, EncodedRequest, Event, EventId, Kind, Timestamp};

use crate::incoming::{self, Incoming};
use crate::record::{Forwarding, Record};

/// The journal of edited events; no relay has this identity.
const JOURNAL: &str = "edit";

/// The last part of the ids of their endpoints.
const SUFFIX: &str = "edited";

/// Returns the endpoint under which edited copies of another one's events stand.
fn endpoint_of(origin: &str) -> String {
    format!("{}-{SUFFIX}", endpoint_name(origin))
}

/// Returns the name of the endpoint whose edited events stand under an endpoint, if any do.
pub fn origin_name(endpoint: &str) -> Option<&str> {
    let (name, suffix) = endpoint.rsplit_once('-')?;
    (suffix == SUFFIX).then_some(name)
}

/// Stores an edited copy. Returns whether the origin exists. Runs inside the writer's transaction.
pub(super) fn add(
    connection: &Connection,
    origin: EventId,
    id: EventId,
    kind: Kind,
    request: EncodedRequest,
) -> rusqlite::Result<bool> {
    let endpoint: Option<String> = connection
        .prepare_cached("SELECT endpoint FROM event WHERE id = :id")?
        .query_row(named_params! {":id": origin.as_bytes()}, |row| row.get(0))
        .optional()?;
    let Some(endpoint) = endpoint.as_deref().map(endpoint_of) else {
        return Ok(false);
    };
    let event = Event {
        seq: incoming::cursor(connection, &endpoint, JOURNAL)?.unwrap_or(0) + 1,
        id,
        received_at: Timestamp::now(),
        kind,
        disposition: Disposition::Answered,
        duplicate_of: None,
        request,
    };
    let record = Record {
        edited_from: Some(origin),
        ..Record::of(&event, &Forwarding::Off)
    };
    // What the user wrote tells nothing of what RingCentral sends, so nothing is learnt from it.
    incoming::store(
        connection,
        None,
        &endpoint,
        JOURNAL,
        &[Incoming::Event(record)],
    )?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IMPORT;
    use crate::testing::{ENDPOINT, TestHistory, call, request};
    use ringtail_model::{ForwardState, RowId};

    #[tokio::test]
    async fn an_edited_copy_has_an_id_and_a_number_of_its_own() {
        let kept = TestHistory::open();
        let origin = call(7, "s");
        kept.receives(vec![origin.clone()]).await;
        let add = |origin, body: &str| kept.history.add_edited(origin, request(body));
        let first = add(origin.id, "{}").await.unwrap().unwrap();
        // An edited copy may be edited once more.
        let second = add(first, "[]").await.unwrap().unwrap();
        let events = kept.history.events_after(RowId(1), 10).await.unwrap();
        let seen: Vec<_> = events
            .iter()
            .map(|event| {
                (
                    event.endpoint.as_str(),
                    event.seq,
                    event.id,
                    event.edited_from,
                )
            })
            .collect();
        let expected = [
            ("demo-edited", 1, first, Some(origin.id)),
            ("demo-edited", 2, second, Some(first)),
        ];
        assert_eq!(seen, expected);
        // Each is compared with what it was made of.
        let mut compared = Vec::new();
        for copy in &events {
            let original = kept.history.previous(copy.row).await.unwrap();
            compared.push(original.map(|event| event.id));
        }
        assert_eq!(compared, [Some(origin.id), Some(first)]);
        assert_eq!(events[0].forward, ForwardState::None);
        let imported = vec![Incoming::Event(call(1, "s"))];
        let import = kept
            .history
            .store("imported", IMPORT, imported, Forwarding::Off);
        import.await.unwrap();
        let mut came_to = Vec::new();
        for event in kept.history.events_after(RowId(0), 10).await.unwrap() {
            let stored = kept.history.stored_request(event.row).await.unwrap();
            came_to.push(stored.unwrap().endpoint);
        }
        assert_eq!(came_to, [ENDPOINT, ENDPOINT, ENDPOINT, ""]);
        assert_eq!(origin_name("demo-edited"), Some("demo"));
        assert_eq!(origin_name(ENDPOINT), None);
        let stranger = add(EventId::fresh(), "{}").await.unwrap();
        assert_eq!(stranger, None);
    }
}
