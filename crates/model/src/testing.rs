//! Events for tests.

use bytes::Bytes;
use ringtail_protocol::event::{Disposition, EventId, Kind, Timestamp};

use crate::{EventDetail, EventRow, ForwardState, RowId};

/// Returns a pending SMS notification without headers and attempts.
#[must_use]
pub fn sms(body: impl Into<Bytes>) -> EventDetail {
    let body = body.into();
    EventDetail {
        event: EventRow {
            row: RowId(1),
            endpoint: "demo-x1".to_owned(),
            seq: 1,
            id: EventId::from_bytes([7; 16]),
            kind: Kind::Notification,
            disposition: Disposition::Pending,
            duplicate_of: None,
            subscription: None,
            is_stranger: false,
            received_at: Timestamp(1_785_320_000_000_042),
            method: "POST".to_owned(),
            path: "/".to_owned(),
            topic: "sms".to_owned(),
            summary: "SMS".to_owned(),
            body_len: body.len() as u64,
            forward: ForwardState::Pending,
            bookmark: None,
            new_fields: None,
            edited_from: None,
            last_attempt: None,
        },
        peer: "192.0.2.1:40000".to_owned(),
        headers: Vec::new(),
        body,
        proof: None,
        uuid_of: None,
        attempts: Vec::new(),
        older_attempts: 0,
        older_answers: 0,
    }
}
