//! The tools that act.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use ringtail_kit::app::{App, Reply};
use tokio::runtime::Runtime;

use super::*;

/// A runtime for an app, and the app, which answers with the status that a test sets.
fn app() -> (Runtime, App, Arc<AtomicU16>) {
    let runtime = Runtime::new().unwrap();
    let status = Arc::new(AtomicU16::new(500));
    let answered = Arc::clone(&status);
    let app = {
        let _inside = runtime.enter();
        App::replying(move |_| Reply::status(answered.load(Ordering::SeqCst)).body("an answer"))
    };
    (runtime, app, status)
}

const ACTING: [&str; 3] = ["send_replay", "send_simulated", "set_mark"];

#[test]
fn acting_tools_exist_only_when_they_are_allowed() {
    let filled = Filled::new(vec![sms(1)]);
    let names = |server: &mut Checked| -> Vec<String> {
        let mut names: Vec<String> = server.schemas.keys().cloned().collect();
        names.sort();
        names
    };
    let mut reading = Checked::start(&filled.home, Era::Inline, &[]);
    let read = names(&mut reading);
    assert!(
        read.iter()
            .all(|name| name.starts_with("read_") || name.starts_with("wait_")),
        "{read:?}"
    );
    for (tool, arguments) in [
        ("send_replay", json!({"events": ["1"], "target": "1"})),
        (
            "send_simulated",
            json!({"scenario": "sms.inbound", "to": "app", "target": "1"}),
        ),
        ("set_mark", json!({"event": "1", "marked": true})),
    ] {
        let error = reading.fails(tool, arguments);
        assert!(
            error["fix"].as_str().unwrap().contains("--allow-send"),
            "{error}"
        );
    }
    assert_eq!(
        reading.call("read_events", json!({}))["events"][0]["marked"],
        false
    );
    let mut acting = Checked::start(&filled.home, Era::Inline, &["--allow-send"]);
    let mut all: Vec<String> = ACTING.map(str::to_owned).to_vec();
    all.extend(read);
    all.sort();
    assert_eq!(names(&mut acting), all);
    let tools = acting.client.result("tools/list", json!({}));
    for tool in tools["tools"].as_array().unwrap() {
        let acts = ACTING.contains(&tool["name"].as_str().unwrap());
        assert_eq!(tool["annotations"]["readOnlyHint"], !acts, "{tool}");
        assert!(
            !tool["annotations"]["destructiveHint"].as_bool().unwrap(),
            "{tool}"
        );
    }
}

#[test]
fn a_replay_says_verdict_answer_and_what_changed() {
    let (_runtime, app, status) = app();
    let filled = Filled::new(vec![sms(1), sms(2)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--allow-send"]);
    let replay = json!({"events": [2], "target": app.address.port()});
    let failed = server.call("send_replay", replay.clone());
    assert_eq!(failed["attempts"][0]["status"], 500);
    let body = failed["attempts"][0]["answer"]["body"].as_str().unwrap();
    assert!(body.starts_with("Text "), "{failed}");
    assert_eq!(failed["changed"], json!([]));
    status.store(200, Ordering::SeqCst);
    let fixed = server.call("send_replay", replay);
    assert_eq!(
        (&fixed["attempts"][0]["verdict"], &fixed["unsent"]),
        (&json!("ok"), &json!(0))
    );
    assert_eq!(fixed["changed"][0]["before"], "500");
    let answers = server.call("read_diff", json!({"event": "2", "of": "answers"}));
    assert_eq!(
        answers["changes"][0],
        json!({"path": "answer.status", "from": "500", "to": "200"})
    );
    // The app got what RingCentral sent.
    assert_eq!(
        app.seen().last().unwrap().header("verification-token"),
        [SECRET.as_bytes()]
    );
}

#[test]
fn a_filter_that_means_several_events_is_a_dry_run() {
    let (_runtime, app, _) = app();
    let filled = Filled::new(vec![sms(1), sms(2)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--allow-send"]);
    let mut replay = json!({"filter": "kind:sms", "target": app.address.to_string(), "seed": 7});
    let dry = server.call("send_replay", replay.clone());
    assert_eq!(
        (&dry["dry_run"], &dry["would_send"]),
        (&json!(true), &json!(2))
    );
    assert!(app.seen().is_empty());
    replay["dry_run"] = json!(false);
    replay["faults"] = json!({"double": 100});
    let sent = server.call("send_replay", replay);
    assert_eq!(sent["attempts"].as_array().unwrap().len(), 4);
    assert_eq!(app.seen().len(), 4);
    let one = server.call(
        "send_replay",
        json!({"filter": "seq:1", "target": app.address.to_string()}),
    );
    assert_eq!(one["attempts"].as_array().unwrap().len(), 1);
}

#[test]
fn an_edit_changes_one_value_and_leaves_every_other_byte() {
    let (_runtime, app, _) = app();
    let filled = Filled::new(vec![with(
        1,
        "{ \"n\": 1.50,\n \"text\": \"a\" }".into(),
        &[],
    )]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--allow-send"]);
    let mut replay = json!({"events": ["1"], "target": app.address.to_string(), "edits": {"text": "b", "header.x-new": "1"}});
    server.call("send_replay", replay.clone());
    let seen = app.seen();
    assert_eq!(
        seen[0].body,
        "{ \"n\": 1.50,\n \"text\": \"b\" }".as_bytes()
    );
    assert_eq!(seen[0].header("x-new"), [b"1"]);
    let stored = server.call("read_events", json!({}));
    assert!(stored["events"][0]["edited_from"].is_string(), "{stored}");
    replay["edits"] = json!({"none": 1});
    server.fails("send_replay", replay.clone());
    replay["edits"] = json!({"header.x": "a\r\nb"});
    server.fails("send_replay", replay);
    assert_eq!(app.seen().len(), 1);
}

#[test]
fn other_targets_and_wrong_calls_are_refused() {
    let filled = Filled::new(vec![sms(1), sms(2)]);
    let flags = [
        "--allow-send",
        "--allow-target",
        "https://staging.example.com/hook",
    ];
    let mut server = Checked::start(&filled.home, Era::Initialized, &flags);
    for target in [
        "https://example.com",
        "https://staging.example.com/other",
        "http://169.254.169.254/x",
        "unix:/run/x.sock",
    ] {
        let error = server.fails("send_replay", json!({"events": ["1"], "target": target}));
        assert!(
            error["fix"].as_str().unwrap().contains("--allow-target"),
            "{error}"
        );
        let simulated = json!({"scenario": "sms.inbound", "to": "app", "target": target});
        server.fails("send_simulated", simulated);
    }
    let dry =
        json!({"events": ["1"], "target": "https://staging.example.com/hook", "dry_run": true});
    assert_eq!(server.call("send_replay", dry)["would_send"], 1);
    for (tool, arguments) in [
        // A write without its argument does nothing.
        ("send_replay", json!({})),
        ("send_replay", json!({"events": ["1"], "filter": ""})),
        ("send_replay", json!({"events": ["1"]})),
        (
            "send_replay",
            json!({"events": ["1"], "target": "1", "seconds": 51}),
        ),
        (
            "send_replay",
            json!({"events": ["1", "2"], "target": "1", "edits": {"a": 1}}),
        ),
        (
            "send_replay",
            json!({"events": ["1"], "target": "1", "faults": {"drop": 101}}),
        ),
        ("send_simulated", json!({"scenario": "sms.inbound"})),
        (
            "send_simulated",
            json!({"scenario": "/etc/passwd", "to": "app", "target": "1"}),
        ),
        (
            "send_simulated",
            json!({"scenario": "sms.inbound", "to": "relay"}),
        ),
        ("set_mark", json!({"event": "1"})),
        (
            "set_mark",
            json!({"event": "1", "marked": false, "comment": "x"}),
        ),
        (
            "set_mark",
            json!({"event": "1", "marked": true, "comment": "x".repeat(281)}),
        ),
    ] {
        let error = server.fails(tool, arguments.clone());
        assert!(error["fix"].is_string(), "{tool} {arguments}: {error}");
    }
    assert_eq!(
        server.call("read_events", json!({"filter": "bookmarked or replayed"}))["events"],
        json!([])
    );
}

#[test]
fn a_simulation_judges_each_answer() {
    let (_runtime, app, status) = app();
    let filled = Filled::new(vec![]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--allow-send"]);
    let call = json!({"scenario": "sms.inbound", "to": "app", "target": app.address.to_string(), "set": {"text": "Hello"}});
    let refused = server.call("send_simulated", call.clone());
    assert_eq!(refused["end"], "refused", "{refused}");
    assert_eq!(refused["answers"][0]["as_expected"], false);
    status.store(200, Ordering::SeqCst);
    // Without the echo of the validation token, RingCentral still refuses.
    let refused = server.call("send_simulated", call);
    assert_eq!(refused["end"], "refused", "{refused}");
}

#[test]
fn a_bookmark_is_set_and_removed() {
    let filled = Filled::new(vec![sms(1)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--allow-send", "--clear"]);
    for _ in 0..2 {
        let set = server.call(
            "set_mark",
            json!({"event": "1", "marked": true, "comment": "look here"}),
        );
        assert_eq!(
            (&set["event"]["marked"], &set["event"]["comment"]),
            (&json!(true), &json!("look here"))
        );
    }
    let cleared = server.call("set_mark", json!({"event": "1", "marked": false}));
    assert_eq!(
        (&cleared["event"]["marked"], &cleared["event"]["comment"]),
        (&json!(false), &Value::Null)
    );
}

#[test]
fn a_masked_comment_is_not_an_empty_one() {
    let filled = Filled::new(vec![sms(1)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--allow-send"]);
    for (comment, shown) in [("", ""), (NAME, "(masked)")] {
        let mark = json!({"event": "1", "marked": true, "comment": comment});
        let set = server.call("set_mark", mark);
        let listed = server.call("read_events", json!({"filter": "bookmarked"}));
        let read = server.call("read_event", json!({"event": "1"}));
        let talk = server.call("read_timeline", json!({"event": "1"}));
        for event in [
            &set["event"],
            &listed["events"][0],
            &read["event"],
            &talk["events"][0],
        ] {
            assert_eq!(event["comment"], shown, "{event}");
        }
    }
}
