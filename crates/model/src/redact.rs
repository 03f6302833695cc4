//! Hides secrets in what front ends show. The history, the app and replays have every byte as received. Bodies are not
//! redacted.

use bytes::Bytes;
use ringtail_protocol::event::Header;
use ringtail_ringcentral::secret::{MASK, is_secret_field, masked};

use crate::{AttemptRow, EventDetail, EventRow};

/// Hides the secrets in an event's path and in the URL of its newest attempt.
#[must_use]
pub fn row(mut event: EventRow) -> EventRow {
    redact_row(&mut event);
    event
}

/// Hides the secrets in the target's URL.
#[must_use]
pub fn attempt(mut attempt: AttemptRow) -> AttemptRow {
    redact(&mut attempt.target);
    attempt
}

/// Hides the secrets in an event's path and headers and in its attempts.
pub fn detail(detail: &mut EventDetail) {
    redact_row(&mut detail.event);
    redact_headers(&mut detail.headers);
    for attempt in &mut detail.attempts {
        redact(&mut attempt.attempt.target);
        redact_headers(&mut attempt.headers);
    }
}

fn redact_row(event: &mut EventRow) {
    redact(&mut event.path);
    if let Some(attempt) = &mut event.last_attempt {
        redact(&mut attempt.target);
    }
}

fn redact(url: &mut String) {
    *url = masked(url).into_owned();
}

fn redact_headers(headers: &mut [Header]) {
    for header in headers {
        if is_secret_field(&header.name) {
            header.value = Bytes::from_static(MASK.as_bytes());
        }
    }
}
