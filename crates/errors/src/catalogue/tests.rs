use std::collections::HashSet;

use super::*;

#[test]
fn every_code_of_the_collected_facts_is_explained() {
    let facts = include_str!("../../../../docs/RINGCENTRAL.md");
    let mut named: Vec<&str> = facts
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '-')
        .filter(|word| {
            let family = word.split_once('-').map(|(family, _)| family);
            family.is_some_and(|family| ["SUB", "CMN", "OAU", "AGW"].contains(&family))
        })
        .collect();
    assert!(named.len() > 42, "{named:?}");
    named.extend(["InvalidParameter", "invalid_grant", "Blacklisted"]);
    for wanted in named {
        assert_eq!(find(wanted).map(|code| code.id), Some(wanted));
    }
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

#[test]
fn each_word_for_a_blacklisted_subscription_is_known() {
    for word in ["Blacklisted", "Blocked", "Suspended", "suspended"] {
        assert_eq!(find(word), Some(&codes::BLACKLISTED), "{word}");
    }
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
    let id = |text| find(text).map(|code| code.id);
    for text in ["SUB-525", "sub-525", "sub525", " Sub_525\n", "SUB 525"] {
        assert_eq!(id(text), Some("SUB-525"));
    }
    assert_eq!(id("invalidparameter"), Some("InvalidParameter"));
    assert_eq!(id("validation token"), Some("Validation-Token"));
    assert_eq!(id("rt-100"), Some("RT-100"));
    assert_eq!(id("No-Answer"), Some("RT-504"));
    assert_eq!(id("SUB-999"), None);
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
    fn few_codes_are_near(text in ".{0,200}") {
        proptest::prop_assert!(nearest(&text).len() <= 3);
    }
}
