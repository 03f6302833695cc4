use jiff::Zoned;
use proptest::prelude::*;

use super::*;

mod matching;

fn printed(text: &str) -> String {
    match Filter::parse(text) {
        Ok(filter) => filter.to_string(),
        Err(error) => format!("{error}\n{}", error.pointed()),
    }
}

#[test]
fn filters_have_a_canonical_form() {
    let cases = [
        ("", ""),
        ("  ", ""),
        ("hello", "hello"),
        ("\"going away\"", "\"going away\""),
        ("a b", "a b"),
        ("a AND b & c", "a b c"),
        ("a or b | c and d", "a or b or (c d)"),
        ("(a or b) c", "(a or b) c"),
        ("not a !b", "not a not b"),
        ("!(a b)", "not (a b)"),
        ("not not a", "not not a"),
        ("((a))", "a"),
        ("kind:SMS status:5XX", "kind:SMS status:5xx"),
        ("verdict:none", "verdict:no-answer"),
        ("from:+1650 to:\"Pat Agent\"", "from:+1650 to:\"Pat Agent\""),
        ("from:~^\\+1(650|657)", "from:~\"^\\+1(650|657)\""),
        ("~a|b", "~\"a|b\""),
        ("(~(a|b))", "~\"(a|b)\""),
        ("~\"say \\\"hi\\\"\"", "~\"say \\\"hi\\\"\""),
        (
            "pending REPLAYED \"pending\"",
            "pending replayed \"pending\"",
        ),
        ("slower:1.5s", "slower:1500ms"),
        ("slower:2M slower:1h30m", "slower:120000ms slower:5400000ms"),
        ("since:-2D until:-1h30m", "since:-2d until:-1h30m"),
        (
            "since:-3h until:YESTERDAY on:2026-11-20",
            "since:-3h until:yesterday on:2026-11-20",
        ),
        (
            "since:14:05 until:2026-11-20T14:05",
            "since:14:05:00 until:2026-11-20T14:05:00",
        ),
        ("since:2026-11-20T14:05:00Z", "since:2026-11-20T14:05:00Z"),
        (
            "seq:17..20 or seq:5 or seq:7..",
            "seq:17..20 or seq:5 or seq:7..18446744073709551615",
        ),
        (
            "header.User-Agent:ringcentral",
            "header.user-agent:ringcentral",
        ),
        (
            "body.parties[*].status.code = Answered",
            "body.parties[*].status.code = Answered",
        ),
        (
            "body.a[0]=1 x!=\"\" y~^a z >= 2",
            "body.a[0] = 1 x != \"\" y ~ \"^a\" z >= \"2\"",
        ),
        ("[\"odd name\"].x==true", "[\"odd name\"].x = true"),
        (
            "has:body.to not has:body[\"a b\"]",
            "has:body.to not has:body[\"a b\"]",
        ),
        (
            "https://example.com 12:30",
            "\"https://example.com\" \"12:30\"",
        ),
        ("what ~ever", "what ~\"ever\""),
        ("what ~ ever", "what ~ \"ever\""),
        ("\"and\" \"a=b\"", "\"and\" \"a=b\""),
    ];
    for (text, expected) in cases {
        assert_eq!(printed(text), expected, "{text}");
        assert_eq!(printed(expected), expected, "again");
    }
}

#[test]
fn mistakes_are_pointed_at() {
    let mistakes = [
        "kind:smss",
        "kind:call",
        "kind:wfm",
        "from:(650) 555-0101",
        "pending kind:",
        "form:+1650",
        "pending:yes",
        "a and",
        "or a",
        "(a b",
        "a)",
        "a \"b",
        "status:6000",
        "status:9xx",
        "verdict:slow",
        "since:tomorrow",
        "on:-3h",
        "seq:20..17",
        "slower:fast",
        "body.subject:needle",
        "a b = ",
        "http://x = 1",
        "= 1",
        "~[a",
        "日本 from:~(",
        "header.:x",
        "has:a..b",
        "x ~",
        "!",
        "\"\"",
    ];
    let seen: Vec<String> = mistakes.iter().map(|text| printed(text)).collect();
    insta::assert_snapshot!(seen.join("\n\n"));
}

#[test]
fn size_and_depth_are_bounded() {
    for text in [
        "(".repeat(1000),
        "not ".repeat(1000),
        "!".repeat(1000),
        "a ".repeat(5000),
        format!("~{}", "(a{50}){50}".repeat(20)),
        format!("{} = 1", "a.".repeat(40) + "b"),
    ] {
        let error = Filter::parse(&text).unwrap_err();
        assert!(error.text.chars().count() <= MAX_CHARS);
    }
}

#[test]
fn a_time_is_a_day_at_most_and_an_age_is_past() {
    for (text, good) in [
        ("slower:0ms", true),
        ("slower:24h", true),
        ("slower:86400001ms", false),
        ("slower:-1s", false),
        ("slower:1", false),
        ("since:-0s", true),
        ("since:--3h", false),
        ("since:-3", false),
        ("since:3h", false),
    ] {
        assert_eq!(Filter::parse(text).is_ok(), good, "{text}");
    }
}

#[test]
fn the_last_word_is_completed() {
    let completed = |text: &str| {
        let (at, found) = words::complete(text);
        (at, found.join(" "))
    };
    assert_eq!(completed("ki"), (0, "kind:".to_owned()));
    assert_eq!(completed("not (he"), (5, "header.".to_owned()));
    assert_eq!(completed("a verdict:l"), (2, "verdict:late".to_owned()));
    assert_eq!(completed("kind:vo"), (0, "kind:voicemail".to_owned()));
    assert_eq!(completed("a "), (2, String::new()));
    assert_eq!(completed("pending"), (0, String::new()));
    for word in words::WORDS {
        for value in words::values(word) {
            let text = format!("{}:{value}", word.name);
            assert!(Filter::parse(&text).is_ok(), "{text} is offered and wrong");
        }
        assert!(Filter::parse(word.example).is_ok(), "{}", word.example);
    }
}

#[test]
fn the_page_is_in_step() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/FILTER.md");
    let text = std::fs::read_to_string(page).unwrap();
    let head = "| word | matches | example |\n|---|---|---|\n";
    let (before, table) = text.split_once(head).unwrap();
    let (table, after) = table.split_once("\n\n").unwrap();
    let rows = words::WORDS.iter().map(|word| {
        let value = word.value.map(|value| format!(":{value}"));
        let name = format!("{}{}", word.name, value.unwrap_or_default());
        format!("| `{name}` | {} | `{}` |", word.help, word.example)
    });
    let rows = rows.collect::<Vec<_>>().join("\n");
    if std::env::var_os("RINGTAIL_WRITE_DOCS").is_some() {
        std::fs::write(page, format!("{before}{head}{rows}\n\n{after}")).unwrap();
        return;
    }
    assert!(
        table == rows,
        "out of date; run RINGTAIL_WRITE_DOCS=1 cargo test -p ringtail-filter the_page_is_in_step"
    );
}

proptest! {
    #[test]
    fn any_text_parses_or_fails_cleanly(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn text_of_operators_parses_or_fails_cleanly(
        text in r#"([(){}\[\]"\\~!=<>&|:. *-]|and|or|not|kind:|sms|a|header.|body|status:|1|since:|日){0,24}"#
    ) {
        check(&text)?;
        drop(words::complete(&text));
    }

    #[test]
    fn the_canonical_form_parses_to_the_same_filter(filter in crate::testing::any_filter()) {
        let text = filter.to_string();
        let again = Filter::parse(&text);
        prop_assert_eq!(again.as_ref(), Ok(&filter), "{}", text);
    }

    #[test]
    fn relative_times_lie_in_the_past(text in "-[0-9]{1,10}[smhdw]", now in -3_000_000_000_i64..9_000_000_000) {
        let now: Zoned = jiff::Timestamp::from_second(now).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        if let Some(when) = when::When::parse(&text) {
            prop_assert!(when.micros(&now) <= now.timestamp().as_microsecond());
        }
    }
}

/// Parses any text: no panic, errors lie within it, and the canonical form parses to the same filter.
fn check(text: &str) -> Result<(), TestCaseError> {
    match Filter::parse(text) {
        Err(error) => {
            prop_assert!(error.at <= text.chars().count());
            prop_assert_eq!(error.pointed().lines().count(), 2);
        }
        Ok(filter) => {
            let printed = filter.to_string();
            let again = Filter::parse(&printed);
            prop_assert_eq!(again.as_ref(), Ok(&filter), "{}", printed);
        }
    }
    Ok(())
}
