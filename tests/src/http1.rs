//! HTTP/1.1 as bytes: requests exactly as RingCentral writes them, answers counted as they cross the wire.
//!
//! A client library would fold what the tests look at: how long the answer is with its headers, what is repeated,
//! what is malformed.

use anyhow::{Context, bail, ensure};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest head of an answer that is read.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// Longest body of an answer that is read.
const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Writes a request. `Host` and `Content-Length` are added, the latter also when the body is empty, as RingCentral
/// does.
#[must_use]
pub fn request(
    method: &str,
    path: &str,
    host: &str,
    headers: &[(&str, &[u8])],
    body: &[u8],
) -> Vec<u8> {
    let mut out = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n").into_bytes();
    for (name, value) in headers {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out
}

/// An answer with all that was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body after transfer decoding.
    pub body: Vec<u8>,
    /// Bytes of head and body together as they were sent, below TLS.
    pub wire_bytes: usize,
}

impl Answer {
    /// Returns the only value of a field; `None` when it is missing or repeated.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(field, _)| field == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// Reads one answer. What follows it stays in `buffer`.
///
/// # Errors
/// When the peer hangs up early or what it says is not HTTP/1.1.
pub async fn read_answer(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> anyhow::Result<Answer> {
    let head_len = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        ensure!(
            buffer.len() <= HEAD_MAX_BYTES,
            "the answer's head is endless"
        );
        let read = stream.read_buf(buffer).await?;
        ensure!(
            read > 0,
            "the peer hung up after {} bytes of an answer",
            buffer.len()
        );
    };
    let head = buffer.split_to(head_len);
    let (status, headers) = parse_head(&head)?;
    let framing = Framing::of(status, &headers)?;
    let (body, body_wire) = read_body(stream, buffer, framing).await?;
    Ok(Answer {
        status,
        headers,
        body,
        wire_bytes: head_len + body_wire,
    })
}

type Fields = Vec<(String, Vec<u8>)>;

fn parse_head(head: &[u8]) -> anyhow::Result<(u16, Fields)> {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok())
        .with_context(|| format!("not HTTP/1.1: {}", status_line.escape_ascii()))?;
    let headers = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let colon = line
                .iter()
                .position(|byte| *byte == b':')
                .with_context(|| format!("not a header field: {}", line.escape_ascii()))?;
            let (name, value) = line.split_at(colon);
            Ok((
                String::from_utf8_lossy(name).to_ascii_lowercase(),
                value.get(1..).unwrap_or_default().trim_ascii().to_vec(),
            ))
        })
        .collect::<anyhow::Result<_>>()?;
    Ok((status, headers))
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Framing {
    fn of(status: u16, headers: &Fields) -> anyhow::Result<Self> {
        let field = |name: &str| headers.iter().find(|(field, _)| field == name);
        if status == 204 || status == 304 || status < 200 {
            return Ok(Self::Length(0));
        }
        if let Some((_, coding)) = field("transfer-encoding") {
            ensure!(coding == b"chunked", "unknown transfer coding");
            return Ok(Self::Chunked);
        }
        let Some((_, length)) = field("content-length") else {
            return Ok(Self::UntilClose);
        };
        let length = std::str::from_utf8(length)?.parse()?;
        ensure!(
            length <= BODY_MAX_BYTES,
            "the answer is {length} bytes long"
        );
        Ok(Self::Length(length))
    }
}

async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    framing: Framing,
) -> anyhow::Result<(Vec<u8>, usize)> {
    match framing {
        Framing::Length(length) => {
            let body = take(stream, buffer, length).await?;
            Ok((body, length))
        }
        Framing::UntilClose => {
            while stream.read_buf(buffer).await? > 0 {
                ensure!(buffer.len() <= BODY_MAX_BYTES, "the answer is endless");
            }
            let body = buffer.split().to_vec();
            let length = body.len();
            Ok((body, length))
        }
        Framing::Chunked => {
            let mut body = Vec::new();
            let mut wire = 0;
            loop {
                let line = take_line(stream, buffer).await?;
                wire += line.len() + 2;
                let digits = std::str::from_utf8(&line)?;
                let digits = digits.split(';').next().unwrap_or_default();
                let length = usize::from_str_radix(digits.trim(), 16)?;
                ensure!(
                    body.len() + length <= BODY_MAX_BYTES,
                    "the answer is endless"
                );
                body.extend(take(stream, buffer, length).await?);
                wire += length;
                // After the last chunk come trailers, which no answer here has, and an empty line.
                let end = take_line(stream, buffer).await?;
                ensure!(end.is_empty(), "a chunk is longer than it said");
                wire += 2;
                if length == 0 {
                    return Ok((body, wire));
                }
            }
        }
    }
}

async fn take(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    length: usize,
) -> anyhow::Result<Vec<u8>> {
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the peer hung up {} bytes into {length}", buffer.len());
        }
    }
    Ok(buffer.split_to(length).to_vec())
}

async fn take_line(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> anyhow::Result<Vec<u8>> {
    loop {
        if let Some(end) = find(buffer, b"\r\n") {
            let line = buffer.split_to(end).to_vec();
            buffer.advance(2);
            return Ok(line);
        }
        ensure!(
            stream.read_buf(buffer).await? > 0,
            "the peer hung up within a line"
        );
    }
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(wire: &str) -> anyhow::Result<Answer> {
        read_answer(&mut wire.as_bytes(), &mut BytesMut::new()).await
    }

    #[tokio::test]
    async fn every_byte_of_an_answer_is_counted() {
        for wire in [
            "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:2\r\ncontent-length: 4\r\n\r\nbody",
            "HTTP/1.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\ntransfer-encoding: chunked\r\n\r\n1\r\nb\r\n3;x=y\r\nody\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\n\r\nbody",
        ] {
            let answer = answer(wire).await.unwrap();
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, b"body");
            assert_eq!(answer.wire_bytes, wire.len(), "{wire:?}");
            assert_eq!(answer.header("x-a"), None, "repeated");
            assert_eq!(answer.headers[1], ("x-a".to_owned(), b"2".to_vec()));
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_off_is_no_answer() {
        for wire in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-le",
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbod",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n",
            "SSH-2.0-x\r\n\r\n",
        ] {
            answer(wire).await.unwrap_err();
        }
    }

    #[test]
    fn a_request_is_written_as_ringcentral_writes_it() {
        let wire = request(
            "POST",
            "/a",
            "localhost",
            &[("x-b", b"1"), ("x-b", b"\xff")],
            b"",
        );
        assert_eq!(
            wire,
            b"POST /a HTTP/1.1\r\nhost: localhost\r\nx-b: 1\r\nx-b: \xff\r\ncontent-length: 0\r\n\r\n"
        );
    }
}
