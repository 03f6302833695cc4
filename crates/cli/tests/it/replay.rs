//! Replays and exported commands.

use std::net::TcpListener;

use ringtail_protocol::event::{Event, Header};
use ringtail_store::Incoming;

use super::history::event;
use super::{Home, app};

/// A history with events of RingCentral's, each with a token.
fn home(count: u64) -> Home {
    home_of((1..=count).map(signed))
}

fn home_of(events: impl Iterator<Item = Event>) -> Home {
    let home = Home::new();
    home.receives("demo-x1", events.map(Incoming::Event));
    home
}

fn signed(seq: u64) -> Event {
    let mut event = event("demo-x1", seq);
    let mut request = event.request.decode().unwrap();
    request.headers.push(Header {
        name: "verification-token".into(),
        value: "planted".into(),
    });
    let body = format!(
        r#"{{"uuid":"u{seq}","event":"/restapi/v1.0/account/1/telephony/sessions","subscriptionId":"s","body":{{"telephonySessionId":"t","sequence":{seq}}}}}"#
    );
    request.body = body.into_bytes().into();
    event.request = request.encode().unwrap();
    event
}

fn vacant() -> String {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    closed.local_addr().unwrap().to_string()
}

#[test]
fn what_had_no_answer_before_is_said() {
    let home = home(2);
    // Refused: no response.
    home.run(&["replay", "2", "--target", &vacant()]);
    let few = home.seen(&home.run(&["events", "diff", "2", "--answers"]));
    assert!(
        few.contains("the app has never answered event 2\nhint: `ringtail replay 2`"),
        "{few}"
    );
    let alone = home.seen(&home.run(&["events", "diff", "1"]));
    assert!(
        alone.contains("no earlier event of its kind\nhint: pass the other event\n"),
        "{alone}"
    );
    let (_runtime, app) = app();
    let target = app.address.to_string();
    home.run(&["replay", "1", "--target", &target]);
    let compare = ["replay", "1..2", "--compare", "--target", &target];
    let seen = home.seen(&home.run(&compare));
    assert_eq!(app.count(), 3);
    assert!(
        seen.contains("\n0 of 1 responses changed; 1 had no response before\n"),
        "{seen}"
    );
    let json = [
        "replay",
        "1..2",
        "--compare",
        "--target",
        &target,
        "--output",
        "json",
    ];
    let seen = home.seen(&home.run(&json));
    assert_eq!(app.count(), 5);
    let last = r#"{"type":"compared","answers":2,"changed":0,"without":0}"#;
    assert!(seen.contains(last), "{seen}");
    // What was refused since is not compared.
    home.run(&["replay", "2", "--target", &vacant()]);
    let seen = home.seen(&home.run(&["events", "diff", "2", "--answers"]));
    assert!(
        seen.contains("--- response 1 to #2\n+++ response 2 to #2\n"),
        "{seen}"
    );
}

#[test]
fn what_changed_is_listed_without_secrets() {
    let mut sms = event("demo-x1", 1);
    let mut request = sms.request.decode().unwrap();
    request.body = br#"{"uuid":"u1","event":"/restapi/v1.0/account/1/extension/2/message-store/instant","body":{"subject":"https://example.com/?access_token=planted","to":[{"phoneNumber":"+16505550199"}],"from":{"phoneNumber":"+16505550100"},"n":{}}}"#.as_slice().into();
    sms.request = request.encode().unwrap();
    let home = home_of(std::iter::once(sms));
    let (_runtime, app) = app();
    home.run(&["replay", "1", "--target", &app.address.to_string()]);
    let seen = home.seen(&home.run(&["replay", "1", "--compare", "--target", &vacant()]));
    assert!(seen.contains("\n1 of 1 responses changed\n  #1 "), "{seen}");
    assert!(
        seen.contains("https://example.com/?access_token=••••") && !seen.contains("planted"),
        "{seen}"
    );
}

#[test]
fn events_of_several_endpoints_are_told_with_theirs() {
    let home = home(1);
    let mut other = signed(2);
    other.seq = 1;
    home.receives("bot-x2", std::iter::once(Incoming::Event(other)));
    let (_runtime, app) = app();
    let target = app.address.to_string();
    let names = |seen: &str| seen.contains("demo-x1/1 ") && seen.contains("bot-x2/1 ");
    let seen = home.seen(&home.run(&["replay", "--filter", "seq:1", "--target", &target]));
    assert!(names(&seen), "{seen}");
    let compare = [
        "replay",
        "--filter",
        "seq:1",
        "--compare",
        "--target",
        &vacant(),
    ];
    let seen = home.seen(&home.run(&compare));
    let (_, table) = seen.split_once("2 of 2 responses changed\n").unwrap();
    assert!(names(table), "{seen}");
    let json = home.run(&[&compare[..], &["--output", "json"]].concat());
    let lines = String::from_utf8(json.stdout).unwrap();
    assert!(
        lines.contains(r#""type":"changed","endpoint":"bot-x2","seq":1,"#),
        "{lines}"
    );
}

#[test]
fn a_dry_run_is_the_plan() {
    let home = home(20);
    let faults = ["--drop", "20", "--double=30", "--reorder", "--seed", "7"];
    let dry = ["replay", "1..20", "--dry-run", "--target", "3000"];
    let seqs = |text: &str| -> Vec<u64> {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("demo-x1/"));
        let number = |line: &str| line.split(' ').next().unwrap().parse().unwrap();
        lines.map(number).collect()
    };
    let seen = home.seen(&home.run(&[&dry[..], &faults].concat()));
    let planned = seqs(&seen);
    let again = seen.matches("→ http://localhost:3000 again\n").count();
    let dropped = seen.matches(" is dropped\n").count();
    assert!(again > 0 && dropped > 0, "{seen}");
    assert!(!planned.is_sorted(), "{seen}");
    assert_eq!(planned.len(), 20 + again - dropped, "{seen}");
    let json = home.run(&[&dry[..], &faults, &["--output", "json"]].concat());
    let lines = String::from_utf8(json.stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines: Vec<_> = lines.collect();
    let named: Vec<u64> = lines
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(named, planned);
    assert!(
        lines
            .iter()
            .all(|line| line["target"] == "http://localhost:3000")
    );
    assert_eq!(
        lines.iter().filter(|line| line["again"] == true).count(),
        again
    );
    // A generated seed is printed, so the run can be repeated.
    let seen = home.seen(&home.run(&[&dry[..], &["--reorder"]].concat()));
    assert!(seen.contains("\nseed "), "{seen}");
}

#[test]
fn a_secret_that_is_missing_is_named() {
    let home = home(1);
    let seen = home.seen(&home.run(&["replay", "1", "--sign", "--target", "3000"]));
    let told = "cannot be signed: there is no secret for Verification-Token\n\
                hint: set RINGTAIL_VERIFICATION_TOKEN, or verification_token under [secrets] in the configuration file\n";
    assert!(
        seen.contains("error[RT-409]") && seen.ends_with(told),
        "{seen}"
    );
    let explained = home.seen(&home.run(&["explain", "RT-409"]));
    assert!(explained.contains("--sign"), "{explained}");
}

#[test]
fn commands_say_that_secrets_are_hidden_in_them() {
    let home = home(2);
    let note = "secrets are redacted in 2 of 2 events; --reveal includes them\n";
    for form in ["curl", "httpie", "raw", "ndjson"] {
        let hidden = home.run(&["export", "--as", form]);
        let said = String::from_utf8_lossy(&hidden.stderr).into_owned();
        assert_eq!(said, if form == "ndjson" { "" } else { note }, "{form}");
        let script = String::from_utf8_lossy(&hidden.stdout).into_owned();
        let comments = script.matches("\n# its secrets are redacted").count();
        let is_script = matches!(form, "curl" | "httpie");
        assert_eq!(comments, if is_script { 2 } else { 0 }, "{script}");
        let whole = home.run(&["export", "--as", form, "--reveal"]);
        let script = String::from_utf8_lossy(&whole.stdout).into_owned();
        assert!(
            whole.stderr.is_empty() && script.contains("planted"),
            "{script}"
        );
        assert!(!script.contains("secrets are redacted"), "{script}");
    }
}

#[test]
fn an_event_that_is_named_twice_is_one_example_of_its_type() {
    let home = home_of((1..=1).map(signed));
    let seen = home.seen(&home.run(&["types", "1", "1"]));
    assert!(seen.contains("from 1 event "), "{seen}");
}
