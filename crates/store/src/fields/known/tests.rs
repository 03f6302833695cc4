use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use ringtail_filter::Filter;

fn learn(known: &mut KnownFields, body: &Value) -> Learnt {
    known.learn(&body.to_string())
}

fn taught(body: &Value) -> KnownFields {
    let mut known = KnownFields::default();
    for _ in 0..LEARN {
        assert_eq!(learn(&mut known, body).new, None);
    }
    known
}

fn reported(known: &mut KnownFields, body: &Value) -> String {
    let new = learn(known, body).new;
    new.map_or_else(String::new, |new| new.to_string())
}

#[test]
fn new_fields_are_reported_once_and_not_while_learning() {
    let mut known = taught(&json!({"uuid": "1", "body": {"to": [{"name": "a"}], "n": 1}}));
    for (body, words) in [
        (json!({"uuid": "2", "body": {"to": [], "n": 2.5}}), ""),
        (
            json!({"uuid": "3", "body": {"foo": "x"}}),
            "new field body.foo (string)",
        ),
        (json!({"uuid": "4", "body": {"foo": "y"}}), ""),
        (
            json!({"uuid": null, "body": {"n": "1", "to": [{"odd name": 1, "of": {"a": {"b": 1}}}]}}),
            "new type at uuid (null, was string); new type at body.n (string, was number); \
             new field body.to[*].* (number); new field body.to[*].of (object)",
        ),
        (json!({"body": {"to": [{"of": {"a": {"b": 1}}}]}}), ""),
        (
            json!({"body": {"n": null}}),
            "new type at body.n (null, was number or string)",
        ),
        (json!([1]), "new type at the body (array, was object)"),
    ] {
        assert_eq!(reported(&mut known, &body), words, "{body}");
        assert_eq!(learn(&mut known, &body), Learnt::default(), "{body}");
    }
}

#[test]
fn a_filter_reads_the_path_of_a_new_field() {
    let mut known = taught(&json!({"list": [{}]}));
    let body = json!({"list": [{"say \"hi\"\\": 1, "a-b": {"c": 1}, "é": 1}], "x.y": 1});
    let new = learn(&mut known, &body).new.unwrap();
    let paths: Vec<&str> = new.fields.iter().map(|field| &*field.path).collect();
    assert_eq!(
        paths,
        ["list[*].*", "list[*].a-b", "list[*].é", "[\"x.y\"]"]
    );
    for path in paths.iter().filter(|path| !path.ends_with('*')) {
        Filter::parse(&format!("has:{path}")).unwrap();
    }
}

#[test]
fn keys_that_are_data_are_not_reported_for_ever() {
    let ids = |n: u32| format!("{}", 4_200_000 + n);
    let uuids = |n: u32| format!("a{n:07x}-8d5f-4b6e-9a1c-0123456789ab");
    let phones = |n: u32| format!("+1650555{n:04}");
    let addresses = |n: u32| format!("pat{n}@example.com");
    let words = |n: u32| {
        let letter = |n: u32| char::from(b'a' + u8::try_from(n % 26).unwrap());
        format!("team{}{}", letter(n / 26), letter(n))
    };
    let makers: [&dyn Fn(u32) -> String; 5] = [&ids, &uuids, &phones, &addresses, &words];
    for (at, key) in makers.into_iter().enumerate() {
        // Once the object is there from the beginning, and once it comes late.
        for early in [true, false] {
            let mut known = KnownFields::default();
            let body = |n: u32| json!({"body": {"of": {key(n): {"state": "x"}}}});
            for n in 0..LEARN {
                learn(
                    &mut known,
                    &if early { body(n) } else { json!({"body": {}}) },
                );
            }
            let news = (LEARN..600).filter(|n| learn(&mut known, &body(*n)).new.is_some());
            let limit = if at < 4 { 1 } else { usize::from(MAX_LATE) + 2 };
            let news = news.count();
            assert!(news <= limit, "{news} of {}", key(0));
            assert!(known.paths.len() < 100);
        }
    }
}

#[test]
fn a_new_field_beside_the_keys_of_a_table_is_still_reported() {
    let mut known = taught(&json!({"body": {"4200001": {"state": "x"}, "name": "y"}}));
    assert_eq!(
        reported(&mut known, &json!({"body": {"4200002": {"state": "z"}}})),
        ""
    );
    assert_eq!(
        reported(
            &mut known,
            &json!({"body": {"4200003": {"state": "z", "since": 1}, "owner": 1}})
        ),
        "new field body.*.since (number); new field body.owner (number)"
    );
}

#[test]
fn hostile_bodies_do_not_grow_the_known_fields() {
    let mut known = KnownFields::default();
    let name = |n: u32| {
        let letters = n.to_string().into_bytes();
        String::from_utf8(letters.iter().map(|digit| digit + 49).collect()).unwrap()
    };
    for round in 0..20_u32 {
        let fields = (0..1000).map(|n| (name(round * 1000 + n), json!({name(n): [n]})));
        let wide: Map<String, Value> = fields.collect();
        let deep = (0..200).fold(json!(round), |inner, n| json!({name(n % 7): inner}));
        let inner = |of: u32| (0..50).map(move |n| (name(of * 100 + n), json!(n)));
        let square = (0..50).map(|n| (name(n), Value::Object(inner(n).collect())));
        let square = Value::Object(square.collect());
        for body in [
            Value::Object(wide),
            deep,
            square,
            json!({"k".repeat(100_000): 1}),
        ] {
            let new = learn(&mut known, &body).new.unwrap_or_default();
            assert!(new.to_string().len() < (MAX_REPORTED + 1) * (MAX_PATH + 80));
        }
    }
    assert!(known.paths.len() <= MAX_PATHS);
    let kept = serde_json::to_string(&known).unwrap();
    assert!(kept.len() < MAX_PATHS * (MAX_PATH + 64), "{}", kept.len());
    assert_eq!(serde_json::from_str::<KnownFields>(&kept).unwrap(), known);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,4}|[a-d]{1,2}|[0-9]{4,6}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_seen_is_not_new_in_whatever_order(
        bodies in prop::collection::vec(values(), 1..8),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut known = KnownFields::default();
        for body in bodies.iter().cycle().take(LEARN as usize) {
            prop_assert_eq!(learn(&mut known, body).new, None);
        }
        for index in again {
            prop_assert_eq!(learn(&mut known, index.get(&bodies)), Learnt::default());
        }
    }

    #[test]
    fn new_fields_are_reported_once(base in values(), late in values()) {
        let mut known = taught(&base);
        learn(&mut known, &late);
        let again = learn(&mut known, &late);
        // A table may have turned up in the first round, which gives its other keys one name.
        let fields = again.new.map_or(0, |new| new.fields.len());
        prop_assert!(fields == 0, "{fields}");
    }
}
