//! An event as a text that a person edits.
//!
//! ```text
//! # Lines up to the request line that begin with # are left out.
//! POST /hook?a=1
//! content-type: application/json
//! x-odd:: Y2Fm6Q==
//!
//! {"uuid": "1"}
//! ```
//!
//! A header value that is not text stands in base64 behind two colons. The body follows an empty line as it is; one
//! that an editor could change by itself (no UTF-8, control characters, carriage returns) follows [`BASE64_LINE`] in
//! base64. What is not touched is the same byte for byte afterwards.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use ringtail_errors::{Code, Coded, codes};
use ringtail_protocol::event::{EventId, Header, Request};

/// The line before a body in base64.
pub const BASE64_LINE: &str = "--- base64";

/// Bytes of base64 in a line.
const LINE_BYTES: usize = 76;

/// Why a text is no request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// A line is wrong.
    #[error("line {line}: {reason}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        reason: &'static str,
    },
    /// The body is not base64.
    #[error("the body behind {BASE64_LINE:?} is not base64")]
    Body,
}

impl Coded for EditError {
    fn code(&self) -> &'static Code {
        &codes::EDITED
    }
}

/// Returns the request as a text.
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
    // Editors put one at the end of a file by themselves, so there always is one that is not the body's.
    out.push(b'\n');
    out
}

/// Says whether every editor leaves the text as it is.
fn is_safe(text: &str, controls: &[char]) -> bool {
    let odd = |c: char| c.is_control() && !controls.contains(&c) || c == '\u{feff}';
    !text.contains(odd)
}

/// Reads an edited text; `None` when nothing but comments is left of it. The caller's address stays.
///
/// # Errors
/// When it is no request.
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
            return Err(wrong(
                "it is not UTF-8; write such a value as NAME:: BASE64",
            ));
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
        return Err("this is no request line, such as POST /path");
    }
    let path = path.trim();
    let begins_well = path.is_empty() || path.starts_with(['/', '?']);
    if !begins_well || format!("/{path}").parse::<Uri>().is_err() {
        return Err(
            "the path is none: it begins with / or ? and has neither blanks nor letters beyond ASCII",
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
    let (name, value) = line
        .split_once(':')
        .ok_or("this is no header, such as content-type: application/json; an empty line comes before the body")?;
    let name = name.to_ascii_lowercase();
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("the header's name has signs that no name has");
    }
    let value = match value.strip_prefix(':') {
        Some(digits) => Bytes::from(
            STANDARD
                .decode(digits.trim())
                .map_err(|_| "what stands behind the two colons is not base64")?,
        ),
        None => Bytes::copy_from_slice(value.strip_prefix(' ').unwrap_or(value).as_bytes()),
    };
    if HeaderValue::from_bytes(&value).is_err() {
        return Err("the header's value has signs that no value has");
    }
    Ok(Header { name, value })
}

/// The file that is edited: its owner's alone, and kept until [`Draft::discard`].
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Makes the file in the data directory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(dir: &Path, event: EventId, text: &[u8]) -> io::Result<Self> {
        let name = format!("edit-{event}-{}.http", std::process::id());
        let path = dir.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?.write_all(text)?;
        Ok(Self { path })
    }

    /// Returns where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what was made of it.
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
