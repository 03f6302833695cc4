//! Which events filters let through.

use std::time::Duration;

use jiff::Zoned;
use proptest::prelude::*;
use ringtail_protocol::event::{Disposition, EventId, Header, Kind, Timestamp};
use ringtail_ringcentral::classify::Callback;
use ringtail_ringcentral::validation::Echo;
use ringtail_ringcentral::verdict::{Answer, judge};

use crate::{Context, Filter, More};
use ringtail_model::secrets::Secrets;
use ringtail_model::{AttemptRow, Cause, EventRow, ForwardState, Outcome, RowId};

/// Tuesday, 14 November 2023, 22:13:20 UTC.
const RECEIVED: i64 = 1_700_000_000_000_000;

pub(crate) fn context() -> Context {
    let now: Zoned = "2023-11-15T09:00:00+01:00[Europe/Berlin]".parse().unwrap();
    Context::new(now, |_| Secrets::default())
}

const BODY: &str = r#"{"uuid":"4044-u","event":"/restapi/v1.0/account/1/extension/101/telephony/sessions","body":{
    "telephonySessionId":"s-718","n":17,"parties":[
    {"status":{"code":"Setup"}},
    {"status":{"code":"Answered"},"missedCall":false,"from":{"phoneNumber":"+16505550100","name":"Pat Agent"},"odd name":null}]}}"#;

fn event() -> EventRow {
    let answer = Answer {
        status: 500,
        duration: Duration::from_millis(600),
        bytes: 100,
        content_type: None,
        echo: Echo::Unknown,
    };
    EventRow {
        row: RowId(1),
        endpoint: "my-demo-x1".to_owned(),
        seq: 17,
        id: EventId::fresh(),
        kind: Kind::Notification,
        disposition: Disposition::Pending,
        duplicate_of: Some(3),
        subscription: None,
        is_stranger: false,
        received_at: Timestamp(RECEIVED),
        method: "POST".to_owned(),
        path: "/hook/calls?a=1".to_owned(),
        topic: "telephony".to_owned(),
        summary: "Call answered, Pat → Wörld".to_owned(),
        body_len: 1,
        forward: ForwardState::Done,
        bookmark: None,
        new_fields: None,
        edited_from: None,
        last_attempt: Some(AttemptRow {
            row: RowId(1),
            event: EventId::fresh(),
            cause: Cause::Forward,
            target: String::new(),
            started_at: Timestamp(RECEIVED),
            duration: answer.duration,
            outcome: Outcome::Status(500),
            verdict: judge(Callback::PlatformNotification, Ok(&answer)),
        }),
    }
}

fn more() -> More {
    let headers = vec![Header {
        name: "User-Agent".to_owned(),
        value: "RingCentral/1 caf\u{e9}".into(),
    }];
    More::new(headers, BODY.into(), true, false)
}

#[test]
fn people_and_numbers_are_found_as_people_write_them() {
    let post = r#"{"uuid":"1","event":"/team-messaging/v1/posts","body":{"creatorId":"62534323","eventType":"PostAdded"}}"#;
    let button = r#"{"type":"button_submit","user":{"firstName":"Luke","lastName":"Skywalker"}}"#;
    let sms = r#"{"uuid":"1","event":"/x/message-store/instant","body":{"from":{"phoneNumber":"+16505550101"},"to":[{"phoneNumber":"+4989654321"},{"phoneNumber":"+1650224XXXX"}]}}"#;
    let marked = &format!("\u{feff}{sms}");
    let form = "event_type=ACD-CALL&ani=5105550111&dnis=4155550110";
    for (body, filter, expected) in [
        (post, "from:62534323", true),
        (post, "from:625", true),
        (post, "to:62534323", false),
        (button, "from:luke", true),
        (button, "from:skywalker", true),
        (button, "from:\"luke sky\"", true),
        (sms, "from:6505550101", true),
        (sms, "from:650-555-0101", true),
        (sms, "from:\"(650) 555-0101\"", true),
        (sms, "from:1-650-555-01", true),
        (sms, "from:650", true),
        (sms, "from:+1650", true),
        (sms, "from:16505550101", true),
        (sms, "from:5550101", false),
        (sms, "from:505", false),
        (sms, "to:6505550101", false),
        (sms, "to:4989", true),
        (sms, "from:001-650-555", true),
        (sms, "from:\"+1 (650)\"", true),
        (sms, "from:tel:+16505550101", false),
        (marked, "from:6505550101", true),
        (marked, "body.from.phoneNumber = +16505550101", true),
        (form, "from:510-555-0111", true),
        (form, "to:4155550110", true),
        (sms, "to:650224", true),
        (sms, "uuid:650555", false),
        (sms, "event:6505550101", false),
    ] {
        let more = More::new(Vec::new(), body.to_owned().into(), false, false);
        let found = Filter::parse(filter)
            .unwrap()
            .matches(&event(), Some(&more), &context());
        assert_eq!(found, Some(expected), "{filter} in {body}");
    }
}

#[test]
fn events_are_let_through_or_not() {
    let yes = [
        "",
        "kind:telephony",
        "kind:notification",
        "kind:~phon",
        "event:telephony",
        "event:/restapi/v1.0",
        "event:TELEPHONY/SESS",
        "from:+1650",
        "from:1650",
        "from:pat",
        "from:agent",
        "from:~100$",
        "session:s-7",
        "ext:101",
        "uuid:4044",
        "endpoint:my-demo",
        "endpoint:my-demo-x1",
        "method:post",
        "path:/hook",
        "path:calls",
        "path:a=1",
        "header.user-agent:ringcentral",
        "header.user-agent:~CAFÉ",
        "status:500",
        "status:5xx",
        "verdict:status",
        "slower:599ms",
        "duplicate",
        "replayed",
        "seq:17",
        "seq:1..17",
        "seq:17..",
        "on:2023-11-14",
        "on:yesterday",
        "since:yesterday",
        "until:today",
        "since:-10h",
        "until:-9h",
        "since:2023-11-14T23:13",
        "since:2023-11-14T22:13:20Z",
        "since:-19998y",
        "until:9999-12-31",
        "until:9999-12-31T23:59",
        "WÖRLD",
        "\"call ANSWERED\"",
        "missedcall",
        "~answ.red",
        "has:body.parties",
        "has:body.parties[*].missedCall",
        "has:body.parties[1][\"odd name\"]",
        "body.parties[*].status.code = answered",
        "body.parties[*].status.code != Answered",
        "body.parties[1].status.code ~ ^Ans",
        "body.n = 17",
        "body.n < 100",
        "body.n >= 17",
        "body.n > 9",
        "body.parties[1].missedCall = false",
        "body.parties[1][\"odd name\"] = null",
        "uuid > 4000",
        "not pending",
        "pending or status:5xx",
        "not (pending or gap)",
        "signature:not-configured",
    ];
    let no = [
        "kind:sms",
        "kind:passthrough",
        "event:phony",
        "from:505550",
        "from:gent",
        "to:pat",
        "ext:10",
        "endpoint:demo",
        "endpoint:x1",
        "path:ook",
        "header.host:x",
        "status:4xx",
        "status:501",
        "verdict:ok",
        "slower:600ms",
        "pending",
        "gap",
        "forged",
        "seq:18..",
        "seq:..16",
        "on:today",
        "on:2023-11-13",
        "since:today",
        "until:yesterday",
        "since:-9h",
        "until:-19998y",
        "since:9999-12-31",
        "on:9999-12-31",
        "nothing",
        "~^answered",
        "has:body.from",
        "has:body.parties[2]",
        "has:parties",
        "body.parties = x",
        "body.parties[0].status.code = Answered",
        "body.n = 17.0",
        "body.n < 17",
        "body.missing != 1",
        "not status:5xx",
        "pending replayed",
        "signature:wrong",
    ];
    let (event, more, context) = (event(), more(), context());
    for (filters, expected) in [(&yes[..], true), (&no[..], false)] {
        for text in filters {
            let filter = Filter::parse(text).unwrap();
            assert_eq!(
                filter.matches(&event, Some(&more), &context),
                Some(expected),
                "{text}"
            );
            let known = filter.matches(&event, None, &context);
            assert!(
                known.is_none_or(|known| known == expected),
                "{text} without the body"
            );
        }
    }
}

#[test]
fn what_a_list_holds_is_enough_where_it_settles() {
    let (event, context) = (event(), context());
    let known = |text: &str| Filter::parse(text).unwrap().matches(&event, None, &context);
    assert_eq!(known("kind:sms body.n = 17"), Some(false));
    assert_eq!(known("kind:telephony or body.n = 17"), Some(true));
    assert_eq!(known("kind:telephony body.n = 17"), None);
    assert_eq!(known("not from:pat"), None);
    assert_eq!(known("wörld"), Some(true));
}

#[test]
fn numbers_and_names_of_a_body_are_compared_as_received() {
    let body = r#"{"nid":7131379084364461057,"big":99999999999999999999,"half":1.50,"e":1e2,"tiny":0.10000000000000000555,
        "zero":-0,"huge":1E400,"lone":"a\ud800","lon\ud800":3,"twice":1,"twice":2,"text":"18446744073709551617",
        "word":"Infinity","in":{"huge":[1E400,{"x":1}]}}"#;
    let more = More::new(Vec::new(), body.to_owned().into(), false, false);
    for (text, expected) in [
        ("nid > 7131379084364461056", true),
        ("nid > 7131379084364461057", false),
        ("nid = 7131379084364461057", true),
        ("nid = 7131379084364461056", false),
        ("nid != 7131379084364461056", true),
        ("big > 99999999999999999998", true),
        ("big < 1e20", true),
        ("half = 1.50", true),
        ("half >= 1.5", true),
        ("half < 1.5000000000000000000001", true),
        ("e >= 100", true),
        ("e = 1e2", true),
        ("tiny > 0.1", true),
        ("zero >= 0", true),
        ("huge > 1e399", true),
        ("huge < 1e400", false),
        ("has:lone", true),
        ("twice = 1 twice = 2", true),
        ("text > 18446744073709551616", true),
        ("word > 1", true),
        ("word < a", false),
        ("in.huge[1].x = 1", true),
    ] {
        let filter = Filter::parse(text).unwrap();
        let found = filter.matches(&event(), Some(&more), &context());
        assert_eq!(found, Some(expected), "{text}");
    }
}

proptest! {
    #[test]
    fn integers_of_any_size_are_compared_exactly(one in any::<i128>(), by in -2_i128..=2) {
        let other = one.saturating_add(by);
        let body = format!("{{\"n\":{one}}}");
        let more = More::new(Vec::new(), body.to_owned().into(), false, false);
        for (sign, expected) in [("<", one < other), ("<=", one <= other), (">", one > other), (">=", one >= other), ("=", one == other), ("!=", one != other)] {
            let filter = Filter::parse(&format!("n {sign} {other}")).unwrap();
            prop_assert_eq!(filter.matches(&event(), Some(&more), &context()), Some(expected), "{} {} {}", one, sign, other);
        }
    }
}

#[test]
fn wrapped_and_broken_bodies_are_looked_into() {
    let context = context();
    let found = |text: &str, body: &'static [u8]| {
        let more = More::new(Vec::new(), body.to_owned().into(), false, false);
        Filter::parse(text)
            .unwrap()
            .matches(&event(), Some(&more), &context)
    };
    assert_eq!(
        found("body.a = 1", br#"{"pn_apns":{"body":{"a":1}}}"#),
        Some(true)
    );
    assert_eq!(found("body.a = 1", br#"{"body":{"a":1,"b":tr"#), Some(true));
    assert_eq!(
        found("body.b = 1", br#"{"body":{"a":1,"b":tr"#),
        Some(false)
    );
    assert_eq!(found("a = 1", b"a=1"), Some(false));
    assert_eq!(found("a = 1", b"\xef\xbb\xbf {\"a\":1}"), Some(true));
    assert_eq!(found("x\u{e9}", b"\xff x\xc3\xa9 \xff"), Some(true));
    assert_eq!(found("[1] = b", br#"["a","b"]"#), Some(true));
}
