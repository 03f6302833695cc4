//! Comparisons, calls, types, scenarios and checks.

use super::*;

/// Events of a call: the third twice, the fourth lost, the sixth before the fifth.
fn call() -> Vec<Event> {
    let step = |seq: u64, sequence: u64, code: &str| {
        let body = json!({
            "uuid": format!("c{seq}"), "event": "/restapi/v1.0/account/1/extension/2/telephony/sessions",
            "timestamp": "2026-07-29T10:13:20.000Z", "subscriptionId": "s",
            "body": {
                "telephonySessionId": "s-call", "sequence": sequence,
                "parties": [{
                    "id": "p-1", "direction": "Inbound", "status": {"code": code},
                    "from": {"phoneNumber": PHONE, "name": NAME}, "to": {"phoneNumber": "+16505550100"},
                }],
            },
        });
        with(seq, body.to_string().into(), &[])
    };
    vec![
        step(1, 1, "Setup"),
        step(2, 2, "Proceeding"),
        step(3, 3, "Proceeding"),
        step(4, 3, "Proceeding"),
        step(5, 6, "Disconnected"),
        step(6, 5, "Answered"),
    ]
}

#[test]
fn a_difference_names_path_from_and_to() {
    let filled = Filled::new(vec![sms(1), sms(2), sms(3)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--clear"]);
    let found = server.call("read_diff", json!({"event": "2"}));
    assert_eq!(found["same"], false);
    let change = json!({"path": "body.subject", "from": format!("\"{ORDER} 1\""), "to": format!("\"{ORDER} 2\"")});
    assert!(
        found["changes"].as_array().unwrap().contains(&change),
        "{found}"
    );
    assert_eq!(found["ignored"], json!(["uuid"]));
    let ignore = json!({"event": "3", "other": "1", "ignore": ["subject", "id"]});
    assert_eq!(server.call("read_diff", ignore)["same"], true);
    let all = server.call(
        "read_diff",
        json!({"event": "3", "other": "1", "all": true}),
    );
    assert!(all.to_string().contains("\"uuid\""), "{all}");
    for wrong in [
        json!({"event": "1"}),
        json!({"event": "2", "of": "answers"}),
        json!({"event": "2", "of": "answers", "other": "1"}),
    ] {
        server.fails("read_diff", wrong);
    }
}

#[test]
fn a_timeline_shows_missing_repeated_and_late() {
    let filled = Filled::new(call());
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    for arguments in [json!({"event": "1"}), json!({"session": "s-call"})] {
        let timeline = server.call("read_timeline", arguments);
        assert_eq!(timeline["session"], "s-call");
        assert_eq!(
            (&timeline["repeated"], &timeline["late"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(timeline["missing"], json!([[4, 4]]));
        assert_eq!(timeline["steps"].as_array().unwrap().len(), 6);
        let text = timeline.to_string();
        assert!(
            !text.contains(NAME) && !text.contains("6505550142"),
            "{text}"
        );
    }
    for wrong in [
        json!({}),
        json!({"event": "1", "session": "s"}),
        json!({"session": "none\""}),
    ] {
        server.fails("read_timeline", wrong);
    }
    let conversation = Filled::new(vec![sms(1)]);
    let mut server = Checked::start(&conversation.home, Era::Initialized, &[]);
    assert_eq!(
        server.call("read_timeline", json!({"event": "1"}))["type"],
        "conversation"
    );
}

#[test]
fn types_and_scenarios_are_those_of_the_commands() {
    let filled = Filled::new(vec![sms(1), sms(2)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &["--clear"]);
    for language in ["typescript", "json-schema", "rust", "python"] {
        let types = server.call(
            "read_types",
            json!({"filter": "kind:sms", "language": language}),
        );
        let output = filled
            .home
            .run(&["types", "--filter", "kind:sms", "--as", language]);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            types["types"][0]["text"].as_str().unwrap().trim(),
            printed.trim()
        );
        assert_eq!(types["types"][0]["events"], 2);
    }
    let none = server.fails("read_types", json!({"filter": "kind:fax"}));
    assert_eq!(none["message"], "no event matches the filter");
    let all = server.call("read_scenarios", json!({}));
    let names: Vec<&str> = all["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"call.inbound-answered"), "{names:?}");
    let call = server.call("read_scenarios", json!({"name": "call.inbound-answered"}));
    assert!(call["requests"].as_array().unwrap().len() > 3, "{call}");
    // No file is read.
    std::fs::write(filled.home.path().join("mine.toml"), "about = \"x\"").unwrap();
    let error = server.fails("read_scenarios", json!({"name": "mine.toml"}));
    assert_eq!(error["code"], "RT-420", "{error}");
}

#[test]
fn every_scenario_is_listed_and_read() {
    let filled = Filled::new(vec![]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    let scenarios = server.call("read_scenarios", json!({}));
    assert!(scenarios["left_out"].is_null(), "{}", scenarios["left_out"]);
    for scenario in scenarios["scenarios"].as_array().unwrap() {
        server.call("read_scenarios", json!({"name": scenario["name"]}));
    }
}

#[test]
fn an_address_that_nobody_answers_is_explained() {
    let filled = Filled::new(vec![]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    let vacant = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("https://{vacant}/hook");
    let report = server.call("read_address_check", json!({"url": url, "local": true}));
    assert_eq!(report["accepted"], false);
    let output = filled
        .home
        .run(&["check", &url, "--local", "--output", "json"]);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["code"], printed["code"]);
}

#[test]
fn without_a_login_or_a_relay_the_tools_say_what_to_do() {
    let filled = Filled::new(vec![]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    for tool in ["read_subscriptions", "read_canary"] {
        assert!(server.fails(tool, json!({}))["fix"].is_string());
    }
}

/// Events of the next test.
const COUNT: u64 = 24;

/// Events whose bodies and headers are of any size and content.
#[test]
fn any_history_gives_results_that_fit_and_are_valid() {
    let texts = ["x", "\u{1}", "\"", "\u{1f600}", "\\"];
    let events: Vec<Event> = (1..=COUNT)
        .map(|seq| {
            let text = texts[usize::try_from(seq).unwrap() % texts.len()];
            let long = text.repeat(usize::try_from(seq * seq * 4).unwrap());
            let body = match seq % 4 {
                0 => json!({"text": long, "items": vec![long.clone(); 20]}).to_string().into_bytes(),
                1 => json!({"body": {"telephonySessionId": "s", "sequence": seq, "parties": vec![json!({"id": long}); 9]}}).to_string().into_bytes(),
                2 => long.clone().into_bytes(),
                _ => vec![u8::try_from(seq).unwrap(); 30_000],
            };
            let header: String = "h".repeat(usize::try_from(seq * 300).unwrap());
            with(seq, body.into(), &[("x-a", &header), ("x-b", &header), ("x-c", "c")])
        })
        .collect();
    let filled = Filled::new(events.clone());
    for event in &events {
        filled.answers(event, 500, "answer ".repeat(3000));
        filled.answers(event, 200, vec![0xff; 9000]);
    }
    for flags in [&[][..], &["--clear"][..]] {
        let mut server = Checked::start(&filled.home, Era::Initialized, flags);
        let mut page = json!({"limit": 100});
        let mut seen = 0;
        loop {
            let result = server.call("read_events", page);
            seen += result["events"].as_array().unwrap().len();
            match result["next"]["before"].as_i64() {
                Some(before) => page = json!({"limit": 100, "before": before}),
                None => break,
            }
        }
        assert_eq!(seen, events.len());
        for seq in 1..=COUNT {
            let number = seq.to_string();
            server.call("read_event", json!({"event": number, "attempts": 10}));
            server.call("read_timeline", json!({"event": number}));
            if seq > 1 {
                server.call(
                    "read_diff",
                    json!({"event": number, "other": "1", "all": true}),
                );
            }
        }
        let waited = json!({"after": "0", "count": 20, "seconds": 0});
        let first = server.call("wait_for_events", waited);
        let then = server.call(
            "wait_for_events",
            json!({"after": first["cursor"], "count": 20, "seconds": 0}),
        );
        let seqs = |result: &Value| -> Vec<u64> {
            result["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["seq"].as_u64().unwrap())
                .collect()
        };
        let both: Vec<u64> = [seqs(&first), seqs(&then)].concat();
        assert_eq!(
            both,
            (1..=u64::try_from(both.len()).unwrap()).collect::<Vec<_>>()
        );
        server.call("read_types", json!({}));
    }
}
