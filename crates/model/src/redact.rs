//! Secrets are hidden before anybody sees them, unless somebody asks to see them.
//!
//! The history, the app and a replay have every byte as received; what is masked here is what faces show. Bodies
//! are shown as they are.

use bytes::Bytes;
use ringtail_protocol::event::Header;
use ringtail_ringcentral::secret::{MASK, is_secret_field, masked};

use crate::{AttemptRow, EventDetail, EventRow};

/// Hides the secrets in an event's path and in the URL of its newest attempt.
#[must_use]
pub fn row(mut event: EventRow) -> EventRow {
    mask_row(&mut event);
    event
}

/// Hides the secrets in the URL that was asked.
#[must_use]
pub fn attempt(mut attempt: AttemptRow) -> AttemptRow {
    mask(&mut attempt.target);
    attempt
}

/// Hides the secrets in path and headers of an event, and in its attempts with the app's answers.
pub fn detail(detail: &mut EventDetail) {
    mask_row(&mut detail.event);
    mask_headers(&mut detail.headers);
    for attempt in &mut detail.attempts {
        mask(&mut attempt.attempt.target);
        mask_headers(&mut attempt.headers);
    }
}

fn mask_row(event: &mut EventRow) {
    mask(&mut event.path);
    if let Some(attempt) = &mut event.last_attempt {
        mask(&mut attempt.target);
    }
}

fn mask(url: &mut String) {
    *url = masked(url).into_owned();
}

fn mask_headers(headers: &mut [Header]) {
    for header in headers {
        if is_secret_field(&header.name) {
            header.value = Bytes::from_static(MASK.as_bytes());
        }
    }
}
