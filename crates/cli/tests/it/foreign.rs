//! An archive of another program, from import to every output.

use serde_json::{Value, json};

use super::Home;

const BODY: &str = r#"{"nid":7131379084364461057,"n":1.50,"n":1E400,"t":"\ud800","access_token":"planted","odd":"X"}"#;

/// Two events, one of them bad, behind a byte order mark.
fn archive(body: &str) -> Vec<u8> {
    let entry = json!({
        "startedDateTime": "2026-07-29T10:13:20Z",
        "request": {"method": "POST", "url": "https://a.test/h?auth_token=planted", "headers": null,
            "postData": {"mimeType": "application/json", "text": body}},
        "response": {"status": 200.0, "headers": [], "content": {"text": "-", "encoding": "base64"}},
    });
    let mut bad = entry.clone();
    bad["request"]["method"] = json!(7);
    format!("\u{feff}{}", json!({"log": {"entries": [bad, entry]}})).into_bytes()
}

#[test]
fn an_archive_of_another_program_is_imported_once_and_shown_as_received() {
    let home = Home::new();
    // A right-to-left override, a C1 control and a zero-width space.
    let body = BODY.replace('X', "\u{202e}\u{9b}\u{200b}");
    let file = home.path().join("other.har");
    std::fs::write(&file, archive(&body)).unwrap();
    let file = file.to_str().unwrap();
    for (new, known) in [("1 event", 0), ("0 events", 1)] {
        let seen = home.seen(&home.run(&["import", file]));
        for line in [
            "exit 65",
            &format!("{new} imported under imported, {known} already present"),
            "entry 1: request.method is a number, not text",
            "is imported without the response: response.content.text is not base64",
        ] {
            assert!(seen.contains(line), "{line}\n{seen}");
        }
    }
    let raw = home.run(&["events", "show", "1", "--raw"]).stdout;
    assert_eq!(raw, body.as_bytes());
    let compact = |text: &str| text.split_whitespace().collect::<String>();
    let shown = home.seen(&home.run(&["events", "show", "1"]));
    let hidden = BODY
        .replace("planted", "••••")
        .replace('X', "\\u202e\\u009b\\u200b");
    assert!(compact(&shown).contains(&hidden), "{shown}");
    for filter in [
        "nid > 7131379084364461056",
        "nid = 7131379084364461057",
        "n > 1e399",
        "n = 1.50",
    ] {
        let found = home.run(&["events", "list", filter]).stdout;
        assert!(!found.is_empty(), "{filter}");
    }
    for arguments in [
        &["events", "list"][..],
        &["events", "list", "-o", "json"],
        &["events", "show", "1", "-o", "json"],
        &["export", "--as", "ndjson"],
        &["export", "--as", "har"],
        &["export", "--as", "curl"],
        &["export", "--as", "httpie"],
        &["types"],
    ] {
        let output = home.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let odd = |c: char| c != '\n' && ringtail_text::is_unsafe(c);
        assert!(
            !text.contains("planted") && !text.contains(odd),
            "{arguments:?}: {text}"
        );
    }
    let line = home
        .run(&["events", "show", "1", "--reveal", "-o", "json"])
        .stdout;
    let parsed: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(parsed["body"], body);
}
