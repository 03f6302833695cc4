#[cfg(unix)]
mod shell;

use std::time::Duration;

use bytes::Bytes;
use ringtail_protocol::event::{EventId, Timestamp};
use ringtail_ringcentral::verdict::{Answer, judge};
use serde_json::Value;

use super::*;
use ringtail_model::{
    AttemptDetail, AttemptRow, Cause, EventDetail, EventRow, FailureKind, Outcome, RowId,
};
use ringtail_protocol::event::Header;

fn event(method: &str, path: &str, headers: &[(&str, &[u8])], body: &[u8]) -> EventDetail {
    let headers = headers.iter().map(|(name, value)| Header {
        name: (*name).to_owned(),
        value: Bytes::copy_from_slice(value),
    });
    let sms = ringtail_model::testing::sms(body.to_vec());
    EventDetail {
        event: EventRow {
            endpoint: "hooks-1a2b".into(),
            seq: 17,
            received_at: Timestamp(1_700_000_000_000_042),
            method: method.into(),
            path: path.into(),
            ..sms.event
        },
        peer: "192.0.2.1:4711".into(),
        headers: headers.collect(),
        ..sms
    }
}

#[test]
fn an_archive_is_plain_text_and_equal_after_parsing() {
    let odd = "\u{9b}\u{7f}\u{202e}\u{200b}\u{3164}\u{1d173}\u{e0041}";
    let mut har = HarWriter::begin(Vec::new()).unwrap();
    har.event(&event("POST", "", &[("x", odd.as_bytes())], odd.as_bytes()))
        .unwrap();
    let har = String::from_utf8(har.finish().unwrap()).unwrap();
    assert!(
        !har.contains(|c| c != '\n' && ringtail_text::is_unsafe(c)),
        "{har}"
    );
    let parsed: Value = serde_json::from_str(&har).unwrap();
    assert_eq!(
        parsed["log"]["entries"][0]["request"]["postData"]["text"],
        odd
    );
}

#[test]
fn raw_is_one_http_request() {
    let event = event(
        "POST",
        "?a=1",
        &[
            ("host", b"relay.test"),
            ("transfer-encoding", b"chunked"),
            ("x-b", b"\xe9"),
            ("x-b", b"2"),
        ],
        b"\0body",
    );
    let expected = b"POST /?a=1 HTTP/1.1\r\nhost: relay.test\r\nx-b: \xe9\r\nx-b: 2\r\ncontent-length: 5\r\n\r\n\0body";
    assert_eq!(raw(&event), expected);
    assert_eq!(fixture_name(&event), "0017-sms");
}

fn attempt(outcome: Outcome, body: &[u8]) -> AttemptDetail {
    let status = match outcome {
        Outcome::Status(status) => status,
        Outcome::Error { .. } => 500,
    };
    AttemptDetail {
        attempt: AttemptRow {
            row: RowId(1),
            event: EventId::from_bytes([7; 16]),
            cause: Cause::Forward,
            target: "http://localhost:3000/".into(),
            started_at: Timestamp(1_700_000_000_100_000),
            duration: Duration::from_micros(12_345),
            verdict: judge(
                ringtail_ringcentral::classify::Callback::PlatformNotification,
                Ok(&Answer::new(
                    status,
                    Duration::ZERO,
                    &http::HeaderMap::new(),
                    0,
                )),
            ),
            outcome,
        },
        headers: vec![Header {
            name: "content-type".into(),
            value: Bytes::from_static(b"text/plain"),
        }],
        body: Bytes::copy_from_slice(body),
        body_len: body.len() as u64,
        body_lost: 0,
        proof: None,
    }
}

#[test]
fn har_has_the_fields_that_readers_need() {
    let mut har = HarWriter::begin(Vec::new()).unwrap();
    let mut first = event(
        "POST",
        "/hook?a=1&b=%20",
        &[("host", b"relay.test"), ("x", b"\xe9")],
        b"\xff",
    );
    first.attempts.push(attempt(Outcome::Status(201), b"\xfe"));
    first.attempts[0].attempt.duration = Duration::from_micros(1798);
    first.attempts.push(attempt(
        Outcome::Error {
            kind: FailureKind::Refused,
            message: "refused".into(),
        },
        b"",
    ));
    har.event(&first).unwrap();
    har.event(&event("GET", "", &[], b"")).unwrap();
    let mut har: Value = serde_json::from_slice(&har.finish().unwrap()).unwrap();
    let version = &mut har["log"]["creator"]["version"];
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    *version = "1.0.0".into();
    insta::assert_json_snapshot!(har);
}
