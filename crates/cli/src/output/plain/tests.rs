use std::time::Duration;

use bytes::Bytes;
use ringtail_model::new_fields::{NewField, NewFields};
use ringtail_model::{AttemptDetail, Endpoint, Target};
use ringtail_protocol::event::{Disposition, EventId, Kind};
use ringtail_ringcentral::verdict::{Fault, Verdict};

use super::*;

fn style(colour: bool) -> Style {
    Style {
        colour,
        zone: TimeZone::UTC,
    }
}

fn event() -> EventRow {
    EventRow {
        row: Default::default(),
        endpoint: "demo-x1".into(),
        seq: 17,
        id: EventId::parse("01a20042-7071-73e8-a927-3d3da19450dc").unwrap(),
        kind: Kind::Notification,
        disposition: Disposition::Pending,
        duplicate_of: Some(12),
        subscription: None,
        is_stranger: false,
        received_at: Timestamp(1_785_320_000_000_042),
        method: "POST".into(),
        path: "/hook\u{1b}[2J".into(),
        topic: "sms".into(),
        summary: "SMS from \u{202e}+1".into(),
        body_len: 9,
        forward: ForwardState::Pending,
        bookmark: None,
        new_fields: None,
        edited_from: None,
        last_attempt: None,
    }
}

fn attempt(outcome: Outcome, faults: Vec<Fault>) -> AttemptRow {
    AttemptRow {
        row: Default::default(),
        event: event().id,
        cause: Cause::Forward,
        target: "http://localhost:3000/hook".into(),
        started_at: Timestamp(1_785_320_001_000_000),
        duration: Duration::from_micros(12_345),
        outcome,
        verdict: if faults.is_empty() {
            Verdict::Accepted { notes: Vec::new() }
        } else {
            Verdict::Failed { faults }
        },
    }
}

#[test]
fn an_edited_event_was_answered_by_nobody() {
    let mut detail = detail(Vec::new());
    assert_eq!(edge(&detail), "answered 200 by the relay");
    detail.event.edited_from = Some(detail.event.id);
    assert_eq!(edge(&detail), "edited here");
}

#[test]
fn the_relay_answers_for_an_app_that_does_not() {
    let failed = |kind| {
        let message = "no answer".into();
        let mut attempt = answered(Outcome::Error { kind, message });
        attempt.attempt.cause = Cause::Passthrough;
        attempt.headers.clear();
        attempt
    };
    let mut passed = detail(vec![failed(FailureKind::Refused)]);
    passed.event.disposition = Disposition::Passed;
    assert_eq!(edge(&passed), "502 from the relay: the app did not answer");
    // A replay since then changes nothing of it.
    passed.attempts.push(answered(Outcome::Status(200)));
    assert_eq!(edge(&passed), "502 from the relay: the app did not answer");
    passed.attempts.push(failed(FailureKind::TimedOut));
    assert!(edge(&passed).starts_with("504 from the relay: "));
    // It broke off later.
    passed.attempts[2].headers = vec![Header {
        name: "server".into(),
        value: Bytes::from_static(b"app"),
    }];
    assert_eq!(edge(&passed), "answered by the app");
}

fn detail(attempts: Vec<AttemptDetail>) -> EventDetail {
    EventDetail {
        event: event(),
        peer: "192.0.2.1:40000".into(),
        headers: Vec::new(),
        body: Bytes::new(),
        proof: None,
        uuid_of: None,
        attempts,
        older_attempts: 0,
        older_answers: 0,
    }
}

fn answered(outcome: Outcome) -> AttemptDetail {
    AttemptDetail {
        attempt: attempt(outcome, Vec::new()),
        headers: Vec::new(),
        body: Bytes::new(),
        body_len: 0,
        body_lost: 0,
        proof: None,
    }
}

#[test]
fn an_event_that_will_still_be_delivered_is_listed_as_pending() {
    let mut callback = event();
    let refused = Outcome::Error {
        kind: FailureKind::Refused,
        message: "nothing listens there".into(),
    };
    callback.last_attempt = Some(attempt(refused, Vec::new()));
    let line = style(false).listed(&callback, false);
    assert!(line.contains("pending"), "{line}");
    assert!(!line.contains("refused"), "{line}");
    callback.forward = ForwardState::Done;
    let line = style(false).listed(&callback, false);
    assert!(line.contains("refused"), "{line}");
}

#[test]
fn an_event_and_its_attempts_are_a_line_each() {
    let plain = style(false);
    let mut lines = plain.event(&event());
    let mut bare = event();
    bare.summary.clear();
    bare.duplicate_of = None;
    lines += &plain.event(&bare);
    lines += &plain.attempt(&attempt(Outcome::Status(200), Vec::new()), "#17");
    let failed = attempt(
        Outcome::Status(500),
        vec![Fault::WrongStatus { status: 500 }],
    );
    lines += &plain.attempt(&failed, "#17");
    let mut replayed = attempt(
        Outcome::Error {
            kind: ringtail_model::FailureKind::NotHttp,
            message: "not HTTP: \u{7}".into(),
        },
        Vec::new(),
    );
    replayed.cause = Cause::Replay;
    lines += &plain.attempt(&replayed, "#17");
    // A validation without its token, and a browser that RingCentral has no say in.
    let refused = attempt(Outcome::Status(200), vec![Fault::TokenMissing]);
    lines += &plain.attempt(&refused, "#18");
    let mut browser = attempt(Outcome::Status(404), Vec::new());
    browser.verdict = Verdict::Unjudged { failed: true };
    lines += &plain.attempt(&browser, "#19");
    let mut listed = event();
    listed.forward = ForwardState::Done;
    listed.last_attempt = Some(browser);
    lines += &plain.listed(&listed, false);
    lines += &plain.gap(&GapRow {
        row: Default::default(),
        endpoint: "demo-x1".into(),
        first: 2,
        last: 4,
        noticed_at: Timestamp(0),
    });
    let new_fields = NewFields {
        fields: vec![
            NewField {
                path: "body.to[*].\u{202e}x".into(),
                is: "string".into(),
                was: Vec::new(),
            },
            NewField {
                path: "body.n".into(),
                is: "null".into(),
                was: vec!["number".into(), "string".into()],
            },
        ],
        more: 2,
    };
    lines += &plain.new_fields(&NewFieldsRow {
        row: Default::default(),
        event: event().id,
        endpoint: "demo-x1".into(),
        seq: 17,
        topic: "sms".into(),
        new_fields: new_fields.clone(),
        noticed_at: Timestamp(0),
    });
    lines += &plain.listed(&event(), false);
    let mut novel = event();
    novel.new_fields = Some(new_fields);
    lines += &plain.listed(&novel, false);
    for (outcome, faults) in [
        (Outcome::Status(200), Vec::new()),
        (
            Outcome::Status(200),
            vec![Fault::Late {
                took: Duration::from_secs(4),
            }],
        ),
        (
            Outcome::Status(500),
            vec![Fault::WrongStatus { status: 500 }],
        ),
        (
            Outcome::Error {
                kind: FailureKind::Refused,
                message: "connection refused".into(),
            },
            vec![Fault::NoAnswer {
                reason: ringtail_ringcentral::verdict::NoAnswer::Refused,
            }],
        ),
    ] {
        let mut answered = event();
        answered.forward = ForwardState::Done;
        answered.last_attempt = Some(attempt(outcome, faults));
        lines += &plain.listed(&answered, false);
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn colour_adds_nothing_but_colour() {
    let failed = attempt(
        Outcome::Status(500),
        vec![Fault::WrongStatus { status: 500 }],
    );
    let coloured = style(true).attempt(&failed, "#17");
    assert!(coloured.contains("\u{1b}[31m500\u{1b}[0m"));
    let mut stripped = coloured;
    for code in ["0", "2", "31"] {
        stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(stripped, style(false).attempt(&failed, "#17"));
}

#[test]
fn link_and_target_are_told_in_words() {
    let mut status = Status {
        endpoint: Some(Endpoint {
            id: "demo-x1".into(),
            url: "https://relay.example/demo-x1".into(),
        }),
        link: LinkState::Connected,
        pending: 3,
        ..Status::new("demo")
    };
    let plain = style(false);
    let mut lines = plain.link(&status);
    status.target = Some(Target {
        url: "http://localhost:3000".into(),
        forwards: true,
        state: TargetState::Untried,
    });
    assert_eq!(plain.target(&status), None);
    lines += &plain.link(&status);
    if let Some(target) = &mut status.target {
        target.forwards = false;
    }
    lines += &plain.link(&status);
    status.link = LinkState::Waiting {
        code: "RT-302",
        reason: "nothing listens \u{1b}".into(),
        retry_at: Timestamp(1_785_320_000_500_000),
        failures: 2,
        since: Timestamp(0),
    };
    lines += &plain.link(&status);
    for state in [
        TargetState::Up,
        TargetState::Down {
            kind: FailureKind::Refused,
            reason: "connection refused".into(),
            retry_at: Timestamp(0),
        },
    ] {
        status.target = Some(Target {
            url: "http://localhost:3000".into(),
            forwards: true,
            state,
        });
        lines += &plain.target(&status).unwrap();
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn everything_of_an_event_is_shown_and_nothing_obeyed() {
    let mut received = event();
    received.duplicate_of = None;
    let detail = EventDetail {
        event: received,
        peer: "192.0.2.1:40000".into(),
        headers: vec![Header {
            name: "x-latin".into(),
            value: Bytes::from_static(b"caf\xe9\x1b"),
        }],
        body: Bytes::from_static(b"{\"a\":\"\\u001b\"}"),
        proof: None,
        uuid_of: None,
        attempts: vec![AttemptDetail {
            attempt: attempt(Outcome::Status(200), Vec::new()),
            headers: Vec::new(),
            body: Bytes::from_static(b"part\x1b[1m"),
            body_len: 300_000,
            body_lost: 299_992,
            proof: None,
        }],
        older_attempts: 0,
        older_answers: 0,
    };
    let text = style(false).detail(&detail);
    assert!(!text.contains('\u{1b}'));
    insta::assert_snapshot!(text);
}

#[test]
fn proofs_and_the_failure_clock_have_lines() {
    use ringtail_model::Proof;
    use ringtail_ringcentral::signature::{Outcome, Scheme};
    use ringtail_ringcentral::verdict::Failing;
    let style = Style {
        colour: false,
        zone: TimeZone::UTC,
    };
    let mut said = String::new();
    for (scheme, outcome) in [
        (Scheme::VerificationToken, Outcome::Valid),
        (Scheme::Glip, Outcome::Wrong),
        (Scheme::Dimelo, Outcome::Missing),
        (Scheme::SourceSdk, Outcome::NotConfigured),
    ] {
        said += &style.proof("signature", Proof { scheme, outcome });
    }
    for blacklisted_ms in [None, Some(1_785_320_600_000)] {
        let failing = Failing {
            since_ms: 1_785_320_000_000,
            blacklisted_ms,
            reason: "Webhook responses with code: [500]\u{1b}".into(),
        };
        said += &style.failing(Some(&failing), Timestamp(1_785_320_420_000_000));
    }
    said += &style.failing(None, Timestamp(0));
    insta::assert_snapshot!(said, @r"
    signature: Verification-Token valid
    signature: X-Glip-Signature wrong
    signature: X-Dimelo-Secret missing
    signature: X-SMCCSDK-SIGNATURE not configured
    in production this subscription would be blacklisted in 3 min unless a response is accepted before (reason: Webhook responses with code: [500]\u001b)
    in production this subscription would be blacklisted since 10:23; its staff said (2018) that it comes back at a check every 15 minutes once the address answers well, its guide says (2022) that it never does: then delete it and create it again (reason: Webhook responses with code: [500]\u001b)
    RingCentral would accept the app's responses again
    ");
}

#[test]
fn json_is_indented_and_otherwise_as_received() {
    let body = r#"{"n":[99999999999999999999,18446744073709551616,1.50,1e2,0.10000000000000000555,-0,1E400],"a":1,"a":"\ud800"}"#;
    let shown = pretty(body);
    assert_eq!(shown.lines().count(), 13, "{shown}");
    let tokens: String = shown.split_whitespace().collect();
    assert_eq!(tokens, body);
    assert_eq!(pretty("{\"a\":01}"), "{\"a\":01}");
}
