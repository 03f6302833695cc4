//! HAR 1.2, of ringtail and other programs.

use std::fmt;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Uri;
use ringtail_protocol::event::{EventId, Header, Request, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::time::Duration;

use super::{FormatError, Recorded, time};
use ringtail_model::{Cause, FailureKind, Outcome};
use ringtail_store::NewAttempt;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Option<String>,
    #[serde(default)]
    time: f64,
    request: HarRequest,
    response: Option<HarResponse>,
    #[serde(rename = "_ringtail", default)]
    own: Own,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<HarField>,
    post_data: Option<PostData>,
}

#[derive(Debug, Deserialize)]
struct HarField {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct PostData {
    #[serde(default)]
    text: String,
}

#[derive(Debug, Deserialize)]
struct HarResponse {
    #[serde(default)]
    status: i64,
    #[serde(default)]
    headers: Vec<HarField>,
    content: Option<Content>,
    #[serde(rename = "_error")]
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Content {
    #[serde(default)]
    size: i64,
    #[serde(default)]
    text: String,
    #[serde(default)]
    encoding: String,
}

/// Ringtail's additions.
#[derive(Debug, Default, Deserialize)]
struct Own {
    id: Option<String>,
    path: Option<String>,
    #[serde(default)]
    peer: String,
    body_base64: Option<String>,
    headers_base64: Option<Vec<(String, String)>>,
}

pub(super) fn read(input: impl Read, each: &mut impl FnMut(Result<Recorded, FormatError>) -> bool) {
    let mut reader = Archive {
        each,
        entry: 0,
        stopped: false,
    };
    let mut json = serde_json::Deserializer::from_reader(input);
    let read = Named {
        name: "log",
        inner: Named {
            name: "entries",
            inner: Entries(&mut reader),
        },
    }
    .deserialize(&mut json);
    if let Err(error) = read.and_then(|()| json.end())
        && !reader.stopped
    {
        let reason = format!("line {}, column {}", error.line(), error.column());
        let entry = reader.entry;
        each(Err(FormatError::Broken { entry, reason }));
    }
}

struct Archive<'a, F> {
    each: &'a mut F,
    entry: u64,
    stopped: bool,
}

impl<F: FnMut(Result<Recorded, FormatError>) -> bool> Archive<'_, F> {
    fn take(&mut self, entry: serde_json::Value) -> bool {
        self.entry += 1;
        let number = self.entry;
        let recorded = serde_json::from_value(entry)
            .map_err(|_| "it lacks a field of HAR 1.2, or has one of another type".to_owned())
            .and_then(recorded)
            .map_err(|reason| FormatError::Entry {
                entry: number,
                reason,
            });
        let go_on = (self.each)(recorded);
        self.stopped = !go_on;
        go_on
    }
}

fn recorded(entry: Entry) -> Result<Recorded, String> {
    let started = entry.started_date_time.as_deref().and_then(time);
    let received_at = started.ok_or("startedDateTime is not a time of RFC 3339")?;
    let id = entry.own.id.as_deref().and_then(EventId::parse);
    let id = id.unwrap_or_else(EventId::fresh);
    let path = match entry.own.path {
        Some(path) => path,
        None => path_of(&entry.request.url)?,
    };
    let headers = match entry.own.headers_base64 {
        Some(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                Some(Header {
                    name,
                    value: STANDARD.decode(value).ok()?.into(),
                })
            })
            .collect::<Option<Vec<Header>>>()
            .ok_or("headers_base64 is not base64")?,
        None => fields(entry.request.headers),
    };
    let body = match (entry.own.body_base64, entry.request.post_data) {
        (Some(text), _) => STANDARD
            .decode(text)
            .map_err(|_| "body_base64 is not base64")?
            .into(),
        (None, Some(post)) => Bytes::from(post.text),
        (None, None) => Bytes::new(),
    };
    let answer = entry
        .response
        .and_then(|response| answer(id, response, &entry.request.url, received_at, entry.time));
    Ok(Recorded {
        id,
        received_at,
        kind: None,
        request: Request {
            method: entry.request.method,
            path,
            peer: entry.own.peer,
            headers,
            body,
        },
        bookmark: None,
        answers: answer.into_iter().collect(),
    })
}

/// Converts a response; `None` for a blocked or unsent request.
fn answer(
    event: EventId,
    response: HarResponse,
    url: &str,
    started_at: Timestamp,
    milliseconds: f64,
) -> Option<NewAttempt> {
    let outcome = match (u16::try_from(response.status), response.error) {
        (Ok(status @ 100..=999), _) => Outcome::Status(status),
        (_, Some(message)) => Outcome::Error {
            kind: FailureKind::Unknown,
            message,
        },
        _ => return None,
    };
    let content = response.content.unwrap_or(Content {
        size: 0,
        text: String::new(),
        encoding: String::new(),
    });
    let body = match content.encoding.as_str() {
        "base64" => Bytes::from(STANDARD.decode(&content.text).unwrap_or_default()),
        _ => Bytes::from(content.text),
    };
    Some(NewAttempt {
        event,
        cause: Cause::Forward,
        target: url.to_owned(),
        started_at,
        duration: Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default(),
        outcome,
        headers: fields(response.headers),
        body_len: u64::try_from(content.size)
            .unwrap_or(0)
            .max(u64::try_from(body.len()).unwrap_or(0)),
        body,
    })
}

/// Converts header fields, without HTTP/2 pseudo-fields.
fn fields(fields: Vec<HarField>) -> Vec<Header> {
    let real = fields
        .into_iter()
        .filter(|field| !field.name.starts_with(':'));
    real.map(|field| Header {
        name: field.name.to_ascii_lowercase(),
        value: Bytes::from(field.value),
    })
    .collect()
}

fn path_of(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|_| "url is not a URL")?;
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    Ok(if path == "/" {
        String::new()
    } else {
        path.to_owned()
    })
}

/// One field of an object; others are ignored.
struct Named<S> {
    name: &'static str,
    inner: S,
}

impl<'de, S: DeserializeSeed<'de, Value = ()>> DeserializeSeed<'de> for Named<S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de, Value = ()>> Visitor<'de> for Named<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {:?}", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut inner = Some(self.inner);
        while let Some(key) = map.next_key::<String>()? {
            match inner.take_if(|_| key == self.name) {
                Some(inner) => map.next_value_seed(inner)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The entries, one at a time.
struct Entries<'a, 'b, F>(&'a mut Archive<'b, F>);

impl<'de, F: FnMut(Result<Recorded, FormatError>) -> bool> DeserializeSeed<'de>
    for Entries<'_, '_, F>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Result<Recorded, FormatError>) -> bool> Visitor<'de> for Entries<'_, '_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(entry) = seq.next_element()? {
            if !self.0.take(entry) {
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
