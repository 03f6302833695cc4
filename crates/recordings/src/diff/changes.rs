//! Differences by path, for programs: which value of two events or responses changed from what to what.
//!
//! Items of a list are compared by their index. The order of members and white space do not count.

use std::collections::{BTreeSet, HashMap};

use ringtail_filter::push_field;
use ringtail_model::{AttemptDetail, EventDetail, Outcome};
use ringtail_protocol::event::Header;
use ringtail_text::{json, lossless};

use super::{MAX_BYTES, Noise, not_kept};
use crate::unique::UniqueNames;

/// The deepest level of JSON whose values are compared one by one.
const MAX_DEPTH: usize = 32;

/// The most bytes that the values of a body may take with their paths. Each path repeats the names around its value, so a
/// long name around many values would fill the memory.
const MAX_FACTS_BYTES: usize = 16 * 1024 * 1024;

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `request.method`, `request.path`, `answer.status`, `header.NAME`, a path in the JSON body, or `body` if it is not
    /// JSON.
    pub path: String,
    /// The value in the first, as written; `None` if it has none.
    pub from: Option<String>,
    /// The same in the second.
    pub to: Option<String>,
}

/// Differences by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What differs, in the order of the first.
    pub changes: Vec<Change>,
    /// What is not in `changes`: names of fields that differ and are noise, and the end of a body that was not kept.
    pub ignored: BTreeSet<String>,
}

/// Compares two events.
#[must_use]
pub fn event_changes(one: &EventDetail, other: &EventDetail, noise: &Noise) -> Changes {
    let head = |event: &EventDetail| {
        let mut facts = Facts::default();
        facts.add("request.method", None, event.event.method.clone());
        facts.add("request.path", None, event.event.path.clone());
        facts.headers(&event.headers);
        facts
    };
    let heads = || [head(one), head(other)];
    changes(heads, [&one.body, &other.body], noise)
}

/// Compares two responses.
#[must_use]
pub fn answer_changes(one: &AttemptDetail, other: &AttemptDetail, noise: &Noise) -> Changes {
    let head = |answer: &AttemptDetail| {
        let mut facts = Facts::default();
        let status = match &answer.attempt.outcome {
            Outcome::Status(status) => status.to_string(),
            Outcome::Error { message, .. } => message.clone(),
        };
        facts.add("answer.status", None, status);
        facts.headers(&answer.headers);
        facts
    };
    let heads = || [head(one), head(other)];
    let mut found = changes(heads, [&one.body, &other.body], noise);
    found.ignored.extend(not_kept(one, other));
    found
}

fn changes(heads: impl Fn() -> [Facts; 2], bodies: [&[u8]; 2], noise: &Noise) -> Changes {
    let mut sides = heads();
    let mut parts = sides.iter_mut().zip(bodies);
    if !parts.all(|(facts, body)| facts.values(body)) {
        // Both as a whole: the values of one would differ from the whole of the other.
        sides = heads();
        for (facts, body) in sides.iter_mut().zip(bodies) {
            facts.whole(body);
        }
    }
    let [one, other] = sides;
    let mut found = Changes::default();
    let there: HashMap<&str, &str> = other
        .facts
        .iter()
        .map(|fact| (fact.path.as_str(), fact.value.as_str()))
        .collect();
    let came = other.facts.iter().filter(|fact| !one.paths.has(&fact.path));
    let came: Vec<&Fact> = came.collect();
    for Fact { path, name, value } in one.facts {
        let to = there.get(path.as_str()).copied();
        if to != Some(&value) {
            let (from, to) = (Some(value), to.map(str::to_owned));
            found.add(name.as_deref(), Change { path, from, to }, noise);
        }
    }
    for Fact { path, name, value } in came {
        let change = Change {
            path: path.clone(),
            from: None,
            to: Some(value.clone()),
        };
        found.add(name.as_deref(), change, noise);
    }
    found
}

impl Changes {
    fn add(&mut self, name: Option<&str>, change: Change, noise: &Noise) {
        match name.filter(|name| noise.has(name)) {
            Some(name) => drop(self.ignored.insert(name.to_lowercase())),
            None => self.changes.push(change),
        }
    }
}

/// The values of a message by their paths, in order.
#[derive(Default)]
struct Facts {
    facts: Vec<Fact>,
    paths: UniqueNames,
    /// Bytes of the values of the body.
    bytes: usize,
}

struct Fact {
    path: String,
    /// The field's name, by which it may be noise.
    name: Option<String>,
    value: String,
}

impl Facts {
    /// Adds a value. The second one of a path gets a number.
    fn add(&mut self, path: &str, name: Option<&str>, value: String) {
        let path = self.paths.take(path, "#");
        let name = name.map(str::to_owned);
        self.facts.push(Fact { path, name, value });
    }

    fn headers(&mut self, headers: &[Header]) {
        for Header { name, value } in headers {
            let path = format!("header.{}", name.to_lowercase());
            self.add(&path, Some(name), lossless(value).into_owned());
        }
    }

    /// Adds a body as one value.
    fn whole(&mut self, body: &[u8]) {
        if !body.is_empty() {
            self.add("body", None, lossless(body).into_owned());
        }
    }

    /// Adds a body, value by value if it is JSON. Returns false if it is too large for that.
    fn values(&mut self, body: &[u8]) -> bool {
        if body.len() > MAX_BYTES {
            return false;
        }
        match str::from_utf8(body) {
            Ok(text) if json::is_valid(text) => self.json("", None, text.trim(), 0),
            _ => {
                self.whole(body);
                true
            }
        }
    }

    /// Adds the scalars of a JSON value, and empty lists and objects. Returns false if they are too many.
    fn json(&mut self, path: &str, name: Option<&str>, text: &str, depth: usize) -> bool {
        let mut is_leaf = true;
        if depth < MAX_DEPTH {
            for (member, value) in json::members(text) {
                is_leaf = false;
                let mut path = path.to_owned();
                push_field(&mut path, &member);
                if !self.json(&path, Some(&member), value, depth + 1) {
                    return false;
                }
            }
            for (index, item) in json::items(text).enumerate() {
                is_leaf = false;
                if !self.json(&format!("{path}[{index}]"), name, item, depth + 1) {
                    return false;
                }
            }
        }
        if is_leaf {
            let path = if path.is_empty() { "body" } else { path };
            self.bytes += size_of::<Fact>() + path.len() + name.map_or(0, str::len) + text.len();
            self.add(path, name, text.to_owned());
        }
        self.bytes <= MAX_FACTS_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(one: &str, other: &str) -> Changes {
        let bodies = [one.as_bytes(), other.as_bytes()];
        changes(Default::default, bodies, &Noise::default().with("noisy"))
    }

    fn found(one: &str, other: &str) -> (Vec<String>, Vec<String>) {
        let found = compared(one, other);
        let lines = found.changes.iter().map(|it| {
            let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            format!("{} {} {}", it.path, side(&it.from), side(&it.to))
        });
        (lines.collect(), found.ignored.into_iter().collect())
    }

    #[test]
    fn values_are_compared_by_path_and_as_written() {
        let (lines, ignored) = found(
            r#"{"a":1.0,"b":[{"c":"x"},2],"gone":null,"noisy":1,"e":[]}"#,
            r#"{"e":{},"noisy":2,"b":[{"c":"y"},2,3],"a":1.00,"odd name":true}"#,
        );
        let expected = [
            "a 1.0 1.00",
            r#"b[0].c "x" "y""#,
            "gone null -",
            "e [] {}",
            "b[2] - 3",
            r#"["odd name"] - true"#,
        ];
        assert_eq!(lines, expected);
        assert_eq!(ignored, ["noisy"]);
    }

    #[test]
    fn order_and_white_space_do_not_count_and_repeated_names_do() {
        assert_eq!(found(r#"{"a":1,"b":2}"#, "{ \"b\":2, \"a\":1}").0, [""; 0]);
        assert_eq!(found(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":3}"#).0, ["a#2 2 3"]);
        assert_eq!(found("no", "yes").0, ["body no yes"]);
    }

    #[test]
    fn deep_nesting_is_compared_as_one_value() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(found(&deep("1"), &deep("2")).0.len(), 1);
    }

    #[test]
    fn a_body_with_too_many_values_is_compared_as_one() {
        let many = |last: u8| {
            let values = "1,".repeat(200_000);
            format!("{{\"{}\":[{values}{last}]}}", "long".repeat(1000))
        };
        let large = |last: char| format!("\"{}{last}\"", "x".repeat(MAX_BYTES));
        for (one, other) in [(many(1), many(2)), (large('1'), large('2'))] {
            assert_eq!(compared(&one, &one), Changes::default());
            for (one, other) in [(&one, &other), (&one, &"{\"a\":1}".to_owned())] {
                let found = compared(one, other);
                let [change] = found.changes.as_slice() else {
                    panic!("{} changes", found.changes.len());
                };
                assert_eq!(change.path, "body");
                assert!(change.from.as_ref() == Some(one) && change.to.as_ref() == Some(other));
            }
        }
    }

    #[test]
    fn a_name_that_is_repeated_often_takes_no_longer_each_time() {
        let body = format!("{{{}\"a\":2}}", "\"a\":1,".repeat(100_000));
        assert_eq!(compared(&body, &body), Changes::default());
    }
}
