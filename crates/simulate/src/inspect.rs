//! Judges an app's answer with what the sender knows.
//!
//! [`judge`] sees status, time and size. A simulation also knows the token, the challenge and the secret.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::request::SimRequest;
use super::scenario::Expect;
use ringtail_model::secrets::Secrets;
use ringtail_ringcentral::classify::Callback;
use ringtail_ringcentral::signature::{self, Outcome, Scheme};
use ringtail_ringcentral::validation::echo;
use ringtail_ringcentral::verdict::{Answer, NoAnswer, Verdict, judge};

/// A received answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The part of the body that was read.
    pub body: Vec<u8>,
    /// Time from the request to the end of the answer.
    pub duration: Duration,
}

/// The judgement of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// RingCentral's verdict on status, time and size.
    pub verdict: Verdict,
    /// Other problems of the answer.
    pub problems: Vec<Problem>,
    /// Whether the answer is the one that the scenario expects.
    pub as_expected: bool,
}

/// A problem of an answer that status, time and size do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Problem {
    /// The answer to a RingCX Digital challenge is not the challenge.
    #[error("the body of the answer is not exactly the challenge")]
    ChallengeDiffers,
    /// A source SDK answer is not JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// A source SDK answer has a wrong signature.
    #[error("the X-SMCCSDK-SIGNATURE of the answer does not match its body")]
    SignatureWrong,
    /// A source SDK answer has no signature.
    #[error("the answer has no X-SMCCSDK-SIGNATURE")]
    SignatureMissing,
    /// The answer to an interactive message is JSON but not a dialog.
    #[error(
        "the answer is JSON but not a dialog, so RingCentral ignores it; \"type\" must be \"dialog\""
    )]
    NotADialog,
    /// A dialog has no title.
    #[error("the dialog has no title")]
    DialogWithoutTitle,
    /// A dialog has neither an adaptive card nor an https URL for a frame.
    #[error("the dialog has neither an AdaptiveCard in \"card\" nor an https URL in \"iframeURL\"")]
    DialogWithoutContent,
    /// The app accepted a request that it should have refused.
    #[error("the app accepted the request; it should have refused it with a 4xx")]
    NotRefused,
    /// The answer, of the app or of the relay for it, is an error that RingCentral does not judge.
    #[error("the answer is an error, which RingCentral does not judge")]
    ErrorStatus,
}

/// Judges the answer to a request.
pub(super) fn inspect(
    request: &SimRequest,
    expect: Expect,
    secrets: &Secrets,
    outcome: Result<&Received, &NoAnswer>,
) -> Finding {
    let answer = outcome.map(|received| Answer {
        echo: echo(&request.headers, &received.headers),
        ..Answer::new(
            received.status,
            received.duration,
            &received.headers,
            received.body.len() as u64,
        )
    });
    let verdict = judge(request.callback, answer.as_ref().map_err(|reason| *reason));
    let mut problems = Vec::new();
    if let (Ok(received), Expect::Accepted) = (outcome, expect) {
        problems = problems_of(request, secrets, received);
        if verdict == (Verdict::Unjudged { failed: true }) {
            problems.push(Problem::ErrorStatus);
        }
    }
    let refused = outcome.is_ok_and(|received| (400..500).contains(&received.status));
    if expect == Expect::Refused && outcome.is_ok() && !refused {
        problems.push(Problem::NotRefused);
    }
    let as_expected = match expect {
        Expect::Accepted => verdict.is_accepted() && problems.is_empty(),
        Expect::Refused => refused,
        Expect::Anything => true,
    };
    Finding {
        verdict,
        problems,
        as_expected,
    }
}

fn problems_of(request: &SimRequest, secrets: &Secrets, received: &Received) -> Vec<Problem> {
    match request.callback {
        Callback::DigitalChallenge => challenge(request, received).into_iter().collect(),
        Callback::SourceSdk => source_sdk(secrets, received),
        Callback::InteractiveMessage => dialog(received),
        _ => Vec::new(),
    }
}

fn challenge(request: &SimRequest, received: &Received) -> Option<Problem> {
    let query = request.view().query.unwrap_or_default();
    let sent = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "hub.challenge");
    let is_same = sent.is_some_and(|(_, challenge)| challenge.as_bytes() == received.body);
    (!is_same).then_some(Problem::ChallengeDiffers)
}

fn source_sdk(secrets: &Secrets, received: &Received) -> Vec<Problem> {
    let mut problems = Vec::new();
    if serde_json::from_slice::<serde::de::IgnoredAny>(&received.body).is_err() {
        problems.push(Problem::NotJson);
    }
    let secret = secrets.of(Scheme::SourceSdk);
    match signature::verify_answer(secret, &received.headers, &received.body) {
        Outcome::Wrong => problems.push(Problem::SignatureWrong),
        Outcome::Missing => problems.push(Problem::SignatureMissing),
        Outcome::Valid | Outcome::NotConfigured => {}
    }
    problems
}

/// Checks a dialog. RingCentral ignores answers that are not a JSON object (section 7.5); an empty object is allowed.
fn dialog(received: &Received) -> Vec<Problem> {
    let Ok(Value::Object(answer)) = serde_json::from_slice::<Value>(&received.body) else {
        return Vec::new();
    };
    if answer.is_empty() || received.status != StatusCode::OK.as_u16() {
        return Vec::new();
    }
    if answer.get("type").and_then(Value::as_str) != Some("dialog") {
        return vec![Problem::NotADialog];
    }
    let dialog = answer.get("dialog").unwrap_or(&Value::Null);
    let mut problems = Vec::new();
    if dialog["title"].as_str().is_none_or(str::is_empty) {
        problems.push(Problem::DialogWithoutTitle);
    }
    let card = dialog["card"]["type"] == "AdaptiveCard";
    let frame = dialog["iframeURL"]
        .as_str()
        .is_some_and(|url| url.starts_with("https://"));
    if !card && !frame {
        problems.push(Problem::DialogWithoutContent);
    }
    problems
}
