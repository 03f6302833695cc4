//! Captures the head of each HTTP/1.1 request as it comes: hyper hands out the names of its fields in lower case, and keeps
//! their case to itself.
//!
//! A head begins with the first byte after the response to the request before. A caller that sends its next request
//! earlier (pipelining, which RingCentral does not use) gets names in lower case, and so does the request after a refused
//! body.

use std::sync::Arc;

use http::{Request, Uri};
use parking_lot::Mutex;
use ringtail_protocol::field_names::FieldNames;

use crate::limits::HEADER_BYTES;

/// The head that a connection is reading. Shared by its socket and its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeadCapture(Arc<Mutex<CaptureState>>);

/// What is probably the head of a request, and perhaps bytes after it.
#[derive(Debug)]
pub(crate) struct Head(Vec<u8>);

impl Head {
    /// Returns the names of its fields.
    pub(crate) fn names(&self) -> Option<FieldNames> {
        FieldNames::of_head(&self.0)
    }

    /// Returns true if the target of this request has a fragment, which hyper drops.
    pub(crate) fn has_fragment<B>(&self, request: &Request<B>) -> bool {
        let line = self.0.split(|byte| *byte == b'\n').next();
        let mut words = line.unwrap_or_default().split(|byte| *byte == b' ');
        let (method, target) = (words.next(), words.next().unwrap_or_default());
        // What began with the rest of a refused body is not this request's head.
        target.contains(&b'#')
            && method == Some(request.method().as_str().as_bytes())
            && Uri::try_from(target).is_ok_and(|target| target == *request.uri())
    }
}

#[derive(Debug, Default)]
enum CaptureState {
    /// The next byte begins a head.
    #[default]
    Before,
    /// In a head, or in the body after it: at most [`HEADER_BYTES`].
    Reading(Vec<u8>),
    /// The head has been taken, or is too large, and the response is not there yet.
    Done,
    /// There are no more heads of HTTP/1.1.
    Stopped,
}

impl HeadCapture {
    /// Takes note of bytes that were read.
    pub(crate) fn read(&self, bytes: &[u8]) {
        let mut state = self.0.lock();
        if let CaptureState::Before = *state {
            *state = CaptureState::Reading(Vec::new());
        }
        if let CaptureState::Reading(head) = &mut *state {
            // Empty lines before a request are ignored (RFC 9112, 2.2).
            let bytes = if head.is_empty() {
                bytes.trim_ascii_start()
            } else {
                bytes
            };
            let room = HEADER_BYTES - head.len();
            head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// Takes note that bytes were written: next comes another request, or the rest of a refused body.
    pub(crate) fn written(&self) {
        let mut state = self.0.lock();
        if !matches!(*state, CaptureState::Stopped) {
            *state = CaptureState::Before;
        }
    }

    /// Returns the bytes of the head that has just come.
    pub(crate) fn take(&self) -> Option<Head> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, CaptureState::Done) {
            CaptureState::Reading(bytes) => Some(Head(bytes)),
            CaptureState::Stopped => {
                *state = CaptureState::Stopped;
                None
            }
            CaptureState::Before | CaptureState::Done => None,
        }
    }

    /// Ends the capture: the connection speaks another protocol from now on.
    pub(crate) fn stop(&self) {
        *self.0.lock() = CaptureState::Stopped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(capture: &HeadCapture) -> Option<String> {
        let names = capture.take()?.names()?;
        Some(names.as_text().to_owned())
    }

    #[test]
    fn each_head_is_taken_once_and_the_next_begins_after_the_response() {
        let capture = HeadCapture::default();
        capture.read(b"\r\nPOST / HTTP/1.1\r\nX-");
        capture.read(b"A: 1\r\nx-B: 2\r\n\r\nX-Body: 1\r\n");
        assert_eq!(taken(&capture).as_deref(), Some("X-A,x-B"));
        capture.read(b"more of the body\n\n");
        assert_eq!(taken(&capture), None);
        capture.written();
        assert_eq!(
            taken(&capture),
            None,
            "a request that came before the response"
        );
        capture.written();
        capture.read(b"GET / HTTP/1.1\r\nX-C: 1\r\n\r\n");
        assert_eq!(taken(&capture).as_deref(), Some("X-C"));
    }

    #[test]
    fn memory_is_bounded_and_freed() {
        let capture = HeadCapture::default();
        for _ in 0..100 {
            capture.read(&[b'x'; HEADER_BYTES - 1]);
        }
        assert!(
            matches!(&*capture.0.lock(), CaptureState::Reading(head) if head.len() == HEADER_BYTES)
        );
        capture.stop();
        capture.written();
        capture.read(b"GET / HTTP/1.1\r\nX-C: 1\r\n\r\n");
        assert_eq!(taken(&capture), None);
        assert!(matches!(&*capture.0.lock(), CaptureState::Stopped));
    }
}
