use std::net::TcpListener;

use ringtail_protocol::event::{Disposition, Event, EventId, Header, Kind, Request, Timestamp};
use ringtail_store::{Incoming, LEARN};

use super::{Home, app, block_on};

const BODY: &[u8] = b"{\"event\": \"x\",\r\n \"uuid\":\"1\"}\xff\x1b[2J\n";

/// A history with two events on one endpoint and one on another.
fn home() -> Home {
    let home = Home::new();
    for (endpoint, seqs) in [("demo-x1", 1..=2), ("other-x2", 1..=1)] {
        home.receives(
            endpoint,
            seqs.map(|seq| Incoming::Event(event(endpoint, seq))),
        );
    }
    home
}

pub(super) fn event(endpoint: &str, seq: u64) -> Event {
    let request = Request {
        method: "POST".into(),
        path: "/hook?a=1".into(),
        peer: "192.0.2.1:40000".into(),
        headers: vec![Header {
            name: "content-type".into(),
            value: "application/json".into(),
        }],
        body: BODY.into(),
    };
    let mut id = [0; 16];
    id[0] = u8::try_from(endpoint.len()).unwrap();
    id[1] = u8::try_from(seq).unwrap();
    Event {
        seq,
        id: EventId::from_bytes(id),
        received_at: Timestamp(1_785_320_000_000_042),
        kind: Kind::Notification,
        disposition: Disposition::Pending,
        duplicate_of: None,
        request: request.encode().unwrap(),
    }
}

#[test]
fn raw_is_the_body_byte_for_byte() {
    let home = home();
    for name in ["2", "demo/2", "demo-x1/2", "07020000-0"] {
        let output = home.run(&["events", "show", "--raw", name]);
        assert_eq!(output.stdout, BODY, "{name}: {}", home.seen(&output));
    }
}

#[test]
fn a_name_of_several_events_is_asked_back() {
    let home = home();
    let output = home.run(&["events", "show", "1"]);
    let expected = "exit 65\nerror[RT-106]: 1 matches 2 events of demo-x1, other-x2\n\
                    hint: name the endpoint, as in demo-x1/1\n";
    assert_eq!(home.seen(&output), expected);
    for arguments in [&["show", "demo/1..2"][..], &["diff", "demo/1..2"]] {
        let output = home.run(&[&["events"], arguments].concat());
        let expected = "exit 65\nerror[RT-106]: demo/1..2 names 2 events, and one is expected\n\
                        hint: name one, such as 1\n";
        assert_eq!(home.seen(&output), expected);
    }
    let one = home.run(&["events", "show", "1", "--endpoint", "other"]);
    assert_eq!(one.status.code(), Some(0));
}

#[test]
fn an_endpoint_that_is_not_there_is_said() {
    let home = home();
    for arguments in [&["2", "-e", "nope"][..], &["nope/2"]] {
        let output = home.run(&[&["events", "show"], arguments].concat());
        let expected = "exit 65\nerror[RT-106]: no endpoint nope in the history\n\
                        hint: the history has demo-x1, other-x2\n";
        assert_eq!(home.seen(&output), expected);
    }
    let output = home.run(&["events", "show", "2", "-e", "other"]);
    let seen = home.seen(&output);
    assert!(seen.contains("no event 2 in the history"), "{seen}");
    let seen = home.seen(&home.run(&["replay", "5..2"]));
    assert!(
        seen.contains("the range 5..2 goes backwards; give 2..5"),
        "{seen}"
    );
}

/// `script` gives a command a terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_no_bytes_that_it_would_obey() {
    let home = home();
    let program = env!("CARGO_BIN_EXE_ringtail");
    let shown = home.ringtail(&[]);
    let mut command = std::process::Command::new("script");
    let line = format!("{program} events show 2 --raw");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]);
    for (name, value) in shown.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    let seen = home.seen(&output);
    assert!(seen.starts_with("exit 64\n"), "{seen}");
    assert!(
        seen.contains("the body of event 2 has control characters"),
        "{seen}"
    );
    assert!(!seen.contains('\u{1b}'), "{seen}");
}

#[test]
fn nothing_is_done_with_events_that_may_not_be_meant() {
    let home = home();
    // An id that begins as another does.
    let mut like = event("demo-x1", 3);
    like.id = EventId::from_bytes([7, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    home.receives("demo-x1", [Incoming::Event(like)]);
    let replay = ["replay", "--dry-run", "--target", "3000"];
    for (command, name, events) in [
        (&replay[..], "1", 2),
        (&replay[..], "1..3", 4),
        (&replay[..], "07020000-0", 2),
        (&["events", "mark"][..], "1", 2),
        (&["export"][..], "1", 2),
        (&["simulate", "cut"][..], "1..2", 3),
    ] {
        let output = home.run(&[command, &[name]].concat());
        let (of, hint) = match name {
            "07020000-0" => ("demo-x1", "give more of the id".to_owned()),
            _ => (
                "demo-x1, other-x2",
                format!("name the endpoint, as in demo-x1/{name}"),
            ),
        };
        let expected = format!(
            "exit 65\nerror[RT-106]: {name} matches {events} events of {of}\n\
             hint: {hint}\n"
        );
        assert_eq!(home.seen(&output), expected, "{command:?}");
    }
    for name in ["demo/1..3", "demo/1", "other/1"] {
        let output = home.run(&[&replay[..], &[name]].concat());
        assert_eq!(output.status.code(), Some(0), "{name}");
    }
}

#[test]
fn events_are_listed_and_shown() {
    let home = home();
    let mut seen = String::new();
    for arguments in [
        vec!["events", "list"],
        vec!["events", "list", "-n", "1"],
        vec!["events", "list", "endpoint:demo", "--output", "json"],
        vec!["events", "list", "seq:2", "path:hook"],
        vec!["events", "list", "kind:sms"],
        vec!["events", "list", "kind:smss or", "x"],
        vec![
            "replay",
            "--filter",
            "endpoint:other",
            "--dry-run",
            "--target",
            "3000",
        ],
        vec!["replay", "--filter", "pending", "--target", "3000"],
        vec!["events", "show", "2"],
        vec!["events", "show", "2", "--output", "json"],
    ] {
        let output = home.run(&arguments);
        seen += &format!(
            "$ ringtail {}\n{}\n",
            arguments.join(" "),
            home.seen(&output)
        );
    }
    assert!(!seen.contains('\u{1b}'));
    insta::assert_snapshot!("events", seen);
}

#[test]
fn wait_ends_as_the_table_of_exit_codes_says() {
    let (home, empty) = (home(), Home::new());
    let soon = ["--timeout", "0.05"];
    for (home, arguments, code, said) in [
        (
            &home,
            &["--since", "0", "-n", "3"][..],
            0,
            "Later events: --since 3",
        ),
        (
            &home,
            &["kind:notification", "--since", "2"],
            0,
            "--since 3",
        ),
        (
            &home,
            &["--since", "0", "-n", "4"],
            1,
            "3 of 4 events match after 0.05 s\nhint: nothing arrived meanwhile",
        ),
        (&home, &[], 1, "0 of 1 events match"),
        (&home, &["status:2xx", "--since", "0"], 1, "RT-109"),
        (&empty, &["--since", "0"], 1, "nothing arrived"),
        (&home, &["kind:nope"], 64, "kind:nope"),
        (&home, &["-n", "0"], 64, "--count"),
        (&home, &["--timeout", "never"], 64, "give seconds"),
        (&home, &["--since", "yesteryear"], 64, "yesteryear"),
        (&home, &["--since", "4"], 65, "position 4 is beyond"),
        (&home, &["--config", "none.toml"], 78, "none.toml"),
    ] {
        let mut arguments = [&["wait"], arguments].concat();
        if !arguments.contains(&"--timeout") {
            arguments.extend(soon);
        }
        let seen = home.seen(&home.run(&arguments));
        let exit = format!("exit {code}\n");
        assert!(
            seen.starts_with(&exit) && seen.contains(said),
            "{arguments:?}: {seen}"
        );
    }
}

#[test]
fn a_replay_goes_to_the_named_target_and_is_kept() {
    let home = home();
    let (_runtime, app) = app();
    let target = app.address.to_string();
    let output = home.run(&["replay", "demo/2", "--target", &target, "--output", "json"]);
    let seen = app.seen();
    assert_eq!(
        (seen[0].method.as_str(), &*seen[0].path),
        ("POST", "/hook?a=1")
    );
    assert_eq!((seen.len(), &seen[0].body[..]), (1, BODY));
    assert_eq!(output.status.code(), Some(0), "{}", home.seen(&output));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&line["type"], &line["status"], &line["cause"]),
        (&"attempt".into(), &200.into(), &"replay".into())
    );
    let shown = home.run(&["events", "show", "2", "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["attempts"][0]["status"], 200);
}

#[test]
fn a_replay_without_an_answer_fails() {
    let home = home();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = closed.local_addr().unwrap().to_string();
    drop(closed);
    let output = home.run(&["replay", "demo/1..2", "--target", &target]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        stderr,
        "error[RT-410]: 2 of 2 events got no response\nhint: check that the app runs\n"
    );
    assert_eq!(output.status.code(), Some(1));
    let unknown = home.run(&["replay", "demo/1"]);
    let expected =
        "exit 64\nerror[RT-101]: no target for events of demo-x1\nhint: pass --target 3000\n";
    assert_eq!(home.seen(&unknown), expected);
}

#[test]
fn events_are_marked_found_and_cleared() {
    let home = home();
    let mut seen = String::new();
    for arguments in [
        vec!["events", "mark", "1..2", "--endpoint", "demo"],
        vec!["events", "mark", "demo/2", "--comment", "look\u{1b} here"],
        vec!["events", "list", "bookmarked"],
        vec!["events", "list", "comment:look", "--output", "json"],
        vec!["events", "mark", "--filter", "comment:look", "--clear"],
        vec!["events", "list"],
        vec!["events", "mark"],
        vec!["events", "mark", "other/1", "--comment", &"x".repeat(501)],
    ] {
        let output = home.run(&arguments);
        let line = arguments.join(" ").replace('\u{1b}', "");
        seen += &format!("$ ringtail {line:.80}\n{}\n", home.seen(&output));
    }
    assert!(!seen.contains('\u{1b}'));
    insta::assert_snapshot!("marks", seen);
}

#[cfg(unix)]
#[test]
fn an_edited_event_is_sent_as_a_new_one() {
    let home = home();
    let (_runtime, app) = app();
    let target = app.address.to_string();
    let edit = |editor: &str, target: &str| {
        let mut command = home.ringtail(&["replay", "demo/2", "--edit", "--target", target]);
        command.env("VISUAL", editor).output().unwrap()
    };
    let output = edit(
        "sed -i -e 's|^POST .*|PUT /other?b|' -e '/^content-type/d'",
        &target,
    );
    assert_eq!(output.status.code(), Some(0), "{}", home.seen(&output));
    let seen = app.seen();
    assert_eq!(
        (seen[0].method.as_str(), &*seen[0].path),
        ("PUT", "/other?b")
    );
    assert_eq!((seen.len(), &seen[0].body[..]), (1, BODY));
    assert!(seen[0].header("ringtail-edited-from")[0].starts_with(b"07020000-"));
    assert!(seen[0].header("content-type").is_empty());
    // The number is still the original's alone.
    assert_eq!(home.run(&["events", "show", "2"]).status.code(), Some(0));
    let shown = home.run(&["events", "show", "demo-edited/1", "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(
        shown["edited_from"]
            .as_str()
            .unwrap()
            .starts_with("07020000-")
    );
    assert_eq!(shown["attempts"][0]["status"], 200);

    // What cannot be sent is not lost.
    let drafts = || {
        let files = std::fs::read_dir(home.path().join("data")).unwrap();
        let drafts = files.map(|file| file.unwrap().path());
        drafts
            .filter(|path| path.extension().is_some_and(|end| end == "http"))
            .collect::<Vec<_>>()
    };
    for unchanged in ["true", "truncate -s 0"] {
        let output = edit(unchanged, "3000");
        assert_eq!(home.seen(&output), "exit 0\nno change; nothing sent\n");
    }
    assert!(drafts().is_empty());
    for (editor, expected) in [
        ("sed -i 's/POST/P(ST/'", "line 2: expected a request line"),
        (
            "sed -i 's/POST/PUT/' \"$1\"; false",
            "ended with exit status: 1",
        ),
    ] {
        let output = edit(editor, "3000");
        let seen = home.seen(&output);
        assert_eq!(output.status.code(), Some(64), "{seen}");
        assert!(seen.contains(expected), "{seen}");
        let draft = drafts().remove(0);
        assert!(
            seen.contains("your text is in HOME/data/edit-07020000-"),
            "{seen}"
        );
        std::fs::remove_file(draft).unwrap();
    }
    // Unchanged: nothing to keep.
    for (editor, status) in [("false", 1), ("no-such-editor", 127)] {
        let seen = home.seen(&edit(editor, "3000"));
        let told = format!(
            "the editor {editor:?} ended with exit status: {status}; nothing sent\n\
                            hint: set VISUAL or EDITOR to your editor\n"
        )
        .replace('"', "\\\"");
        assert!(seen.ends_with(&told.replace("\\\"", "\"")), "{seen}");
        assert!(drafts().is_empty(), "{seen}");
    }
}

#[test]
fn events_with_new_fields_are_found_and_say_what_is_new() {
    let home = Home::new();
    let last = u64::from(LEARN) + 1;
    let batch = (1..=last).map(|seq| {
        let mut event = event("demo-x1", seq);
        let mut request = event.request.decode().unwrap();
        let more = if seq == last {
            r#","priority":"High""#
        } else {
            ""
        };
        let body = format!(r#"{{"uuid":"{seq}","event":"x","body":{{"id":{seq}{more}}}}}"#);
        request.body = body.into_bytes().into();
        event.request = request.encode().unwrap();
        Incoming::Event(event)
    });
    let history = home.receives("demo-x1", batch);
    let mut marks = history.watermarks();
    block_on(marks.wait_for(|marks| marks.new_fields.0 > 0)).unwrap();
    let words = "[new field body.priority (string)]";
    let listed = home.seen(&home.run(&["events", "list", "new-field"]));
    assert_eq!(listed.matches(words).count(), 1, "{listed}");
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let shown = home.seen(&home.run(&["events", "show", &last.to_string()]));
    assert!(shown.contains(words), "{shown}");
    let json = home.seen(&home.run(&["events", "list", "new-field", "--output", "json"]));
    let new = r#""new":[{"path":"body.priority","type":"string","was":[]}]"#;
    assert!(json.contains(new), "{json}");
}

#[test]
fn lost_events_are_told_in_exports_where_they_would_stand() {
    let home = Home::new();
    let events = [1, 4, 5, 7].map(|seq| Incoming::Event(event("demo-x1", seq)));
    home.receives("demo-x1", events);
    let export = |arguments: &[&str]| {
        let output = home.run(&[&["export", "--as"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", home.seen(&output));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };

    let (lines, said) = export(&["ndjson"]);
    let order = lines.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        match line["type"].as_str().unwrap() {
            "gap" => format!("{}-{}", line["first"], line["last"]),
            _ => line["seq"].to_string(),
        }
    });
    assert_eq!(
        order.collect::<Vec<_>>(),
        ["1", "2-3", "4", "5", "6-6", "7"]
    );
    assert!(said.starts_with("3 events are missing"), "{said}");
    for form in ["curl", "httpie"] {
        let (script, _) = export(&[form]);
        let lost = "# demo-x1 #2 to #3 are lost: the relay had deleted them\n";
        assert_eq!(script.matches(lost).count(), 1, "{script}");
    }
    let (archive, _) = export(&["har"]);
    let parsed: serde_json::Value = serde_json::from_str(&archive).unwrap();
    let gaps = &parsed["log"]["_gaps"];
    assert_eq!(
        (&gaps[0]["last"], &gaps[1]["first"]),
        (&3.into(), &6.into())
    );

    let (some, said) = export(&["ndjson", "4..5"]);
    assert_eq!(some.matches("\"gap\"").count(), 1, "{some}");
    assert!(said.starts_with("2 events are missing"), "{said}");
    // It is unknown whether lost events would match.
    assert!(
        !export(&["ndjson", "--filter", "seq:4..5"])
            .0
            .contains("\"gap\"")
    );

    let file = home.path().join("gaps.har");
    std::fs::write(&file, archive).unwrap();
    let output = home.run(&["import", file.to_str().unwrap()]);
    assert_eq!(
        home.seen(&output),
        "exit 0\n0 events imported under imported, 4 already present\n"
    );
}
