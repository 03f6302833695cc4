//! Paths in a JSON body: `body.parties[*].status.code`.
//!
//! The body is read once and never built in memory, numbers compare as written, and a truncated body counts up to its end.
//! `serde_json_path` needs the whole value in memory and rounds its numbers.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

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
    /// Parses a path.
    pub(super) fn parse(text: &str) -> Option<Self> {
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
        let text = String::from_utf8_lossy(body);
        let mut found = false;
        let walk = Walk {
            steps: &self.0,
            at_top: true,
            visit: &mut |value| found |= test(value),
        };
        let mut json = serde_json::Deserializer::from_str(&text);
        // On an error, later values are missing.
        drop(walk.deserialize(&mut json));
        found
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

/// The remaining steps from a value of the body.
struct Walk<'p, 'v> {
    steps: &'p [Step],
    at_top: bool,
    visit: &'v mut dyn FnMut(Option<&str>),
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.steps.is_empty() {
            (self.visit)(scalar(<&RawValue>::deserialize(deserializer)?).as_deref());
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

/// Returns a string decoded, and a number, boolean or null as written.
fn scalar(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok().map(Cow::Owned),
        b'{' | b'[' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

/// Scalars before the end of the path have no fields.
impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { steps, visit, .. } = self;
        let Some((step, rest)) = steps.split_first() else {
            return Ok(());
        };
        let mut index = 0;
        loop {
            let wanted = match step {
                Step::Any => true,
                Step::Index(wanted) => *wanted == index,
                Step::Field(_) => false,
            };
            let more = if wanted {
                let walk = Walk {
                    steps: rest,
                    at_top: false,
                    visit: &mut *visit,
                };
                seq.next_element_seed(walk)?.is_some()
            } else {
                seq.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            steps,
            at_top,
            visit,
        } = self;
        let Some((step, rest)) = steps.split_first() else {
            return Ok(());
        };
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let steps = match step {
                Step::Field(name) if *name == key => rest,
                _ if at_top && key == WRAPPER => steps,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(Walk {
                steps,
                at_top: false,
                visit: &mut *visit,
            })?;
        }
        Ok(())
    }
}
