//! Filters made at random.

use std::time::Duration;

use jiff::ToSpan;
use proptest::prelude::*;
use ringtail_ringcentral::verdict;

use crate::Filter;
use crate::expr::{Comparison, Expr, Field, Flag, Order, SIGNATURES, StatusRange, Test};
use crate::json_path::{JsonPath, Step};
use crate::text::{Fit, Text};
use crate::when::{Day, When};

/// Texts that events of the tests have in them, or nearly.
const TEXTS: [&str; 16] = [
    "(650) 555-01",
    "650555",
    "+1650",
    "1650",
    "650",
    "pat",
    "Agent",
    "PAT AGENT",
    "telephony",
    "/restapi",
    "s-71",
    "101",
    "hook",
    "Hello",
    "wör",
    "ll",
];

/// Any filter.
pub fn any_filter() -> impl Strategy<Value = Filter> {
    prop::option::of(expr()).prop_map(|expr| Filter { expr })
}

fn expr() -> impl Strategy<Value = Expr> {
    test()
        .prop_map(Expr::Test)
        .prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::all),
                prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::any),
                inner.prop_map(|part| Expr::Not(Box::new(part))),
            ]
        })
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        4 => text(Fit::Part).prop_map(Test::Anywhere),
        1 => pattern().prop_map(Test::Anywhere),
        4 => field(),
        1 => ("[a-z][a-z-]{0,8}", text(Fit::Part)).prop_map(|(name, text)| Test::Header(name, text)),
        3 => prop::sample::select(vec![Flag::Pending, Flag::Replayed, Flag::Duplicate, Flag::Gap, Flag::Forged, Flag::Bookmarked, Flag::NewField])
            .prop_map(Test::Flag),
        2 => prop_oneof![
            (100_u16..1000).prop_map(|status| StatusRange(status, status)),
            (1_u16..6).prop_map(|class| StatusRange(class * 100, class * 100 + 99)),
        ].prop_map(Test::Status),
        2 => prop::sample::select(verdict::WORDS.to_vec()).prop_map(Test::Verdict),
        1 => prop::sample::select(SIGNATURES.to_vec()).prop_map(Test::Signature),
        1 => (0_u64..5000).prop_map(|ms| Test::Slower(Duration::from_millis(ms))),
        1 => (0_u64..50, 0_u64..50).prop_map(|(first, more)| Test::Seq(first, first + more)),
        1 => moment().prop_map(Test::Since),
        1 => moment().prop_map(Test::Until),
        1 => day().prop_map(Test::On),
        1 => path().prop_map(Test::Has),
        3 => (path(), comparison()).prop_map(|(path, comparison)| Test::Json(path, comparison)),
    ]
}

fn field() -> impl Strategy<Value = Test> {
    let begins = vec![
        Field::Event,
        Field::From,
        Field::To,
        Field::Session,
        Field::Uuid,
        Field::Path,
    ];
    let whole = vec![Field::Extension, Field::Endpoint, Field::Method];
    prop_oneof![
        prop::sample::select(vec!["sms", "telephony", "fax", "notification"])
            .prop_map(|kind| Test::Field(Field::Kind, Text::new(kind, Fit::Whole).unwrap())),
        (prop::sample::select(begins), text(Fit::Begins))
            .prop_map(|(field, text)| Test::Field(field, text)),
        (prop::sample::select(whole), text(Fit::Whole))
            .prop_map(|(field, text)| Test::Field(field, text)),
        text(Fit::Part).prop_map(|text| Test::Field(Field::Comment, text)),
        pattern().prop_map(|text| Test::Field(Field::From, text)),
        pattern().prop_map(|text| Test::Field(Field::Path, text)),
    ]
}

/// Texts that events have, and texts of signs.
fn text(fit: Fit) -> impl Strategy<Value = Text> {
    let source = prop_oneof![
        3 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned),
        1 => r#"[a-zA-Z0-9 "\\~!=<>&|():.+é日-]{1,8}"#,
        1 => prop::sample::select(vec!["and", "Or", "not", "pending", "kind:sms", "~x", "!"]).prop_map(str::to_owned),
    ];
    source.prop_map(move |source| Text::new(source, fit).unwrap())
}

fn pattern() -> impl Strategy<Value = Text> {
    prop::sample::select(vec![
        "a|b",
        "^s",
        "say \"hi\"",
        r"\\",
        r"\d{3}",
        "(x y)",
        r#"[")]"#,
        "ÄÖ",
        "answ(ered|x)",
        "^(hello|at the) ?",
        "(ell)+o|(rld ){1,2}",
        "(?i)hook",
        "o.{2}rld",
    ])
    .prop_map(|source| Text::new(source, Fit::Pattern).unwrap())
}

fn moment() -> impl Strategy<Value = When> {
    prop_oneof![
        (0_i64..100_000).prop_map(|count| When::Ago(count.minutes().fieldwise())),
        (0_i64..1000).prop_map(|count| When::Ago(count.weeks().fieldwise())),
        day().prop_map(When::Day),
        (0_i8..24, 0_i8..60).prop_map(|(h, m)| When::Time(jiff::civil::time(h, m, 0, 0))),
        (0_i8..24).prop_map(|h| When::Local(jiff::civil::date(2023, 11, 14).at(h, 5, 0, 0))),
        (0_i64..2_000_000_000).prop_map(|s| When::Exact(jiff::Timestamp::from_second(s).unwrap())),
    ]
}

fn day() -> impl Strategy<Value = Day> {
    prop_oneof![
        Just(Day::Today),
        Just(Day::Yesterday),
        (1_i8..28).prop_map(|day| Day::Date(jiff::civil::date(2023, 11, day))),
    ]
}

fn path() -> impl Strategy<Value = JsonPath> {
    let step = prop_oneof![
        6 => prop::sample::select(vec!["body", "from", "parties", "status", "code", "not", "uuid", "n"])
            .prop_map(|name| Step::Field(name.to_owned())),
        1 => r#"[a-z "\\\].]{0,4}"#.prop_map(Step::Field),
        1 => (0_usize..3).prop_map(Step::Index),
        1 => Just(Step::Any),
    ];
    prop_oneof![
        prop::collection::vec(step, 1..5).prop_map(JsonPath),
        Just(JsonPath::parse("body.parties[*].status.code").unwrap()),
        Just(JsonPath::parse("body.n").unwrap()),
        Just(JsonPath::parse("body.from.phoneNumber").unwrap()),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let order = vec![Order::Less, Order::AtMost, Order::More, Order::AtLeast];
    let value = || {
        prop::sample::select(vec![
            "Answered",
            "answered",
            "17",
            "+16505550100",
            "true",
            "1.50",
            "",
            "a/b",
        ])
    };
    prop_oneof![
        value().prop_map(|value| Comparison::Is(Text::new(value, Fit::Whole).unwrap())),
        value().prop_map(|value| Comparison::IsNot(Text::new(value, Fit::Whole).unwrap())),
        pattern().prop_map(Comparison::Fits),
        (prop::sample::select(order), value())
            .prop_map(|(order, value)| Comparison::Order(order, value.to_owned())),
    ]
}
