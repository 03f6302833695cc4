use std::io::Write;
use std::process::Stdio;

use super::Home;

/// Runs `ringtail explain` with a text on stdin.
fn pipe(arguments: &[&str], text: &str) -> String {
    let home = Home::new();
    let mut child = home
        .ringtail(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    home.seen(&child.wait_with_output().unwrap())
}

fn explained(argument: &str) -> String {
    let home = Home::new();
    home.seen(&home.run(&["explain", argument]))
}

#[test]
fn a_code_is_explained() {
    insta::assert_snapshot!("explain", explained("sub520"));
}

#[test]
fn a_pasted_body_is_explained_by_its_first_error() {
    let body = r#"{"errorCode":"InvalidParameter","errors":[{"errorCode":"SUB-524"}]}"#;
    for arguments in [["explain"].as_slice(), &["explain", "-"]] {
        let seen = pipe(arguments, body);
        assert!(
            seen.starts_with("exit 0\nSUB-524  HTTPS certificate is not valid\n"),
            "{seen}"
        );
    }
    assert!(explained(body).starts_with("exit 0\nSUB-524  "));
}

#[test]
fn a_question_needs_no_quotes_and_several_errors_have_each_their_explanation() {
    let home = Home::new();
    let question = [
        "explain",
        "why",
        "was",
        "my",
        "subscription",
        "blacklisted?",
    ];
    let seen = home.seen(&home.run(&question));
    assert!(seen.starts_with("exit 0\nBlacklisted  "), "{seen}");
    let log = "SUB-505 Subscriptions limit exceeded\nAccess token expired.\n";
    let seen = pipe(&["explain"], log);
    assert!(seen.starts_with("exit 0\nSUB-505  "), "{seen}");
    assert!(
        seen.contains("\n\nOAU-128  Access token expired\n"),
        "{seen}"
    );
    let lines = pipe(&["explain", "--output", "json"], log);
    assert_eq!(lines.matches("\"type\":\"explanation\"").count(), 2);
    assert_eq!(lines.trim_end().lines().count(), 3, "{lines}");
}

#[test]
fn what_ringtail_prints_is_explained_when_it_is_pasted() {
    let home = Home::new();
    let told = home.seen(&home.run(&["listen", "3000"]));
    let seen = pipe(&["explain"], &told);
    assert!(seen.starts_with("exit 0\nRT-201\nRingtail\n\n"), "{seen}");
}

#[test]
fn a_verdict_is_explained_by_its_word() {
    assert!(explained("late").starts_with("exit 0\nRT-501  "));
    for word in ["no-answer", "none", "refused", "timed-out"] {
        assert!(explained(word).starts_with("exit 0\nRT-504  "), "{word}");
    }
}

#[test]
fn an_unknown_code_is_told_with_the_nearest() {
    let expected = "exit 65\nerror[RT-105]: unknown code SUB-529\n\
                    hint: similar codes: SUB-528, SUB-527, SUB-526; `ringtail explain --list` lists all\n";
    assert_eq!(explained("SUB-529"), expected);
    let nothing = pipe(&["explain"], "it does not work\n");
    assert!(nothing.starts_with("exit 65\nerror[RT-105]: nothing known in the text\n"));
    assert!(nothing.contains("`ringtail check URL`"), "{nothing}");
    let huge = pipe(&["explain"], &"\u{1b}[31m".repeat(10_000));
    assert!(!huge.contains('\u{1b}') && huge.len() < 500, "{huge}");
}

#[test]
fn the_list_has_every_code_in_both_forms() {
    let home = Home::new();
    let lines = home.run(&["explain", "--list"]).stdout;
    let objects = home.run(&["explain", "--list", "--output", "json"]).stdout;
    let lines = String::from_utf8(lines).unwrap();
    let objects = String::from_utf8(objects).unwrap();
    assert_eq!(lines.lines().count(), objects.lines().count());
    for (line, object) in lines.lines().zip(objects.lines()) {
        let object: serde_json::Value = serde_json::from_str(object).unwrap();
        let code = object["code"].as_str().unwrap();
        assert!(line.starts_with(code), "{line}");
        assert_eq!(object["type"], "explanation");
        assert!(
            object["causes"]
                .as_array()
                .is_some_and(|causes| !causes.is_empty())
        );
    }
}

#[test]
fn the_page_of_codes_is_the_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ERRORS.md");
    let printed = Home::new().run(&["explain", "--list", "--output", "markdown"]);
    assert_eq!(
        std::fs::read_to_string(page).unwrap_or_default(),
        String::from_utf8(printed.stdout).unwrap(),
        "run: cargo run -p ringtail -- explain --list --output markdown > docs/ERRORS.md"
    );
}
