//! Random regular expressions, against events in which letters are written in every way.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// What bodies are made of: letters, others that are the same in another case, and JSON's ways to write them.
const PIECES: [&str; 18] = [
    "hook",
    "aSK",
    "abc",
    "DEF",
    "\u{212a}el",
    "ba\u{17f}e",
    r"\u212ael",
    r"\u212Aelvin",
    r"ba\u017fe",
    r"\u0061bc",
    r"a\/bc",
    "\u{e9}t\u{e9}",
    r"\u00e9t",
    r"\\",
    r"\n",
    " ",
    "\u{130}\u{df}",
    "1650",
];

/// What expressions are made of.
const ATOMS: [&str; 20] = [
    "hook",
    "ask",
    "abc",
    "def",
    "kel",
    "base",
    "\u{17f}e",
    "a/bc",
    "\u{e9}t",
    r"\x6bel",
    "(?-i)abc",
    "(?i:KELVIN)",
    "(?x: k e l)",
    "[ks]",
    ".",
    r"\d",
    " ",
    r"\\",
    "^",
    r"(?-u:\xc3)",
];

/// Events with some pieces each.
fn bodies() -> Vec<Event> {
    let piece = |number: usize| PIECES[number % PIECES.len()];
    let mut events = Vec::new();
    for number in 0..72 {
        let (first, second) = (piece(number), piece(number * 5 + number / PIECES.len()));
        let body = format!(r#"{{"x":"{first}{second}","y":["{second}"]}}"#);
        events.push(event(number as u64 + 1, &body));
    }
    events
}

fn expression() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(ATOMS.to_vec()).prop_map(str::to_owned);
    atom.prop_recursive(5, 24, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        let times = prop::sample::select(vec!["?", "*", "+", "{2}", "{0,2}", "{1,3}?"]);
        prop_oneof![
            3 => parts.clone().prop_map(|parts| parts.concat()),
            2 => parts.clone().prop_map(|parts| format!("({})", parts.join("|"))),
            1 => parts.prop_map(|parts| format!("(?:|{})", parts.join("|"))),
            1 => (inner, times).prop_map(|(part, times)| format!("(?:{part}){times}")),
        ]
    })
}

#[test]
fn every_event_that_an_expression_fits_is_found_by_the_index() {
    let history = indexed(&bodies());
    let found_by_index = std::cell::Cell::new(0);
    let config = Config {
        cases: 150,
        ..Config::default()
    };
    let checked = TestRunner::new(config).run(&expression(), |expression| {
        for text in [
            format!("~\"{expression}\""),
            format!("x ~ \"{expression}\""),
            format!("hook ~\"{expression}\" or y[*] ~ \"{expression}\""),
        ] {
            let search = Search::new(Filter::parse(&text).unwrap(), context());
            let expected = history.looked_through(&search);
            let by_index = search.plan.is_driven() && !expected.is_empty();
            found_by_index.set(found_by_index.get() + usize::from(by_index));
            let found = history.found(&search, Direction::Newer, 100);
            prop_assert_eq!(found, expected, "{}", text);
        }
        Ok(())
    });
    checked.unwrap();
    let count = found_by_index.get();
    assert!(
        count > 40,
        "{count}: the expressions are about these events"
    );
}

#[test]
fn an_expression_may_be_as_deep_as_any_that_is_read() {
    let history = indexed(&bodies());
    let deep = |depth: usize| {
        let mut expression = "abc".to_owned();
        for _ in 0..depth {
            expression = format!("hook(ask|abc(def|{expression}))");
        }
        format!("(hook ~\"{expression}\" or 1650) \"abc\"")
    };
    let mut read = 0;
    for depth in 1..40 {
        let Ok(filter) = Filter::parse(&deep(depth)) else {
            break;
        };
        let search = Search::new(filter, context());
        assert!(search.plan.is_driven());
        let expected = history.looked_through(&search);
        assert_eq!(history.found(&search, Direction::Newer, 100), expected);
        read = depth;
    }
    assert!(read >= 5, "{read}");
}

#[test]
fn a_letter_that_json_writes_by_its_number_is_found_in_another_case() {
    let events = [r#"{"x":"\u212aelvin"}"#, r#"{"x":"ba\u017FE"}"#];
    let events = (1..).zip(events).map(|(seq, body)| event(seq, body));
    let history = indexed(&events.collect::<Vec<_>>());
    for (text, row) in [("x = kelvin", 1), ("x ~ ^kel", 1), ("x = BASE", 2)] {
        let found = history.found(&search(text), Direction::Newer, 9);
        assert_eq!(found, [row], "{text}");
    }
}
