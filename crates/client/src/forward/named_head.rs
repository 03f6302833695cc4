//! Gives the header fields of a request the names that its caller sent: hyper writes them in lower case.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use memchr::{memchr, memmem};
use ringtail_protocol::field_names::FieldNames;

/// A connection for one request, whose head hyper writes in one piece.
#[derive(Debug)]
pub(super) struct NamedHead<T> {
    inner: T,
    /// The names, until the head has come.
    names: Option<FieldNames>,
    /// What to write instead of as many bytes of hyper's.
    head: Vec<u8>,
    written: usize,
}

impl<T> NamedHead<T> {
    /// Without names, or with names in lower case as in HTTP/2, the head stays as it is.
    pub(super) fn new(inner: T, names: Option<FieldNames>) -> Self {
        let has_case = |names: &FieldNames| names.as_text().contains(char::is_uppercase);
        Self {
            inner,
            names: names.filter(has_case),
            head: Vec::new(),
            written: 0,
        }
    }
}

impl<T: Read + Unpin> Read for NamedHead<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for NamedHead<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(names) = self.names.take() {
            self.head = named(buf, &names);
        }
        let this = &mut *self;
        let left = &this.head[this.written..];
        if left.is_empty() {
            return Pin::new(&mut this.inner).poll_write(cx, buf);
        }
        let left = &left[..left.len().min(buf.len())];
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, left))?;
        this.written += written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Returns the head at the start of `bytes` with the names that were sent; fields that Ringtail adds get capitals.
fn named(bytes: &[u8], names: &FieldNames) -> Vec<u8> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return Vec::new();
    };
    let mut sent: Vec<&str> = names.as_text().split(',').collect();
    let mut head = bytes[..end].to_vec();
    for line in head.split_mut(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = memchr(b':', line) else {
            continue;
        };
        let name = &mut line[..colon];
        let is_sent = |sent: &&str| sent.as_bytes().eq_ignore_ascii_case(name);
        match sent.iter().position(is_sent) {
            Some(at) => name.copy_from_slice(sent.remove(at).as_bytes()),
            None => capitalise(name),
        }
    }
    head
}

fn capitalise(name: &mut [u8]) {
    for word in name.split_mut(|byte| *byte == b'-') {
        if let Some(first) = word.first_mut() {
            first.make_ascii_uppercase();
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    const HYPER: &str = "POST /x-a:1 HTTP/1.1\r\nx-a: 1\r\nx-a: x-b: 2\r\nhost: h\r\nx-forwarded-for: 1\r\n\r\nx-a: body";

    /// Returns what the app gets when its socket takes a few bytes at a time.
    async fn written(names: Option<&str>) -> String {
        let (mut app, socket) = tokio::io::duplex(7);
        let names = names.map(FieldNames::from_text);
        let mut socket = NamedHead::new(TokioIo::new(socket), names);
        let write = async move {
            let mut left = HYPER.as_bytes();
            while !left.is_empty() {
                let write = |cx: &mut Context<'_>| Pin::new(&mut socket).poll_write(cx, left);
                let written = std::future::poll_fn(write).await.unwrap();
                left = &left[written..];
            }
        };
        let mut text = String::new();
        let (_, read) = tokio::join!(write, app.read_to_string(&mut text));
        read.unwrap();
        text
    }

    #[tokio::test]
    async fn names_are_those_that_were_sent_and_added_ones_get_capitals() {
        let head = "POST /x-a:1 HTTP/1.1\r\nX-A: 1\r\nx-A: x-b: 2\r\nHOST: h\r\nX-Forwarded-For: 1\r\n\r\nx-a: body";
        assert_eq!(written(Some("HOST,X-A,Other,x-A")).await, head);
    }

    #[tokio::test]
    async fn names_of_http2_stay_in_lower_case() {
        for names in [None, Some("x-a,x-a,host"), Some("")] {
            assert_eq!(written(names).await, HYPER);
        }
    }
}
