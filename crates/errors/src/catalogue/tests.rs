use std::collections::HashSet;

use super::*;
use crate::{Found, read};

fn id(text: &str) -> String {
    match read(text) {
        Some(Found::Known(code)) => code.id.to_owned(),
        Some(Found::Unknown(code)) => format!("unknown {code}"),
        None => "nothing".to_owned(),
    }
}

#[test]
fn every_code_of_the_collected_facts_is_explained() {
    let facts = "\
        SUB-402 SUB-403 SUB-404 SUB-405 SUB-406 SUB-408 SUB-505 SUB-507 SUB-508 SUB-515 SUB-518 SUB-520 SUB-521 \
        SUB-522 SUB-523 SUB-524 SUB-525 SUB-526 SUB-527 SUB-528 SUB-530 SUB-531 CMN-101 CMN-102 CMN-301 CMN-302 \
        CMN-303 CMN-304 CMN-310 CMN-401 CMN-402 CMN-403 CMN-404 CMN-405 CMN-408 OAU-125 OAU-128 OAU-129 OAU-141 \
        OAU-142 OAU-146 OAU-149 AGW-401 AGW-402 InvalidParameter";
    for wanted in facts.split_whitespace() {
        assert_eq!(find(wanted).map(|code| code.id), Some(wanted));
    }
    let theirs = all().filter(|code| !code.is_own()).count();
    assert_eq!(theirs, facts.split_whitespace().count());
}

#[test]
fn entries_are_whole_and_codes_are_given_once() {
    let mut seen = HashSet::new();
    for code in all() {
        let of = code.id;
        assert!(seen.insert(of), "{of} twice");
        assert_ne!(code.message(), Some(""), "{of}");
        assert!(code.meaning.ends_with('.'), "{of}");
        assert!(!code.causes.is_empty(), "{of}");
        assert!(code.steps().next().is_some(), "{of}");
        assert!(code.is_own() || !code.sections.is_empty(), "{of}");
        assert_eq!(find(of), Some(code), "another code answers to {of}");
        for cause in code.causes {
            assert!(cause.ends_with(['.', ')']), "{of}: {cause}");
        }
    }
}

#[test]
fn own_codes_are_in_order_and_keep_their_form() {
    let numbers: Vec<u32> = all()
        .filter(|code| code.is_own())
        .map(|code| code.id.strip_prefix("RT-").unwrap().parse().unwrap())
        .collect();
    assert!(numbers.is_sorted());
    assert!(numbers.iter().all(|number| (100..1000).contains(number)));
}

/// `docs/ERRORS.md` would take it for a tag.
#[test]
fn no_text_has_an_angle_bracket_outside_of_code() {
    for code in all() {
        let texts = [code.meaning].into_iter().chain(code.steps());
        for text in texts.chain(code.causes.iter().copied()) {
            let mut outside = text.split('`').step_by(2);
            assert!(!outside.any(|prose| prose.contains('<')), "{text}");
        }
    }
}

#[test]
fn other_commands_named_as_the_next_step_have_codes_that_exist() {
    for code in all() {
        for next in code.steps() {
            let Some(named) = next.split("ringtail explain ").nth(1) else {
                continue;
            };
            let named = named.split_whitespace().next().unwrap();
            let named = named.trim_end_matches(['`', ',']);
            assert!(
                named == "-" || named == "--list" || find(named).is_some(),
                "{next}"
            );
        }
    }
}

#[test]
fn codes_are_read_as_people_write_them() {
    for text in ["SUB-525", "sub-525", "sub525", " Sub_525\n", "SUB 525"] {
        assert_eq!(id(text), "SUB-525");
    }
    assert_eq!(id("invalidparameter"), "InvalidParameter");
    assert_eq!(id("rt-100"), "RT-100");
    assert_eq!(id("No-Answer"), "RT-504");
    assert_eq!(id("SUB-999"), "unknown SUB-999");
    assert_eq!(id("foo"), "unknown foo");
    assert_eq!(id(""), "nothing");
    assert_eq!(id("it does not work"), "nothing");
}

#[test]
fn the_first_of_the_errors_decides_in_a_body() {
    let body = r#"{"errorCode":"InvalidParameter","message":"CMN-102","errors":[
        {"errorCode":"SUB-524","message":"HTTPS certificate is not valid"},{"errorCode":"SUB-525"}]}"#;
    assert_eq!(id(body), "SUB-524");
    assert_eq!(
        id(&format!("HTTP/1.1 400 Bad Request\r\n\r\n{body}\n$ ")),
        "SUB-524"
    );
    assert_eq!(id(r#"[{"errorCode":"OAU-146"}]"#), "OAU-146");
    assert_eq!(id(r#"{"errorCode":"CMN-101","errors":[]}"#), "CMN-101");
    assert_eq!(id(r#"{"errorCode":"XYZ-1","errors":[]}"#), "unknown XYZ-1");
    assert_eq!(id(r#"{"response":{"errorCode":"SUB-520"}}"#), "SUB-520");
    assert_eq!(id(r#"{"errors":[{"errorCode":"SUB-520""#), "SUB-520");
    assert_eq!(id("{}"), "nothing");
}

#[test]
fn the_first_known_code_of_a_text_is_taken() {
    assert_eq!(
        id("error[RT-302]: nothing listens at x\nhint: SUB-521"),
        "RT-302"
    );
    assert_eq!(id("HTTP-400: refused with sub525."), "SUB-525");
    assert_eq!(id("got ABC-123 from the server"), "unknown ABC-123");
}

#[test]
fn recorded_reasons_and_messages_are_known_without_a_code() {
    let reasons = [
        (
            "I/O operation is failed. Details: [Read timed out]",
            "RT-501",
        ),
        (
            "I/O operation is failed. Details: [Connection refused]",
            "RT-504",
        ),
        (
            "Webhook responses with code: [404], reason: [Not Found]",
            "RT-502",
        ),
        (
            "Webhook response exceeds max size. Read bytes count: [1024]",
            "RT-503",
        ),
        ("the API said: validation token is not returned", "SUB-520"),
    ];
    for (text, wanted) in reasons {
        assert_eq!(id(text), wanted, "{text}");
    }
    let record =
        r#"{"blacklistedData":{"reason":"Webhook responses with code: [500], reason: []"}}"#;
    assert_eq!(id(record), "RT-502");
}

#[test]
fn unknown_codes_have_neighbours() {
    let near = |text| -> Vec<&str> { nearest(text).iter().map(|code| code.id).collect() };
    assert_eq!(near("SUB-529")[0], "SUB-528");
    assert_eq!(near("SUP-525")[0], "SUB-525");
    assert_eq!(near("SUB-5255")[0], "SUB-525");
    assert_eq!(near("ZZZ-777"), [""; 0]);
    assert_eq!(near("!"), [""; 0]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".{0,200}") {
        drop(read(&text));
        proptest::prop_assert!(nearest(&text).len() <= 3);
    }
}
