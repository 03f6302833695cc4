//! What the domain crate makes of a request: class, envelope, order, summary, validation, signatures.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use ringtail_errors::{self as errors, Found};
use ringtail_protocol::event::Kind;
use ringtail_recordings::mask::{KEY_BYTES, Masker};
use ringtail_ringcentral::catalogue::{TEXT_MAX_CHARS, summarize};
use ringtail_ringcentral::classify::{Callback, Classified, RequestView};
use ringtail_ringcentral::envelope::Envelope;

use ringtail_ringcentral::limits::ANSWER_MAX_BYTES;
use ringtail_ringcentral::ordering::{KEY_MAX_BYTES, ordering_key};
use ringtail_ringcentral::signature::{Outcome, Scheme, sign, verify};
use ringtail_ringcentral::validation::{VALIDATION_TOKEN, answer_token};
use ringtail_ringcentral::verdict::{Answer, judge, wire_size};
use serde_json::Value;

use crate::request::TextRequest;

/// Reads the bytes as the text of a request, and checks every promise about it.
pub fn check(bytes: &[u8]) {
    let request = TextRequest::read(bytes);
    let view = request.view();
    let event = Classified::of(view);
    let callback = event.callback;
    validation(callback, &view);
    summary(&event);
    order(&event);
    envelope(view.body);
    signatures(&view);
    verdict(callback, &view);
    explanation(&String::from_utf8_lossy(view.body));
    mask(&view);
}

/// A request with the token and no body is a validation, whatever else it is; its answer fits RingCentral's limit.
fn validation(callback: Callback, view: &RequestView<'_>) {
    let asks = view.headers.contains_key(VALIDATION_TOKEN) && view.body.is_empty();
    assert_eq!(callback.kind() == Kind::Validation, asks);
    if view.headers.contains_key(VALIDATION_TOKEN) && !asks {
        assert_ne!(callback, Callback::Other, "a token came with the body");
    }
    if let Ok(token) = answer_token(view.headers) {
        assert_eq!(Some(token), view.headers.get(VALIDATION_TOKEN));
        let mut answer = HeaderMap::new();
        answer.insert(VALIDATION_TOKEN, token.clone());
        for (name, value) in [
            (header::CONTENT_TYPE, "application/json"),
            (header::CONTENT_LENGTH, "0"),
            (header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            answer.insert(name, HeaderValue::from_static(value));
        }
        assert!(wire_size(200, &answer, 0) <= ANSWER_MAX_BYTES as u64);
    }
}

/// One line that a terminal can show.
fn summary(event: &Classified<'_>) {
    let summary = summarize(event);
    assert!(!summary.text.is_empty());
    assert!(summary.text.chars().count() <= TEXT_MAX_CHARS);
    assert!(!summary.text.contains(is_obeyed), "{:?}", summary.text);
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    assert!(summary.topic.bytes().all(plain));
}

/// What a terminal obeys instead of showing it.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn order(event: &Classified<'_>) {
    let key = ordering_key(event);
    assert!((1..=KEY_MAX_BYTES).contains(&key.len()), "{key:?}");
    assert_eq!(key, ordering_key(event), "the key is stored");
}

/// Where the body is JSON beyond doubt, the envelope says what a general parser says.
fn envelope(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    let envelope = Envelope::parse(&text);
    let Ok(Value::Object(outer)) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let nothing = serde_json::Map::new();
    let inner = outer
        .get("pn_apns")
        .and_then(Value::as_object)
        .unwrap_or(&nothing);
    for (name, found) in [
        ("uuid", &envelope.uuid),
        ("event", &envelope.event),
        ("subscriptionId", &envelope.subscription_id),
    ] {
        let found = found.as_deref();
        match [outer.get(name), inner.get(name)] {
            [Some(Value::String(text)), _] => assert_eq!(found, Some(text.as_str()), "{name}"),
            // A number is given as it was written, which a parser forgets.
            [Some(Value::Number(_) | Value::Bool(_)), _] => assert!(found.is_some(), "{name}"),
            [_, Some(Value::String(text))] => assert_eq!(found, Some(text.as_str()), "{name}"),
            [_, Some(Value::Number(_) | Value::Bool(_))] => assert!(found.is_some(), "{name}"),
            _ => assert_eq!(found, None, "{name}"),
        }
    }
    let content = outer.get("body").or_else(|| inner.get("body"));
    let found = envelope.body.map(|body| serde_json::from_str(&body));
    assert_eq!(found.transpose().ok().flatten().as_ref(), content);
}

/// What is signed holds, under its own secret alone, and whatever else the request carries.
fn signatures(view: &RequestView<'_>) {
    const SECRET: &[u8] = b"secret";
    for scheme in Scheme::ALL {
        assert_ne!(verify(scheme, Some(SECRET), view), Outcome::NotConfigured);
        assert_eq!(verify(scheme, None, view), Outcome::NotConfigured);
        let mut headers = view.headers.clone();
        let mut outcome = |proof: &[u8], secret: &[u8]| {
            headers.insert(
                scheme.header(),
                HeaderValue::from_bytes(proof).expect("a proof"),
            );
            verify(
                scheme,
                Some(secret),
                &RequestView {
                    headers: &headers,
                    ..*view
                },
            )
        };
        let proof = sign(scheme, SECRET, view.body);
        assert_eq!(outcome(&proof, SECRET), Outcome::Valid);
        assert_eq!(outcome(&proof, b"another"), Outcome::Wrong);
        if scheme == Scheme::Glip {
            let prefixed = [b"sha1=", proof.as_slice()].concat();
            assert_eq!(outcome(&prefixed, SECRET), Outcome::Valid);
        }
    }
}

/// A verdict on any answer has a word, and a fault exactly if it is against the answer.
fn verdict(callback: Callback, view: &RequestView<'_>) {
    let byte = view.body.first().copied().unwrap_or_default();
    let status = 100 + u16::from(byte) * 3;
    let took = Duration::from_millis(u64::from(byte) * 40);
    let answer = Answer::new(status, took, view.headers, view.body.len() as u64);
    let verdict = judge(callback, Ok(&answer));
    let is_ok = verdict.word() == "ok" || verdict.word() == "unjudged";
    assert_eq!(is_ok, verdict.faults().is_empty());
    assert_eq!(verdict.word() == "unjudged", !callback.is_judged());
}

/// An unknown code that is found in a pasted text stands in it; known ones are few, and each is there once.
fn explanation(text: &str) {
    match errors::read(text) {
        Some(Found::Unknown(code)) if !text.contains('{') => {
            assert!(text.contains(&code), "{code:?}");
            assert!(!code.contains(is_obeyed), "{code:?}");
        }
        Some(Found::Known(codes)) => {
            let ids: std::collections::HashSet<&str> = codes.iter().map(|code| code.id).collect();
            assert!((1..=5).contains(&codes.len()) && ids.len() == codes.len());
        }
        _ => {}
    }
}

/// What is masked is masked for good: a second time changes nothing. JSON stays JSON of the same shape.
fn mask(view: &RequestView<'_>) {
    let masker = Masker::new(&[7; KEY_BYTES]);
    let content_type = view.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.map(HeaderValue::as_bytes);
    let masked = masker.body(view.body, content_type);
    if let Ok(before @ (Value::Array(_) | Value::Object(_))) = serde_json::from_slice(view.body) {
        assert_eq!(masker.body(&masked, content_type), masked);
        let after = serde_json::from_slice(&masked).expect("JSON stays JSON");
        assert!(is_same_shape(&before, &after), "{before} and {after}");
    }
    for (name, value) in view.headers {
        let masked = masker.header(name.as_str(), value.as_bytes());
        assert_eq!(masker.header(name.as_str(), &masked), masked, "{name}");
    }
    let path = masker.path(view.path);
    assert_eq!(masker.path(&path), path);
}

fn is_same_shape(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(a, b)| is_same_shape(a, b))
        }
        (Value::Object(before), Value::Object(after)) => {
            before.keys().eq(after.keys())
                && before
                    .values()
                    .zip(after.values())
                    .all(|(a, b)| is_same_shape(a, b))
        }
        // A telephone number may be written as either.
        (Value::String(_) | Value::Number(_), Value::String(_) | Value::Number(_)) => true,
        (before, after) => before == after,
    }
}
