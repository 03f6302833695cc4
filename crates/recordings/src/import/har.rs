//! HAR 1.2, of ringtail and other programs.

use std::io::BufRead;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use ringtail_protocol::event::{EventId, Header, Request, Timestamp};

use super::entries::{Entries, Found};
use super::field::{self, Object};
use super::form::form;
use super::{FormatError, Recorded, Repeats, checked, disposition, time};
use ringtail_model::{Cause, FailureKind, Outcome};
use ringtail_store::NewAttempt;

pub(super) fn read(
    mut input: impl BufRead,
    each: &mut impl FnMut(Result<Recorded, FormatError>) -> bool,
) {
    let mut entries = Entries::default();
    let mut repeats = Repeats::default();
    for entry in 1.. {
        let bytes = match entries.next(&mut input) {
            Ok(Found::Entry(bytes)) => bytes,
            Ok(Found::End(fault)) => {
                if let Some(reason) = fault {
                    let (entry, reason) = (entry - 1, reason.to_owned());
                    each(Err(FormatError::Broken { entry, reason }));
                }
                return;
            }
            Err(error) => {
                each(Err(error.into()));
                return;
            }
        };
        let recorded = recorded(&bytes, &mut repeats);
        let recorded = recorded.map_err(|reason| FormatError::Entry { entry, reason });
        if !each(recorded) {
            return;
        }
    }
}

fn recorded(bytes: &[u8], repeats: &mut Repeats) -> Result<Recorded, String> {
    let entry = Object::parse(bytes)?;
    let own = entry.object("_ringtail")?;
    let request = entry.object("request")?;
    let started = entry.needed("startedDateTime")?;
    let received_at = time(&started).ok_or("startedDateTime is not a time of RFC 3339")?;
    let method = request.needed("method")?;
    let url = request.text("url")?.unwrap_or_default();
    let path = match own.text("path")? {
        Some(path) => path,
        None => path_of(&request.needed("url")?)?,
    };
    let mut left_out = Vec::new();
    let mut headers = match own.has("headers_base64") {
        true => own_fields(&own, "headers_base64")?,
        false => fields(&request)?,
    };
    let body = match own.base64("body_base64")? {
        Some(body) => body,
        // Ringtail exports a body as it came, in whatever encoding its headers name.
        None if entry.has("_ringtail") => content_of(&request.object("postData")?)?.0,
        None => body(&request, &mut headers, &mut left_out)?,
    };
    let request = checked(Request {
        method,
        path,
        peer: own.text("peer")?.unwrap_or_default(),
        headers,
        body,
    })?;
    let id = own.text("id")?.as_deref().and_then(EventId::parse);
    let id = id.unwrap_or_else(|| repeats.id(received_at, &request));
    let answers = answer(id, &entry, &own, &url, received_at).unwrap_or_else(|reason| {
        left_out.push(format!("the response: {reason}"));
        None
    });
    Ok(Recorded {
        id,
        received_at,
        kind: None,
        disposition: disposition(&own.text("disposition")?.unwrap_or_default()),
        request,
        bookmark: None,
        answers: answers.into_iter().collect(),
        left_out,
    })
}

/// Reads a response; `None` for a blocked or unsent request.
fn answer(
    event: EventId,
    entry: &Object<'_>,
    own: &Object<'_>,
    url: &str,
    received_at: Timestamp,
) -> Result<Option<NewAttempt>, String> {
    let response = entry.object("response")?;
    let status = response
        .size("status")?
        .and_then(|status| u16::try_from(status).ok());
    let outcome = match (status, response.text("_error")?) {
        (Some(status @ 100..=999), _) => Outcome::Status(status),
        (_, Some(message)) => Outcome::Error {
            kind: FailureKind::Unknown,
            message,
        },
        _ => return Ok(None),
    };
    let content = response.object("content")?;
    let (body, _) = content_of(&content)?;
    let headers = match own.has("response_headers_base64") {
        true => own_fields(own, "response_headers_base64")?,
        false => fields(&response)?,
    };
    let started_at = match own.text("started_at")? {
        Some(text) => time(&text).ok_or("started_at is not a time of RFC 3339")?,
        None => received_at,
    };
    let milliseconds = entry.number("time")?.unwrap_or_default();
    let len = u64::try_from(body.len()).unwrap_or(u64::MAX);
    Ok(Some(NewAttempt {
        event,
        cause: Cause::of_word(&own.text("cause")?.unwrap_or_default()),
        target: own.text("target")?.unwrap_or_else(|| url.to_owned()),
        started_at,
        duration: Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default(),
        outcome,
        headers,
        body_len: content.size("size")?.unwrap_or(0).max(len),
        body,
    }))
}

/// Reads the request's body, which some programs record as the fields of a form.
fn body(
    request: &Object<'_>,
    headers: &mut Vec<Header>,
    left_out: &mut Vec<String>,
) -> Result<Bytes, String> {
    let post = request.object("postData")?;
    let (body, is_text) = content_of(&post)?;
    let params = post.objects("params")?;
    if body.is_empty() && !params.is_empty() {
        let mime_type = post.text("mimeType")?.unwrap_or_default();
        return form(&params, &mime_type, headers, left_out);
    }
    if body.is_empty() {
        let lost = request.size("bodySize")?.unwrap_or(0);
        if lost > 0 {
            left_out.push(format!(
                "the body of {lost} bytes, which the recording does not have"
            ));
        }
    } else if is_text {
        let is_encoding = |header: &Header| header.name.eq_ignore_ascii_case("content-encoding");
        if headers.iter().any(is_encoding) {
            headers.retain(|header| !is_encoding(header));
            left_out
                .push("the header content-encoding, since the recorded body is decoded".to_owned());
        }
    }
    Ok(body)
}

/// Reads `text` in its `encoding`, and whether it is text.
fn content_of(content: &Object<'_>) -> Result<(Bytes, bool), String> {
    let text = content.text("text")?.unwrap_or_default();
    let encoding = content.text("encoding")?.unwrap_or_default();
    match encoding.to_ascii_lowercase().as_str() {
        "" | "utf-8" | "utf8" | "utf-16" | "text" | "plain" => Ok((Bytes::from(text), true)),
        "base64" => Ok((field::base64(&content.place("text"), &text)?, false)),
        _ => Err(format!("{} is unknown", content.place("encoding"))),
    }
}

/// Reads header fields, without HTTP/2 pseudo-fields.
fn fields(message: &Object<'_>) -> Result<Vec<Header>, String> {
    let mut headers = Vec::new();
    for field in message.objects("headers")? {
        let name = field.needed("name")?;
        let value = field.text("value")?.unwrap_or_default();
        if !name.starts_with(':') {
            headers.push(Header {
                name,
                value: Bytes::from(value),
            });
        }
    }
    Ok(headers)
}

fn own_fields(own: &Object<'_>, name: &str) -> Result<Vec<Header>, String> {
    let fields = own.items(name)?.into_iter();
    let fields = fields.map(|(place, field)| {
        let mut parts = ringtail_text::json::items(field);
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return Err(format!("{place} is not [name, base64]"));
        };
        Ok(Header {
            name: field::string(&place, name)?,
            value: field::base64(&place, &field::string(&place, value)?)?,
        })
    });
    fields.collect()
}

fn path_of(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|_| "request.url is not a URL")?;
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    Ok(if path == "/" {
        String::new()
    } else {
        path.to_owned()
    })
}
