//! HAR 1.2, the archive that browsers and HTTP debuggers read.
//!
//! HAR holds only text. Binary data and what HAR has no field for are under `_ringtail`, so an import restores every byte.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp as Instant;
use serde_json::{Map, Value, json};

use ringtail_protocol::event::{Header, Timestamp};
use ringtail_text::escape;

use crate::diff::is_answer;
use ringtail_model::{AttemptDetail, EventDetail, GapRow, Outcome};

/// Writes an archive entry by entry, so that one event is in memory at a time.
#[derive(Debug)]
pub struct HarWriter<W> {
    out: W,
    first: bool,
    gaps: Vec<Value>,
}

impl<W: Write> HarWriter<W> {
    /// Starts an archive.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn begin(mut out: W) -> io::Result<Self> {
        let creator = json!({"name": "ringtail", "version": env!("CARGO_PKG_VERSION")});
        write!(
            out,
            r#"{{"log":{{"version":"1.2","creator":{creator},"entries":["#
        )?;
        Ok(Self {
            out,
            first: true,
            gaps: Vec::new(),
        })
    }

    /// Writes an event with its newest response.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn event(&mut self, event: &EventDetail) -> io::Result<()> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.write_all(b",")?;
        }
        self.out.write_all(b"\n")?;
        self.out
            .write_all(escape(&entry(event).to_string()).as_bytes())
    }

    /// Notes lost events, which are listed at the end, under `_gaps`.
    pub fn gap(&mut self, gap: &GapRow) {
        self.gaps.push(json!({
            "endpoint": gap.endpoint,
            "first": gap.first,
            "last": gap.last,
            "noticed_at": time(gap.noticed_at),
        }));
    }

    /// Ends the archive and returns the writer.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(b"\n]")?;
        if !self.gaps.is_empty() {
            write!(self.out, ",\n\"_gaps\":{}", Value::from(self.gaps))?;
        }
        self.out.write_all(b"}}\n")?;
        Ok(self.out)
    }
}

fn entry(detail: &EventDetail) -> Value {
    let mut attempts = detail.attempts.iter().rev();
    let newest = attempts.find(|attempt| is_answer(attempt));
    let newest = newest.or(detail.attempts.last());
    // By whole microseconds: a product of fractions would have digits that nobody measured.
    let milliseconds = newest.map_or(0.0, |attempt| {
        (attempt.attempt.duration.as_secs_f64() * 1e6).round() / 1e3
    });
    json!({
        "startedDateTime": time(detail.event.received_at),
        "time": milliseconds,
        "request": request(detail),
        "response": newest.map_or_else(no_response, response),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "_ringtail": own(detail, newest),
    })
}

fn request(detail: &EventDetail) -> Value {
    let row = &detail.event;
    let query = row.path.split_once('?').map_or("", |(_, query)| query);
    let pairs = form_urlencoded::parse(query.as_bytes());
    let query: Vec<Value> = pairs
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut request = json!({
        "method": row.method,
        "url": url(detail),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&detail.headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": row.body_len,
    });
    if !detail.body.is_empty() {
        request["postData"] = json!({
            "mimeType": content_type(&detail.headers),
            "text": String::from_utf8_lossy(&detail.body),
        });
    }
    request
}

/// Reconstructs the caller's URL from host, endpoint and path.
fn url(detail: &EventDetail) -> String {
    let host = detail.headers.iter().find(|header| header.is("host"));
    let host = host.and_then(|host| std::str::from_utf8(&host.value).ok());
    let host = host.unwrap_or("relay.invalid");
    format!(
        "https://{host}/{}{}",
        detail.event.endpoint, detail.event.path
    )
}

fn response(detail: &AttemptDetail) -> Value {
    let (status, error) = match &detail.attempt.outcome {
        Outcome::Status(status) => (*status, None),
        Outcome::Error { message, .. } => (0, Some(message)),
    };
    let mut content = json!({
        "size": detail.body_len,
        "mimeType": content_type(&detail.headers),
    });
    match std::str::from_utf8(&detail.body) {
        Ok(text) => content["text"] = json!(text),
        Err(_) => {
            content["text"] = json!(STANDARD.encode(&detail.body));
            content["encoding"] = json!("base64");
        }
    }
    let reason = http::StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason());
    let mut response = json!({
        "status": status,
        "statusText": reason.unwrap_or(""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&detail.headers),
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": detail.body_len,
    });
    if let Some(error) = error {
        response["_error"] = json!(error);
    }
    response
}

/// An event without a response: browsers write status 0.
fn no_response() -> Value {
    json!({
        "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
        "content": {"size": 0, "mimeType": ""}, "redirectURL": "", "headersSize": -1, "bodySize": -1,
    })
}

/// Data that an import needs and HAR has no field for.
fn own(detail: &EventDetail, newest: Option<&AttemptDetail>) -> Value {
    let row = &detail.event;
    let mut own = Map::new();
    own.insert("id".into(), json!(row.id.to_string()));
    own.insert("endpoint".into(), json!(row.endpoint));
    own.insert("seq".into(), json!(row.seq));
    own.insert("path".into(), json!(row.path));
    own.insert("peer".into(), json!(detail.peer));
    own.insert("summary".into(), json!(row.summary));
    own.insert("disposition".into(), json!(row.disposition.word()));
    if let Some(AttemptDetail { attempt, .. }) = newest {
        own.insert("cause".into(), json!(attempt.cause.word()));
        own.insert("target".into(), json!(attempt.target));
        own.insert("started_at".into(), json!(time(attempt.started_at)));
    }
    if let Some(AttemptDetail { headers, .. }) = newest
        && let Some(fields) = odd_fields(headers)
    {
        own.insert("response_headers_base64".into(), fields);
    }
    if std::str::from_utf8(&detail.body).is_err() {
        own.insert("body_base64".into(), json!(STANDARD.encode(&detail.body)));
    }
    if let Some(fields) = odd_fields(&detail.headers) {
        own.insert("headers_base64".into(), fields);
    }
    Value::Object(own)
}

/// Returns every header field in base64, if the value of one is not text.
fn odd_fields(headers: &[Header]) -> Option<Value> {
    let odd = |header: &Header| std::str::from_utf8(&header.value).is_err();
    let fields = headers
        .iter()
        .map(|header| json!([header.name, STANDARD.encode(&header.value)]));
    headers.iter().any(odd).then(|| fields.collect())
}

fn headers(headers: &[Header]) -> Value {
    let fields = headers.iter();
    fields
        .map(|header| json!({"name": header.name, "value": String::from_utf8_lossy(&header.value)}))
        .collect()
}

fn content_type(headers: &[Header]) -> String {
    let field = headers.iter().find(|header| header.is("content-type"));
    field.map_or_else(String::new, |field| {
        String::from_utf8_lossy(&field.value).into_owned()
    })
}

/// RFC 3339 in UTC with microseconds; 1970 for times outside of the calendar.
fn time(at: Timestamp) -> String {
    let at = Instant::from_microsecond(at.0).unwrap_or(Instant::UNIX_EPOCH);
    format!("{at:.6}")
}
