//! Gives the header fields of a request the names that its caller sent: hyper writes them in lower case. Also notes how far the
//! exchange on a connection has come, which hyper does not tell.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use memchr::{memchr, memmem};
use ringtail_protocol::field_names::FieldNames;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes after the fields that are copied, to be written with them.
const BODY_ALONG: usize = 16 * 1024;

/// What the sender of a request and its connection tell each other.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The names of the next request's fields, until its head is written.
    names: Mutex<Option<FieldNames>>,
    answered: AtomicBool,
    /// Whether the system has everything that was written.
    flushed: AtomicBool,
}

impl Progress {
    /// Begins a request. Without names, or with names in lower case as in HTTP/2, its head stays as it is.
    pub(super) fn begin(&self, names: Option<FieldNames>) {
        let has_case = |names: &FieldNames| names.as_text().contains(char::is_uppercase);
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names.filter(has_case);
        self.answered.store(false, Ordering::Release);
    }

    /// Returns whether a byte has come since the request began.
    pub(super) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    /// Returns whether nothing of a request with a whole body is left to be written.
    pub(super) fn is_flushed(&self) -> bool {
        self.flushed.load(Ordering::Acquire)
    }

    fn take_names(&self) -> Option<FieldNames> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.take()
    }
}

/// A connection for one request at a time, whose head hyper writes in one piece.
#[derive(Debug)]
pub(super) struct NamedHead<T> {
    inner: T,
    progress: Arc<Progress>,
    /// What to write instead of as many bytes of hyper's.
    head: Vec<u8>,
    written: usize,
}

impl<T> NamedHead<T> {
    pub(super) fn new(inner: T, progress: Arc<Progress>) -> Self {
        Self {
            inner,
            progress,
            head: Vec::new(),
            written: 0,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for NamedHead<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.progress.answered.store(true, Ordering::Release);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for NamedHead<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.progress.flushed.store(false, Ordering::Release);
        if let Some(names) = this.progress.take_names() {
            this.head = named(buf, &names);
            this.written = 0;
        }
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
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.progress.flushed.store(true, Ordering::Release);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Copies the head at the start of `bytes`, with the names that were sent; fields that Ringtail adds get capitals. What follows is
/// copied up to [`BODY_ALONG`], so that the app gets a small body in the same packet.
fn named(bytes: &[u8], names: &FieldNames) -> Vec<u8> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return Vec::new();
    };
    let mut sent: Vec<&str> = names.as_text().split(',').collect();
    let mut head = bytes[..bytes.len().min(end + BODY_ALONG)].to_vec();
    for line in head[..end].split_mut(|byte| *byte == b'\n').skip(1) {
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const HYPER: &str = "POST /x-a:1 HTTP/1.1\r\nx-a: 1\r\nx-a: x-b: 2\r\nhost: h\r\nx-forwarded-for: 1\r\n\r\nx-a: body";

    /// Returns what the app gets of requests when its socket takes a few bytes at a time.
    async fn written(requests: &[Option<&str>]) -> String {
        let (mut app, socket) = tokio::io::duplex(7);
        let progress = Arc::new(Progress::default());
        let mut socket = NamedHead::new(socket, Arc::clone(&progress));
        let write = async move {
            for names in requests {
                progress.begin(names.map(FieldNames::from_text));
                socket.write_all(HYPER.as_bytes()).await.unwrap();
                assert!(!progress.is_flushed());
                socket.flush().await.unwrap();
                assert!(progress.is_flushed());
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
        assert_eq!(written(&[Some("HOST,X-A,Other,x-A")]).await, head);
    }

    #[tokio::test]
    async fn a_small_body_is_written_with_the_head_and_a_large_one_after_it() {
        for (body, at_once) in [(100, 100), (100_000, BODY_ALONG - 4)] {
            let (mut app, socket) = tokio::io::duplex(1024 * 1024);
            let progress = Arc::new(Progress::default());
            let mut socket = NamedHead::new(socket, Arc::clone(&progress));
            progress.begin(Some(FieldNames::from_text("HOST")));
            let request = format!("POST / HTTP/1.1\r\nhost: h\r\n\r\n{}", "b".repeat(body));
            let written = socket.write(request.as_bytes()).await.unwrap();
            assert_eq!(written, request.len() - body + at_once);
            socket
                .write_all(&request.as_bytes()[written..])
                .await
                .unwrap();
            drop(socket);
            let mut text = String::new();
            app.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, request.replace("host", "HOST"));
        }
    }

    #[tokio::test]
    async fn names_of_http2_stay_in_lower_case() {
        for names in [None, Some("x-a,x-a,host"), Some("")] {
            assert_eq!(written(&[names]).await, HYPER);
        }
    }

    #[tokio::test]
    async fn each_request_on_a_kept_connection_has_its_own_names() {
        let first = HYPER
            .replace("\nhost", "\nHOST")
            .replace("\nx-forwarded-for", "\nX-Forwarded-For");
        let second = HYPER
            .replace("\nhost", "\nhOst")
            .replace("\nx-forwarded-for", "\nX-Forwarded-For");
        let written = written(&[Some("x-a,x-a,HOST"), None, Some("x-a,x-a,hOst")]).await;
        assert_eq!(written, [&first, HYPER, &second].concat());
    }

    #[tokio::test]
    async fn a_byte_is_an_answer_to_the_request_before_it_only() {
        let (mut app, socket) = tokio::io::duplex(64);
        let progress = Arc::new(Progress::default());
        let mut socket = NamedHead::new(socket, Arc::clone(&progress));
        app.write_all(b"H").await.unwrap();
        socket.read_u8().await.unwrap();
        assert!(progress.is_answered());
        progress.begin(None);
        assert!(!progress.is_answered());
        drop(app);
        assert_eq!(socket.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(!progress.is_answered());
    }
}
