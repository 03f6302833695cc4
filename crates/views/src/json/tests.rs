use std::time::Duration;

use bytes::Bytes;
use ringtail_model::{Cause, Endpoint, FailureKind, Target};
use ringtail_protocol::event::EventId;
use ringtail_ringcentral::verdict::{Failing, Fault, Verdict};

use ringtail_model::new_fields::NewField;

use super::*;

fn id() -> EventId {
    EventId::parse("01a20042-7071-73e8-a927-3d3da19450dc").unwrap()
}

fn detail(body: &'static [u8]) -> EventDetail {
    let sms = ringtail_model::testing::sms(body);
    EventDetail {
        event: EventRow {
            row: RowId(0),
            seq: 17,
            id: id(),
            path: "/hook?a=1".into(),
            ..sms.event
        },
        headers: vec![
            header("x-twice", b"1"),
            header("x-twice", b"2"),
            header("x-latin", b"caf\xe9"),
        ],
        ..sms
    }
}

fn header(name: &str, value: &'static [u8]) -> Header {
    Header {
        name: name.into(),
        value: Bytes::from_static(value),
    }
}

fn an_attempt(outcome: Outcome, verdict: Verdict) -> AttemptRow {
    AttemptRow {
        row: Default::default(),
        event: id(),
        cause: Cause::Forward,
        target: "http://localhost:3000/hook".into(),
        started_at: Timestamp(1_785_320_000_000_000),
        duration: Duration::from_micros(12_345),
        outcome,
        verdict,
    }
}

fn text(value: &Value) -> String {
    let mut out = Vec::new();
    line(&mut out, value);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_event_has_everything_that_was_received() {
    insta::assert_snapshot!(text(&event(&detail(b"{\"a\":\n1}"))));
}

#[test]
fn bytes_that_are_no_text_come_in_base64() {
    let value = event(&detail(b"\xff\x00"));
    assert_eq!(value["body_base64"], "/wA=");
    assert_eq!(value.get("body"), None);
    assert_eq!(value["headers"][2], json!(["x-latin", null, "Y2Fm6Q=="]));
}

#[test]
fn whatever_the_text_a_line_is_one_line() {
    let value = event(&detail("a\nb\u{1b}\u{2028}".as_bytes()));
    let text = text(&value);
    assert_eq!(text.matches('\n').count(), 1);
    assert!(text.ends_with("}\n") && !text.contains('\u{1b}'));
}

#[test]
fn an_attempt_has_a_status_or_an_error() {
    let accepted = Verdict::Accepted { notes: Vec::new() };
    let answered = an_attempt(Outcome::Status(200), accepted);
    insta::assert_snapshot!(text(&attempt(&answered)));
    let refused = an_attempt(
        Outcome::Error {
            kind: FailureKind::Refused,
            message: "nothing listens at localhost:3000".into(),
        },
        Verdict::Failed {
            faults: vec![Fault::NoAnswer {
                reason: ringtail_ringcentral::verdict::NoAnswer::Refused,
            }],
        },
    );
    insta::assert_snapshot!(text(&attempt(&refused)));
}

#[test]
fn link_target_and_gap_have_lines() {
    let mut status = Status {
        endpoint: Some(Endpoint {
            id: "demo-x1".into(),
            url: "https://relay.example/demo-x1".into(),
        }),
        link: LinkState::Connected,
        pending: 3,
        ..Status::new("demo")
    };
    let mut lines = text(&ready(
        "demo-x1",
        "https://relay.example/demo-x1",
        RowId(17),
    ));
    lines += &text(&link(&status));
    assert_eq!(target(&status), None);
    for state in [
        LinkState::Connecting,
        LinkState::Waiting {
            code: "RT-302",
            reason: "nothing listens".into(),
            retry_at: Timestamp(1_785_320_000_500_000),
            failures: 2,
            since: Timestamp(1_785_319_998_000_000),
        },
        LinkState::Refused {
            code: "RT-310",
            reason: "revoked".into(),
        },
        LinkState::Stopped,
    ] {
        status.link = state;
        lines += &text(&link(&status));
    }
    for state in [
        TargetState::Untried,
        TargetState::Up,
        TargetState::Down {
            kind: FailureKind::Refused,
            reason: "connection refused".into(),
            retry_at: Timestamp(1_785_320_000_500_000),
        },
    ] {
        status.target = Some(Target {
            url: "http://localhost:3000".into(),
            forwards: true,
            state,
        });
        lines += &text(&target(&status).unwrap());
    }
    lines += &text(&gap(&GapRow {
        row: Default::default(),
        endpoint: "demo-x1".into(),
        first: 2,
        last: 40,
        noticed_at: Timestamp(1_785_320_000_000_000),
    }));
    let field = |path: &str, was: &[&str]| NewField {
        path: path.into(),
        is: "string".into(),
        was: was.iter().map(|word| (*word).to_owned()).collect(),
    };
    lines += &text(&new_fields(&NewFieldsRow {
        row: Default::default(),
        event: id(),
        endpoint: "demo-x1".into(),
        seq: 12,
        topic: "sms".into(),
        new_fields: NewFields {
            fields: vec![
                field("body.foo", &[]),
                field("body.id", &["null", "number"]),
            ],
            more: 0,
        },
        noticed_at: Timestamp(1_785_320_000_100_000),
    }));
    insta::assert_snapshot!(lines);
}

#[test]
fn a_time_beyond_the_calendar_is_null() {
    assert_eq!(time(Timestamp(i64::MAX)), Value::Null);
}

#[test]
fn proofs_and_the_failure_clock_have_words() {
    use ringtail_model::Proof;
    use ringtail_ringcentral::signature::{Outcome, Scheme};
    let mut detail = detail(b"{}");
    detail.proof = Some(Proof {
        scheme: Scheme::Glip,
        outcome: Outcome::NotConfigured,
    });
    assert_eq!(
        event(&detail)["signatures"],
        json!([{"scheme": "glip-signature", "outcome": "not-configured"}])
    );
    let failing = |blacklisted_ms| Failing {
        since_ms: 1_785_320_000_000,
        blacklisted_ms,
        reason: "Webhook responses with code: [500]".into(),
    };
    let lines = [
        None,
        Some(failing(None)),
        Some(failing(Some(1_785_320_600_000))),
    ];
    let lines = lines.map(|failing| text(&failure_clock("demo", failing.as_ref())));
    insta::assert_snapshot!(lines.concat(), @r#"
    {"type":"failure_clock","name":"demo","state":"ok"}
    {"type":"failure_clock","name":"demo","state":"failing","since":"2026-07-29T10:13:20.000000Z","blacklisted_from":"2026-07-29T10:23:20.000000Z","reason":"Webhook responses with code: [500]"}
    {"type":"failure_clock","name":"demo","state":"blacklisted","since":"2026-07-29T10:13:20.000000Z","blacklisted_from":"2026-07-29T10:23:20.000000Z","reason":"Webhook responses with code: [500]","blacklisted_at":"2026-07-29T10:23:20.000000Z"}
    "#);
}
