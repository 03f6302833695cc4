use http::Method;
use proptest::prelude::*;
use ringtail_protocol::event::Kind;

use super::*;
use crate::samples::{Sample, payloads};

fn class(sample: &Sample) -> Callback {
    classify(&sample.view())
}

#[test]
fn every_payload_is_what_its_name_says() {
    let samples = payloads();
    assert!(samples.len() > 70, "the payloads are there");
    for sample in samples {
        let expected = match sample.name.as_str() {
            "bot-private-install-oauth" => Callback::BotInstallPrivate,
            "interactive-message-button-submit" => Callback::InteractiveMessage,
            name if name.starts_with("ringcx-digital") => Callback::DigitalNotification,
            name if name.starts_with("ringcx-source-sdk") => Callback::SourceSdk,
            name if name.starts_with("ringcx-voice-wfm") => Callback::WfmNotification,
            _ => Callback::PlatformNotification,
        };
        assert_eq!(class(&sample), expected, "{}", sample.name);
    }
}

#[test]
fn duplicates_agree_in_uuid_event_and_content() {
    let identity = |body: &str| Sample::post(body).classified().identity();
    let event = |uuid: &str, event: &str, time: u8, body: &str| {
        identity(&format!(
            r#"{{"uuid":"{uuid}","event":"{event}","timestamp":{time},"body":{body}}}"#
        ))
    };
    let first = event("u", "/x", 1, r#"{"a":1}"#);
    assert!(first.is_some());
    assert_eq!(first, event("u", "/x", 2, r#"{"a":1}"#));
    for other in [
        event("v", "/x", 1, r#"{"a":1}"#),
        event("u", "/y", 1, r#"{"a":1}"#),
        event("u", "/x", 1, r#"{"a":2}"#),
        event("u/", "x", 1, r#"{"a":1}"#),
    ] {
        assert_ne!(first, other);
    }
    // Without a body of its own the whole request counts.
    let legacy = |from: u8| identity(&format!(r#"{{"uuid":"u","event":"/x","from":{from}}}"#));
    assert_eq!(legacy(1), legacy(1));
    assert_ne!(legacy(1), legacy(2));
    assert_eq!(identity(r#"{"event":"/x","body":{}}"#), None);
    assert_eq!(identity(r#"{"uuid":"","event":"/x","body":{}}"#), None);
}

#[test]
fn query_begins_at_the_first_question_mark() {
    let headers = http::HeaderMap::new();
    for (whole, path, query) in [
        ("/p?a=?b", "/p", Some("a=?b")),
        ("?x", "", Some("x")),
        ("", "", None),
    ] {
        let view = RequestView::new(&Method::GET, whole, &headers, b"");
        assert_eq!((view.path, view.query), (path, query), "{whole}");
    }
}

const ENVELOPE: &str = r#"{"uuid":"1","event":"/restapi/v1.0/x","subscriptionId":"s","body":{}}"#;

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn callbacks_are_told_apart() {
    use Callback as C;
    let token = |sample: Sample| sample.with("validation-token", "t");
    let marked = |sample: Sample| sample.with("verification-token", "v");
    let agent = |sample: Sample| sample.with("user-agent", "RINGCENTRAL-WebHook/9");
    let cases = [
        // Section 1.5: header and no body.
        (token(Sample::post("")), C::Validation),
        (token(Sample::get("auth_token=x")), C::Validation),
        (token(Sample::post("")).by(Method::PUT), C::Validation),
        (token(Sample::get("code=1")), C::Validation),
        (
            token(Sample::post("").with("verification-token", "v")),
            C::Validation,
        ),
        (token(Sample::post(ENVELOPE)), C::PlatformNotification),
        (token(Sample::post(" ")), C::PlatformNotification),
        (token(Sample::post("not json")), C::PlatformNotification),
        // An event filter says enough.
        (
            Sample::post(
                r#"{"event":"/restapi/v1.0/account/1/extension/2/missed-calls","from":"+1"}"#,
            ),
            C::PlatformNotification,
        ),
        (
            Sample::post(r#"{"event":"/webinar/x"}"#),
            C::PlatformNotification,
        ),
        (Sample::post(r#"{"event":"/restapi"}"#), C::Other),
        (Sample::post(r#"{"":1}"#), C::Other),
        // UTF-16 with and without a mark.
        (
            Sample::post(utf16(&format!("\u{feff}{ENVELOPE}"), u16::to_le_bytes)),
            C::PlatformNotification,
        ),
        (
            Sample::post(utf16(&format!("\u{feff}{ENVELOPE}"), u16::to_be_bytes)),
            C::PlatformNotification,
        ),
        (
            Sample::post(utf16(ENVELOPE, u16::to_le_bytes)),
            C::PlatformNotification,
        ),
        (Sample::post(&b"\xff\xfe{"[..]), C::Other),
        // The marks of a subscription, with whatever body.
        (marked(Sample::post("")), C::PlatformNotification),
        (marked(Sample::post("{}")), C::PlatformNotification),
        (
            marked(Sample::post("\x1f\u{8b}\x08")),
            C::PlatformNotification,
        ),
        (
            marked(Sample::post("{}").by(Method::PUT)),
            C::PlatformNotification,
        ),
        (marked(Sample::get("code=azure")), C::PlatformNotification),
        (agent(Sample::post("[1]")), C::PlatformNotification),
        (
            agent(Sample::get("webhook=https://x")),
            C::PlatformNotification,
        ),
        (
            Sample::post("{}").with("user-agent", "RingCentralWebhook/1"),
            C::Other,
        ),
        (
            Sample::post("{}").with("user-agent", "curl/8 RingCentral-Webhook"),
            C::Other,
        ),
        // They do not outweigh what only another callback has.
        (
            marked(Sample::post(r#"{"type":"button_submit"}"#)),
            C::InteractiveMessage,
        ),
        (
            agent(Sample::form("access_token=a&creator_account_id=1")),
            C::BotInstallPrivate,
        ),
        (
            agent(Sample::get("code=c&creator_extension_id=1")),
            C::BotInstallPublic,
        ),
        (agent(Sample::get("hub.challenge=1")), C::DigitalChallenge),
        (
            agent(Sample::post("{}").with("x-smccsdk-signature", "00")),
            C::SourceSdk,
        ),
        // They outweigh a guess.
        (
            marked(Sample::post("{}").with("x-glip-signature", "00")),
            C::PlatformNotification,
        ),
        (
            marked(Sample::post(r#"{"action":"x"}"#).asking("signature=00")),
            C::PlatformNotification,
        ),
        // A token with a body is an event, whatever else it looks like.
        (
            token(Sample::post(r#"{"type":"button_submit"}"#)),
            C::PlatformNotification,
        ),
        (
            token(Sample::form("access_token=a&creator_account_id=1")),
            C::PlatformNotification,
        ),
        (token(Sample::post("\r\n")), C::PlatformNotification),
        // Section 2.3: any two telling fields.
        (Sample::post(ENVELOPE), C::PlatformNotification),
        (
            Sample::post(format!("\r\n\t {ENVELOPE}")),
            C::PlatformNotification,
        ),
        (
            Sample::post(r#"{"uuid":7,"event":"/x"}"#),
            C::PlatformNotification,
        ),
        (
            Sample::post(r#"{"uuid":7,"subscriptionId":"s"}"#),
            C::PlatformNotification,
        ),
        (
            Sample::post(r#"{"event":"/x","subscriptionId":"s"}"#),
            C::PlatformNotification,
        ),
        (
            Sample::post(r#"{"pn_apns":{"uuid":7,"event":"/x","body":{}}}"#),
            C::PlatformNotification,
        ),
        (
            Sample::post(r#"{"pn_apns":{"pn_apns":{"uuid":7,"event":"/x"}}}"#),
            C::Other,
        ),
        (Sample::post(r#"{"uuid":7,"event":"created"}"#), C::Other),
        (Sample::post(r#"{"uuid":7,"event":{"/":1}}"#), C::Other),
        (Sample::post(r#"{"uuid":7}"#), C::Other),
        (Sample::post(format!("[{ENVELOPE}]")), C::Other),
        (
            Sample::post(ENVELOPE).by(Method::PUT),
            C::PlatformNotification,
        ),
        (
            Sample::post(format!("\u{feff}{ENVELOPE}")),
            C::PlatformNotification,
        ),
        (
            Sample::post(ENVELOPE.replace('}', r#","access_token":"a","creator_account_id":1}"#)),
            C::PlatformNotification,
        ),
        // What breaks off or is not UTF-8 is judged by what came before.
        (
            Sample::post(&ENVELOPE.as_bytes()[..60]),
            C::PlatformNotification,
        ),
        (
            Sample::post(&b"{\"body\":{\"t\":\"\xff\xfe\"},\"uuid\":\"1\",\"event\":\"/x\"}"[..]),
            C::PlatformNotification,
        ),
        // Section 7.1.
        (
            Sample::get("hub.mode=subscribe&hub.challenge=1"),
            C::DigitalChallenge,
        ),
        (Sample::post("").asking("hub.challenge=1"), C::Other),
        (
            Sample::post(r#"{"domain_id":"d","events":[]}"#),
            C::DigitalNotification,
        ),
        (Sample::post(r#"{"domain_id":"d"}"#), C::Other),
        (
            Sample::post("\x1f").with("x-dimelo-secret", "s"),
            C::DigitalNotification,
        ),
        // Section 7.2.
        (
            Sample::post(r#"{"action":"x"}"#).with("x-smccsdk-signature", "00"),
            C::SourceSdk,
        ),
        (
            Sample::post(r#"{"action":"x"}"#).asking("signature=00"),
            C::SourceSdk,
        ),
        (Sample::post(r#"{"action":"x"}"#), C::Other),
        (
            Sample::post(ENVELOPE).asking("signature=00"),
            C::PlatformNotification,
        ),
        (
            Sample::post(r#"{"action":"x","uuid":"1","event":"/x"}"#).asking("signature=00"),
            C::PlatformNotification,
        ),
        // Section 7.3; the body is a guess, so it is a wide one.
        (
            Sample::post(r#"{"subscriptionId":"s","subAccountId":"a"}"#),
            C::AgentState,
        ),
        (
            Sample::post(r#"{"eventId":"e","agentId":7}"#),
            C::AgentState,
        ),
        (Sample::post(r#"{"agentId":7}"#), C::Other),
        // Section 7.4: method and place are the administrator's choice.
        (
            Sample::form("event_type=LOGIN&agent_id=1&account_id=2"),
            C::WfmNotification,
        ),
        (
            Sample::get("event_type=LOGIN&agent_id=1&account_id=2"),
            C::WfmNotification,
        ),
        (
            Sample::post(r#"{"event_type":1,"agent_id":null}"#).asking("account_id=2"),
            C::WfmNotification,
        ),
        (
            Sample::post("event_type=LOGIN&agent_id=1&account_id=2"),
            C::Other,
        ),
        (Sample::form("event_type=LOGIN&agent_id=1"), C::Other),
        (
            Sample::post(r#"{"event_type":"ACD-CALL","call_id":"1","account_id":"2"}"#),
            C::WfmNotification,
        ),
        (
            Sample::get("event_type=ACD-CALL&call_id=1&account_id=2"),
            C::WfmNotification,
        ),
        (Sample::form("event_type=LOGIN&account_id=2"), C::Other),
        // Section 7.5: signed, or known by its type; an envelope outweighs a signature.
        (
            Sample::post("{}").with("x-glip-signature", "sha1=00"),
            C::InteractiveMessage,
        ),
        (
            Sample::post(r#"{"uuid":"u","type":"button_submit"}"#),
            C::InteractiveMessage,
        ),
        (Sample::post(r#"{"uuid":"u","type":"button"}"#), C::Other),
        (
            Sample::post(ENVELOPE).with("x-glip-signature", "00"),
            C::PlatformNotification,
        ),
        // Sections 7.6 to 7.9.
        (
            Sample::post(r#"{"access_token":"a","creator_extension_id":"1"}"#),
            C::BotInstallPrivate,
        ),
        (
            Sample::form("access_token=a&creator_account_id=1"),
            C::BotInstallPrivate,
        ),
        (
            Sample::post(r#"{"access_token":"a","token_type":"bearer"}"#),
            C::Other,
        ),
        (
            Sample::get("code=c&creator_extension_id=1"),
            C::BotInstallPublic,
        ),
        (Sample::get("code=c&state=s"), C::OAuthRedirect),
        (Sample::get("error=access_denied&state=s"), C::OAuthRedirect),
        (Sample::get("error=1"), C::Other),
        (Sample::post("").asking("code=c"), C::Other),
        (
            Sample::get("webhook=https%3A%2F%2Fhooks.ringcentral.com%2Fx"),
            C::AddInSetup,
        ),
        (Sample::get("webhook=1"), C::Other),
        // Section 7.10.
        (Sample::post(r#"{"jobId":"j","response":{}}"#), C::AiResult),
        (Sample::post(r#"{"jobId":"j"}"#), C::Other),
        // Nothing known.
        (Sample::get(""), C::Other),
        (Sample::post(""), C::Other),
        (Sample::post("{"), C::Other),
        (Sample::post("\u{feff}"), C::Other),
    ];
    for (sample, expected) in &cases {
        assert_eq!(class(sample), *expected, "{:?}", sample.view());
    }
    for row in TABLE {
        assert!(
            cases.iter().any(|(_, callback)| *callback == row.callback),
            "no case for {}",
            row.name
        );
    }
}

#[test]
fn table_has_one_row_for_each_callback_and_ends_with_other() {
    let names: std::collections::HashSet<_> = TABLE.iter().map(|row| row.name).collect();
    let callbacks: std::collections::HashSet<_> = TABLE.iter().map(|row| row.callback).collect();
    assert_eq!(names.len(), TABLE.len());
    assert_eq!(callbacks.len(), TABLE.len());
    assert_eq!(TABLE.last().map(|row| row.callback), Some(Callback::Other));
}

#[test]
fn every_row_cites_a_section_of_the_facts() {
    let facts = include_str!("../../../../docs/RINGCENTRAL.md");
    for Rule { name, section, .. } in TABLE {
        let is_there = facts.lines().any(|line| {
            line.starts_with(&format!("{section} **"))
                || line.starts_with(&format!("## {section}. "))
        });
        assert!(is_there, "{name}: no section {section}");
    }
}

/// The whole table for a reviewer to read.
#[test]
fn table_reads_as_agreed() {
    let rows: Vec<String> = TABLE
        .iter()
        .map(|row| {
            let fallback = match row.callback.fallback() {
                Fallback::Accept => "200 application/json {}",
                Fallback::Refuse => "503",
            };
            format!(
                "{} | {} | {} | {} | {:?}{}",
                row.callback.section(),
                row.callback.name(),
                row.callback.kind().word(),
                fallback,
                row.callback.expectation().status,
                if row.callback.expectation().limited {
                    ", limited"
                } else {
                    ""
                },
            )
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn hostile_bodies_are_read_without_stack_and_in_one_pass() {
    const SIZE: usize = 16 << 20;
    let nest = |open: &str, close: &str| {
        let depth = SIZE / (open.len() + close.len());
        open.repeat(depth) + "{\"uuid\":1,\"event\":\"/x\"}" + &close.repeat(depth)
    };
    let cases = [
        // Closed and left open: what comes after counts only where it is the outermost object's.
        (
            format!(r#"{{"x":{},"uuid":1,"event":"/x"}}"#, nest("[", "]")),
            Callback::PlatformNotification,
        ),
        (
            format!(r#"{{"x":{},"uuid":1,"event":"/x"}}"#, nest("[", "")),
            Callback::Other,
        ),
        (nest(r#"{"a":"#, "}"), Callback::Other),
        // The wrapper is opened once, so a nest of wrappers is not walked down.
        (nest(r#"{"pn_apns":"#, "}"), Callback::Other),
        (nest(r#"{"pn_apns":"#, ""), Callback::Other),
        (
            format!(
                r#"{{{}"uuid":1,"event":"/x"}}"#,
                r#""pn_apns":{"pn_apns":{}},"#.repeat(SIZE / 25)
            ),
            Callback::PlatformNotification,
        ),
        (
            format!(r#"{{"x":"{}"#, "\\\"".repeat(SIZE / 2)),
            Callback::Other,
        ),
    ];
    for (body, expected) in cases {
        let start = body[..30].to_owned();
        assert_eq!(class(&Sample::post(body)), expected, "{start}");
    }
    let form = "event_type=%ff&".repeat(SIZE / 15) + "agent_id=1&account_id";
    assert_eq!(class(&Sample::form(&form)), Callback::WfmNotification);
}

/// What RingCentral documents as a request for the app to answer (docs/RINGCENTRAL.md 7).
const FOR_THE_APP: [Callback; 5] = [
    Callback::DigitalChallenge,
    Callback::SourceSdk,
    Callback::InteractiveMessage,
    Callback::BotInstallPrivate,
    Callback::BotInstallPublic,
];

/// Pieces of bodies and queries by which callbacks are known.
fn telling() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        r#""type":"button_submit""#,
        r#""access_token":"a""#,
        r#""creator_account_id":"1""#,
        r#""action":"x""#,
        r#""code":"1""#,
        r#""domain_id":1,"events":[]"#,
        r#""uuid":"1","event":"/x""#,
        r#""x":{"#,
    ]);
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("{{{}}}", pieces.join(",")))
}

proptest! {
    #[test]
    fn what_bears_a_subscriptions_marks_is_an_event_unless_documented(
        method in prop::sample::select(vec!["POST", "GET", "PUT", "HEAD", "PATCH"]),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            telling().prop_map(String::into_bytes),
            telling().prop_map(|body| [b"\xef\xbb\xbf", body.as_bytes()].concat()),
        ],
        query in prop::sample::select(vec!["", "code=1", "signature=0", "webhook=https://x", "hub.challenge=1", "error=1&state=1"]),
        signed in prop::option::of(prop::sample::select(vec!["x-glip-signature", "x-dimelo-secret", "x-smccsdk-signature"])),
        mark in 0..4_u8,
    ) {
        let mut sample = Sample::post(body).by(method.parse().unwrap()).asking(query);
        if let Some(header) = signed {
            sample = sample.with(header, "00");
        }
        let sample = match mark {
            0 => sample.with("verification-token", "v"),
            1 => sample.with("user-agent", "RingCentral-Webhook/8.3"),
            2 => sample.with("validation-token", "t"),
            _ => Sample { body: ENVELOPE.into(), ..sample },
        };
        let callback = class(&sample);
        let is_documented = FOR_THE_APP.contains(&callback) && mark < 2;
        prop_assert!(callback.kind() != Kind::Passthrough || is_documented, "{:?}", callback);
        // The edge echoes the token of both kinds.
        let is_validation = mark == 2 && sample.body.is_empty();
        prop_assert_eq!(callback.kind() == Kind::Validation, is_validation);
    }

    /// RingCentral fixes no order of keys (section 2.3), nor does it promise that no field is added.
    #[test]
    fn class_does_not_depend_on_the_order_of_keys_or_on_new_ones(
        index in 0..payloads().len(),
        seed in any::<u64>(),
    ) {
        let sample = payloads().swap_remove(index);
        let expected = class(&sample);
        let value: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&sample.body).unwrap();
        let mut entries: Vec<_> = value.into_iter().collect();
        entries.push(("aNewField".into(), serde_json::json!({"event": "/no", "uuid": []})));
        let turn = usize::try_from(seed % entries.len() as u64).unwrap();
        entries.rotate_left(turn);
        if seed & 1 == 1 {
            entries.reverse();
        }
        let map: serde_json::Map<_, _> = entries.into_iter().collect();
        let shuffled = Sample { body: serde_json::to_vec(&map).unwrap(), ..sample };
        prop_assert_eq!(class(&shuffled), expected);
    }

    #[test]
    fn mutated_payloads_never_panic(
        index in 0..payloads().len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut sample = payloads().swap_remove(index).edited(&edits);
        sample.body.truncate(cut.index(sample.body.len() + 1));
        let callback = class(&sample);
        prop_assert_eq!(callback, class(&sample.clone()));
    }

    #[test]
    fn any_request_has_a_class(
        method in "[A-Z]{1,8}",
        query in proptest::option::of(".{0,80}"),
        body in prop::collection::vec(any::<u8>(), 0..200),
        form in any::<bool>(),
    ) {
        let mut sample = if form { Sample::form("") } else { Sample::post("") };
        sample.method = method.parse().unwrap();
        sample.query = query;
        sample.body = body;
        class(&sample).kind();
    }
}
