//! An event as text to edit.
//!
//! ```text
//! # Comment lines may precede the request line.
//! POST /hook?a=1
//! content-type: application/json
//! x-odd:: Y2Fm6Q==
//!
//! {"uuid": "1"}
//! ```
//!
//! A binary header value is base64 after two colons. The body follows an empty line; a body that an editor might change
//! (binary, control characters, carriage returns) is base64 after [`BASE64_LINE`]. Unedited parts keep their bytes.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::{EventId, Header, Request};

/// The line before a base64 body.
pub const BASE64_LINE: &str = "--- base64";

/// Characters of base64 per line.
const LINE_BYTES: usize = 76;

/// Why an edited text is not a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// A line is invalid.
    #[error("line {line}: {reason}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong and how to correct it.
        reason: &'static str,
    },
    /// The body is not base64.
    #[error("the body after {BASE64_LINE:?} is not base64")]
    Body,
}

impl Coded for EditError {
    fn code(&self) -> &'static Code {
        &codes::EDITED
    }
}

/// Returns the request as text.
#[must_use]
pub fn text(request: &Request) -> Vec<u8> {
    let mut out =
        b"# Save and leave the editor to send this as a new event; an empty file sends nothing.\n"
            .to_vec();
    let head = format!("{} {}", request.method, request.path);
    out.extend_from_slice(head.trim_end().as_bytes());
    out.push(b'\n');
    for Header { name, value } in &request.headers {
        let line = match std::str::from_utf8(value) {
            Ok(value) if is_safe(value, &['\t']) => format!("{name}: {value}\n"),
            _ => format!("{name}:: {}\n", STANDARD.encode(value)),
        };
        out.extend_from_slice(line.as_bytes());
    }
    match std::str::from_utf8(&request.body) {
        Ok(body) if is_safe(body, &['\t', '\n']) => {
            out.push(b'\n');
            out.extend_from_slice(body.as_bytes());
        }
        _ => {
            out.extend_from_slice(BASE64_LINE.as_bytes());
            for line in STANDARD.encode(&request.body).as_bytes().chunks(LINE_BYTES) {
                out.push(b'\n');
                out.extend_from_slice(line);
            }
        }
    }
    // Editors add a line end to the file; this one is not part of the body.
    out.push(b'\n');
    out
}

/// Returns true if no editor changes the text.
fn is_safe(text: &str, controls: &[char]) -> bool {
    let odd = |c: char| c.is_control() && !controls.contains(&c) || c == '\u{feff}';
    !text.contains(odd)
}

/// Parses an edited text; `None` if it has only comments. The caller's address is kept.
///
/// # Errors
/// When it is not a request.
pub fn parse(text: &[u8], peer: &str) -> Result<Option<Request>, EditError> {
    let mut rest = text;
    let mut request: Option<Request> = None;
    for line in 1.. {
        if rest.is_empty() {
            break;
        }
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (bytes, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        let wrong = |reason| EditError::Line { line, reason };
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let Ok(content) = std::str::from_utf8(bytes) else {
            return Err(wrong("not UTF-8; write a binary value as NAME:: BASE64"));
        };
        match &mut request {
            None if content.trim().is_empty() || content.starts_with('#') => {}
            None => request = Some(head(content, peer).map_err(wrong)?),
            Some(request) if content.is_empty() => {
                request.body = Bytes::copy_from_slice(rest.strip_suffix(b"\n").unwrap_or(rest));
                break;
            }
            Some(request) if content.trim_end() == BASE64_LINE => {
                let mut digits = rest.to_vec();
                digits.retain(|byte| !byte.is_ascii_whitespace());
                request.body = STANDARD.decode(digits).map_err(|_| EditError::Body)?.into();
                break;
            }
            Some(request) => request.headers.push(header(content).map_err(wrong)?),
        }
    }
    Ok(request)
}

fn head(line: &str, peer: &str) -> Result<Request, &'static str> {
    let (method, path) = line
        .trim_end()
        .split_once(' ')
        .unwrap_or((line.trim_end(), ""));
    if Method::from_bytes(method.as_bytes()).is_err() {
        return Err("expected a request line, such as POST /path");
    }
    let path = path.trim();
    let begins_well = path.is_empty() || path.starts_with(['/', '?']);
    if !begins_well || format!("/{path}").parse::<Uri>().is_err() {
        return Err(
            "invalid path: it must start with / or ? and contain only ASCII without spaces",
        );
    }
    Ok(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        peer: peer.to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
    })
}

fn header(line: &str) -> Result<Header, &'static str> {
    let (name, value) = line.split_once(':').ok_or(
        "expected a header, such as content-type: application/json; the body follows an empty line",
    )?;
    let name = name.to_owned();
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("invalid header name");
    }
    let value = match value.strip_prefix(':') {
        Some(digits) => Bytes::from(
            STANDARD
                .decode(digits.trim())
                .map_err(|_| "the value after the two colons is not base64")?,
        ),
        None => Bytes::copy_from_slice(value.strip_prefix(' ').unwrap_or(value).as_bytes()),
    };
    if HeaderValue::from_bytes(&value).is_err() {
        return Err("invalid header value");
    }
    Ok(Header { name, value })
}

/// The file to edit: private, and kept until [`Draft::discard`].
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Creates the file in the data directory.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(dir: &Path, event: EventId, text: &[u8]) -> io::Result<Self> {
        let name = format!("edit-{event}-{}.http", std::process::id());
        let path = dir.join(name);
        ringtail_files::remove_if_present(&path)?;
        ringtail_files::create_private(&path)?.write_all(text)?;
        Ok(Self { path })
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the edited text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }

    /// Removes the file.
    pub fn discard(self) {
        drop(fs::remove_file(self.path));
    }
}

#[cfg(test)]
mod tests;
