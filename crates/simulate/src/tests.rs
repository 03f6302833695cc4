mod answers;

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::inspect::inspect;
use super::*;
use ringtail_model::secrets::Secrets;
use ringtail_model::{EventDetail, EventRow};
use ringtail_protocol::event::{Header, Kind, Timestamp};
use ringtail_ringcentral::classify::{Callback, Classified};
use ringtail_ringcentral::signature::{self, Outcome, Scheme};

const BEGAN: i64 = 1_750_000_000_123;

fn secrets() -> Secrets {
    let secret = |variable: &str| match variable {
        "RINGTAIL_VERIFICATION_TOKEN" => Some("verify-me".into()),
        "RINGTAIL_GLIP_SECRET" => Some("glip secret".into()),
        "RINGTAIL_DIMELO_SECRET" => Some("dimelo secret".into()),
        "RINGTAIL_DIGITAL_VERIFY_TOKEN" => Some("a+b &c".into()),
        "RINGTAIL_SOURCE_SDK_SECRET" => Some("sdk secret".into()),
        _ => None,
    };
    Secrets::of_variables(secret).unwrap()
}

fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// Builds the requests of a scenario without values from outside.
fn rehearsed(text: &str, seed: u64) -> Vec<Shot> {
    Scenario::parse(text)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .rehearse(&Parameters::default(), &secrets(), seed, BEGAN)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn built(template: &Template) -> Shot {
    let scenario = Scenario::single(template);
    let mut shots = scenario
        .rehearse(&Parameters::default(), &secrets(), 7, BEGAN)
        .unwrap_or_else(|error| panic!("{}: {error}", template.name));
    shots.remove(0)
}

fn sample(name: &str) -> Value {
    let (file, index) = name.split_once('#').unwrap_or((name, ""));
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../ringcentral/payloads/{file}.json"));
    let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    match index.parse::<usize>() {
        Ok(index) => json[index].clone(),
        Err(_) => json,
    }
}

/// The sorted field names and types of a value.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.iter().collect();
            names.sort_by_key(|(name, _)| *name);
            let shaped = names
                .into_iter()
                .map(|(name, value)| (name.clone(), shape(value)));
            Value::Object(shaped.collect())
        }
    }
}

/// Removes what RingCentral's sample lacks and its own software reads (docs/RINGCENTRAL.md 7.5).
fn without_undocumented(mut submit: Value) -> Value {
    for (object, field) in [("", "card"), ("", "bot"), ("/user", "extId")] {
        let object = submit.pointer_mut(object).and_then(Value::as_object_mut);
        assert!(object.unwrap().remove(field).is_some(), "{field}");
    }
    submit
}

#[test]
fn every_template_has_the_shape_of_its_sample() {
    let mut compared = 0;
    for template in Template::all() {
        let Origin::Sample(name) = template.origin else {
            continue;
        };
        let body = built(template).request.body;
        let ours: Value = serde_json::from_slice(&body).unwrap();
        let whole = ours.to_string();
        let ours = match template.name {
            "interactive.submit" => without_undocumented(ours),
            _ => ours,
        };
        assert_eq!(shape(&ours), shape(&sample(name)), "{}", template.name);
        assert_eq!(whole.as_bytes(), body, "{} is compact", template.name);
        compared += 1;
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn every_sample_payload_has_a_template() {
    let samples: Vec<&str> = Template::all()
        .filter_map(|template| match template.origin {
            Origin::Sample(name) => name.split('#').next(),
            Origin::Described => None,
        })
        .collect();
    for payload in ringtail_ringcentral::samples::payloads() {
        let name = payload.name.split(' ').next().unwrap_or_default();
        assert!(samples.contains(&name), "{name} has no template");
    }
}

#[test]
fn every_template_is_filled_and_classified() {
    for template in Template::all() {
        let shot = built(template);
        assert_eq!(
            shot.request.classify(),
            template.callback,
            "{}",
            template.name
        );
        let view = shot.request.view();
        let summary = ringtail_ringcentral::catalogue::summarize(&Classified::of(view));
        if template.callback == Callback::PlatformNotification {
            assert_ne!(summary.topic, "event", "{}: {summary:?}", template.name);
        }
        let body = String::from_utf8_lossy(&shot.request.body);
        for unfilled in ["${", "#{", "XXX"] {
            assert!(!body.contains(unfilled), "{}: {body}", template.name);
        }
    }
    let simulated: Vec<Callback> = Template::all().map(|template| template.callback).collect();
    for row in ringtail_ringcentral::classify::TABLE {
        let other = row.callback == Callback::Other;
        assert!(other || simulated.contains(&row.callback), "{}", row.name);
    }
}

#[test]
fn every_signed_callback_has_a_valid_signature() {
    let secrets = secrets();
    for template in Template::all() {
        let Some(scheme) = Scheme::of(template.callback) else {
            continue;
        };
        let request = built(template).request;
        let outcome = signature::verify(scheme, secrets.of(scheme), &request.view());
        assert_eq!(outcome, Outcome::Valid, "{}", template.name);
        assert!(!request.unsigned);
    }
    let scenario = Scenario::single(Template::find("interactive.submit").unwrap());
    let none = Secrets::default();
    let shots = scenario
        .rehearse(&Parameters::default(), &none, 1, BEGAN)
        .unwrap();
    assert!(shots[0].request.unsigned);
    assert!(shots[0].request.headers.get("x-glip-signature").is_none());
}

#[test]
fn secrets_appear_neither_in_output_nor_in_debug() {
    for template in Template::all() {
        let request = built(template).request;
        let said = format!("{:?} {} {:?}", request.headers, request.shown, secrets());
        for secret in ["verify-me", "dimelo secret", "a%2Bb", "a+b"] {
            assert!(!said.contains(secret), "{}: {said}", template.name);
        }
    }
    let challenge = built(Template::find("digital.challenge").unwrap()).request;
    assert!(
        challenge.below.ends_with("hub.verify_token=a%2Bb+%26c"),
        "{}",
        challenge.below
    );
    assert!(challenge.shown.ends_with("hub.verify_token=(secret)"));
}

#[test]
fn requests_use_given_values_and_new_ids() {
    let scenario = Scenario::parse(builtin("call.inbound-answered")).unwrap();
    let given = parameters(&[
        ("account", "111"),
        ("extension", "222"),
        ("number", "+4930123456"),
        ("peer", "+4989654321"),
    ]);
    let run = |seed| {
        scenario
            .rehearse(&given, &secrets(), seed, BEGAN)
            .unwrap()
            .into_iter()
            .map(|shot| serde_json::from_slice::<Value>(&shot.request.body).unwrap())
            .collect::<Vec<_>>()
    };
    let (one, same, other) = (run(1), run(1), run(2));
    assert_eq!(one, same, "the same seed gives the same bytes");
    let uuids: std::collections::BTreeSet<&str> = one
        .iter()
        .chain(&other)
        .filter_map(|event| event["uuid"].as_str())
        .collect();
    assert_eq!(uuids.len(), one.len() + other.len());
    let session = |event: &Value| {
        event["body"]["telephonySessionId"]
            .as_str()
            .map(str::to_owned)
    };
    assert!(one.iter().all(|event| session(event) == session(&one[0])));
    assert_ne!(session(&one[0]), session(&other[0]));
    assert_eq!(
        one[0]["body"]["parties"][0]["to"]["phoneNumber"],
        "+4930123456"
    );
    assert_eq!(
        one[4]["event"],
        "/restapi/v1.0/account/111/extension/222/telephony/sessions"
    );
    assert_eq!(one[0]["timestamp"], "2025-06-15T15:06:40.123Z");
    assert_eq!(one[1]["body"]["eventTime"], "2025-06-15T15:06:40.057Z");
}

fn builtin(name: &str) -> &'static str {
    let found = builtins().iter().find(|(found, _)| *found == name);
    found.map(|(_, text)| *text).unwrap()
}

#[test]
fn every_builtin_scenario_can_be_run() {
    for (name, text) in builtins() {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let shots = rehearsed(text, 3);
        assert!(!shots.is_empty(), "{name}");
        assert!(!scenario.about.is_empty(), "{name}");
        assert!(shots.is_sorted_by_key(|shot| shot.at_ms), "{name}");
        assert!(Template::find(name).is_none(), "{name} hides a template");
    }
}

#[test]
fn calls_have_the_order_and_spacing_of_the_captures() {
    for (name, stream) in [
        ("call.held", "telephony-sessions-stream-pstn-to-rc"),
        (
            "call.outbound-answered",
            "telephony-sessions-stream-rc-to-rc",
        ),
    ] {
        let shots = rehearsed(builtin(name), 3);
        let captured = sample(stream);
        let captured = captured.as_array().unwrap();
        assert_eq!(shots.len(), captured.len(), "{name}");
        let at = |event: &Value| {
            let text = event["timestamp"].as_str().unwrap();
            text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
        };
        for (index, (shot, event)) in shots.iter().zip(captured).enumerate() {
            let ours: Value = serde_json::from_slice(&shot.request.body).unwrap();
            assert_eq!(shape(&ours), shape(event), "{name} {index}");
            for pointer in [
                "/body/sequence",
                "/body/parties/0/status/code",
                "/body/parties/0/direction",
            ] {
                assert_eq!(
                    ours.pointer(pointer),
                    event.pointer(pointer),
                    "{name} {index} {pointer}"
                );
            }
            let leg = |event: &Value| {
                let id = event["body"]["parties"][0]["id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                id.rsplit('-').next().map(str::to_owned)
            };
            assert_eq!(leg(&ours), leg(event), "{name} {index}");
            assert_eq!(
                i64::try_from(shot.at_ms).unwrap(),
                at(event) - at(&captured[0]),
                "{name} {index}"
            );
        }
    }
}

#[test]
fn errors_in_a_scenario_name_their_line_or_step() {
    for (text, expected) in [
        ("", "the scenario has no [[step]]"),
        ("about = 5", "line 1: invalid type"),
        (
            "[[step]]\nat = 0\ntemplat = \"x\"",
            "line 3: unknown field `templat`",
        ),
        (
            "[[step]]\ntemplate = \"x\"",
            "step 1: there is no template \"x\"",
        ),
        (
            "[[step]]\nat = 0",
            "step 1: a step needs a template or a body",
        ),
        (
            "[[step]]\ntemplate = \"fax.message\"\nbody = \"x\"",
            "not both",
        ),
        (
            "[[step]]\nbody = \"x\"\npath = \"x\"",
            "must begin with a slash",
        ),
        (
            "[[step]]\ntemplate = \"fax.message\"\nat = 90000000",
            "lasts at most a day",
        ),
        (
            "[[step]]\ntemplate = \"fax.message\"\ntimes = 10001",
            "more than 10000",
        ),
    ] {
        let error = Scenario::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let run = |text: &str, given: &[(&str, &str)]| {
        let given = parameters(given);
        let scenario = Scenario::parse(text).unwrap();
        let run = scenario.rehearse(&given, &secrets(), 1, BEGAN);
        ringtail_errors::Failure::from(run.unwrap_err())
            .message()
            .to_owned()
    };
    let fax = "[[step]]\ntemplate = \"fax.message\"";
    assert_eq!(
        run(fax, &[("nmuber", "1")]),
        "there is no value called \"nmuber\""
    );
    assert_eq!(
        run("[[step]]\nbody = '{\"a\":\"${b}\"}'", &[]),
        "step 1: there is no value for ${b}"
    );
    assert_eq!(
        run("[[step]]\nbody = \"\"\nmethod = \"A B\"", &[]),
        "step 1: \"A B\" is not a valid HTTP method"
    );
}

fn recorded_at(at_ms: i64, body: &[u8]) -> EventDetail {
    let headers = [
        ("host", "x"),
        ("content-type", "application/json"),
        ("verification-token", "verify-me"),
        ("x-forwarded-for", "1.2.3.4"),
    ];
    let sms = ringtail_model::testing::sms(body.to_vec());
    EventDetail {
        event: EventRow {
            received_at: Timestamp(at_ms * 1000),
            path: "/in?signature=abc&hub.verify_token=a%2Bb&z=${1}".into(),
            summary: "a line\nand another".into(),
            ..sms.event
        },
        headers: headers
            .map(|(name, value)| Header {
                name: name.into(),
                value: value.into(),
            })
            .into(),
        ..sms
    }
}

#[test]
fn a_header_that_is_not_text_is_said_to_be_left_out() {
    let mut event = recorded_at(BEGAN, b"{}");
    event.headers.push(Header {
        name: "X-Lat".into(),
        value: b"\xe9\xff".to_vec().into(),
    });
    let text = cut(&[event]).unwrap();
    let said = "\n  # left out, because its value is not UTF-8: X-Lat\n";
    assert!(text.contains(said), "{text}");
    assert_eq!(rehearsed(&text, 9).len(), 1);
}

#[test]
fn events_further_apart_than_a_scenario_lasts_are_refused() {
    let day = 24 * 60 * 60 * 1000;
    let cut_after = |ms| cut(&[recorded_at(BEGAN, b"{}"), recorded_at(BEGAN + ms, b"{}")]);
    assert_eq!(rehearsed(&cut_after(day).unwrap(), 9).len(), 2);
    assert_eq!(cut_after(day + 1), Err(TooLong { hours: 25 }));
}

#[test]
fn a_storm_is_of_detailed_presence_alone() {
    let shots = rehearsed(builtin("presence.storm"), 3);
    let events: Vec<Value> = shots
        .iter()
        .map(|shot| serde_json::from_slice(&shot.request.body).unwrap())
        .collect();
    assert_eq!(events.len(), 60);
    for (event, nth) in events.iter().zip(1..) {
        let filter = event["event"].as_str().unwrap();
        assert!(filter.ends_with("?detailedTelephonyState=true"), "{filter}");
        assert_eq!(event["body"]["sequence"], nth);
    }
}

#[test]
fn recorded_events_are_repeated_with_new_ids() {
    let shots = rehearsed(builtin("call.missed"), 3);
    let mut bodies: Vec<Vec<u8>> = shots.iter().map(|shot| shot.request.body.clone()).collect();
    bodies.push(
        r#"{"uuid":"1","event":"/x","body":{"t":"${x} $${y} '''\u0000\" é"}}"#
            .as_bytes()
            .to_vec(),
    );
    bodies.push(b"\xff\x00\r\n".to_vec());
    bodies.push(b"{ \"uuid\": \"kept\", \"event\": \"/x\" }\n".to_vec());
    bodies.push(b"ends with '".to_vec());
    bodies.push(b"control \x01\t\x7f \\ ''' \"\"\" end\n".to_vec());
    bodies.push(b"\nbegins with a line".to_vec());
    let recorded = bodies.iter().enumerate();
    let recorded: Vec<EventDetail> = recorded
        .map(|(index, body)| recorded_at(BEGAN + 250 * index as i64, body))
        .collect();
    let text = cut(&recorded).unwrap();
    assert!(
        !text.contains("verify-me") && !text.contains("a%2Bb"),
        "{text}"
    );
    let again = rehearsed(&text, 9);
    assert_eq!(again.len(), bodies.len());
    for (index, (shot, body)) in again.iter().zip(&bodies).enumerate() {
        assert_eq!(shot.at_ms, 250 * index as u64);
        assert_eq!(shot.request.below, "/in?hub.verify_token=a%2Bb+%26c&z=${1}");
        assert!(shot.request.headers.get("host").is_none());
        match (serde_json::from_slice::<Value>(body), index > shots.len()) {
            (Ok(mut before), false) => {
                let mut after: Value = serde_json::from_slice(&shot.request.body).unwrap();
                assert_ne!(after["uuid"], before["uuid"]);
                for event in [&mut before, &mut after] {
                    event["uuid"] = Value::Null;
                    event["timestamp"] = Value::Null;
                }
                assert_eq!(after, before);
                assert_eq!(shot.request.callback.kind(), Kind::Notification);
                assert_eq!(shot.request.headers["verification-token"], "verify-me");
            }
            _ => assert_eq!(&shot.request.body, body, "{index}: {text}"),
        }
    }
}

#[test]
fn the_documented_scenario_can_be_run() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SIMULATE.md");
    let page = fs::read_to_string(path).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap();
    let shots = rehearsed(example.split("```").next().unwrap(), 3);
    let at: Vec<u64> = shots.iter().map(|shot| shot.at_ms).collect();
    assert_eq!(at, [0, 500, 1000, 2000]);
    let sms: Value = serde_json::from_slice(&shots[0].request.body).unwrap();
    assert_eq!(sms["body"]["subject"], "Hello, Alex Caller");
    assert_eq!(shots[3].request.callback, Callback::InteractiveMessage);
    let proof = signature::verify(Scheme::Glip, Some(b"glip secret"), &shots[3].request.view());
    assert_eq!(proof, Outcome::Wrong, "it is forged");
}
