//! Hides secrets in what front ends show. The history, the app and replays have every byte as received.

use std::borrow::Cow;

use bytes::Bytes;
use ringtail_protocol::event::Header;
use ringtail_ringcentral::secret::Redactor;

use crate::{AttemptDetail, AttemptRow, EventDetail, EventRow, Outcome};

/// Hides the secrets in an event's path and summary and in its newest attempt.
#[must_use]
pub fn row(mut event: EventRow) -> EventRow {
    redact_row(&mut event, &mut Redactor::default());
    event
}

/// Hides the secrets in the target's URL and in an error.
#[must_use]
pub fn attempt(mut attempt: AttemptRow) -> AttemptRow {
    redact_attempt(&mut attempt, &mut Redactor::default());
    attempt
}

/// Hides the secrets in an event and its attempts. Sizes stay those of the bodies as received.
pub fn detail(detail: &mut EventDetail) {
    redact_detail(detail, &mut Redactor::default());
}

/// Hides the secrets in what is compared. Each has a number, so that different secrets differ.
pub fn compared<'a>(details: impl IntoIterator<Item = &'a mut EventDetail>) {
    let mut redactor = Redactor::numbered();
    for detail in details {
        redact_detail(detail, &mut redactor);
    }
}

fn redact_detail(detail: &mut EventDetail, redactor: &mut Redactor) {
    let EventDetail { headers, body, .. } = detail;
    redact_message(headers, body, redactor);
    redact_row(&mut detail.event, redactor);
    for AttemptDetail {
        attempt,
        headers,
        body,
        ..
    } in &mut detail.attempts
    {
        redact_attempt(attempt, redactor);
        redact_message(headers, body, redactor);
    }
}

fn redact_row(event: &mut EventRow, redactor: &mut Redactor) {
    replace(&mut event.path, |path| redactor.url(path));
    replace(&mut event.summary, |summary| redactor.text(summary));
    if let Some(attempt) = &mut event.last_attempt {
        redact_attempt(attempt, redactor);
    }
}

fn redact_attempt(attempt: &mut AttemptRow, redactor: &mut Redactor) {
    replace(&mut attempt.target, |target| redactor.url(target));
    if let Outcome::Error { message, .. } = &mut attempt.outcome {
        replace(message, |message| redactor.text(message));
    }
}

fn redact_message(headers: &mut [Header], body: &mut Bytes, redactor: &mut Redactor) {
    let mut named = headers.iter();
    let kind = named.find(|header| header.name.eq_ignore_ascii_case("content-type"));
    let kind = kind.map(|header| header.value.clone());
    for Header { name, value } in headers {
        if let Cow::Owned(redacted) = redactor.header(name, value) {
            *value = redacted.into();
        }
    }
    if let Cow::Owned(redacted) = redactor.body(kind.as_deref(), body) {
        *body = redacted.into();
    }
}

fn replace(text: &mut String, change: impl FnOnce(&str) -> Cow<'_, str>) {
    if let Cow::Owned(new) = change(text) {
        *text = new;
    }
}
