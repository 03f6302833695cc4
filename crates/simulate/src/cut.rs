//! Cuts a scenario out of recorded events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::fill::escape;
use ringtail_ringcentral::secret;
use ringtail_ringcentral::signature::Scheme;

/// An event as it was recorded.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// When it came, in milliseconds since 1970.
    pub at_ms: i64,
    /// The method.
    pub method: &'a str,
    /// Path and query below the endpoint.
    pub path: &'a str,
    /// The headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
    /// One line about it, for the file.
    pub summary: &'a str,
}

/// Writes a scenario that plays the events again, with their original pauses.
///
/// A platform event gets a new `uuid` and `timestamp` each time it is played, since an app may drop what it has
/// seen. Secrets, signatures and what belongs to a connection stay out; a played step is signed again. Message
/// texts and telephone numbers stay in.
#[must_use]
pub fn cut(events: &[Recorded<'_>]) -> String {
    let began = events.iter().map(|event| event.at_ms).min();
    let began = began.unwrap_or_default();
    let mut text = format!(
        "about = \"Cut from {} recorded event{}\"\n",
        events.len(),
        if events.len() == 1 { "" } else { "s" }
    );
    for event in events {
        let at = event.at_ms.saturating_sub(began);
        let summary = event.summary.replace(['\n', '\r'], " ");
        text.push_str(&format!("\n# {summary}\n[[step]]\nat = {at}\n"));
        step(&mut text, event);
    }
    text
}

fn step(text: &mut String, event: &Recorded<'_>) {
    let mut line = |name: &str, value: String| text.push_str(&format!("{name} = {value}\n"));
    line("method", quoted(event.method));
    if !event.path.is_empty() && event.path != "/" {
        line("path", quoted(&path(event.path)));
    }
    let kept = event.headers.iter().filter(|(name, _)| is_kept(name));
    let kept: Vec<String> = kept
        .filter_map(|(name, value)| {
            let value = str::from_utf8(value).ok()?;
            Some(format!(
                "  [{}, {}],\n",
                quoted(name),
                quoted(&escape(value))
            ))
        })
        .collect();
    line("headers", format!("[\n{}]", kept.concat()));
    if event.body.is_empty() {
        return;
    }
    match body(event.body) {
        Body::Fresh(body) => line("body", block(&body)),
        Body::Exact(body) => {
            line("exact", "true".to_owned());
            line("body", block(body));
        }
        Body::Binary(body) => line("body_base64", quoted(&STANDARD.encode(body))),
    }
}

/// The path without the proofs that a query may hold.
fn path(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else {
        return escape(path);
    };
    let pairs = query.split('&').filter_map(|pair| {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "signature" => None,
            "hub.verify_token" => Some(format!("{name}=${{verify_token}}")),
            _ if secret::is_secret_parameter(pair) => Some(format!("{}=simulated", escape(name))),
            _ => Some(escape(pair)),
        }
    });
    let query = pairs.collect::<Vec<_>>().join("&");
    match query.is_empty() {
        true => escape(path),
        false => format!("{}?{query}", escape(path)),
    }
}

/// Headers of the connection, of proxies on the way, and proofs.
fn is_kept(name: &str) -> bool {
    const LEFT_OUT: [&str; 14] = [
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
        "cookie",
        "authorization",
        "proxy-authorization",
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

enum Body<'a> {
    /// JSON with names in it, written compactly.
    Fresh(String),
    /// Text that playing must not touch.
    Exact(&'a str),
    Binary(&'a [u8]),
}

fn body(bytes: &[u8]) -> Body<'_> {
    let Ok(text) = str::from_utf8(bytes) else {
        return Body::Binary(bytes);
    };
    // What is not written as it would be written again, such as a number with many digits, is kept as it is.
    let json = serde_json::from_str::<Value>(text).ok();
    match json.filter(|json| is_written(json, text)) {
        // A text that is `#{..}` and nothing else would be taken for a name, and cannot be written otherwise.
        Some(mut json) if is_fresh(&json) && !text.contains("\"#{") => {
            names(&mut json);
            Body::Fresh(serde_json::to_string_pretty(&json).unwrap_or_default())
        }
        // A carriage return would not survive the file.
        _ if text.contains('\r') => Body::Binary(bytes),
        _ => Body::Exact(text),
    }
}

fn is_written(json: &Value, text: &str) -> bool {
    let again = json.to_string();
    again == text
}

/// Returns true if something in it must be new each time: an event's id, or a token that must not be in a file.
fn is_fresh(json: &Value) -> bool {
    json["uuid"].is_string() || json["access_token"].is_string()
}

/// Puts names in the place of what is new each time, and keeps every other text from being taken for a name.
fn names(json: &mut Value) {
    keep(json);
    if let Value::Object(fields) = json {
        for (field, name) in [
            ("uuid", "${uuid}"),
            ("timestamp", "${timestamp}"),
            ("access_token", "simulated-${bot_token}"),
        ] {
            if let Some(value @ Value::String(_)) = fields.get_mut(field) {
                *value = Value::String(name.to_owned());
            }
        }
    }
}

fn keep(json: &mut Value) {
    match json {
        Value::String(text) => *text = escape(text),
        Value::Array(items) => items.iter_mut().for_each(keep),
        Value::Object(fields) => fields.values_mut().for_each(keep),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Writes a text as a TOML string of one line.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Writes a text as a TOML string of several lines if it can be read like that.
fn block(text: &str) -> String {
    let plain = text.chars().all(|c| !c.is_control() || c == '\n') && !text.contains("'''");
    match plain && !text.ends_with('\'') && !text.starts_with('\n') {
        true => format!("'''{text}'''"),
        false => basic(text),
    }
}

/// A string with everything odd escaped; JSON's escapes are TOML's too, except for the slash.
fn basic(text: &str) -> String {
    let mut basic = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                basic.push('\\');
                basic.push(c);
            }
            c if c.is_control() => basic.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => basic.push(c),
        }
    }
    basic.push('"');
    basic
}
