use std::process::{Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use ringtail_protocol::event::{Disposition, EventId, Kind, Timestamp};
use ringtail_ringcentral::verdict::{Answer, judge};
use serde_json::Value;
use tokio::process::Command;

use super::carried::carried;
use super::*;
use ringtail_kit::app::{App, AppBody};
use ringtail_model::target::TargetUrl;
use ringtail_model::{
    AttemptDetail, AttemptRow, Cause, EventDetail, EventRow, FailureKind, ForwardState, Outcome,
    RowId,
};
use ringtail_protocol::event::Header;

fn event(method: &str, path: &str, headers: &[(&str, &[u8])], body: &[u8]) -> EventDetail {
    let headers = headers.iter().map(|(name, value)| Header {
        name: (*name).to_owned(),
        value: Bytes::copy_from_slice(value),
    });
    EventDetail {
        event: EventRow {
            row: RowId(1),
            endpoint: "hooks-1a2b".into(),
            seq: 17,
            id: EventId::from_bytes([7; 16]),
            kind: Kind::Notification,
            disposition: Disposition::Pending,
            duplicate_of: None,
            subscription: None,
            is_stranger: false,
            received_at: Timestamp(1_700_000_000_000_042),
            method: method.into(),
            path: path.into(),
            topic: "sms".into(),
            summary: "SMS".into(),
            body_len: body.len() as u64,
            forward: ForwardState::Done,
            bookmark: None,
            new_fields: None,
            edited_from: None,
            last_attempt: None,
        },
        peer: "192.0.2.1:4711".into(),
        headers: headers.collect(),
        body: Bytes::copy_from_slice(body),
        proof: None,
        uuid_of: None,
        attempts: Vec::new(),
    }
}

fn odd_events() -> Vec<EventDetail> {
    let json = ("content-type", &b"application/json"[..]);
    let long = vec![b'x'; 200_000];
    let all: Vec<u8> = (0..=255).collect();
    let fields: [(&str, &[u8]); 8] = [
        json,
        ("x-quote", b"it's \"quoted\" $HOME `id` \\ %s !"),
        ("x-empty", b""),
        ("x-twice", b"a"),
        ("x-twice", b"b; c=d"),
        ("x-at", b"@/etc/passwd"),
        ("x-equals", b"=1"),
        ("x-utf8", "caf\u{e9} \u{1f44b}".as_bytes()),
    ];
    vec![
        event(
            "POST",
            "/hook?a=1&b=[x]{y}&c=%27",
            &fields,
            b"{\"it's\":\n\t\"$(id) `id` \\n\"}",
        ),
        event("POST", "", &[json], b"@file"),
        event("POST", "/q", &[], b""),
        event(
            "PUT",
            "/../a//b/.",
            &[json, ("user-agent", b"RC"), ("accept", b"*/*")],
            &all,
        ),
        event("POST", "?x=y", &[json], "\u{202e}reversed \u{7}".as_bytes()),
        event("POST", "/long", &[json], &long),
        event("GET", "/get", &[("accept", b"text/html")], b""),
        event(
            "DELETE",
            "/d",
            &[
                ("x-hop", b"1"),
                ("connection", b"x-hop, close"),
                ("te", b"trailers"),
            ],
            b"",
        ),
    ]
}

fn ok() -> Response<AppBody> {
    Response::new(
        Full::default()
            .map_err(|never| match never {})
            .boxed_unsync(),
    )
}

async fn run(script: &str) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, script).unwrap();
    let mut shell = Command::new("sh");
    shell.arg(file.path()).stdin(Stdio::null());
    shell.output().await.unwrap()
}

fn decoded(path: &str) -> String {
    form_urlencoded::parse(path.as_bytes())
        .map(|(name, value)| format!("{name}={value} "))
        .collect()
}

/// Runs a command of each event and holds what an app then sees against the event.
async fn run_all(
    command: impl Fn(&EventDetail, &TargetUrl) -> Result<String, http::Error>,
    odd: &[&str],
) {
    for event in odd_events() {
        let app = App::start(|_| async { ok() });
        let target = TargetUrl::parse(&format!("http://{}", app.address)).unwrap();
        let script = command(&event, &target).unwrap();
        let shown = |character: char| {
            matches!(character, '\n' | '\t' | ' '..='~') || character.is_alphanumeric()
        };
        assert!(script.chars().all(shown), "{script}");
        let ran = run(&script).await;
        assert!(
            ran.status.success(),
            "{script}\n{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let seen = app.seen();
        assert_eq!(seen.len(), 1, "{script}");
        let seen = &seen[0];
        assert_eq!(seen.method.as_str(), event.event.method);
        let asked = target.join(&event.event.path).unwrap();
        let asked = asked.path_and_query().unwrap().as_str();
        match odd {
            [] => assert_eq!(seen.path, asked),
            // HTTPie escapes more than it must.
            _ => assert_eq!(decoded(&seen.path), decoded(asked)),
        }
        assert_eq!(seen.body, event.body, "{script}");
        let mut wanted: Vec<_> = carried(&event)
            .filter(|header| !odd.contains(&header.name.as_str()))
            .map(|header| (header.name.clone(), header.value.to_vec()))
            .collect();
        let mut got: Vec<_> = seen
            .headers
            .iter()
            .filter(|(name, _)| {
                !["host", "content-length"].contains(&name.as_str())
                    && !odd.contains(&name.as_str())
            })
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        wanted.sort();
        got.sort();
        assert_eq!(got, wanted, "{script}");
    }
}

#[tokio::test]
async fn curl_sends_what_was_received() {
    run_all(curl, &[]).await;
}

#[tokio::test]
async fn httpie_sends_what_was_received() {
    // It insists on these.
    run_all(httpie, &["accept-encoding", "connection", "user-agent"]).await;
}

#[tokio::test]
async fn nothing_of_a_request_is_an_option() {
    let dir = tempfile::tempdir().unwrap();
    let harmless = [
        ("x-kept", &b"1"[..]),
        ("-o", b"pwned"),
        ("--download", b""),
        ("-", b"-"),
    ];
    let mut hostile = event("POST", "/-o?--output=x", &harmless, b"--raw");
    for (command, kept) in [
        (
            curl as fn(&EventDetail, &TargetUrl) -> Result<String, http::Error>,
            4,
        ),
        (httpie, 1),
    ] {
        let app = App::start(|_| async { ok() });
        let target = TargetUrl::parse(&format!("http://{}", app.address)).unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, command(&hostile, &target).unwrap()).unwrap();
        let mut shell = Command::new("sh");
        shell.arg(&script).stdin(Stdio::null()).current_dir(&dir);
        let ran = shell.output().await.unwrap();
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let seen = app.seen();
        assert_eq!(seen[0].body, "--raw");
        let odd = seen[0]
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with('-'));
        assert_eq!(
            odd.count() + seen[0].headers.get_all("x-kept").iter().count(),
            kept
        );
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    }
    let target = TargetUrl::parse("3000").unwrap();
    let script = httpie(&hostile, &target).unwrap();
    assert!(script.starts_with(
        "# left out, because HTTPie supports no names that begin with a hyphen: -o\n"
    ));
    hostile.event.method = "-X".to_owned();
    let script = httpie(&hostile, &target).unwrap();
    assert_eq!(
        script,
        "# left out, because HTTPie supports only methods of letters: -X\n"
    );
}

#[test]
fn an_archive_is_plain_text_and_equal_after_parsing() {
    let odd = "\u{9b}\u{7f}\u{202e}\u{200b}\u{3164}\u{1d173}\u{e0041}";
    let creator = Creator {
        name: "ringtail",
        version: "1",
    };
    let mut har = HarWriter::begin(Vec::new(), creator).unwrap();
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

#[tokio::test]
async fn curl_sends_header_bytes_that_are_no_text() {
    let app = App::start(|_| async { ok() });
    let target = TargetUrl::parse(&format!("http://{}", app.address)).unwrap();
    let script = curl(
        &event("POST", "/", &[("x-latin", b"caf\xe9 %41")], b"x"),
        &target,
    )
    .unwrap();
    let ran = run(&script).await;
    assert!(ran.status.success());
    assert_eq!(app.seen()[0].headers["x-latin"].as_bytes(), b"caf\xe9 %41");
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
    let creator = Creator {
        name: "ringtail",
        version: "1.0.0",
    };
    let mut har = HarWriter::begin(Vec::new(), creator).unwrap();
    let mut first = event(
        "POST",
        "/hook?a=1&b=%20",
        &[("host", b"relay.test"), ("x", b"\xe9")],
        b"\xff",
    );
    first.attempts.push(attempt(Outcome::Status(201), b"\xfe"));
    first.attempts.push(attempt(
        Outcome::Error {
            kind: FailureKind::Refused,
            message: "refused".into(),
        },
        b"",
    ));
    har.event(&first).unwrap();
    har.event(&event("GET", "", &[], b"")).unwrap();
    let har: Value = serde_json::from_slice(&har.finish().unwrap()).unwrap();
    insta::assert_json_snapshot!(har);
}
