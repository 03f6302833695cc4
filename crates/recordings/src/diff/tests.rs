use proptest::prelude::*;

use super::*;
use ringtail_model::FailureKind;
use ringtail_protocol::event::EventId;
use ringtail_store::NewAttempt;
use ringtail_store::testing::{TestHistory, attempt, call};

fn bodies_with(noise: &Noise, one: &str, other: &str) -> Diff {
    compare(
        [one, other].map(|body| ("POST /", &[][..], body.as_bytes())),
        noise,
    )
}

fn bodies(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> Diff {
    let bodies = [one.as_ref(), other.as_ref()];
    compare(
        bodies.map(|body| ("POST /", &[][..], body)),
        &Noise::default(),
    )
}

fn show(diff: &Diff) -> String {
    let lines = diff.lines.iter().map(|line| match line {
        Line::Same(text) => format!("  {text}\n"),
        Line::Removed(text) => format!("- {text}\n"),
        Line::Added(text) => format!("+ {text}\n"),
        Line::Skipped(count) => format!("  … {count} lines\n"),
    });
    lines.collect()
}

#[test]
fn values_of_noise_are_not_compared() {
    let one = r#"{"uuid":"1","body":{"sequence":1,"status":"Ringing","eventTime":"a"}}"#;
    let other = r#"{"uuid":"2","body":{"sequence":2,"status":"Answered","eventTime":"b"}}"#;
    let noise = Noise::default();
    let diff = bodies(one, other);
    assert_eq!(
        diff.not_compared,
        ["skipped fields: eventtime, sequence, uuid"]
    );
    assert_eq!(diff.changes, 2);
    let changed: Vec<&Line> = diff
        .lines
        .iter()
        .filter(|line| matches!(line, Line::Removed(_) | Line::Added(_)))
        .collect();
    assert_eq!(
        changed,
        [
            &Line::Removed(r#"    "status": "Ringing","#.into()),
            &Line::Added(r#"    "status": "Answered","#.into()),
        ]
    );
    assert!(show(&diff).contains(r#""sequence": "(not compared)","#));
    let noise = noise.with("STATUS");
    assert_eq!(noise.names().collect::<Noise>(), noise);
    assert_eq!(bodies_with(&noise, one, other).changes, 0);
    assert_eq!(bodies_with(&Noise::none(), one, other).changes, 8);
}

#[test]
fn far_lines_are_folded() {
    let one: String = (0..40).map(|n| format!("line {n}\n")).collect();
    let other = one.replace("line 20\n", "line x\n");
    assert_eq!(
        show(&bodies(&one, &other)),
        "  … 19 lines\n  line 17\n  line 18\n  line 19\n- line 20\n+ line x\n  line 21\n  line 22\n  line 23\n  … 16 lines\n"
    );
    assert_eq!(bodies(&one, &one), Diff::default());
}

#[test]
fn large_documents_are_compared_as_a_whole() {
    let large = "x".repeat(MAX_BYTES + 1);
    let diff = bodies(&large, "x");
    assert_eq!(diff.changes, 2);
    assert!(show(&diff).starts_with("- (a body of 8388609 bytes, too large"));
    assert_eq!(bodies(&large, &large), Diff::default());
}

#[test]
fn no_difference_means_that_everything_was_compared() {
    for (one, other) in [
        (
            r#"{"n":99999999999999999999}"#,
            r#"{"n":99999999999999999998}"#,
        ),
        (r#"{"n":1.50}"#, r#"{"n":1.5}"#),
        (r#"{"n":1e2}"#, r#"{"n":100}"#),
        (r#"{"n":-0}"#, r#"{"n":0}"#),
        (r#"{"n":0.10000000000000000555}"#, r#"{"n":0.1}"#),
        (r#"{"n":1E400}"#, r#"{"n":1E401}"#),
        (r#"{"n":1,"n":2}"#, r#"{"n":2}"#),
        (r#"{"n":"\ud800"}"#, r#"{"n":"\ud801"}"#),
        (r#"{"n":"A"}"#, r#"{"n":"\u0041"}"#),
        ("a\r\nb", "a\nb"),
        ("a\n", "a"),
    ] {
        assert!(bodies(one, other).changes > 0, "{one} and {other}");
    }
    let binary = bodies(b"\xff", b"\xfe");
    assert_eq!(show(&binary), "  POST /\n  \n- \\xff\n+ \\xfe\n");
    let spaces = bodies(r#"{"a": 1, "time": 2}"#, r#"{"a":1,"time":3}"#);
    assert_eq!(
        spaces.no_difference(),
        "no difference, apart from skipped fields: time, white space between the tokens of the JSON"
    );
    // The text of the bytes equals the text of the other body, and the bytes do not.
    assert!(!bodies(b"\xff", "\\xff").not_compared.is_empty());
    assert_eq!(bodies("{}", "{}").no_difference(), "no difference");
}

proptest! {
    #[test]
    fn one_changed_byte_is_never_no_difference(digits in "-?[1-9][0-9]{0,40}(\\.[0-9]{1,30})?([eE][0-9]{1,3})?", at in 0_usize..60, to in b'1'..=b'9') {
        let one = format!(r#"{{"a":[{digits}],"a":"\ud800{digits}","uuid":1}}"#);
        let mut other = one.clone().into_bytes();
        let at = at % other.len();
        other[at] = if other[at] == to { b'0' } else { to };
        let diff = bodies(&one, &other);
        prop_assert!(diff.changes > 0 || !diff.not_compared.is_empty());
    }
}

fn refused() -> Outcome {
    Outcome::Error {
        kind: FailureKind::Refused,
        message: String::new(),
    }
}

async fn record(test: &TestHistory, event: EventId, outcome: Outcome) {
    let made = NewAttempt {
        outcome,
        ..attempt(event)
    };
    test.history.record_attempt(made, false).await.unwrap();
}

#[tokio::test]
async fn failed_attempts_are_not_responses() {
    let test = TestHistory::open();
    let event = call(1, "s");
    test.receives(vec![event.clone()]).await;
    let mut seen = Vec::new();
    for ended in [
        refused(),
        Outcome::Status(200),
        refused(),
        Outcome::Status(500),
        refused(),
    ] {
        record(&test, event.id, ended).await;
        let stored = test.history.event(event.id).await.unwrap().unwrap();
        seen.push(match last_answers(&stored) {
            Ok(two) => format!("{:?}", two.map(|(at, one)| (at, outcome(one)))),
            Err(few) => few.to_string(),
        });
    }
    let (never, once) = (
        "the app has never answered event 1",
        "the app has answered event 1 once",
    );
    let two = "[(1, Status(200)), (2, Status(500))]";
    assert_eq!(seen, [never, once, once, two, two]);
}

#[tokio::test]
async fn the_last_two_of_many_answers_have_their_numbers() {
    let test = TestHistory::open();
    let event = call(1, "s");
    test.receives(vec![event.clone()]).await;
    record(&test, event.id, refused()).await;
    for number in 1..=210 {
        let status = if number == 209 { 404 } else { 200 };
        record(&test, event.id, Outcome::Status(status)).await;
    }
    let stored = test.history.event(event.id).await.unwrap().unwrap();
    let two = last_answers(&stored).ok().unwrap();
    let expected = [(209, Outcome::Status(404)), (210, Outcome::Status(200))];
    assert_eq!(two.map(|(at, one)| (at, outcome(one))), expected);
    assert_eq!((stored.older_attempts, stored.attempts.len()), (11, 200));
}

fn outcome(answer: &AttemptDetail) -> Outcome {
    answer.attempt.outcome.clone()
}
