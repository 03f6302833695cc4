//! Whether an app's answer satisfies RingCentral, as far as only the sender can tell.
//!
//! [`judge`] knows status, time and size. A simulation knows more: the token it sent, the challenge, the secret.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::request::{Secrets, SimRequest};
use super::scenario::Expect;
use ringtail_ringcentral::classify::Callback;
use ringtail_ringcentral::signature::{self, Outcome, Scheme};
use ringtail_ringcentral::validation::{Echo, echo};
use ringtail_ringcentral::verdict::{Answer, NoAnswer, Verdict, judge};

/// A response as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as much of it as was read.
    pub body: Vec<u8>,
    /// Size of the body that was read.
    pub body_len: u64,
    /// From the request to the end of the answer.
    pub duration: Duration,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What RingCentral would have made of status, time and size.
    pub verdict: Verdict,
    /// What else is wrong.
    pub problems: Vec<Problem>,
    /// Whether the answer is the one that the scenario wants.
    pub as_expected: bool,
}

/// Something wrong with an answer that status, time and size do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A validation's token did not come back.
    TokenMissing,
    /// A validation's token came back as another.
    TokenDiffers,
    /// A challenge of RingCX Digital did not come back as the body.
    ChallengeDiffers,
    /// A source SDK answer is no JSON.
    NotJson,
    /// A source SDK answer is signed wrongly.
    SignatureWrong,
    /// A source SDK answer is not signed.
    SignatureMissing,
    /// The answer to an interactive message is JSON, but no dialog.
    NotADialog,
    /// A dialog has no title.
    DialogWithoutTitle,
    /// A dialog has neither an adaptive card nor an https address to show in a frame.
    DialogWithoutContent,
    /// A request that should have been refused was accepted.
    NotRefused,
    /// The app answered with an error where RingCentral has no say.
    ErrorStatus,
}

impl Problem {
    /// Returns the problem as a stable machine word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TokenMissing => "token-missing",
            Self::TokenDiffers => "token-differs",
            Self::ChallengeDiffers => "challenge-differs",
            Self::NotJson => "not-json",
            Self::SignatureWrong => "signature-wrong",
            Self::SignatureMissing => "signature-missing",
            Self::NotADialog => "not-a-dialog",
            Self::DialogWithoutTitle => "dialog-without-title",
            Self::DialogWithoutContent => "dialog-without-content",
            Self::NotRefused => "not-refused",
            Self::ErrorStatus => "error-status",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TokenMissing => "the answer has no Validation-Token header (SUB-520)",
            Self::TokenDiffers => "the Validation-Token of the answer is not the one that was sent (SUB-520)",
            Self::ChallengeDiffers => "the body of the answer is not exactly the challenge",
            Self::NotJson => "the answer is not JSON",
            Self::SignatureWrong => "the X-SMCCSDK-SIGNATURE of the answer does not fit its body",
            Self::SignatureMissing => "the answer has no X-SMCCSDK-SIGNATURE",
            Self::NotADialog => "the answer is JSON but no dialog, so RingCentral ignores it; \"type\" must be \"dialog\"",
            Self::DialogWithoutTitle => "the dialog has no title",
            Self::DialogWithoutContent => "the dialog has neither an AdaptiveCard in \"card\" nor an https URL in \"iframeURL\"",
            Self::NotRefused => "the request was accepted although it should have been refused with a 4xx",
            Self::ErrorStatus => "the app answered with an error; nothing of RingCentral's hangs on it",
        })
    }
}

/// Judges the answer to a request.
#[must_use]
pub fn inspect(
    request: &SimRequest,
    expect: Expect,
    secrets: &Secrets,
    outcome: Result<&Received, &NoAnswer>,
) -> Finding {
    let answer = outcome.map(|received| {
        Answer::new(
            received.status,
            received.duration,
            &received.headers,
            received.body_len,
        )
    });
    let verdict = judge(request.callback, answer.as_ref().map_err(|reason| *reason));
    let mut problems = Vec::new();
    if let (Ok(received), Expect::Accepted) = (outcome, expect) {
        problems = found(request, secrets, received);
        if verdict == (Verdict::Unjudged { failed: true }) {
            problems.push(Problem::ErrorStatus);
        }
    }
    let refused = outcome.is_ok_and(|received| (400..500).contains(&received.status));
    if expect == Expect::Refused && !refused && outcome.is_ok() {
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

fn found(request: &SimRequest, secrets: &Secrets, received: &Received) -> Vec<Problem> {
    match request.callback {
        Callback::Validation => validation(request, received).into_iter().collect(),
        Callback::DigitalChallenge => challenge(request, received).into_iter().collect(),
        Callback::SourceSdk => source_sdk(secrets, received),
        Callback::InteractiveMessage => dialog(received),
        _ => Vec::new(),
    }
}

fn validation(request: &SimRequest, received: &Received) -> Option<Problem> {
    match echo(&request.headers, &received.headers) {
        Echo::Missing => Some(Problem::TokenMissing),
        Echo::Differs => Some(Problem::TokenDiffers),
        Echo::Returned | Echo::Unknown => None,
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

/// Anything that is no JSON object is ignored by RingCentral (section 7.5), and an empty object says nothing.
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
