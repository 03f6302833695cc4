//! Differences by path, for programs: which value of two events or responses changed from what to what.
//!
//! Items of a list are compared by their index. The order of members and white space do not count.

use std::collections::{BTreeSet, HashMap};

use ringtail_filter::push_field;
use ringtail_model::{AttemptDetail, EventDetail, Outcome};
use ringtail_protocol::event::Header;
use ringtail_text::json;

use super::{MAX_BYTES, Noise, lossless};

/// The deepest level of JSON whose values are compared one by one.
const MAX_DEPTH: usize = 32;

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
    /// Names of fields that differ and are noise.
    pub ignored: BTreeSet<String>,
}

/// Compares two events.
#[must_use]
pub fn event_changes(one: &EventDetail, other: &EventDetail, noise: &Noise) -> Changes {
    let facts = |event: &EventDetail| {
        let mut facts = Facts::default();
        facts.add("request.method".into(), None, event.event.method.clone());
        facts.add("request.path".into(), None, event.event.path.clone());
        facts.message(&event.headers, &event.body);
        facts
    };
    changes(facts(one), &facts(other), noise)
}

/// Compares two responses.
#[must_use]
pub fn answer_changes(one: &AttemptDetail, other: &AttemptDetail, noise: &Noise) -> Changes {
    let facts = |answer: &AttemptDetail| {
        let mut facts = Facts::default();
        let status = match &answer.attempt.outcome {
            Outcome::Status(status) => status.to_string(),
            Outcome::Error { message, .. } => message.clone(),
        };
        facts.add("answer.status".into(), None, status);
        facts.message(&answer.headers, &answer.body);
        facts
    };
    changes(facts(one), &facts(other), noise)
}

fn changes(one: Facts, other: &Facts, noise: &Noise) -> Changes {
    let mut found = Changes::default();
    let came: Vec<&Fact> = other
        .facts
        .iter()
        .filter(|fact| !one.at.contains_key(&fact.path))
        .collect();
    for Fact { path, name, value } in one.facts {
        let to = other.at.get(&path).and_then(|at| other.facts.get(*at));
        let to = to.map(|fact| fact.value.clone());
        if to.as_ref() != Some(&value) {
            let from = Some(value);
            found.add(name.as_deref(), Change { path, from, to }, noise);
        }
    }
    for Fact { path, name, value } in came {
        let (path, to) = (path.clone(), Some(value.clone()));
        found.add(
            name.as_deref(),
            Change {
                path,
                from: None,
                to,
            },
            noise,
        );
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
    at: HashMap<String, usize>,
}

struct Fact {
    path: String,
    /// The field's name, by which it may be noise.
    name: Option<String>,
    value: String,
}

impl Facts {
    /// Adds a value. The second one of a path gets a number.
    fn add(&mut self, mut path: String, name: Option<&str>, value: String) {
        let base = path.len();
        let mut count = 1;
        while self.at.contains_key(&path) {
            count += 1;
            path.truncate(base);
            path.push_str(&format!("#{count}"));
        }
        self.at.insert(path.clone(), self.facts.len());
        let name = name.map(str::to_owned);
        self.facts.push(Fact { path, name, value });
    }

    fn message(&mut self, headers: &[Header], body: &[u8]) {
        for Header { name, value } in headers {
            let path = format!("header.{}", name.to_lowercase());
            self.add(path, Some(name), lossless(value).into_owned());
        }
        match str::from_utf8(body) {
            Ok(text) if body.len() <= MAX_BYTES && json::is_valid(text) => {
                self.json(String::new(), None, text.trim(), 0);
            }
            _ if body.is_empty() => {}
            _ if body.len() <= MAX_BYTES => {
                self.add("body".into(), None, lossless(body).into_owned())
            }
            _ => self.add("body".into(), None, format!("({} bytes)", body.len())),
        }
    }

    /// Adds the scalars of a JSON value, and empty lists and objects.
    fn json(&mut self, path: String, name: Option<&str>, text: &str, depth: usize) {
        let mut is_leaf = true;
        if depth < MAX_DEPTH {
            for (member, value) in json::members(text) {
                is_leaf = false;
                let mut path = path.clone();
                push_field(&mut path, &member);
                self.json(path, Some(&member), value, depth + 1);
            }
            for (index, item) in json::items(text).enumerate() {
                is_leaf = false;
                self.json(format!("{path}[{index}]"), name, item, depth + 1);
            }
        }
        if is_leaf {
            let path = if path.is_empty() { "body".into() } else { path };
            self.add(path, name, text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Facts {
        let mut facts = Facts::default();
        facts.message(&[], text.as_bytes());
        facts
    }

    fn found(one: &str, other: &str) -> (Vec<String>, Vec<String>) {
        let found = changes(body(one), &body(other), &Noise::default().with("noisy"));
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
}
