//! Any bytes as a connection to a relay: HTTP/1.1, HTTP/2, or a PROXY header first.
//!
//! One relay serves every check, with its journal on disk and a socket on the loopback, so that nothing between the
//! caller's bytes and the rows of the database is left out. The bytes are followed by a request that ends the
//! connection, since a relay waits for what may still come.

mod answers;
mod http2;
mod relay;
pub mod seeds;

use ringtail_kit::http2::PREFACE;
use ringtail_protocol::event::{Disposition, Kind, header_map};
use ringtail_ringcentral::classify::{Callback, RequestHead, classify};

use self::answers::Answer;
use self::relay::{Relay, Stored};

/// What a PROXY header of version 2 begins with.
pub(crate) const PROXY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Stands in inputs for the id of the endpoint, which is another each time.
pub const ENDPOINT: &str = "sms-00000000000000000000000000";

/// Stands in inputs for the account's token.
pub const TOKEN: &str = "rt_0000000000000000000000000000000000000000000";

/// Verify token of the endpoint, for challenges of RingCX Digital.
pub(crate) const VERIFY_TOKEN: &str = "verify";

/// Path below the endpoint of requests that are the check's own.
const SETTLING: &str = "/settled-by-the-check";

/// A body that makes a notification.
const NOTIFICATION: &str = r#"{"uuid":"","event":"/"}"#;

/// Ends a connection of HTTP/1.1 that is between two requests.
const LAST: &[u8] = b"GET /nowhere HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n";

/// Sends the bytes to a relay and holds its answers against what it has stored.
pub fn check(bytes: &[u8]) {
    let mut relay = Relay::shared(bytes.starts_with(PROXY));
    let bytes = replace(bytes, ENDPOINT.as_bytes(), relay.endpoint.as_bytes());
    let bytes = replace(&bytes, TOKEN.as_bytes(), relay.token.as_bytes());
    // Ahead of it may be a proxy's word on who calls.
    let http2 = contains(&bytes, PREFACE);
    let last = if http2 {
        http2::last_request(&relay.endpoint)
    } else {
        LAST.to_vec()
    };
    let (answered, sent) = if bytes.starts_with(PREFACE) {
        relay.ask_http2(&bytes, &last)
    } else {
        relay.ask(&bytes, &last)
    };
    relay.settle();
    let mut stored = relay.stored();
    stored.retain(|event| event.read().path != SETTLING);
    for event in &stored {
        kept(event, &sent, http2);
    }
    if !http2 {
        answers(&answered, &sent, &stored);
    }
    relay::assert_nothing_panicked();
}

/// Every answer is one of the relay's, and every 200 has its event in the journal.
fn answers(answered: &[u8], bytes: &[u8], stored: &[Stored]) {
    let answers = answers::read(answered);
    let mut acknowledged = 0;
    for answer in &answers {
        assert!(
            ALLOWED.contains(&answer.status),
            "answered {} to {:?}",
            answer.status,
            String::from_utf8_lossy(bytes)
        );
        assert!(answer.bytes <= 1024, "{answer:?}");
        match answer.field("validation-token") {
            Some(token) => {
                assert_eq!(answer.status, 200);
                assert!(answer.body.is_empty());
                assert!(contains(bytes, token), "the token is the caller's");
                let mut names: Vec<&str> = answer.names().collect();
                // A HEAD has no length.
                names.retain(|name| !["connection", "content-length"].contains(name));
                names.sort_unstable();
                assert_eq!(names, ["content-type", "date", "validation-token"]);
            }
            None => acknowledged += usize::from(is_acknowledgement(answer)),
        }
    }
    let owed = |event: &&Stored| event.disposition == Disposition::Pending;
    let owed = stored.iter().filter(owed).count();
    assert!(
        acknowledged <= owed,
        "{acknowledged} acknowledged, {owed} kept"
    );
}

/// Statuses of the relay's own answers, and of HTTP where it goes wrong. There is no 500 among them.
const ALLOWED: [u16; 16] = [
    100, 101, 200, 400, 401, 404, 405, 408, 413, 414, 426, 429, 431, 501, 502, 503,
];

/// Returns whether the answer acknowledges an event.
fn is_acknowledgement(answer: &Answer<'_>) -> bool {
    let content_type = answer.field("content-type");
    answer.status == 200
        && match content_type {
            None => answer.body.is_empty(),
            Some(json) => json == b"application/json" && answer.body == b"{}",
        }
}

/// What is stored is what was sent.
fn kept(event: &Stored, bytes: &[u8], http2: bool) {
    let request = event.read();
    assert!(matches!(
        event.kind,
        Kind::Validation | Kind::Notification | Kind::Passthrough
    ));
    assert!(matches!(
        event.disposition,
        Disposition::Answered | Disposition::Pending | Disposition::Passed
    ));
    assert!(request.path.is_empty() || request.path.starts_with(['/', '?']));
    assert!(
        is_subsequence(&request.body, bytes),
        "the body is the caller's"
    );
    let head = RequestHead::of(&request.method, &request.headers).expect("it was one");
    let headers = header_map(&request.headers);
    assert_eq!(
        headers.len(),
        request.headers.len(),
        "every field is HTTP's"
    );
    for name in ["connection", "transfer-encoding", "upgrade", "te"] {
        assert!(!headers.contains_key(name), "{name} concerns one hop");
    }
    if http2 {
        return;
    }
    for part in [&request.method, &request.path] {
        assert!(contains(bytes, part.as_bytes()), "{part:?} is the caller's");
    }
    for value in headers.values() {
        assert!(
            contains(bytes, value.as_bytes()),
            "{value:?} is the caller's"
        );
    }
    // The client asks again what the event is. What `Connection` names is gone by then.
    if !bytes
        .to_ascii_lowercase()
        .windows(11)
        .any(|it| it == b"connection:")
    {
        let callback = classify(&head.view(&request.path, &request.body));
        match event.kind {
            // The relay knows the verify token, which makes a challenge a validation.
            Kind::Validation => assert!(
                callback == Callback::DigitalChallenge || callback.kind() == Kind::Validation
            ),
            kind => assert_eq!(callback.kind(), kind),
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

fn is_subsequence(part: &[u8], bytes: &[u8]) -> bool {
    let mut bytes = bytes.iter();
    part.iter().all(|byte| bytes.any(|other| other == byte))
}

/// Replaces every occurrence of a text by another of the same length, so that lengths stated elsewhere stay right.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut replaced = bytes.to_vec();
    let mut at = 0;
    while let Some(window) = replaced.get_mut(at..at + from.len()) {
        if window == from {
            window.copy_from_slice(to);
            at += from.len();
        } else {
            at += 1;
        }
    }
    replaced
}
