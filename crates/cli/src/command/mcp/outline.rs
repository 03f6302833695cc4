//! A body that is too large for a result: its outline, and single values of it by their paths.

use std::collections::HashMap;

use ringtail_errors::{Failure, codes};
use ringtail_filter::{JsonPath, push_field};
use ringtail_ringcentral::body;
use ringtail_text::json;
use serde_json::{Value, json};

/// The most paths of an outline.
const MAX_PATHS: usize = 120;

/// The most bytes of an outline's paths.
const MAX_BYTES: usize = 6 * 1024;

/// The deepest level of an outline.
const MAX_DEPTH: usize = 16;

/// The most paths that a client asks for.
pub(super) const MAX_ASKED: usize = 50;

/// The most values of one path.
const MAX_VALUES: usize = 20;

/// The most bytes of a value; a larger one is an outline.
const MAX_VALUE: usize = 4 * 1024;

/// Returns the paths of a JSON body with the types and lengths of their values, and whether there are more. The items of a
/// list share a path. Empty if it is not JSON.
pub(super) fn outline(text: &str) -> (Vec<Value>, bool) {
    let mut found = Found::default();
    found.walk("", text.trim(), 0);
    let rows = found.rows.into_iter().map(|row| {
        let mut value =
            json!({"path": row.path, "type": row.types.join("|"), "values": row.values});
        if row.longest > 0 {
            value["longest"] = json!(row.longest);
        }
        value
    });
    (rows.collect(), found.more)
}

#[derive(Default)]
struct Found {
    rows: Vec<OutlineRow>,
    at: HashMap<String, usize>,
    bytes: usize,
    more: bool,
}

struct OutlineRow {
    path: String,
    types: Vec<&'static str>,
    /// How many values are there.
    values: u64,
    /// Characters of the longest text, or items of the longest list.
    longest: usize,
}

impl Found {
    fn walk(&mut self, path: &str, text: &str, depth: usize) {
        let (kind, length) = match text.as_bytes().first() {
            Some(b'{') => ("object", 0),
            Some(b'[') => ("array", json::items(text).count()),
            Some(b'"') => ("string", json::decoded(text).chars().count()),
            Some(b't' | b'f') => ("boolean", 0),
            Some(b'n') => ("null", 0),
            Some(_) => ("number", 0),
            None => return,
        };
        if !path.is_empty() && !self.note(path, kind, length) || depth == MAX_DEPTH {
            return;
        }
        for (name, value) in json::members(text) {
            let mut path = path.to_owned();
            push_field(&mut path, &name);
            self.walk(&path, value, depth + 1);
        }
        for item in json::items(text) {
            self.walk(&format!("{path}[*]"), item, depth + 1);
        }
    }

    /// Returns whether the path is in the outline.
    fn note(&mut self, path: &str, kind: &'static str, length: usize) -> bool {
        let at = match self.at.get(path) {
            Some(at) => *at,
            None if self.rows.len() < MAX_PATHS && self.bytes + path.len() < MAX_BYTES => {
                self.bytes += path.len();
                self.at.insert(path.to_owned(), self.rows.len());
                self.rows.push(OutlineRow {
                    path: path.to_owned(),
                    types: Vec::new(),
                    values: 0,
                    longest: 0,
                });
                self.rows.len() - 1
            }
            None => {
                self.more = true;
                return false;
            }
        };
        if let Some(row) = self.rows.get_mut(at) {
            row.values += 1;
            row.longest = row.longest.max(length);
            if !row.types.contains(&kind) {
                row.types.push(kind);
            }
        }
        true
    }
}

/// Parses the paths that a client asks for.
pub(super) fn paths(given: &[String]) -> Result<Vec<JsonPath>, Failure> {
    if given.len() > MAX_ASKED {
        let many = format!("{} paths; at most {MAX_ASKED} in one call", given.len());
        return Err(Failure::new(&codes::USAGE, many).hint("ask for the rest in another call"));
    }
    let path = |text: &String| {
        JsonPath::parse(text).ok_or_else(|| {
            Failure::new(&codes::USAGE, format!("no path: \"{text}\""))
                .hint("write it as in a filter, such as body.parties[*].status.code or body[\"odd name\"]")
        })
    };
    given.iter().map(path).collect()
}

/// Returns the values at paths, each as written in the body.
pub(super) fn values(text: &str, paths: &[JsonPath], names: &[String]) -> Vec<Value> {
    let rows = paths.iter().zip(names).map(|(path, name)| {
        let ranges = path.ranges(text);
        let shown = ranges.iter().take(MAX_VALUES);
        let found: Vec<Value> = shown
            .filter_map(|range| text.get(range.clone()))
            .map(value)
            .collect();
        json!({"path": name, "found": ranges.len(), "values": found})
    });
    rows.collect()
}

/// A value as JSON text, or its outline if it is large.
fn value(text: &str) -> Value {
    if json!(text).to_string().len() <= MAX_VALUE {
        return json!({"json": text});
    }
    let (outline, more) = outline(text);
    match outline.is_empty() {
        true => json!({"bytes": text.len()}),
        false => json!({"bytes": text.len(), "outline": outline, "more": more}),
    }
}

/// Returns a body as text if it is JSON.
pub(super) fn json_text(bytes: &[u8]) -> Option<String> {
    let text = body::text(bytes);
    let first = text.trim_start().chars().next();
    matches!(first, Some('{' | '[')).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_outline_names_each_path_once() {
        let body = r#"{"body":{"parties":[{"id":"p-1","missed":true},{"id":"p-22"}],"n":1.50,"odd name":null}}"#;
        let (rows, more) = outline(body);
        let seen: Vec<String> = rows
            .iter()
            .map(|row| {
                format!(
                    "{} {} {} {}",
                    row["path"].as_str().unwrap(),
                    row["type"].as_str().unwrap(),
                    row["values"],
                    row["longest"]
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                "body object 1 null",
                "body.parties array 1 2",
                "body.parties[*] object 2 null",
                "body.parties[*].id string 2 4",
                "body.parties[*].missed boolean 1 null",
                "body.n number 1 null",
                "body[\"odd name\"] null 1 null",
            ]
        );
        assert!(!more);
    }

    #[test]
    fn values_are_as_written() {
        let body = "{\"a\": 1.50, \"b\": [ {\"c\": \"\\u00e9\"}, {\"c\": 2} ]}";
        let names: Vec<String> = ["a", "b[*].c", "none"].map(str::to_owned).to_vec();
        let found = values(body, &paths(&names).unwrap(), &names);
        assert_eq!(
            found[0],
            json!({"path": "a", "found": 1, "values": [{"json": "1.50"}]})
        );
        assert_eq!(
            found[1]["values"],
            json!([{"json": "\"\\u00e9\""}, {"json": "2"}])
        );
        assert_eq!(found[2]["found"], 0);
        assert!(paths(&["a..b".to_owned()]).is_err());
    }

    proptest! {
        #[test]
        fn any_body_has_a_bounded_outline(text in "[\\[\\]{}\":,a-z0-9\\\\ ]{0,600}|(\\{\"[a-z]\":){0,40}") {
            let (rows, _) = outline(&text);
            prop_assert!(rows.len() <= MAX_PATHS);
            prop_assert!(Value::Array(rows).to_string().len() < 24 * 1024);
        }
    }
}
