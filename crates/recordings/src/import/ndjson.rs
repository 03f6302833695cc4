//! Lines of `ringtail export --as ndjson` and of `ringtail events show --output json`: docs/OUTPUT.md.

use std::io::{BufRead, Read};
use std::time::Duration;

use bytes::Bytes;
use ringtail_protocol::event::{EventId, Header, Kind, Request};
use ringtail_text::json;

use super::field::{self, Object};
use super::{FormatError, LINE_MAX, Recorded, Repeats, checked, disposition, time};
use ringtail_model::{Cause, FailureKind, Outcome};
use ringtail_store::{Comment, NewAttempt};

pub(super) fn read(
    mut input: impl BufRead,
    each: &mut impl FnMut(Result<Recorded, FormatError>) -> bool,
) {
    let mut buffer = Vec::new();
    let mut repeats = Repeats::default();
    // Whether all lines so far are something else than events.
    let mut is_other = false;
    for line in 1.. {
        buffer.clear();
        match input.by_ref().take(LINE_MAX).read_until(b'\n', &mut buffer) {
            Ok(0) if is_other => {
                let reason = format!("no line is an event; {EXPECTED}");
                each(Err(FormatError::Line { line: 1, reason }));
                return;
            }
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                each(Err(error.into()));
                return;
            }
        }
        let too_long = u64::try_from(buffer.len()) == Ok(LINE_MAX);
        // Files with byte order marks may have been joined.
        let text = buffer
            .strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(&buffer);
        let read = match text.trim_ascii() {
            b"" => continue,
            _ if too_long => Err(format!("it has more than {LINE_MAX} bytes")),
            text => event(text, &mut repeats),
        };
        is_other = matches!(read, Ok(None)) && (is_other || line == 1);
        let go_on = match read {
            Ok(None) => true,
            Ok(Some(recorded)) => each(Ok(recorded)),
            Err(reason) => each(Err(FormatError::Line { line, reason })) && !too_long,
        };
        if !go_on {
            return;
        }
    }
}

const EXPECTED: &str =
    "a recording is a HAR archive, or the lines of `ringtail export --as ndjson`";

/// Reads an event; `None` for other lines.
fn event(text: &[u8], repeats: &mut Repeats) -> Result<Option<Recorded>, String> {
    let line = Object::parse(text)?;
    match line.text("type")? {
        None => return Err(format!("type is missing; {EXPECTED}")),
        Some(kind) if kind != "event" => return Ok(None),
        Some(_) => {}
    }
    let received_at = line.needed("received_at")?;
    let received_at = time(&received_at).ok_or("received_at is not a time of RFC 3339")?;
    let request = checked(Request {
        method: line.needed("method")?,
        path: line.text("path")?.unwrap_or_default(),
        peer: line.text("peer")?.unwrap_or_default(),
        headers: headers(&line)?,
        body: body(&line)?,
    })?;
    let id = match line.text("id")? {
        Some(id) => EventId::parse(&id).ok_or("id is not a UUID")?,
        None => repeats.id(received_at, &request),
    };
    let word = line.text("kind")?.unwrap_or_default();
    let comment = line.text("comment")?.unwrap_or_default();
    let bookmark = line.flag("marked")?.then(|| Comment::parse(&comment));
    let attempts = line.objects("attempts")?;
    Ok(Some(Recorded {
        id,
        received_at,
        kind: [Kind::Validation, Kind::Notification, Kind::Passthrough]
            .into_iter()
            .find(|kind| kind.word() == word),
        disposition: disposition(&line.text("disposition")?.unwrap_or_default()),
        request,
        bookmark: bookmark.transpose().map_err(|error| error.to_string())?,
        answers: attempts
            .iter()
            .map(|attempt| answer(id, attempt))
            .collect::<Result<_, _>>()?,
        left_out: Vec::new(),
    }))
}

fn answer(event: EventId, line: &Object<'_>) -> Result<NewAttempt, String> {
    let place = |name: &str| line.place(name);
    let outcome = match line.size("status")? {
        Some(status) => match u16::try_from(status) {
            Ok(status @ 100..=999) => Outcome::Status(status),
            _ => return Err(format!("{} is not a status", place("status"))),
        },
        None => Outcome::Error {
            kind: FailureKind::of_word(&line.text("error_kind")?.unwrap_or_default()),
            message: line.text("error")?.unwrap_or_default(),
        },
    };
    let started_at = time(&line.needed("started_at")?);
    let duration = line.number("duration_ms")?.unwrap_or_default();
    let body = body(line)?;
    let len = u64::try_from(body.len()).unwrap_or(u64::MAX);
    Ok(NewAttempt {
        event,
        cause: Cause::of_word(&line.text("cause")?.unwrap_or_default()),
        target: line.text("target")?.unwrap_or_default(),
        started_at: started_at
            .ok_or_else(|| format!("{} is not a time of RFC 3339", place("started_at")))?,
        duration: Duration::try_from_secs_f64(duration / 1000.0)
            .map_err(|_| format!("{} is not a time", place("duration_ms")))?,
        outcome,
        headers: headers(line)?,
        body,
        body_len: line.size("body_len")?.unwrap_or(len).max(len),
    })
}

/// Reads `[name, text]` and `[name, null, base64]`.
fn headers(line: &Object<'_>) -> Result<Vec<Header>, String> {
    let fields = line.items("headers")?.into_iter().map(|(place, field)| {
        let parts: Vec<&str> = json::items(field).collect();
        let (name, value) = match parts.as_slice() {
            [name, "null", value] => (name, field::base64(&place, &field::string(&place, value)?)?),
            [name, value, ..] => (name, Bytes::from(field::string(&place, value)?)),
            _ => return Err(format!("{place} is not a [name, value] pair")),
        };
        Ok(Header {
            name: field::string(&place, name)?,
            value,
        })
    });
    fields.collect()
}

fn body(line: &Object<'_>) -> Result<Bytes, String> {
    if let Some(text) = line.text("body")? {
        return Ok(text.into());
    }
    let body = line.base64("body_base64")?;
    body.ok_or_else(|| {
        "it has neither body nor body_base64: record it with `ringtail export`".to_owned()
    })
}
