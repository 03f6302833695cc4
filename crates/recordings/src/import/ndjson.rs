//! Lines of `ringtail export --as ndjson` and of `ringtail events show --output json`: docs/OUTPUT.md.

use std::io::{BufRead, Read};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ringtail_protocol::event::{EventId, Header, Kind, Request};
use serde::Deserialize;
use serde_json::Value;

use super::{FormatError, LINE_MAX, Recorded, time};
use ringtail_model::{Cause, FailureKind, Outcome};
use ringtail_store::{Comment, NewAttempt};

#[derive(Debug, Deserialize)]
struct NdjsonLine {
    #[serde(rename = "type")]
    kind_of_line: String,
}

#[derive(Debug, Deserialize)]
struct EventLine {
    id: String,
    kind: String,
    method: String,
    path: String,
    received_at: String,
    #[serde(default)]
    peer: String,
    headers: Vec<Value>,
    body: Option<String>,
    body_base64: Option<String>,
    #[serde(default)]
    marked: bool,
    comment: Option<String>,
    #[serde(default)]
    attempts: Vec<AttemptLine>,
}

#[derive(Debug, Deserialize)]
struct AttemptLine {
    cause: String,
    target: String,
    started_at: String,
    status: Option<u16>,
    error: Option<String>,
    error_kind: Option<String>,
    duration_ms: f64,
    headers: Vec<Value>,
    body: Option<String>,
    body_base64: Option<String>,
    body_len: u64,
}

pub(super) fn read(
    mut input: impl BufRead,
    each: &mut impl FnMut(Result<Recorded, FormatError>) -> bool,
) {
    let mut buffer = Vec::new();
    for line in 1.. {
        buffer.clear();
        match input.by_ref().take(LINE_MAX).read_until(b'\n', &mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                each(Err(error.into()));
                return;
            }
        }
        let too_long = u64::try_from(buffer.len()) == Ok(LINE_MAX);
        let read = match buffer.trim_ascii() {
            b"" => continue,
            _ if too_long => Err(format!("it has more than {LINE_MAX} bytes")),
            text => event(text),
        };
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

/// Parses an event; `None` for other lines.
fn event(text: &[u8]) -> Result<Option<Recorded>, String> {
    let line: NdjsonLine = serde_json::from_slice(text).map_err(|error| reason(&error))?;
    if line.kind_of_line != "event" {
        return Ok(None);
    }
    let line: EventLine = serde_json::from_slice(text).map_err(|error| reason(&error))?;
    let received_at = time(&line.received_at).ok_or("received_at is not a time of RFC 3339")?;
    let id = EventId::parse(&line.id).ok_or("id is not a UUID")?;
    Ok(Some(Recorded {
        id,
        received_at,
        kind: [Kind::Validation, Kind::Notification, Kind::Passthrough]
            .into_iter()
            .find(|kind| kind.word() == line.kind),
        request: Request {
            method: line.method,
            path: line.path,
            peer: line.peer,
            headers: headers(&line.headers)?,
            body: body(line.body, line.body_base64.as_deref())?,
        },
        bookmark: match line.marked {
            true => {
                let comment = Comment::parse(line.comment.as_deref().unwrap_or_default());
                Some(comment.map_err(|error| error.to_string())?)
            }
            false => None,
        },
        answers: line
            .attempts
            .into_iter()
            .map(|attempt| answer(id, attempt))
            .collect::<Result<_, _>>()?,
    }))
}

fn answer(event: EventId, line: AttemptLine) -> Result<NewAttempt, String> {
    let outcome = match (line.status, line.error) {
        (Some(status), _) => Outcome::Status(status),
        (None, message) => Outcome::Error {
            kind: FailureKind::of_word(line.error_kind.as_deref().unwrap_or_default()),
            message: message.unwrap_or_default(),
        },
    };
    Ok(NewAttempt {
        event,
        cause: Cause::of_word(&line.cause),
        target: line.target,
        started_at: time(&line.started_at).ok_or("started_at is not a time of RFC 3339")?,
        duration: Duration::try_from_secs_f64(line.duration_ms / 1000.0)
            .map_err(|_| "duration_ms is not a time")?,
        outcome,
        headers: headers(&line.headers)?,
        body: body(line.body, line.body_base64.as_deref())?,
        body_len: line.body_len,
    })
}

/// Parses `[name, text]` and `[name, null, base64]`.
fn headers(fields: &[Value]) -> Result<Vec<Header>, String> {
    let field = |field: &Value| {
        let name = field.get(0)?.as_str()?.to_ascii_lowercase();
        let value = match (field.get(1)?, field.get(2)) {
            (Value::String(text), _) => Bytes::from(text.clone()),
            (Value::Null, Some(Value::String(text))) => Bytes::from(STANDARD.decode(text).ok()?),
            _ => return None,
        };
        Some(Header { name, value })
    };
    let fields: Option<Vec<Header>> = fields.iter().map(field).collect();
    fields.ok_or_else(|| "headers are not [name, value] pairs".to_owned())
}

fn body(text: Option<String>, base64: Option<&str>) -> Result<Bytes, String> {
    match (text, base64) {
        (Some(text), _) => Ok(Bytes::from(text)),
        (None, Some(text)) => STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|_| "body_base64 is not base64".to_owned()),
        (None, None) => {
            Err("it has neither body nor body_base64: record it with `ringtail export`".to_owned())
        }
    }
}

/// Returns the error without quoting the line.
fn reason(error: &serde_json::Error) -> String {
    let category = match error.classify() {
        serde_json::error::Category::Data => "a field is missing or of another type",
        serde_json::error::Category::Eof => "it breaks off",
        _ => "it is not JSON",
    };
    format!("{category}, at column {}", error.column())
}
