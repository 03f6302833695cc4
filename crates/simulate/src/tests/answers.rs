use std::time::Duration;

use http::HeaderMap;

use super::*;
use ringtail_ringcentral::verdict::{Fault, NoAnswer};

fn received(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Received {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    Received {
        status,
        headers,
        body: body.to_vec(),
        duration: Duration::from_millis(5),
    }
}

fn found(template: &str, received: &Received) -> Finding {
    let request = built(Template::find(template).unwrap()).request;
    inspect(&request, Expect::Accepted, &secrets(), Ok(received))
}

fn problems(template: &str, received: &Received) -> Vec<Problem> {
    let finding = found(template, received);
    assert_eq!(
        finding.as_expected,
        finding.problems.is_empty() && finding.verdict.is_accepted()
    );
    finding.problems
}

#[test]
fn validations_must_echo_the_token() {
    let request = built(Template::find("validation").unwrap()).request;
    let token = request.headers["validation-token"]
        .to_str()
        .unwrap()
        .to_owned();
    let good = received(200, &[("validation-token", &token)], b"");
    assert!(found("validation", &good).as_expected);
    let other = received(200, &[("validation-token", "x")], b"");
    let none = received(200, &[], b"");
    for (answer, fault) in [(other, Fault::TokenDiffers), (none, Fault::TokenMissing)] {
        let finding = found("validation", &answer);
        assert_eq!(finding.verdict.faults(), [fault]);
        assert!(!finding.as_expected);
    }
}

#[test]
fn challenges_must_be_returned_exactly() {
    let request = built(Template::find("digital.challenge").unwrap()).request;
    let query = request.below.split("hub.challenge=").nth(1).unwrap();
    let challenge = query.split('&').next().unwrap().to_owned();
    assert_eq!(
        problems(
            "digital.challenge",
            &received(200, &[], challenge.as_bytes())
        ),
        []
    );
    let quoted = received(200, &[], format!("\"{challenge}\"").as_bytes());
    assert_eq!(
        problems("digital.challenge", &quoted),
        [Problem::ChallengeDiffers]
    );
}

#[test]
fn source_sdk_answers_must_be_json_and_signed() {
    let body = br#"{"objects":[]}"#;
    let proof = signature::sign(Scheme::SourceSdk, b"sdk secret", body);
    let proof = String::from_utf8(proof).unwrap();
    let signed = |body: &[u8]| received(200, &[("x-smccsdk-signature", &proof)], body);
    assert_eq!(problems("source-sdk.info", &signed(body)), []);
    assert_eq!(
        problems("source-sdk.info", &signed(b"[]")),
        [Problem::SignatureWrong]
    );
    assert_eq!(
        problems("source-sdk.info", &received(200, &[], b"ok")),
        [Problem::NotJson, Problem::SignatureMissing]
    );
}

#[test]
fn dialogs_must_be_complete() {
    let json = [("content-type", "application/json")];
    for name in ["dialog-card", "dialog-iframe"] {
        let body = sample(&format!("interactive-message-response-{name}")).to_string();
        assert_eq!(
            problems("interactive.submit", &received(200, &json, body.as_bytes())),
            []
        );
    }
    for (body, expected) in [
        ("", &[][..]),
        ("{}", &[]),
        ("OK", &[]),
        (r#"{"text":"hi"}"#, &[Problem::NotADialog]),
        (
            r#"{"type":"dialog"}"#,
            &[Problem::DialogWithoutTitle, Problem::DialogWithoutContent],
        ),
        (
            r#"{"type":"dialog","dialog":{"title":"t","iframeURL":"http://x"}}"#,
            &[Problem::DialogWithoutContent],
        ),
    ] {
        let answer = received(200, &json, body.as_bytes());
        assert_eq!(problems("interactive.submit", &answer), expected, "{body}");
    }
}

#[test]
fn an_error_that_ringcentral_does_not_judge_is_a_problem() {
    assert_eq!(problems("oauth.redirect", &received(302, &[], b"")), []);
    assert_eq!(
        problems("oauth.redirect", &received(404, &[], b"")),
        [Problem::ErrorStatus]
    );
}

#[test]
fn a_request_to_refuse_must_be_refused() {
    let request = built(Template::find("interactive.submit").unwrap()).request;
    let judge = |expect, outcome: Result<&Received, &NoAnswer>| {
        inspect(&request, expect, &secrets(), outcome).as_expected
    };
    assert!(judge(Expect::Refused, Ok(&received(401, &[], b""))));
    assert!(!judge(Expect::Refused, Ok(&received(200, &[], b""))));
    assert!(!judge(Expect::Refused, Err(&NoAnswer::Refused)));
    assert!(judge(Expect::Anything, Err(&NoAnswer::Refused)));
    assert!(!judge(Expect::Accepted, Err(&NoAnswer::TimedOut)));
    assert!(!judge(Expect::Accepted, Ok(&received(204, &[], b""))));
}
