//! Paths in a JSON body: `body.parties[*].status.code`.
//!
//! The body is never built in memory, numbers stay as written, and a truncated body counts up to its end.
//! `serde_json_path` needs the whole value in memory and rounds its numbers.

use std::borrow::Cow;
use std::ops::Range;

use ringtail_text::json;

use super::text::quote;

/// Maximum steps of a path.
pub(super) const MAX_STEPS: usize = 32;

/// A path from the top of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(pub Vec<Step>);

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A field of an object.
    Field(String),
    /// An element of an array, from 0.
    Index(usize),
    /// Any element of an array.
    Any,
}

/// Push notifications wrap their events in this field; paths may also start inside it.
const WRAPPER: &str = "pn_apns";

impl JsonPath {
    /// Parses a path; `None` if it is not one, or too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            if !rest.starts_with('[') {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let name = &rest[..end];
                if !is_name(name) {
                    return None;
                }
                steps.push(Step::Field(name.to_owned()));
                rest = &rest[end..];
            }
            while let Some(inner) = rest.strip_prefix('[') {
                let (step, after) = bracket(inner)?;
                steps.push(step);
                rest = after;
            }
            if steps.len() > MAX_STEPS {
                return None;
            }
            if rest.is_empty() {
                return Some(Self(steps));
            }
            rest = rest.strip_prefix('.')?;
        }
    }

    /// Returns true if a value at the path passes the test, which gets `None` for objects and arrays.
    pub fn any(&self, body: &[u8], mut test: impl FnMut(Option<&str>) -> bool) -> bool {
        let text = ringtail_ringcentral::body::text(body);
        let mut found = false;
        walk(&self.0, text.trim_ascii_start(), true, &mut |value| {
            found |= test(scalar(value).as_deref());
        });
        found
    }

    /// Returns where the values at the path are in a JSON text.
    #[must_use]
    pub fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        walk(&self.0, text.trim_ascii_start(), true, &mut |value| {
            // Each value is a part of the text.
            let start = (value.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            ranges.push(start..start + value.len());
        });
        ranges
    }
}

/// Returns a string decoded, and a number, boolean or null as written.
fn scalar(text: &str) -> Option<Cow<'_, str>> {
    match text.as_bytes().first()? {
        b'"' => Some(json::decoded(text)),
        b'{' | b'[' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

/// Visits the values at the path from a value. Equal names count each.
fn walk(steps: &[Step], text: &str, at_top: bool, visit: &mut dyn FnMut(&str)) {
    let Some((step, rest)) = steps.split_first() else {
        return visit(text);
    };
    for (key, value) in json::members(text) {
        match step {
            Step::Field(name) if *name == key => walk(rest, value, false, visit),
            _ if at_top && key == WRAPPER => walk(steps, value, false, visit),
            _ => {}
        }
    }
    for (at, value) in json::items(text).enumerate() {
        match step {
            Step::Any => walk(rest, value, false, visit),
            Step::Index(index) if *index == at => walk(rest, value, false, visit),
            _ => {}
        }
    }
}

/// Parses the rest of a step after `[`.
fn bracket(inner: &str) -> Option<(Step, &str)> {
    if let Some(after) = inner.strip_prefix("*]") {
        return Some((Step::Any, after));
    }
    if let Some(quoted) = inner.strip_prefix('"') {
        let (name, after) = unquote(quoted)?;
        return Some((Step::Field(name), after.strip_prefix(']')?));
    }
    let (digits, after) = inner.split_once(']')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((Step::Index(digits.parse().ok().filter(|_| plain)?), after))
}

/// Parses a quoted text up to its closing quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, character)) = chars.next() {
        match character {
            '"' => return Some((name, &text[at + 1..])),
            '\\' => name.push(chars.next()?.1),
            other => name.push(other),
        }
    }
    None
}

/// Appends a field to a path in the filter language.
pub fn push_field(path: &mut String, name: &str) {
    if is_name(name) {
        let dot = if path.is_empty() { "" } else { "." };
        path.extend([dot, name]);
    } else {
        path.push('[');
        // Writing to a string does not fail.
        quote(name, path).ok();
        path.push(']');
    }
}

/// Returns true if a name needs no quotes in a path.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@');
    !name.is_empty() && name.chars().all(plain)
}
