//! Error bodies of RingCentral's API within a text, after whatever `curl -i` or a log printed before them.

use serde_json::Value;

/// How many braces are tried as the beginning of a body, so that a text made of braces costs little.
const MAX_TRIES: usize = 64;

/// Returns the codes of every error body in the text, and the text without those bodies.
pub(super) fn codes(text: &str) -> (Vec<String>, String) {
    // A body that was logged as a string has its quotes escaped.
    let plain = text.replace("\\\"", "\"");
    let (found, rest) = scan(text);
    if !found.is_empty() || plain == text {
        return (found, rest);
    }
    match scan(&plain) {
        (unescaped, rest) if !unescaped.is_empty() => (unescaped, rest),
        _ => (found, rest),
    }
}

fn scan(text: &str) -> (Vec<String>, String) {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut left = text;
    for _ in 0..MAX_TRIES {
        let Some((before, body)) = left.find('{').map(|at| left.split_at(at)) else {
            break;
        };
        rest.push_str(before);
        let mut values = serde_json::Deserializer::from_str(body).into_iter::<Value>();
        let mut codes = Vec::new();
        if let Some(Ok(value)) = values.next() {
            collect(&value, &mut codes);
        }
        let len = match codes.is_empty() {
            true => 1,
            false => values.byte_offset(),
        };
        found.append(&mut codes);
        let (taken, after) = body.split_at(len);
        // What is not an error body stays: it may hold a message, or a body in one of its values.
        rest.push_str(if len == 1 { taken } else { "\n" });
        left = after;
    }
    rest.push_str(left);
    (found, rest)
}

/// Collects the codes of the outermost objects that have one.
fn collect(value: &Value, codes: &mut Vec<String>) {
    let own = |value: &Value| value.get("errorCode")?.as_str().map(str::to_owned);
    let inner = match value {
        Value::Array(values) => return values.iter().for_each(|value| collect(value, codes)),
        Value::Object(fields) => fields,
        _ => return,
    };
    let errors = inner.get("errors").and_then(Value::as_array);
    let listed: Vec<String> = errors.into_iter().flatten().filter_map(own).collect();
    match own(value) {
        _ if !listed.is_empty() => codes.extend(listed),
        Some(code) => codes.push(code),
        None => inner.values().for_each(|value| collect(value, codes)),
    }
}
