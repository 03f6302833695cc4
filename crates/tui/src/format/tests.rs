use std::time::Duration;

use ringtail_model::new_fields::{NewField, NewFields};

use super::*;
use crate::theme::{LITERAL, NUMBER, STRING};

fn text(lines: &[Line]) -> String {
    let lines: Vec<String> = lines.iter().map(Line::to_string).collect();
    lines.join("\n")
}

fn shown(body: &[u8]) -> String {
    text(&body::pretty(body, MAX_LINES, None).0)
}

#[test]
fn json_is_laid_out_and_otherwise_untouched() {
    let body = br#" {"a":[1,2.50e+1,{}],"a":[],"b":{"c":"x\"y\u001b","d":null}} "#;
    assert_eq!(
        shown(body),
        r#"{
  "a": [
    1,
    2.50e+1,
    {}
  ],
  "a": [],
  "b": {
    "c": "x\"y\u001b",
    "d": null
  }
}"#
    );
}

#[test]
fn numbers_names_and_escapes_of_json_stay_as_received() {
    let body =
        r#"{"n":[99999999999999999999,1.50,1e2,-0,1E400],"a":1,"a":"\ud800","\udc00":{"b":[]}}"#;
    let tokens: String = shown(body.as_bytes()).split_whitespace().collect();
    assert_eq!(tokens, body);
    assert_eq!(shown(body.as_bytes()).lines().count(), 14);
    for broken in ["[1,2}", "{\"a\":[}", "{} {}", "[nul]", "{\"a\":1"] {
        assert!(
            shown(broken.as_bytes()).contains("not valid JSON"),
            "{broken}"
        );
    }
}

#[test]
fn new_fields_are_marked_on_their_lines() {
    let field = |path: &str, was: &[&str]| NewField {
        path: path.to_owned(),
        is: "null".to_owned(),
        was: was.iter().map(|word| (*word).to_owned()).collect(),
    };
    let new_fields = NewFields {
        fields: vec![
            field("to[*].x-y", &[]),
            field("of[\"a b\"]", &["string"]),
            field("n", &["number"]),
        ],
        more: 0,
    };
    let body = br#"{"to":[{"x-y":{}},{"x-y":1}],"of":{"a b":null,"n":1},"x-y":1}"#;
    let (mut lines, outline) = body::pretty(body, MAX_LINES, None);
    outline::mark_new(&mut lines, &outline, &new_fields);
    let text = text(&lines);
    let bookmarks = text.lines().filter(|line| line.contains('◆'));
    assert_eq!(
        bookmarks.collect::<Vec<_>>(),
        [
            "      \"x-y\": {}  ◆ new",
            "      \"x-y\": 1  ◆ new",
            "    \"a b\": null,  ◆ null is new here",
        ]
    );
}

#[test]
fn a_body_of_one_long_line_is_cut_with_a_note() {
    let body = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes)).into_bytes();
    let small = body(MAX_LINE * 3);
    let lines = body::raw(&small, None);
    assert_eq!(text(&lines).into_bytes(), small);
    let large = body(9_000_000);
    let lines = body::raw(&large, None);
    assert_eq!(lines[0].width(), MAX_PLAIN_LINE);
    assert_eq!(text(&lines[1..]), "… 8.3 MiB more not shown");
}

#[test]
fn names_and_values_have_their_styles() {
    let lines = body::pretty(br#"{"a":"b","c":1,"d":true}"#, MAX_LINES, None).0;
    let spans = lines.iter().flat_map(|line| &line.spans);
    let styled = spans.filter(|span| span.style != PLAIN);
    let styled: Vec<(Style, &str)> = styled.map(|span| (span.style, &*span.content)).collect();
    assert_eq!(
        styled,
        [
            (NAME, "\"a\""),
            (STRING, "\"b\""),
            (NAME, "\"c\""),
            (NUMBER, "1"),
            (NAME, "\"d\""),
            (LITERAL, "true"),
        ]
    );
}

#[test]
fn other_bodies_stay_unchanged() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "(empty body)"),
        (b"a=1&b=2", "a=1&b=2"),
        (b"<p>\n\tx\r\n</p>\n", "<p>\n    x\n</p>"),
        (b"\x1b[2Jx", "\\u001b[2Jx"),
        (
            b"{\"a\":",
            "not valid JSON: EOF while parsing a value at line 1 column 5\n{\"a\":",
        ),
        (
            b"[1]]",
            "not valid JSON: trailing characters at line 1 column 4\n[1]]",
        ),
        (
            b"\xff{}",
            "not UTF-8 from byte 0 on: 3 B in hexadecimal\n00000000  ff 7b 7d                 .{}",
        ),
    ];
    for (body, lines) in cases {
        assert_eq!(shown(body), lines, "{body:?}");
    }
}

#[test]
fn sixteen_megabytes_become_few_lines_and_a_note() {
    const LEN: usize = 16 << 20;
    let bodies = [
        "[".repeat(LEN),
        format!("[\"{}\"]", "x".repeat(LEN)),
        format!("[{}0]", "0,".repeat(LEN / 2)),
        "\n".repeat(LEN),
        "x".repeat(LEN),
        "\u{202e}".repeat(LEN / 3),
    ];
    for body in bodies {
        let lines = body::pretty(body.as_bytes(), MAX_LINES, Some("the command")).0;
        assert!(lines.len() <= MAX_LINES + 2, "{}", lines.len());
        let note = text(&lines[lines.len() - 1..]);
        assert!(note.ends_with("all of it: the command"), "{note}");
    }
}

#[test]
fn durations_and_counts_are_readable() {
    let times = [0, 1, 999, 1000, 12_345, 60_000].map(|ms| took(Duration::from_millis(ms)));
    assert_eq!(
        times,
        ["<1 ms", "1 ms", "999 ms", "1.0 s", "12.3 s", "1 min"]
    );
    assert_eq!(
        [0, 999, 1000, 1_234_567].map(count),
        ["0", "999", "1,000", "1,234,567"]
    );
}

proptest::proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        shown(&body);
    }

    #[test]
    fn nothing_that_looks_like_json_panics(body in r#"[\[\]{}",:\\0-9a-z é]{0,80}"#) {
        shown(body.as_bytes());
    }
}
