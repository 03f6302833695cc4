//! The result of a tool: one object, never above [`MAX_BYTES`], and one line of text.

use ringtail_errors::Failure;
use ringtail_text::one_line;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The most bytes of a result as JSON: about 6,000 tokens. Clients refuse results of 25,000 tokens.
pub(super) const MAX_BYTES: usize = 24 * 1024;

/// Bytes of a result without the object: the line and what the protocol adds.
const AROUND: usize = 1024;

/// The most bytes of an object.
pub(super) const OBJECT_BYTES: usize = MAX_BYTES - AROUND;

/// The most characters of a line.
const LINE_CHARS: usize = 300;

/// The most characters of a value from outside that is not a body or a header.
const VALUE_CHARS: usize = 200;

/// A result.
#[derive(Debug)]
pub(super) struct Answer {
    /// The object. Its `left_out` says what did not fit.
    pub(super) object: Map<String, Value>,
    /// The line. It has only Ringtail's own words and numbers.
    pub(super) line: String,
}

impl Answer {
    /// Makes a result of an object, without what does not fit.
    pub(super) fn new(object: Value, line: impl AsRef<str>) -> Self {
        let mut object = match object {
            Value::Object(object) => object,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        fit(&mut object, OBJECT_BYTES);
        Self {
            object,
            line: one_line(line.as_ref(), LINE_CHARS),
        }
    }
}

/// The object of a failure, with its code.
pub(super) fn error(failure: &Failure) -> Value {
    let bounded = |text: &str| one_line(text, 2 * LINE_CHARS);
    let mut object = json!({
        "code": failure.code().id,
        "message": bounded(failure.message()),
        "fix": failure.next().map(bounded),
    });
    if let Some(quote) = failure.quoted() {
        // A filter, and a caret under its error.
        let lines = quote.lines().map(bound);
        object["at"] = lines.collect();
    }
    object
}

/// Cuts a text from outside. Unsafe characters become spaces or go.
pub(super) fn bounded(text: &str) -> String {
    one_line(text, VALUE_CHARS)
}

/// Cuts a line, whose spaces count.
fn bound(line: &str) -> Value {
    json!(line.chars().take(VALUE_CHARS).collect::<String>())
}

/// Cuts every text of a value.
pub(super) fn bound_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = bounded(text),
        Value::Array(items) => items.iter_mut().for_each(bound_all),
        Value::Object(fields) => fields.values_mut().for_each(bound_all),
        _ => {}
    }
}

/// Returns the bytes of a value as JSON.
pub(super) fn bytes(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}

/// Takes elements from the end of the largest lists, or the end of the largest texts, until the object fits, and
/// says so in `left_out`. It stays valid against its schema: no schema asks for a number of elements or characters.
fn fit(object: &mut Map<String, Value>, limit: usize) {
    let mut notes: Vec<String> = Vec::new();
    loop {
        let size = bytes(object) + added(&notes);
        let Some(excess) = size.checked_sub(limit).filter(|excess| *excess > 0) else {
            break;
        };
        let Some((name, value)) = largest(object) else {
            break;
        };
        let mut path = name.clone();
        let Some(note) = cut(value, &mut path, excess + NOTE_BYTES) else {
            break;
        };
        notes.retain(|before| !before.starts_with(&format!("{path}: ")));
        notes.push(note);
    }
    if !notes.is_empty() {
        let list = object.entry("left_out").or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.extend(notes.into_iter().map(Value::String));
        }
    }
}

/// Returns the bytes that `left_out` adds to an object that has other fields.
fn added(notes: &[String]) -> usize {
    if notes.is_empty() {
        return 0;
    }
    bytes(&notes) + r#","left_out":"#.len()
}

/// Room for a note.
const NOTE_BYTES: usize = 120;

/// Texts below this length are not cut.
const MIN_TEXT: usize = 64;

fn largest(object: &mut Map<String, Value>) -> Option<(&String, &mut Value)> {
    object
        .iter_mut()
        .filter(|(_, value)| is_large(value))
        .max_by_key(|(_, value)| bytes(value))
}

fn is_large(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() > MIN_TEXT,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(is_large),
        _ => false,
    }
}

/// Cuts a list or text inside a value, and returns what to say.
fn cut(value: &mut Value, path: &mut String, excess: usize) -> Option<String> {
    match value {
        Value::Object(fields) => {
            let (name, value) = largest(fields)?;
            path.push('.');
            path.push_str(&bounded(name));
            cut(value, path, excess)
        }
        Value::Array(items) => {
            let sizes: Vec<usize> = items.iter().map(bytes).collect();
            let all: usize = sizes.iter().sum();
            let most = sizes.iter().enumerate().max_by_key(|(_, size)| **size);
            if let Some((at, size)) = most
                && *size > all / 2
                && items.get(at).is_some_and(is_large)
            {
                path.push_str(&format!("[{at}]"));
                return cut(items.get_mut(at)?, path, excess);
            }
            let before = items.len();
            let mut freed = 0;
            while freed < excess && !items.is_empty() {
                freed += items.pop().map_or(0, |item| bytes(&item) + 1);
            }
            Some(format!("{path}: {} at the end", before - items.len()))
        }
        Value::String(text) => {
            let before = text.chars().count();
            let keep = text.len().saturating_sub(excess).max(MIN_TEXT / 2);
            text.truncate(text.floor_char_boundary(keep));
            text.push('…');
            let left_out = before.saturating_sub(text.chars().count());
            Some(format!("{path}: {left_out} characters at the end"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".{0,200}", "[\u{1}-\u{1f}\"\\\\]{0,4000}", "[a-z]{9000}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(|number| json!(number)),
            text.prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 300, 60, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..60).prop_map(Value::Array),
                prop::collection::btree_map("[a-z]{1,8}", inner, 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// A text can give a few bytes only, beside a name that gives none: the result lands on each size near the limit.
    #[test]
    fn what_the_notes_take_is_counted_to_the_byte() {
        for length in OBJECT_BYTES - 400..OBJECT_BYTES - 310 {
            let texts = json!({"a": "x".repeat(100), "b": "x".repeat(100), "c": "x".repeat(100)});
            let answer = Answer::new(json!({"texts": texts, "x".repeat(length): 1}), "");
            let size = bytes(&answer.object);
            assert!(size <= OBJECT_BYTES, "{size} bytes with a name of {length}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_object_fits_and_says_what_is_left_out(first in value(), second in value()) {
            let whole = json!({"first": first, "second": second});
            let answer = Answer::new(whole.clone(), "x".repeat(5000));
            let object = Value::Object(answer.object);
            prop_assert!(bytes(&object) <= OBJECT_BYTES, "{} bytes", bytes(&object));
            prop_assert!(answer.line.chars().count() <= LINE_CHARS);
            if bytes(&whole) > OBJECT_BYTES {
                prop_assert!(!object["left_out"].as_array().unwrap().is_empty());
            } else {
                prop_assert_eq!(object, whole);
            }
        }
    }
}
