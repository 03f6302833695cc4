//! Requests as files.

use super::carried::carried;
use ringtail_model::EventDetail;

/// Maximum characters of the topic in a file name.
const NAME_MAX: usize = 40;

/// Returns the request in HTTP/1.1 format. The body is complete, so `Content-Length` is set regardless of its original
/// framing.
#[must_use]
pub fn raw(event: &EventDetail) -> Vec<u8> {
    let path = match event.event.path.as_str() {
        path if path.starts_with('/') => path.to_owned(),
        path => format!("/{path}"),
    };
    let mut out = format!("{} {path} HTTP/1.1\r\n", event.event.method).into_bytes();
    let host = event.headers.iter().filter(|header| header.is("host"));
    for header in host.chain(carried(event)) {
        for part in [header.name.as_bytes(), b": ", &header.value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    if !event.body.is_empty() {
        out.extend_from_slice(format!("content-length: {}\r\n", event.body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&event.body);
    out
}

/// Returns method, path and the received header fields as lines.
#[must_use]
pub fn headers(event: &EventDetail) -> Vec<u8> {
    let mut out = format!("{} {}\n", event.event.method, event.event.path).into_bytes();
    for header in &event.headers {
        for part in [header.name.as_bytes(), b": ", &header.value, b"\n"] {
            out.extend_from_slice(part);
        }
    }
    out
}

/// Returns a file name for the event: its number with at least four digits, and its topic.
#[must_use]
pub fn fixture_name(event: &EventDetail) -> String {
    let row = &event.event;
    let topic = row.topic.chars().take(NAME_MAX);
    let topic: String = topic
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '-'
            }
        })
        .collect();
    format!("{:04}-{topic}", row.seq)
}
