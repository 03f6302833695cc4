//! What the reading tools give, and what they never give.

use super::*;

#[test]
fn an_event_is_listed_and_read_as_the_commands_print_it() {
    let filled = Filled::new(vec![sms(1), sms(2)]);
    filled.answers(&sms(2), 500, "it broke");
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--clear"]);
    let listed = server.call("read_events", json!({"filter": "status:5xx"}));
    let output = filled
        .home
        .run(&["events", "list", "status:5xx", "--output", "json"]);
    let mut line: Value = serde_json::from_slice(&output.stdout).unwrap();
    line["untrusted"] = json!(true);
    assert_eq!(listed["events"], json!([line]));
    let read = server.call("read_event", json!({"event": "2"}));
    let output = filled
        .home
        .run(&["events", "show", "2", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    for field in ["headers", "body", "peer", "signatures", "summary", "path"] {
        assert_eq!(read["event"][field], shown[field], "{field}");
    }
    let (attempt, before) = (&read["attempts"][0], &shown["attempts"][0]);
    assert_eq!(attempt["verdict"], before["verdict"]);
    assert_eq!(attempt["answer"]["body"], "it broke");
    assert_eq!(attempt["answer"]["headers"], before["headers"]);
    let explained = server.call("read_explanation", json!({"text": attempt["code"]}));
    assert_eq!(explained["explanations"][0]["code"], attempt["code"]);
}

#[test]
fn pages_go_through_all_events_once_in_both_directions() {
    let filled = Filled::new((1..=45).map(sms).collect());
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    for newest_first in [true, false] {
        let mut seen = Vec::new();
        let mut page = json!({"limit": 20, "newest_first": newest_first, "filter": "not seq:7"});
        loop {
            let result = server.call("read_events", page.clone());
            seen.extend(
                result["events"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|event| event["seq"].as_u64().unwrap()),
            );
            match result["next"].as_object() {
                Some(next) => page.as_object_mut().unwrap().extend(next.clone()),
                None => break,
            }
        }
        let mut expected: Vec<u64> = (1..=45).filter(|seq| *seq != 7).collect();
        if newest_first {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
}

/// Calls each reading tool about event 1, and returns everything that came.
fn everything(server: &mut Checked) -> Vec<Value> {
    [
        ("read_status", json!({})),
        ("read_events", json!({})),
        ("read_event", json!({"event": "1"})),
        ("read_event", json!({"event": "1", "paths": ["body", "body.from.name", "body.subject", "body.access_token"]})),
        ("wait_for_events", json!({"after": "0", "seconds": 0})),
        ("read_timeline", json!({"event": "1"})),
        ("read_types", json!({})),
        ("read_diff", json!({"event": "1", "other": "2"})),
        ("read_diff", json!({"event": "1", "of": "answers"})),
    ]
    .into_iter()
    .map(|(tool, arguments)| server.call(tool, arguments))
    .collect()
}

#[test]
fn secrets_are_never_given_and_persons_only_with_clear() {
    let filled = Filled::new(vec![sms(1), sms(2)]);
    filled.answers(&sms(1), 200, "");
    filled.answers(
        &sms(1),
        500,
        format!(
            "{{\"access_token\":\"{SECRET}\",\"phoneNumber\":\"{PHONE}\",\"name\":\"{NAME}\"}}"
        ),
    );
    let digits = PHONE.trim_start_matches('+');
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    for object in everything(&mut server) {
        let text = object.to_string();
        for planted in [SECRET, digits, NAME, "Ada"] {
            assert!(!text.contains(planted), "{planted} in {text}");
        }
    }
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--clear"]);
    let clear: String = everything(&mut server)
        .iter()
        .map(Value::to_string)
        .collect();
    assert!(!clear.contains(SECRET), "{clear}");
    assert!(clear.contains(digits) && clear.contains(NAME), "{clear}");
}

/// Fails for a text with the order outside of an object that is marked.
fn only_marked(value: &Value, marked: bool) {
    match value {
        Value::String(text) => assert!(marked || !text.contains("Ignore"), "{text}"),
        Value::Array(items) => items.iter().for_each(|item| only_marked(item, marked)),
        Value::Object(fields) => {
            let marked = marked || value["untrusted"] == true;
            fields.values().for_each(|value| only_marked(value, marked));
        }
        _ => {}
    }
}

#[test]
fn what_a_stranger_wrote_stands_only_in_marked_objects() {
    let filled = Filled::new(vec![sms(1), sms(2)]);
    filled.answers(&sms(1), 200, "");
    filled.answers(&sms(1), 500, ORDER);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--clear"]);
    let all = everything(&mut server);
    let orders = Value::Array(all.clone())
        .to_string()
        .matches("Ignore")
        .count();
    assert!(orders >= 12, "{orders}");
    all.iter().for_each(|object| only_marked(object, false));
    for (tool, arguments) in [
        ("read_events", json!({})),
        ("read_event", json!({"event": "1"})),
        ("wait_for_events", json!({"after": "0", "seconds": 0})),
    ] {
        let result = server.client.call(tool, arguments);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(!text.contains("Ignore"), "{text}");
    }
}

#[test]
fn a_long_summary_and_path_are_cut_and_escaped() {
    let long = format!("{{\"text\":\"{}\\u202e\"}}", "long ".repeat(400));
    let filled = Filled::new(vec![with(1, long.into(), &[])]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--clear"]);
    let event = server.call("read_events", json!({}))["events"][0].clone();
    for field in ["summary", "path"] {
        let text = event[field].as_str().unwrap();
        assert!(
            text.chars().count() <= 200 && !text.contains('\u{202e}'),
            "{text}"
        );
    }
}

#[test]
fn a_large_body_is_outlined_and_read_by_paths() {
    let items: Vec<Value> = (0..3000)
        .map(|at| json!({"id": at, "text": "x".repeat(20)}))
        .collect();
    let body = json!({"body": {"items": items, "odd name": {"deep": 1.50}}}).to_string();
    let filled = Filled::new(vec![
        with(1, body.clone().into(), &[]),
        with(2, "no JSON ".repeat(4000).into(), &[]),
        with(3, vec![0xff; 20_000].into(), &[]),
        with(
            4,
            vec![1; 5000].into(),
            &[("x-long", &"y".repeat(9000)), ("x-more", "z")],
        ),
    ]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--clear"]);
    let read = server.call("read_event", json!({"event": "1"}));
    assert!(read["event"]["body"].is_null());
    assert_eq!(read["event"]["body_len"], body.len());
    let outline = read["event"]["body_outline"].as_array().unwrap();
    assert!(
        outline.contains(&json!({"path": "body.items[*].id", "type": "number", "values": 3000})),
        "{outline:?}"
    );
    assert!(
        read["left_out"][0]
            .as_str()
            .unwrap()
            .starts_with("event.body: "),
        "{read}"
    );
    let paths = json!([
        "body.items[2].id",
        "body[\"odd name\"].deep",
        "body.items[*].text",
        "body.items"
    ]);
    let values = server.call("read_event", json!({"event": "1", "paths": paths}))["values"].clone();
    assert_eq!(values[0]["values"], json!([{"json": "2"}]));
    assert_eq!(values[1]["values"], json!([{"json": "1.5"}]));
    assert_eq!(values[2]["found"], 3000);
    assert!(values[3]["values"][0]["outline"].is_array(), "{values}");
    let text = server.call("read_event", json!({"event": "2"}));
    assert_eq!(
        text["event"]["body_beginning"].as_str().unwrap().len(),
        1000
    );
    let binary = server.call("read_event", json!({"event": "3"}));
    assert_eq!(binary["event"]["body_len"], 20_000);
    let controls = server.call("read_event", json!({"event": "4"}));
    let names: Vec<&str> = controls["event"]["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field[0].as_str().unwrap())
        .collect();
    assert_eq!(names, ["content-type", "x-long", "x-more"]);
    assert!(
        controls["left_out"].to_string().contains("x-long"),
        "{controls}"
    );
}

#[test]
fn the_newest_attempts_are_given_and_no_body_is_cut_for_them() {
    let body = json!({"text": "x".repeat(8000)}).to_string();
    let field = "h".repeat(900);
    let fields = ["x-a", "x-b", "x-c", "x-d"].map(|name| (name, field.as_str()));
    let event = with(1, body.clone().into(), &fields);
    let filled = Filled::new(vec![event.clone()]);
    let answer = json!({"text": "y".repeat(1400)}).to_string();
    for status in 201..=210 {
        filled.answers(&event, status, answer.clone());
    }
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--clear"]);
    let read = server.call("read_event", json!({"event": "1", "attempts": 10}));
    assert_eq!(read["event"]["body"], body);
    let attempts = read["attempts"].as_array().unwrap();
    assert!((2..10).contains(&attempts.len()), "{}", attempts.len());
    for (attempt, status) in attempts.iter().rev().zip((201..=210).rev()) {
        assert_eq!(
            (&attempt["status"], &attempt["answer"]["body"]),
            (&json!(status), &json!(answer))
        );
    }
    let left_out = format!("attempts: {} at the beginning", 10 - attempts.len());
    assert_eq!(read["left_out"], json!([left_out]));
}

#[test]
fn an_event_between_two_waits_comes_with_the_second() {
    let filled = Filled::new(vec![sms(1)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    let first = server.call("wait_for_events", json!({"seconds": 0}));
    assert_eq!(
        (&first["status"], &first["listening"]),
        (&json!("pending"), &json!(false))
    );
    filled.receives(vec![sms(2), sms(3)]);
    let second = server.call(
        "wait_for_events",
        json!({"after": first["cursor"], "seconds": 50}),
    );
    assert_eq!(
        (&second["status"], &second["events"][0]["seq"]),
        (&json!("arrived"), &json!(2))
    );
    // By default from the last cursor.
    let third = server.call("wait_for_events", json!({"seconds": 50}));
    assert_eq!(third["events"][0]["seq"], 3);
    let fourth = server.call("wait_for_events", json!({"seconds": 0}));
    assert_eq!(fourth["events"], json!([]));
}

#[test]
fn an_event_that_is_answered_after_a_later_one_is_not_missed() {
    let filled = Filled::new(vec![]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    filled.receives(vec![sms(1), sms(2)]);
    filled.answers(&sms(2), 500, "");
    let wait = |seconds: u64| json!({"filter": "status:5xx", "seconds": seconds});
    let first = server.call("wait_for_events", wait(50));
    assert_eq!(first["events"][0]["seq"], 2);
    assert_eq!(server.call("wait_for_events", wait(0))["status"], "pending");
    filled.answers(&sms(1), 500, "");
    let second = server.call("wait_for_events", wait(50));
    assert_eq!(second["events"][0]["seq"], 1);
    assert_eq!(server.call("wait_for_events", wait(0))["events"], json!([]));
    // One that was read before its answer came.
    filled.receives(vec![sms(3)]);
    server.call("read_events", json!({}));
    filled.answers(&sms(3), 500, "");
    assert_eq!(
        server.call("wait_for_events", wait(50))["events"][0]["seq"],
        3
    );
    let answered = json!({"answered": true, "after": 0, "count": 3, "seconds": 50});
    assert_eq!(
        server.call("wait_for_events", answered)["status"],
        "arrived"
    );
}

#[test]
fn a_wait_that_is_cancelled_leaves_the_server_free() {
    let filled = Filled::new(vec![]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    let call = json!({"name": "wait_for_events", "arguments": {"seconds": 50}});
    let number = server.client.request("tools/call", call);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}});
    server.client.send_line(&cancel.to_string());
    // Answered although the wait has not ended, or was never begun.
    server.call("read_status", json!({}));
    assert!(server.client.end());
}

#[test]
fn edited_copies_are_no_endpoint_of_their_own() {
    let original = sms(1);
    let filled = Filled::new(vec![original.clone()]);
    let request = original.request.decode().unwrap();
    let copy = filled.history.add_edited(original.id, request);
    filled.runtime.block_on(copy).unwrap().unwrap();
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    let status = server.call("read_status", json!({}));
    assert_eq!(status["endpoints_in_all"], 1, "{status}");
    assert_eq!(status["endpoints"][0]["endpoint"], "demo-x1", "{status}");
    assert_eq!(status["last_event"]["endpoint"], "demo-edited", "{status}");
    assert!(server.client.end());
}
