//! Writes recorded events as a scenario file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::fill::escape;
use super::scenario::MAX_AT_MS;
use ringtail_errors::{Code, Coded, codes};
use ringtail_model::EventDetail;
use ringtail_ringcentral::secret::{self, Redactor};
use ringtail_ringcentral::signature::Scheme;

/// The events are further apart than a scenario lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the events are {hours} hours apart, and a scenario lasts at most a day")]
pub struct TooLong {
    /// Hours between the first and the last event.
    pub hours: u64,
}

impl Coded for TooLong {
    fn code(&self) -> &'static Code {
        &codes::USAGE
    }

    fn hint(&self) -> Option<String> {
        Some("pass events of one day, such as a narrower range or --last".to_owned())
    }
}

/// Writes a scenario that repeats the events with their original spacing.
///
/// Each run gives a platform event a new `uuid` and `timestamp`, because apps drop duplicates. Secrets, signatures and
/// connection headers are left out; a run signs its requests itself. Message texts and telephone numbers are kept.
///
/// # Errors
/// When the first and the last event are more than a day apart.
pub fn cut(events: &[EventDetail]) -> Result<String, TooLong> {
    let began = events.iter().map(at_ms).min();
    let began = began.unwrap_or_default();
    let ended = events.iter().map(at_ms).max().unwrap_or_default();
    let long_ms = ended.saturating_sub(began).unsigned_abs();
    if long_ms > MAX_AT_MS {
        let hours = long_ms.div_ceil(60 * 60 * 1000);
        return Err(TooLong { hours });
    }
    let mut text = format!(
        "about = \"Cut from {} recorded event{}\"\n",
        events.len(),
        if events.len() == 1 { "" } else { "s" }
    );
    for event in events {
        let at = at_ms(event).saturating_sub(began);
        let summary = Redactor::default()
            .text(&event.event.summary)
            .replace(['\n', '\r'], " ");
        text.push_str(&format!("\n# {summary}\n[[step]]\nat = {at}\n"));
        step(&mut text, event);
    }
    Ok(text)
}

/// Returns the time of arrival in milliseconds since 1970.
fn at_ms(event: &EventDetail) -> i64 {
    event.event.received_at.0 / 1000
}

fn step(text: &mut String, event: &EventDetail) {
    let mut line = |name: &str, value: String| text.push_str(&format!("{name} = {value}\n"));
    let row = &event.event;
    line("method", quoted(&row.method));
    if !row.path.is_empty() && row.path != "/" {
        line("path", quoted(&path(&row.path)));
    }
    let mut redactor = Redactor::default();
    let kept = event.headers.iter().filter(|field| is_kept(&field.name));
    let kept: Vec<String> = kept
        .map(|field| {
            let value = redactor.header(&field.name, &field.value);
            let name = &field.name;
            match str::from_utf8(&value) {
                Ok(value) => format!("  [{}, {}],\n", quoted(name), quoted(&escape(value))),
                Err(_) => format!("  # left out, because its value is not UTF-8: {name}\n"),
            }
        })
        .collect();
    line("headers", format!("[\n{}]", kept.concat()));
    if event.body.is_empty() {
        return;
    }
    let mut headers = event.headers.iter();
    let kind = headers.find(|field| field.is("content-type"));
    let redacted = redactor.body(kind.map(|field| &field.value[..]), &event.body);
    match body(&redacted) {
        StepBody::Template(body) => line("body", quoted(&body)),
        StepBody::Exact(body) => {
            line("exact", "true".to_owned());
            line("body", quoted(body));
        }
        StepBody::Binary(body) => line("body_base64", quoted(&STANDARD.encode(body))),
    }
}

/// Returns the path without signatures and secrets in its query.
fn path(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else {
        return escape(path);
    };
    let pairs = query.split('&').filter_map(|pair| {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "signature" => None,
            "hub.verify_token" => Some(format!("{name}=${{verify_token}}")),
            _ if secret::is_secret_pair(pair) => Some(format!("{}=simulated", escape(name))),
            _ => Some(escape(pair)),
        }
    });
    let query = pairs.collect::<Vec<_>>().join("&");
    match query.is_empty() {
        true => escape(path),
        false => format!("{}?{query}", escape(path)),
    }
}

/// Excludes headers of the connection and of proxies, signatures and secrets.
fn is_kept(name: &str) -> bool {
    const LEFT_OUT: [&str; 11] = [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "forwarded",
        "via",
        "proxy-connection",
    ];
    let name = name.to_ascii_lowercase();
    !LEFT_OUT.contains(&name.as_str())
        && !name.starts_with("x-forwarded-")
        && !secret::is_secret_field(&name)
        && Scheme::ALL
            .iter()
            .all(|scheme| scheme.header().as_str() != name)
}

enum StepBody<'a> {
    /// JSON with variables; a run sends it compact.
    Template(String),
    /// Text that a run sends unchanged.
    Exact(&'a str),
    Binary(&'a [u8]),
}

fn body(bytes: &[u8]) -> StepBody<'_> {
    let Ok(text) = str::from_utf8(bytes) else {
        return StepBody::Binary(bytes);
    };
    // JSON that serializes differently, such as a number with many digits, is kept as text.
    let json = serde_json::from_str::<Value>(text).ok();
    let is_kept = |json: &Value| serde_json::to_string(json).is_ok_and(|written| written == text);
    match json.filter(is_kept) {
        // A string that is exactly `#{..}` would become a number and cannot be escaped.
        Some(mut json) if needs_variables(&json) && !text.contains("\"#{") => {
            insert_variables(&mut json);
            StepBody::Template(serde_json::to_string_pretty(&json).unwrap_or_default())
        }
        // TOML normalizes a carriage return in a text of several lines.
        _ if text.contains('\r') => StepBody::Binary(bytes),
        _ => StepBody::Exact(text),
    }
}

/// Whether the body has an event id, which must be new in each run, or a token, which must not be in a file.
fn needs_variables(json: &Value) -> bool {
    json["uuid"].is_string() || json["access_token"].is_string()
}

/// Replaces ids, times and tokens by variables and escapes every other text.
fn insert_variables(json: &mut Value) {
    escape_texts(json);
    if let Value::Object(fields) = json {
        for (field, variable) in [
            ("uuid", "${uuid}"),
            ("timestamp", "${timestamp}"),
            ("access_token", "simulated-${bot_token}"),
        ] {
            if let Some(value @ Value::String(_)) = fields.get_mut(field) {
                *value = Value::String(variable.to_owned());
            }
        }
    }
}

fn escape_texts(json: &mut Value) {
    match json {
        Value::String(text) => *text = escape(text),
        Value::Array(items) => items.iter_mut().for_each(escape_texts),
        Value::Object(fields) => fields.values_mut().for_each(escape_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
