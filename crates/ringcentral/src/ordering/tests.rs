use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::samples::{Sample, payloads};

fn key(sample: &Sample) -> String {
    ordering_key(&sample.classified())
}

fn event(event: &str, body: &str) -> Sample {
    Sample::post(format!(r#"{{"uuid":"1","event":"{event}","body":{body}}}"#))
}

/// Every payload's key, for a reviewer to read.
#[test]
fn every_payload_has_its_key() {
    let keys: Vec<String> = payloads()
        .iter()
        .map(|sample| format!("{} | {}", sample.name, key(sample)))
        .collect();
    insta::assert_snapshot!(keys.join("\n"));
}

#[test]
fn a_call_stays_in_order_whatever_filter_caught_it() {
    let keys: HashSet<String> = payloads()
        .iter()
        .filter(|sample| sample.name.contains("stream-pstn-to-rc"))
        .map(key)
        .collect();
    assert_eq!(
        keys,
        HashSet::from(["telephony:s-718107795d564867a6f635fd81e89940".to_owned()])
    );
}

#[test]
fn only_a_post_without_a_chat_is_looked_up() {
    assert_eq!(removed_post("post:26"), Some("26"));
    for key in ["chat:26", "postal:26", "path:/post:26", ""] {
        assert_eq!(removed_post(key), None, "{key}");
    }
}

#[test]
fn keys_follow_what_the_event_speaks_of() {
    let cases = [
        (
            event("/e/telephony/sessions", r#"{"sessionId":7}"#),
            "telephony:7",
        ),
        (
            event("/e/presence?x=1", r#"{"sessionId":7}"#),
            "event:/e/presence",
        ),
        (
            event(
                "/glip/posts",
                r#"{"eventType":"PostAdded","groupId":"g","id":"p"}"#,
            ),
            "chat:g",
        ),
        (
            event("/glip/posts", r#"{"eventType":"GroupJoined","id":"g"}"#),
            "chat:g",
        ),
        (
            event("/sms", r#"{"conversation":{"id":5},"eventType":"Create"}"#),
            "conversation:5",
        ),
        (
            event("/sms", r#"{"conversationId":5,"conversation":{"id":6}}"#),
            "conversation:5",
        ),
        (
            event("/glip/posts", r#"{"eventType":"PostRemoved","id":"p"}"#),
            "post:p",
        ),
        (
            event(
                "/a2p-sms/messages?direction=Inbound",
                r#"{"from":"+2","to":["+1"]}"#,
            ),
            "sms:+1 +2",
        ),
        (
            event(
                "/v2/sms/messages",
                r#"{"from":{"phoneNumber":"+1"},"to":[{"phoneNumber":"+2"}]}"#,
            ),
            "sms:+1 +2",
        ),
        (
            event(
                "/e/message-store/instant",
                r#"{"from":{"extensionNumber":"101","extensionId":7},"to":[{"extensionNumber":"102"}]}"#,
            ),
            "sms:102 7",
        ),
        (event("/fax", r#"{"from":"+1","to":"+2"}"#), "event:/fax"),
        (event("/sms", r#"{"conversation":5}"#), "event:/sms"),
        (event("/sms", "7"), "event:/sms"),
        (event("", "{}").with("validation-token", "t"), "event:"),
        (
            Sample::post(r#"{"uuid":"1","subscriptionId":"s"}"#),
            "path:/hook",
        ),
        (
            Sample::post("junk").with("validation-token", "t"),
            "path:/hook",
        ),
        (Sample::get("code=1"), "path:/hook"),
        (
            Sample::post(r#"{"domain_id":"d","events":[]}"#),
            "digital:d",
        ),
        (Sample::post(r#"{"eventId":"e","agentId":7}"#), "agent:7"),
        (
            Sample::post(r#"{"type":"button_submit","conversation":{"id":"c"}}"#),
            "chat:c",
        ),
    ];
    for (sample, expected) in cases {
        assert_eq!(key(&sample), expected, "{:?}", sample.view());
    }
}

#[test]
fn text_that_is_not_utf8_keeps_its_place() {
    let body = b"{\"uuid\":1,\"event\":\"/p\",\"body\":{\"text\":\"\xff\",\"eventType\":\"PostAdded\",\"groupId\":\"g\"}}";
    assert_eq!(key(&Sample::post(&body[..])), "chat:g");
}

#[test]
fn long_ids_are_cut_and_stay_apart() {
    let long = |last: char| {
        key(&event(
            "/t/telephony/sessions",
            &format!(r#"{{"sessionId":"{}{last}"}}"#, "é".repeat(500)),
        ))
    };
    let [one, other] = [long('1'), long('2')];
    assert_ne!(one, other);
    assert!(one.starts_with("telephony:éé"));
    for key in [&one, &other] {
        assert!(
            (KEY_MAX_BYTES - 1..=KEY_MAX_BYTES).contains(&key.len()),
            "{}",
            key.len()
        );
    }
}

#[test]
fn hash_is_fnv1a_in_every_version() {
    // The published test values of FNV-1a, 64 bits.
    assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
}

proptest! {
    #[test]
    fn keys_are_bounded_and_never_empty(
        index in 0..payloads().len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let sample = payloads().swap_remove(index).edited(&edits);
        let key = key(&sample);
        prop_assert!(!key.is_empty() && key.len() <= KEY_MAX_BYTES);
    }

    #[test]
    fn any_id_gives_a_bounded_key(id in "\\PC{0,300}") {
        let key = key_of("conversation", &id);
        prop_assert!(key.len() <= KEY_MAX_BYTES);
        prop_assert!(key.starts_with("conversation:"));
    }
}
