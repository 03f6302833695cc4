use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::samples::{Sample, payloads};

/// The whole catalogue for a reviewer to read: file, topic, text.
#[test]
fn every_payload_is_summed_up() {
    let mut table = String::new();
    for sample in payloads() {
        let Summary { topic, text } = summarize(&sample.classified());
        writeln!(table, "{} | {topic} | {text}", sample.name).unwrap();
    }
    insta::assert_snapshot!(table);
}

fn event(event: &str, body: &str) -> Sample {
    Sample::post(format!(
        r#"{{"uuid":"1","event":"{event}","subscriptionId":"s","body":{body}}}"#
    ))
}

fn line(sample: &Sample) -> (&'static str, String) {
    let Summary { topic, text } = summarize(&sample.classified());
    (topic, text)
}

#[test]
fn filters_without_a_payload_are_known() {
    let cases = [
        (
            "/e/presence/dnd",
            r#"{"extensionId":7,"dndStatus":"DoNotAcceptAnyCalls"}"#,
            "dnd",
            "DND status: extension 7 takes no calls",
        ),
        (
            "/e/incoming-call-pickup",
            "{}",
            "incoming-call",
            "Incoming call",
        ),
        ("/e/call-log", "{}", "call-log", "Call log changed"),
        (
            "/a/1/extension",
            "{}",
            "extension-list",
            "Extension list changed",
        ),
        ("/a/1/extension/2", "{}", "extension", "Extension changed"),
        (
            "/a/1/extension/2",
            r#"{"extensionId":"2","eventType":"Delete"}"#,
            "extension",
            "Extension 2 deleted",
        ),
        (
            "/a/directory/entries",
            "{}",
            "directory",
            "Company directory changed",
        ),
        (
            "/a/phone-number?usageType=x",
            "{}",
            "phone-number",
            "Phone numbers changed",
        ),
        (
            "/webinar/runtime/v1/company/sessions/state",
            "{}",
            "webinar",
            "Webinar sessions state",
        ),
        (
            "/restapi/v1.0/subscription/~?threshold=1",
            "{}",
            "renewal-reminder",
            "Renewal reminder: subscription expires soon",
        ),
        ("/team-messaging//v1/posts", "{}", "post", "Team message"),
        ("/restapi/v1.0/glip/groups/", "{}", "chat", "Chat changed"),
        (
            "/glip/posts",
            r#"{"eventType":"PostRemoved","groupId":"g"}"#,
            "post",
            "Post removed in chat g",
        ),
        (
            "/a/call-queues/1/presence",
            r#"{"extensionId":"7","acceptCalls":false}"#,
            "queue-presence",
            "Call queue 1: 7 takes no calls",
        ),
        (
            "/a/a2p-sms/opt-outs",
            r#"{"from":"+1","to":"+2","active":false}"#,
            "sms-consent",
            "SMS opt-in: +2 accepts messages from +1",
        ),
        (
            "/e/telephony/sessions",
            r#"{"parties":[{"status":{"code":"Disconnected"},"missedCall":true}]}"#,
            "telephony",
            "Call missed",
        ),
        (
            "/e/telephony/sessions",
            r#"{"parties":[{"status":{"code":"NewThing"}},{}]}"#,
            "telephony",
            "Call new thing (+1 more)",
        ),
        (
            "/e/telephony/sessions",
            r#"{"parties":[]}"#,
            "telephony",
            "Call",
        ),
        (
            "/e/voicemail",
            r#"{"from":{"phoneNumber":"+1"}}"#,
            "voicemail",
            "Voicemail from +1",
        ),
        (
            "/e/fax",
            r#"{"from":{"phoneNumber":"+1"},"faxPageCount":1}"#,
            "fax",
            "Fax from +1 (1 page)",
        ),
        (
            "/e/message-store/instant",
            r#"{"from":{"phoneNumber":"+1"},"to":[{"phoneNumber":"+2"},{"phoneNumber":"+3"}],"subject":""}"#,
            "sms",
            "SMS from +1 to +2 (+1 more)",
        ),
        ("/what/is/this?x", "{}", "event", "Event /what/is/this?x"),
        (
            "/e/presence/dnd",
            r#"{"extensionId":7,"dndStatus":"TakeAllCalls"}"#,
            "dnd",
            "DND status: extension 7 takes all calls",
        ),
        (
            "/a/message-store",
            r#"{"extensionId":7,"changes":[{"type":"Pager","newCount":0,"updatedCount":1},{"type":"SMS","newCount":1}]}"#,
            "message-store",
            "Message store of extension 7: 1 new SMS, 1 updated Pager",
        ),
        (
            "/restapi/v2/accounts/~/extensions/~/sms/messages",
            r#"{"direction":"Outbound","from":{"phoneNumber":"+1"},"to":[{"phoneNumber":"+2","messageStatus":"Delivered"}],"text":"hi"}"#,
            "sms",
            "SMS delivered, +1 → +2: hi",
        ),
        (
            "/e/message-store/instant?type=SMS",
            r#"{"direction":"Outbound","messageStatus":"SendingFailed","to":[{"phoneNumber":"+2"}]}"#,
            "sms",
            "SMS sending failed to +2",
        ),
        (
            "/e/fax",
            r#"{"direction":"Outbound","from":{"phoneNumber":"+1"},"to":[{"phoneNumber":"+2"}]}"#,
            "fax",
            "Fax sent, +1 → +2",
        ),
        (
            "/a/directory/entries",
            r#"{"contacts":[{"eventType":"Update","name":"Pat"},{"eventType":"Delete","id":9},{"firstName":"Al","lastName":"Bo"},{"id":1}]}"#,
            "directory",
            "Company directory: Pat updated, 9 deleted, Al Bo changed (+1 more)",
        ),
        (
            "/a/1/extension",
            r#"{"extensions":[{"extensionId":"7","eventType":"Delete"},{"extensionId":"8","eventType":"Create"}]}"#,
            "extension-list",
            "Extension list: 7 deleted, 8 created",
        ),
        (
            "/a/phone-number?usageType=ContactCenterNumber",
            r#"{"eventType":"Created","phoneNumberInfo":{"phoneNumber":"+1202","usageType":"ContactCenterNumber"}}"#,
            "phone-number",
            "Phone number +1202 created (contact center number)",
        ),
        (
            "/team-messaging/v1/posts",
            r#"{"id":"26","eventType":"PostRemoved"}"#,
            "post",
            "Post 26 removed",
        ),
        (
            "/team-messaging/v1/posts",
            r#"{"id":"26","groupId":"9","creatorId":"5","eventType":"PostAdded","mentions":[{"id":"1","type":"Person","name":"Pat Agent"}],"text":"![:Person](1) see ![:Team](2), ![:x](y z"}"#,
            "post",
            "Post by 5 in chat 9: @Pat Agent see @Team 2, ![:x](y z",
        ),
        (
            "/a/call-queues/1/presence",
            r#"{"records":[{"member":{"id":7}}]}"#,
            "queue-presence",
            "Call queue 1: 7 changed",
        ),
        (
            "/a/message-store",
            r#"{"changes":[{"type":"Fax","newCount":"many"}]}"#,
            "message-store",
            "Message store: Fax",
        ),
        (
            "/a/a2p-sms/opt-outs",
            r#"{"from":"+1","to":"+2","active":"perhaps"}"#,
            "sms-consent",
            "SMS consent of +2 for messages from +1",
        ),
        (
            "/a/a2p-sms/opt-outs",
            "{}",
            "sms-consent",
            "SMS consent changed",
        ),
        (
            "/glip/groups",
            r#"{"eventType":"Group","name":"Team"}"#,
            "chat",
            "Chat changed: Team",
        ),
        (
            "/e/message-store/instant?type=SMS",
            r#"{"direction":"Inbound","from":{"phoneNumber":"+1"},"to":[{"extensionNumber":"102"}],"subject":"","attachments":[{"contentType":"image/png"},{"contentType":"text/plain"}]}"#,
            "sms",
            "SMS from +1 to 102 (image/png, text/plain)",
        ),
        (
            "/restapi/v2/accounts/1/extensions/2/sms/messages?direction=Outbound",
            r#"{"direction":"Outbound","messageStatus":"DeliveryFailed","errorCode":"SMS-CAR-199","from":"+1","to":["+2","+3"],"text":"hi"}"#,
            "sms",
            "SMS delivery failed (SMS-CAR-199), +1 → +2 (+1 more): hi",
        ),
        (
            "/e/fax?direction=Inbound",
            r#"{"direction":"Inbound","messageStatus":"ReceiveFailed","from":{"phoneNumber":"+1"},"to":[{"phoneNumber":"+2"}],"faxPageCount":1}"#,
            "fax",
            "Fax receive failed, +1 → +2 (1 page)",
        ),
        (
            "/a/1/extension/2/message-store",
            r#"{"changes":[]}"#,
            "message-store",
            "Message store of extension 2 changed",
        ),
        (
            "/e/presence",
            r#"{"extensionId":2,"dndStatus":"DoNotAcceptAnyCalls","presenceStatus":"Busy"}"#,
            "presence",
            "Presence: 2 busy, takes no calls",
        ),
        (
            "/e/telephony/sessions",
            r#"{"parties":[{"from":{},"to":{"extensionNumber":"101"},"status":{"code":"Parked"}}]}"#,
            "telephony",
            "Call parked to 101",
        ),
        (
            "/team-messaging/v1/posts",
            r#"{"id":"9","groupId":"5","text":"![:All](-1) ![:Team](7)","creatorId":"4","eventType":"PostAdded"}"#,
            "post",
            "Post by 4 in chat 5: @All @Team 7",
        ),
        (
            "/team-messaging/v1/posts",
            r#"{"groupId":"5","text":"","creatorId":"4","attachments":[{"type":"File","name":"a.pdf"},{"type":"AdaptiveCard"}],"eventType":"PostAdded"}"#,
            "post",
            "Post by 4 in chat 5: a.pdf, adaptive card",
        ),
        (
            "/team-messaging/v1/posts",
            r#"{"groupId":"5","text":null,"type":"PersonsAdded","addedPersonIds":["7","8"],"creatorId":"4","eventType":"PostAdded"}"#,
            "post",
            "Post by 4 in chat 5: added 7, 8",
        ),
        (
            "/team-messaging/v1/posts",
            r#"{"groupId":"5","type":"PersonJoined","creatorId":"4","eventType":"PostAdded"}"#,
            "post",
            "Post by 4 in chat 5: person joined",
        ),
        (
            "/team-messaging/v1/chats",
            r#"{"name":"Team","status":"Archived","eventType":"GroupChanged"}"#,
            "chat",
            "Chat archived: Team",
        ),
        (
            "/e/telephony/sessions",
            r#"{"eventType":"PostponedCall"}"#,
            "telephony",
            "Call",
        ),
    ];
    for (filter, body, topic, text) in cases {
        assert_eq!(
            line(&event(filter, body)),
            (topic, text.to_owned()),
            "{filter}"
        );
    }
}

#[test]
fn other_callbacks_have_a_line() {
    let cases = [
        (
            Sample::post("").with("validation-token", "t"),
            "validation",
            "RingCentral checks that the address answers",
        ),
        (
            Sample::post("junk").with("validation-token", "t"),
            "event",
            "Event of a platform subscription with 4 B that is not JSON",
        ),
        (
            Sample::post("{}").with("verification-token", "t"),
            "event",
            "Event of a platform subscription with 2 B of JSON and no envelope",
        ),
        (
            Sample::post("").with("verification-token", "t"),
            "event",
            "Event of a platform subscription without a body",
        ),
        (
            Sample::post("\x1f")
                .with("verification-token", "t")
                .with("content-encoding", "gzip"),
            "event",
            "Event of a platform subscription with 1 B in gzip",
        ),
        (
            Sample::post(
                r#"{"event_type":"ACD-CALL","call_id":"c","account_id":"2","call_state":"DEFLECTED","ani":"5105550111","gate_name":"Sales"}"#,
            ),
            "wfm-notification",
            "RingCX Voice call deflected, 5105550111 → Sales",
        ),
        (
            Sample::post(r#"{"type":"button_submit","user":{"id":"7"}}"#),
            "interactive-message",
            "Button pressed by user 7",
        ),
        (
            Sample::form("event_type=LOGIN&agent_id=1&account_id=2"),
            "wfm-notification",
            "RingCX Voice: LOGIN, 1",
        ),
        (
            Sample::get("event_type=LOGIN&agent_id=1&account_id=2&username=Pat"),
            "wfm-notification",
            "RingCX Voice: LOGIN, Pat",
        ),
        (
            Sample::get("code=secret&creator_extension_id=7"),
            "bot-install-public",
            "Public bot installed by extension 7",
        ),
        (
            Sample::get("error=access_denied&state=s"),
            "oauth-redirect",
            "Login refused: access_denied",
        ),
        (
            Sample::get("code=secret"),
            "oauth-redirect",
            "A browser comes back from RingCentral's login",
        ),
        (
            Sample::post(r#"{"jobId":"j","api":"x"}"#),
            "ai-result",
            "AI result of job j",
        ),
        (
            Sample::post(r#"{"agentId":7,"eventId":1}"#),
            "agent-state",
            "RingCX agent 7 changed state",
        ),
        (
            Sample::post(r#"{"type":"button_submit"}"#),
            "interactive-message",
            "A user pressed a button on an adaptive card",
        ),
        (Sample::post("hello"), "other", "POST /hook, 5 bytes"),
    ];
    for (sample, topic, text) in cases {
        assert_eq!(
            line(&sample),
            (topic, text.to_owned()),
            "{:?}",
            sample.view()
        );
    }
}

#[test]
fn terminals_are_safe_from_what_is_written() {
    let body = r#"{"from":{"phoneNumber":"+1\u001b[2J"},"subject":"a\u0000b\nc\u202ed\u009be"}"#;
    assert_eq!(
        line(&event("/e/message-store/instant", body)).1,
        "SMS from +1[2J: ab cde"
    );
}

#[test]
fn text_that_is_not_utf8_is_still_read() {
    let body = b"{\"uuid\":1,\"event\":\"/e/message-store/instant\",\"body\":{\"from\":\"+1\",\"subject\":\"caf\xe9\"}}";
    assert_eq!(line(&Sample::post(&body[..])).1, "SMS from +1: caf\u{fffd}");
}

#[test]
fn long_texts_leave_room_for_what_matters() {
    let body = format!(
        r#"{{"from":{{"phoneNumber":"{}"}},"subject":"{}"}}"#,
        "9".repeat(1000),
        "word ".repeat(1_000_000)
    );
    let (_, text) = line(&event("/e/message-store/instant", &body));
    assert!(text.starts_with(&format!("SMS from {}…: word", "9".repeat(59))));
    assert!((TEXT_MAX_CHARS - 2..=TEXT_MAX_CHARS).contains(&text.chars().count()));
    assert!(text.ends_with('…'));
}

#[test]
fn topics_are_plain_words() {
    let topics = TABLES.into_iter().flatten().map(|row| row.topic);
    for topic in topics.chain([UNKNOWN]) {
        assert!(
            topic
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{topic}"
        );
    }
}

proptest! {
    #[test]
    fn mutated_payloads_give_one_safe_line(
        index in 0..payloads().len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let sample = payloads().swap_remove(index).edited(&edits);
        let (_, text) = line(&sample);
        prop_assert!(!text.is_empty());
        prop_assert!(text.chars().count() <= TEXT_MAX_CHARS);
        prop_assert!(!text.chars().any(char::is_control));
    }

    /// Text of any kind in every place that a row reads.
    #[test]
    fn any_text_gives_one_safe_line(text in any::<String>(), index in 0..payloads().len()) {
        fn fill(value: &mut serde_json::Value, text: &str) {
            match value {
                serde_json::Value::String(string) => *string = text.to_owned(),
                serde_json::Value::Array(items) => items.iter_mut().for_each(|item| fill(item, text)),
                serde_json::Value::Object(map) => map
                    .iter_mut()
                    .filter(|(key, _)| !["event", "eventType"].contains(&key.as_str()))
                    .for_each(|(_, item)| fill(item, text)),
                _ => {}
            }
        }
        let mut sample = payloads().swap_remove(index);
        let mut value = serde_json::from_slice(&sample.body).unwrap();
        fill(&mut value, &text);
        sample.body = serde_json::to_vec(&value).unwrap();
        let (_, text) = line(&sample);
        prop_assert!(!text.is_empty());
        prop_assert!(text.chars().count() <= TEXT_MAX_CHARS);
        let turned = text.contains(['\u{202d}', '\u{202e}', '\u{2066}', '\u{200f}']);
        prop_assert!(!turned && !text.chars().any(char::is_control));
    }
}
