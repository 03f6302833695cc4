use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ringtail_recordings::mask::Masker;
use ringtail_ringcentral::catalogue::{self, TEXT_MAX_CHARS, summarize, topics};
use ringtail_ringcentral::classify::RequestView;
use ringtail_ringcentral::facts::facts;
use ringtail_ringcentral::ordering::ordering_key;
use ringtail_ringcentral::timeline::Timeline;

use super::*;

const COUNT: usize = 1000;

static MUTANTS: LazyLock<Vec<Mutant>> = LazyLock::new(|| make(COUNT, 7).unwrap());

fn headers(name: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: &'static str, value: &'static str| {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    };
    add("content-type", "application/json; charset=UTF-8");
    if name.starts_with("interactive-message") {
        add("x-glip-signature", "00ff");
    }
    if name.starts_with("ringcx-source-sdk") {
        add("x-smccsdk-signature", "00ff");
    }
    headers
}

fn with<T>(name: &str, body: &[u8], read: impl Fn(&RequestView<'_>) -> T) -> T {
    read(&RequestView {
        method: &Method::POST,
        path: "/hook",
        query: None,
        headers: &headers(name),
        body,
    })
}

fn summary(name: &str, body: &[u8]) -> catalogue::Summary {
    with(name, body, summarize)
}

/// Run with `--nocapture`, it prints the table.
#[test]
fn every_payload_has_a_line_of_its_own_kind() {
    let mut rows = Vec::new();
    for payload in payloads::all().unwrap() {
        let line = summary(&payload.name, &payload.body);
        assert!(!line.text.is_empty(), "{}", payload.name);
        // What answers of the API are, nobody posts to a webhook.
        let is_answer = payload.name.starts_with("api-") || payload.name.starts_with("oauth-");
        let is_known = !["other", "event"].contains(&line.topic);
        assert_ne!(is_known, is_answer, "{}: {}", payload.name, line.topic);
        rows.push(format!(
            "| {} | {} | {} |",
            payload.name, line.topic, line.text
        ));
    }
    rows.dedup();
    println!(
        "| payload | kind | line |\n|---|---|---|\n{}",
        rows.join("\n")
    );
}

#[test]
fn a_thousand_mutants_have_one_safe_line_each() {
    for mutant in MUTANTS.iter() {
        let catalogue::Summary { topic, text } = summary(&mutant.name, &mutant.body);
        let what = format!("{} {:?}: {topic}: {text:?}", mutant.name, mutant.changes);
        assert!(!text.trim().is_empty(), "{what}");
        assert!(text.chars().count() <= TEXT_MAX_CHARS, "{what}");
        let moves = |character: char| {
            character.is_control()
                || matches!(character, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
                    | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        };
        assert!(!text.contains(moves), "{what}");
        assert!(topics().any(|known| known == topic), "{what}");
    }
}

/// What tells kinds apart is untouched in most mutants, and then the kind is told as before.
#[test]
fn a_mutant_whose_kind_can_be_read_is_told_as_that_kind() {
    let mut kept = 0;
    for mutant in MUTANTS.iter() {
        let Some(filter) = telling(&mutant.before) else {
            continue;
        };
        if telling(&mutant.body) != Some(filter) {
            continue;
        }
        kept += 1;
        let before = summary(&mutant.name, &mutant.before).topic;
        let after = summary(&mutant.name, &mutant.body);
        assert_eq!(
            after.topic, before,
            "{} {:?}: {:?}",
            mutant.name, mutant.changes, after.text
        );
    }
    assert!(kept > COUNT / 3, "{kept}");
}

/// A line that says what the body does not is worse than none: every word with a digit in it is the body's.
#[test]
fn a_mutants_line_has_no_number_that_its_body_does_not_have() {
    for mutant in MUTANTS.iter() {
        let catalogue::Summary { topic, text } = summary(&mutant.name, &mutant.body);
        let lossy = String::from_utf8_lossy(&mutant.body);
        for number in text.split(|character: char| !character.is_ascii_digit()) {
            let counted = text.contains(&format!("(+{number} more)"))
                || text.ends_with(&format!(" {} bytes", mutant.body.len()));
            assert!(
                counted || lossy.contains(number),
                "{} {:?}: {topic}: {text:?}",
                mutant.name,
                mutant.changes
            );
        }
    }
}

/// Whatever reads a body in the relay or the client does so without a panic, and masking leaves no number behind.
#[test]
fn everything_that_reads_a_body_reads_a_thousand_mutants() {
    let masker = Masker::new(&[7; 32]);
    let mut calls: BTreeMap<String, Vec<Bytes>> = BTreeMap::new();
    for mutant in MUTANTS.iter() {
        for fact in facts(&mutant.body) {
            assert!(!fact.value.contains(char::is_control), "{fact:?}");
        }
        let key = with(&mutant.name, &mutant.body, ordering_key);
        let masked = masker.body(&mutant.body, None);
        assert_eq!(masked, masker.body(&mutant.body, None), "{}", mutant.name);
        calls.entry(key).or_default().push(mutant.body.clone());
    }
    for bodies in calls.values() {
        let timeline = Timeline::of(bodies.iter().map(Bytes::as_ref));
        assert_eq!(timeline.steps.len(), bodies.len());
    }
}

#[test]
fn a_seed_gives_the_same_mutants() {
    let bodies = |seed| -> Vec<Bytes> {
        let mutants = make(50, seed).unwrap();
        mutants.into_iter().map(|mutant| mutant.body).collect()
    };
    assert_eq!(bodies(1), bodies(1));
    assert_ne!(bodies(1), bodies(2));
}

/// Returns what a platform event is known by, where it can be read by a parser that is not ours.
fn telling(body: &[u8]) -> Option<[Value; 2]> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let envelope = match value.get("event") {
        Some(_) => &value,
        None => value.get("pn_apns")?,
    };
    let marks = ["uuid", "subscriptionId"];
    let scalar = |mark: &&str| envelope.get(*mark).is_some();
    if marks.iter().filter(|mark| scalar(mark)).count() == 0 {
        return None;
    }
    let kind = envelope.pointer("/body/eventType").cloned();
    let event = envelope.get("event").filter(|event| event.is_string())?;
    Some([event.clone(), kind.unwrap_or_default()])
}
