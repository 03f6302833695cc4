//! Classification and summary of payloads with structural faults.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ringtail_properties::mutants::{Mutant, make};
use ringtail_properties::{classify, request};
use ringtail_ringcentral::catalogue::{Summary, summarize};
use ringtail_ringcentral::classify::{Classified, RequestView};
use ringtail_ringcentral::facts::facts;
use ringtail_ringcentral::timeline::Timeline;
use serde_json::Value;

const COUNT: usize = 1000;

/// Mutants that go through every check, which takes 15 ms each in a debug build.
const CHECKED: usize = 300;

static MUTANTS: LazyLock<Vec<Mutant>> = LazyLock::new(|| make(COUNT, 7));

fn summary(name: &str, body: &[u8]) -> Summary {
    let mut headers = HeaderMap::new();
    let mut add = |name, value| {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    add("content-type", "application/json; charset=UTF-8");
    if name.starts_with("interactive-message") {
        add("x-glip-signature", "00ff");
    }
    if name.starts_with("ringcx-source-sdk") {
        add("x-smccsdk-signature", "00ff");
    }
    summarize(&Classified::of(RequestView {
        method: &Method::POST,
        path: "/hook",
        query: None,
        headers: &headers,
        body,
    }))
}

#[test]
fn mutants_keep_every_promise() {
    for mutant in MUTANTS.iter().take(CHECKED) {
        classify::check(&request::with_json_body(&mutant.body));
        for fact in facts(&mutant.body) {
            assert!(!fact.value.contains(char::is_control), "{fact:?}");
        }
    }
    let bodies = MUTANTS.iter().map(|mutant| mutant.body.as_ref());
    assert_eq!(Timeline::of(bodies).steps.len(), COUNT);
}

#[test]
fn a_mutant_with_its_identifying_fields_intact_keeps_its_topic() {
    let mut kept = 0;
    for mutant in MUTANTS.iter() {
        let identity = identifying_fields(&mutant.before);
        if identity.is_none() || identifying_fields(&mutant.body) != identity {
            continue;
        }
        kept += 1;
        let before = summary(&mutant.name, &mutant.before);
        let after = summary(&mutant.name, &mutant.body);
        let (name, changes) = (&mutant.name, &mutant.changes);
        assert_eq!(after.topic, before.topic, "{name} {changes:?}: {after:?}");
    }
    assert!(kept > COUNT / 3, "{kept}");
}

#[test]
fn a_summary_has_no_number_that_the_body_does_not_have() {
    for mutant in MUTANTS.iter() {
        let Summary { topic, text } = summary(&mutant.name, &mutant.body);
        let body = String::from_utf8_lossy(&mutant.body);
        for number in text.split(|character: char| !character.is_ascii_digit()) {
            let is_count = text.contains(&format!("(+{number} more)"))
                || text.ends_with(&format!(" {} bytes", mutant.body.len()))
                || text.starts_with("Event of a platform subscription with ");
            assert!(
                is_count || body.contains(number),
                "{} {:?}: {topic}: {text:?}",
                mutant.name,
                mutant.changes
            );
        }
    }
}

/// Returns what identifies a platform event, read with a general JSON parser.
fn identifying_fields(body: &[u8]) -> Option<[Value; 2]> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let envelope = match value.get("event") {
        Some(_) => &value,
        None => value.get("pn_apns")?,
    };
    envelope
        .get("uuid")
        .or_else(|| envelope.get("subscriptionId"))?;
    let event = envelope.get("event").filter(|event| event.is_string())?;
    let kind = envelope.pointer("/body/eventType").cloned();
    Some([event.clone(), kind.unwrap_or_default()])
}
